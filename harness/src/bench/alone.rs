//! Measuring backends alone, through their workers, in turns.

use std::time::{Duration, Instant};

use harness_contract::ModelSpec;

use super::plan::Configuration;
use super::record::{Measured, Measurement, Sample, Timing};
use super::text::reviews;
use crate::plan::Protocol;
use crate::run::{Catalogue, Session, WorkerOptions};
use crate::train::{BatchSettings, HostBatch, Timed, TimedModel, initial_weights};

/// Steps before the first that counts.
const WARM_UP: usize = 2;
/// Steps that a round takes at most.
const STEPS_PER_ROUND: usize = 10;

/// How long each configuration is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BenchOptions {
    /// Rounds; in each, every configuration of a group has its turn.
    pub rounds: usize,
    /// How long a turn trains; at least one step is taken.
    pub turn: Duration,
    /// How long a backend may take over one request.
    pub deadline: Duration,
}

/// What the measuring is about to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BenchEvent<'a> {
    /// Start a group of so many configurations, of which this is the first.
    Group(&'a Configuration, usize),
    /// A configuration could not be measured.
    Failed(&'a Configuration, &'a str),
}

/// Measures every configuration. Those of a group live at the same time and take turns, so that a machine that gets
/// faster or slower meanwhile does so for all of them; only one computes at a time.
///
/// What can't be measured is a measurement too, with the reason.
pub(crate) fn measure(
    configurations: &[Configuration],
    catalogue: &Catalogue,
    options: &BenchOptions,
    tell: &mut dyn FnMut(BenchEvent<'_>),
) -> Vec<Measurement> {
    let mut measurements = Vec::with_capacity(configurations.len());
    for group in configurations.chunk_by(|one, other| (one.factor, one.cell) == (other.factor, other.cell)) {
        if let Some(first) = group.first() {
            tell(BenchEvent::Group(first, group.len()));
        }
        let mut subjects: Vec<Result<Subject, String>> =
            group.iter().map(|configuration| Subject::start(configuration, catalogue, options)).collect();
        for _ in 0..options.rounds {
            for subject in &mut subjects {
                if let Ok(live) = subject
                    && let Err(reason) = live.turn(options.turn)
                {
                    *subject = Err(reason);
                }
            }
        }
        for (configuration, subject) in group.iter().zip(subjects) {
            if let Err(reason) = &subject {
                tell(BenchEvent::Failed(configuration, reason));
            }
            measurements.extend(measurement(configuration, subject));
        }
    }
    measurements
}

/// What came of a configuration; `None` where not even its model is known.
fn measurement(configuration: &Configuration, subject: Result<Subject, String>) -> Option<Measurement> {
    let protocol = configuration.protocol.as_ref().ok()?;
    let measured = match subject {
        Ok(subject) => Measured::Timed { timing: subject.finish() },
        Err(reason) => Measured::Failed { reason },
    };
    Some(Measurement {
        factor: configuration.factor,
        backend: configuration.backend.clone(),
        model: model_of(configuration, protocol),
        rows: protocol.batch_size,
        time: protocol.max_length,
        evaluation_rows: protocol.evaluation_batch_size,
        measured,
    })
}

fn model_of(configuration: &Configuration, protocol: &Protocol) -> ModelSpec {
    protocol.model_spec(configuration.cell, configuration.vocabulary_size, 1)
}

/// A configuration with its worker.
struct Subject {
    session: Session,
    model: Box<dyn TimedModel>,
    learning_rate: f64,
    training: HostBatch,
    evaluation: HostBatch,
    timing: Timing,
}

impl Subject {
    /// Starts a worker, builds the model and warms both up.
    fn start(configuration: &Configuration, catalogue: &Catalogue, options: &BenchOptions) -> Result<Self, String> {
        let protocol = configuration.protocol.as_ref().map_err(Clone::clone)?;
        let model = model_of(configuration, protocol);
        let backend = catalogue.handle(&configuration.backend)?;
        let count = protocol.batch_size.max(protocol.evaluation_batch_size);
        let split = reviews(count, protocol.max_length, configuration.vocabulary_size, configuration.cell);
        let positions: Vec<usize> = (0..count).collect();
        let training = BatchSettings::training(protocol).assemble(&split, &positions[..protocol.batch_size]);
        let evaluation =
            BatchSettings::evaluation(protocol).assemble(&split, &positions[..protocol.evaluation_batch_size]);
        let initial = initial_weights(&model, &protocol.initializers, 1).map_err(|error| error.to_string())?;

        let worker_options = WorkerOptions { request_deadline: options.deadline, ..WorkerOptions::default() };
        let start = Instant::now();
        let (session, built) =
            Session::model(&backend, &worker_options, &model, &initial).map_err(|halt| halt.reason())?;
        let timing = Timing { start_seconds: 0.0, peak_memory_bytes: None, train: Vec::new(), predict: Vec::new() };
        let learning_rate = protocol.learning_rate;
        let mut subject = Self { session, model: built, learning_rate, training, evaluation, timing };
        subject.step()?;
        subject.timing.start_seconds = start.elapsed().as_secs_f64();
        for _ in 1..WARM_UP {
            subject.step()?;
        }
        subject.predict()?;
        Ok(subject)
    }

    /// Takes steps for as long as a turn lasts, then predicts once.
    fn turn(&mut self, turn: Duration) -> Result<(), String> {
        let start = Instant::now();
        for step in 0..STEPS_PER_ROUND {
            if step > 0 && start.elapsed() >= turn {
                break;
            }
            let sample = self.step()?;
            self.timing.train.push(sample);
        }
        let sample = self.predict()?;
        self.timing.predict.push(sample);
        Ok(())
    }

    fn step(&mut self) -> Result<Sample, String> {
        let batch = self.training.labelled().map_err(|error| error.to_string())?;
        let start = Instant::now();
        let Timed { value: report, compute } =
            self.model.train_batch(batch, self.learning_rate).map_err(|error| self.session.halt(error).reason())?;
        let round_trip_seconds = start.elapsed().as_secs_f64();
        if !report.loss.is_finite() {
            return Err("the loss was not finite".into());
        }
        Ok(Sample { compute_seconds: compute.as_secs_f64(), round_trip_seconds })
    }

    fn predict(&mut self) -> Result<Sample, String> {
        let tokens = self.evaluation.tokens().map_err(|error| error.to_string())?;
        let start = Instant::now();
        let Timed { compute, .. } =
            self.model.predict_batch(tokens).map_err(|error| self.session.halt(error).reason())?;
        let round_trip_seconds = start.elapsed().as_secs_f64();
        Ok(Sample { compute_seconds: compute.as_secs_f64(), round_trip_seconds })
    }

    fn finish(self) -> Timing {
        Timing { peak_memory_bytes: self.session.peak_memory_bytes(), ..self.timing }
    }
}
