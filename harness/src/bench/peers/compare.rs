//! Backends and peers in turns on the same batches.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use harness_contract::CellKind;

use super::process::{PeerProcess, Scripts};
use super::record::{Comparison, Framework, PeerMeasured, PeerTiming, Role, SubjectRecord};
use super::script::{PEERS, Peer, script};
use crate::bench::BenchError;
use crate::data::{EncodedData, EncodedSplit};
use crate::plan::Protocol;
use crate::run::{Catalogue, Session, WorkerOptions};
use crate::train::{BatchSettings, TimedModel, initial_weights};

/// Steps after the first that count for nothing.
const WARM_UP: usize = 3;

/// Steps at the beginning of a turn that count for nothing, because the caches hold what the one before used.
pub(crate) const UNCOUNTED_STEPS: usize = 1;

/// What is compared, and how long.
#[derive(Debug)]
pub struct Comparing<'c> {
    /// The reviews.
    pub data: &'c EncodedData,
    /// The folder that [`super::export`] has written them into.
    pub arrays: &'c Path,
    /// The peers.
    pub scripts: &'c Scripts,
    /// The backends.
    pub catalogue: &'c Catalogue,
    /// Rounds; in each, everyone has a turn.
    pub rounds: usize,
    /// Training steps of a turn.
    pub steps: usize,
    /// Reviews that are predicted in a turn.
    pub reviews: usize,
    /// How long one chunk may take.
    pub deadline: Duration,
}

/// What the comparison is about to do.
#[derive(Debug, Clone, Copy)]
pub enum PeerEvent<'a> {
    /// Start someone.
    Start(&'a str),
    /// Begin a round, counted from 1.
    Round(usize),
    /// Someone could not be measured.
    Failed(&'a str, &'a str),
}

/// Compares on one cell. `protocols` has the settings of the backend that stands for each framework that takes part;
/// `libraries` is told the peers' versions.
///
/// # Errors
/// If there are fewer reviews than that takes. Who can't be measured is in the record with the reason.
pub fn compare(
    comparing: &Comparing<'_>,
    cell: CellKind,
    protocols: &[(Framework, Result<Protocol, String>)],
    threads: usize,
    libraries: &mut BTreeMap<String, String>,
    tell: &mut dyn FnMut(PeerEvent<'_>),
) -> Result<Comparison, BenchError> {
    let mut live = Vec::new();
    let mut subjects = Vec::new();
    for (framework, protocol) in protocols {
        let backend = framework.backend().to_owned();
        tell(PeerEvent::Start(&backend));
        live.push(
            protocol
                .clone()
                .and_then(|protocol| Ours::start(comparing, *framework, protocol, cell))
                .map(|ours| Subject::Ours(Box::new(ours))),
        );
        subjects.push((backend, *framework, Role::Backend));
        for peer in PEERS.iter().filter(|peer| peer.framework == *framework) {
            tell(PeerEvent::Start(peer.name));
            let protocol = protocol.as_ref().map_err(Clone::clone);
            live.push(protocol.and_then(|protocol| {
                let theirs = Theirs::start(comparing, peer, protocol, cell, threads, libraries)?;
                Ok(Subject::Theirs(Box::new(theirs)))
            }));
            subjects.push((peer.name.to_owned(), *framework, peer.role));
        }
    }
    for round in 1..=comparing.rounds {
        tell(PeerEvent::Round(round));
        for subject in &mut live {
            let outcome = match subject {
                Ok(subject) => subject.turn(comparing),
                Err(_) => Ok(()),
            };
            if let Err(reason) = outcome {
                *subject = Err(reason);
            }
        }
    }
    let records = subjects.into_iter().zip(live).map(|((name, framework, role), subject)| {
        let measured = match subject {
            Ok(subject) => PeerMeasured::Timed { timing: subject.finish() },
            Err(reason) => {
                tell(PeerEvent::Failed(&name, &reason));
                PeerMeasured::Failed { reason }
            }
        };
        SubjectRecord { name, framework, role, measured }
    });
    let subjects = records.collect();
    Ok(Comparison { cell, threads, subjects })
}

impl Comparing<'_> {
    /// How many training reviews of `rows` a batch are used.
    #[must_use]
    pub const fn training_reviews(&self, rows: usize) -> usize {
        (1 + WARM_UP + self.rounds * (UNCOUNTED_STEPS + self.steps)) * rows
    }

    /// How many validation reviews are used.
    #[must_use]
    pub const fn validation_reviews(&self) -> usize {
        (1 + self.rounds) * self.reviews
    }

    /// Whether there are as many.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn check(&self, rows: usize) -> Result<(), BenchError> {
        let splits = [
            ("train", self.training_reviews(rows), self.data.train.len()),
            ("validation", self.validation_reviews(), self.data.validation.len()),
        ];
        match splits.into_iter().find(|(_, needed, there)| needed > there) {
            Some((split, needed, there)) => {
                Err(BenchError::TooFewReviews { what: "the comparison", needed, split, there })
            }
            None => Ok(()),
        }
    }
}

enum Subject {
    Ours(Box<Ours>),
    Theirs(Box<Theirs>),
}

