//! Two models fed the same reviews, step by step, and how far they lie apart.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use harness_contract::{WeightError, WeightMap};

use super::arm::{Answer, Arm, Ask};
use super::difference::tensor_differences;
use super::record::{Difference, Ending, Reading, StepPair};
use crate::data::EncodedData;
use crate::record::Outcome;
use crate::run::{self, Halt};
use crate::train::{BatchSettings, training_batches};

/// What a walk is to do.
pub(super) struct Walk<'a> {
    /// The two models.
    pub(super) arms: [&'a Arm; 2],
    /// What they start from.
    pub(super) initial: [WeightMap; 2],
    /// The splits.
    pub(super) data: &'a EncodedData,
    /// Seeds the order of the reviews.
    pub(super) seed: u64,
    /// Optimiser steps.
    pub(super) steps: u64,
    /// Steps after which weights and logits are read, ascending.
    pub(super) readings: &'a [u64],
    /// How long a backend may take over one request.
    pub(super) deadline: Duration,
    /// Set when everything is to stop.
    pub(super) interrupt: &'a run::Interrupt,
}

/// What a walk came to.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// A row a step.
    pub(super) steps: Vec<StepPair>,
    /// A row a reading.
    pub(super) readings: Vec<Reading>,
}

/// Why a walk ended before its last step.
enum Stop {
    Interrupted,
    Ending(Ending),
}

/// Takes the steps; `observe` is told of each and ends the walk by returning `false`. `None` if it did.
pub(super) fn walk(walk: &Walk<'_>, observe: &mut dyn FnMut(&StepPair) -> bool) -> Option<(Course, Ending)> {
    let mut course = Course::default();
    let result = thread::scope(|scope| {
        let lines = [0, 1].map(|place| {
            let (ask, asks) = channel();
            let (answer, answers) = channel();
            let (arm, initial) = (walk.arms[place], &walk.initial[place]);
            scope.spawn(move || arm.serve(initial, walk.data, walk.deadline, walk.interrupt, &asks, &answer));
            Line { asks: ask, answers }
        });
        // The threads end when the lines are dropped, which is before the scope waits for them.
        go(walk, &Pair { lines }, &mut course, observe)
    });
    match result {
        Ok(()) => Some((course, Ending::Completed)),
        Err(Stop::Ending(ending)) => Some((course, ending)),
        Err(Stop::Interrupted) => None,
    }
}

fn go(
    walk: &Walk<'_>,
    pair: &Pair,
    course: &mut Course,
    observe: &mut dyn FnMut(&StepPair) -> bool,
) -> Result<(), Stop> {
    pair.answers(|answer| matches!(answer, Answer::Ready).then_some(()))?;
    let mut readings = walk.readings.iter().peekable();
    let mut read = |step: u64, course: &mut Course| match readings.next_if_eq(&&step) {
        Some(_) => pair.read(walk, step).map(|reading| course.readings.push(reading)),
        None => Ok(()),
    };
    read(0, course)?;
    let settings = BatchSettings::training(&walk.arms[0].protocol);
    let batches = (1..).flat_map(|epoch| training_batches(&walk.data.train, &settings, walk.seed, epoch));
    for (step, reviews) in (1..=walk.steps).zip(batches) {
        pair.ask(|arm| Ask::Train(reviews.clone(), walk.arms[arm].protocol.learning_rate));
        let reports = pair.answers(|answer| if let Answer::Step(report) = answer { Some(report) } else { None })?;
        for (arm, report) in reports.iter().enumerate() {
            for (value, what) in [(report.loss, "the loss"), (report.gradient_norm, "the gradient norm")] {
                if !value.is_finite() {
                    return Err(diverged(arm, step, what));
                }
            }
        }
        let taken = StepPair {
            step,
            loss: reports.map(|report| report.loss),
            gradient_norm: reports.map(|report| report.gradient_norm),
        };
        course.steps.push(taken);
        read(step, course)?;
        if !observe(&taken) {
            return Err(Stop::Interrupted);
        }
    }
    Ok(())
}

fn diverged(arm: usize, step: u64, what: &str) -> Stop {
    Stop::Ending(Ending::Diverged { arm, step, what: what.into() })
}

/// The two ends of a conversation with an arm.
struct Line {
    asks: Sender<Ask>,
    answers: Receiver<Result<Answer, Halt>>,
}

struct Pair {
    lines: [Line; 2],
}

impl Pair {
    /// Asks both arms, each its own question, before either answers.
    fn ask(&self, question: impl Fn(usize) -> Ask) {
        for (arm, line) in self.lines.iter().enumerate() {
            // An arm that is gone has said why, or says so by its silence.
            let _ = line.asks.send(question(arm));
        }
    }

    /// Waits for both answers.
    fn answers<T>(&self, expected: impl Fn(Answer) -> Option<T>) -> Result<[T; 2], Stop> {
        let answer = |arm: usize| match self.lines[arm].answers.recv() {
            Ok(Ok(answer)) => {
                expected(answer).ok_or_else(|| failed(arm, "answered another question than it was asked"))
            }
            Ok(Err(halt)) => Err(ended(arm, halt)),
            Err(_) => Err(failed(arm, "its thread ended")),
        };
        Ok([answer(0)?, answer(1)?])
    }

    fn read(&self, walk: &Walk<'_>, step: u64) -> Result<Reading, Stop> {
        self.ask(|_| Ask::Probe);
        let logits = self.answers(|answer| if let Answer::Logits(logits) = answer { Some(logits) } else { None })?;
        self.ask(|_| Ask::Weights);
        let weights = self.answers(|answer| if let Answer::Weights(map) = answer { Some(map) } else { None })?;
        for arm in 0..2 {
            if logits[arm].iter().any(|logit| !logit.is_finite()) {
                return Err(diverged(arm, step, "a logit"));
            }
            match weights[arm].check(&walk.arms[arm].spec) {
                Ok(()) => {}
                Err(WeightError::NotFinite { name, .. }) => return Err(diverged(arm, step, &name)),
                Err(error) => return Err(failed(arm, &error.to_string())),
            }
        }
        let specs = walk.arms.map(|arm| &arm.spec);
        let tensors = tensor_differences(specs, weights.each_ref()).map_err(|error| failed(0, &error.to_string()))?;
        Ok(Reading { step, logits: Difference::between(&logits[0], &logits[1]), tensors })
    }
}

/// What an arm's end is to the walk.
fn ended(arm: usize, halt: Halt) -> Stop {
    match halt {
        Halt::Interrupted => Stop::Interrupted,
        Halt::Ended(Outcome::Unsupported { reason }) => Stop::Ending(Ending::Unsupported { arm, reason }),
        Halt::Ended(outcome) => {
            let reason = outcome.reason().unwrap_or_default();
            let last_words = outcome.last_words().to_owned();
            Stop::Ending(Ending::Failed { arm, reason, last_words })
        }
    }
}

fn failed(arm: usize, reason: &str) -> Stop {
    Stop::Ending(Ending::Failed { arm, reason: reason.into(), last_words: String::new() })
}
