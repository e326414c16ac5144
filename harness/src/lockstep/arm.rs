//! One of the two models that walk side by side: in a thread of its own, over a worker of its own, so that both compute at once.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use harness_contract::{
    BackendError, BackendInfo, BatchError, ErrorKind, Model, ModelSpec, StepReport, WeightMap, build_checked,
};

use super::record::ArmRecord;
use crate::data::EncodedData;
use crate::plan::Protocol;
use crate::record::BackendRecord;
use crate::train::{BatchSettings, ComputeClock, HostBatch};
use crate::worker::{Worker, WorkerFailure, WorkerOptions, WorkerProgram};

/// A backend with the settings it is told to follow.
#[derive(Debug, Clone)]
pub(super) struct Arm {
    /// The side's name.
    pub(super) name: String,
    /// The executable.
    pub(super) program: WorkerProgram,
    /// What it says of itself.
    pub(super) info: BackendInfo,
    /// Every knob.
    pub(super) protocol: Protocol,
    /// The model they amount to.
    pub(super) spec: ModelSpec,
}

/// What an arm is asked.
#[derive(Debug)]
pub(super) enum Ask {
    /// A step on the reviews at these positions of the training split.
    Train(Vec<usize>, f64),
    /// The logits of the probe batch.
    Probe,
    /// All weights.
    Weights,
}

/// What it answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// The model is built.
    Ready,
    /// A step's report.
    Step(StepReport),
    /// One logit a row.
    Logits(Vec<f32>),
    /// All weights.
    Weights(WeightMap),
}

/// Why an arm can't go on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ArmError {
    /// It can't do what its settings ask for.
    Unsupported(String),
    /// It failed, with its worker's last words.
    Failed(String, String),
}

impl Arm {
    /// As a record keeps it.
    pub(super) fn record(&self) -> ArmRecord {
        ArmRecord { name: self.name.clone(), backend: BackendRecord::of(&self.info), protocol: self.protocol.clone() }
    }

    /// Starts a worker, builds the model and answers until nobody asks any more or something fails, which is the last answer.
    pub(super) fn serve(
        &self,
        initial: &WeightMap,
        data: &EncodedData,
        deadline: Duration,
        asks: &Receiver<Ask>,
        answers: &Sender<Result<Answer, ArmError>>,
    ) {
        let options = WorkerOptions { request_deadline: deadline, log: None::<&Path>, ..WorkerOptions::default() };
        let mut backend = match Worker::start(&self.program, &options, ComputeClock::default()) {
            Ok(backend) => backend,
            Err(failure) => return drop(answers.send(Err(failure.into()))),
        };
        let worker = backend.worker();
        let told = |answer: Result<Answer, BackendError>| {
            let answer = answer.map_err(|error| ArmError::new(&error, worker.failure()));
            let good = answer.is_ok();
            answers.send(answer).is_ok() && good
        };
        let mut model = match build_checked(&mut backend, &self.spec, initial) {
            Ok(model) => model,
            Err(error) => {
                told(Err(error));
                return;
            }
        };
        let settings = BatchSettings::training(&self.protocol);
        let probe: Vec<usize> = (0..settings.rows.min(data.validation.len())).collect();
        let probe = settings.assemble(&data.validation, &probe);
        let mut going = told(Ok(Answer::Ready));
        while going && let Ok(ask) = asks.recv() {
            let answer = match ask {
                Ask::Train(reviews, rate) => train(model.as_mut(), &settings.assemble(&data.train, &reviews), rate),
                Ask::Probe => predict(model.as_mut(), &probe),
                Ask::Weights => model.weights().map(Answer::Weights),
            };
            going = told(answer);
        }
    }
}

fn train(model: &mut dyn Model, batch: &HostBatch, learning_rate: f64) -> Result<Answer, BackendError> {
    model.train_batch(batch.labelled().map_err(refused)?, learning_rate).map(Answer::Step)
}

fn predict(model: &mut dyn Model, batch: &HostBatch) -> Result<Answer, BackendError> {
    let logits = model.predict_batch(batch.tokens().map_err(refused)?)?;
    let rows = batch.reviews.len();
    if logits.len() == rows {
        Ok(Answer::Logits(logits))
    } else {
        Err(BackendError::new(ErrorKind::Framework, format!("{} logits for {rows} rows", logits.len())))
    }
}

fn refused(error: BatchError) -> BackendError {
    error.into()
}

impl ArmError {
    fn new(error: &BackendError, failure: Option<WorkerFailure>) -> Self {
        match failure {
            Some(failure) => failure.into(),
            None if error.kind == ErrorKind::Unsupported => Self::Unsupported(error.message.clone()),
            None => Self::Failed(error.message.clone(), String::new()),
        }
    }
}

impl From<WorkerFailure> for ArmError {
    fn from(failure: WorkerFailure) -> Self {
        Self::Failed(failure.reason(), failure.last_words().to_owned())
    }
}