impl Subject {
    #[expect(clippy::cast_precision_loss, reason = "counts of a turn")]
    fn turn(&mut self, comparing: &Comparing<'_>) -> Result<(), String> {
        let (train, predict) = match self {
            Self::Ours(ours) => {
                ours.train(comparing, UNCOUNTED_STEPS)?;
                (ours.train(comparing, comparing.steps)?, ours.predict(comparing)?)
            }
            Self::Theirs(theirs) => {
                theirs.process.chunk("train", UNCOUNTED_STEPS)?;
                (theirs.process.chunk("train", comparing.steps)?, theirs.process.chunk("predict", comparing.reviews)?)
            }
        };
        let timing = self.timing();
        timing.step_seconds.push(train / comparing.steps as f64);
        timing.review_seconds.push(predict / comparing.reviews as f64);
        Ok(())
    }

    fn timing(&mut self) -> &mut PeerTiming {
        match self {
            Self::Ours(ours) => &mut ours.timing,
            Self::Theirs(theirs) => &mut theirs.timing,
        }
    }

    fn finish(self) -> PeerTiming {
        match self {
            Self::Ours(ours) => PeerTiming { peak_memory_bytes: ours.session.peak_memory_bytes(), ..ours.timing },
            Self::Theirs(mut theirs) => {
                PeerTiming { peak_memory_bytes: theirs.process.peak_memory_bytes(), ..theirs.timing }
            }
        }
    }
}

/// A backend.
struct Ours {
    session: Session,
    model: Box<dyn TimedModel>,
    protocol: Protocol,
    trained: usize,
    predicted: usize,
    timing: PeerTiming,
}

impl Ours {
    fn start(
        comparing: &Comparing<'_>,
        framework: Framework,
        protocol: Protocol,
        cell: CellKind,
    ) -> Result<Self, String> {
        let backend = comparing.catalogue.handle(framework.backend())?;
        let words = comparing.data.summary.vocabulary_size;
        let spec = protocol.model_spec(cell, words, 1);
        let initial = initial_weights(&spec, &protocol.initializers, 1).map_err(|error| error.to_string())?;
        let options = WorkerOptions { request_deadline: comparing.deadline, ..WorkerOptions::default() };
        let start = Instant::now();
        let (session, model) = Session::model(&backend, &options, &spec, &initial).map_err(|halt| halt.reason())?;
        let mut ours = Self { session, model, protocol, trained: 0, predicted: 0, timing: PeerTiming::default() };
        ours.train(comparing, 1)?;
        ours.timing.start_seconds = start.elapsed().as_secs_f64();
        ours.train(comparing, WARM_UP)?;
        ours.predict(comparing)?;
        Ok(ours)
    }

    /// The seconds of so many steps, assembling their batches included.
    fn train(&mut self, comparing: &Comparing<'_>, steps: usize) -> Result<f64, String> {
        let settings = BatchSettings::training(&self.protocol);
        let start = Instant::now();
        for _ in 0..steps {
            let batch = settings.assemble(&comparing.data.train, &next(&mut self.trained, settings.rows));
            let labelled = batch.labelled().map_err(|error| error.to_string())?;
            let step = self.model.train_batch(labelled, self.protocol.learning_rate);
            let step = step.map_err(|error| self.session.halt(error).reason())?;
            if !step.value.loss.is_finite() {
                return Err("the loss was not finite".into());
            }
        }
        Ok(start.elapsed().as_secs_f64())
    }

    /// The seconds of predicting a turn's reviews, assembling their batches included.
    fn predict(&mut self, comparing: &Comparing<'_>) -> Result<f64, String> {
        let settings = BatchSettings::evaluation(&self.protocol);
        let split: &EncodedSplit = &comparing.data.validation;
        let start = Instant::now();
        for reviews in next(&mut self.predicted, comparing.reviews).chunks(settings.rows) {
            let batch = settings.assemble(split, reviews);
            let tokens = batch.tokens().map_err(|error| error.to_string())?;
            self.model.predict_batch(tokens).map_err(|error| self.session.halt(error).reason())?;
        }
        Ok(start.elapsed().as_secs_f64())
    }
}

/// The next so many positions of a split.
fn next(position: &mut usize, count: usize) -> Vec<usize> {
    let start = *position;
    *position += count;
    (start..*position).collect()
}

/// A peer.
struct Theirs {
    process: PeerProcess,
    timing: PeerTiming,
}

impl Theirs {
    fn start(
        comparing: &Comparing<'_>,
        peer: &Peer,
        protocol: &Protocol,
        cell: CellKind,
        threads: usize,
        libraries: &mut BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let words = comparing.data.summary.vocabulary_size;
        let mut command = script(comparing.scripts, peer, protocol, cell, threads, words, comparing.arrays)?;
        // Only as many reviews as are used: what else a user's script would hold in memory is not held against it.
        let limit = comparing.training_reviews(protocol.batch_size).max(comparing.validation_reviews());
        command.arg("--chunks").args(["--limit", &limit.to_string()]);
        let start = Instant::now();
        let (mut process, versions) = PeerProcess::start(command, comparing.deadline)?;
        for (name, version) in versions {
            libraries.insert(name, version.as_str().unwrap_or("unknown").to_owned());
        }
        process.chunk("train", 1)?;
        let start_seconds = start.elapsed().as_secs_f64();
        process.chunk("train", WARM_UP)?;
        process.chunk("predict", comparing.reviews)?;
        Ok(Self { process, timing: PeerTiming { start_seconds, ..PeerTiming::default() } })
    }
}
