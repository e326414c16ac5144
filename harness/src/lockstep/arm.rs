//! One of the two models that walk side by side: in a thread of its own, over a worker of its own, so that both compute at once.

use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use harness_contract::{BackendError, BatchError, ErrorKind, ModelSpec, StepReport, WeightMap};

use super::record::ArmRecord;
use crate::data::EncodedData;
use crate::plan::Protocol;
use crate::record::BackendRecord;
use crate::run::{Halt, Handle, Interrupt, Session, WorkerOptions};
use crate::train::{BatchSettings, HostBatch, TimedModel};

/// A backend with the settings it is told to follow.
#[derive(Debug, Clone)]
pub(super) struct Arm {
    /// The side's name.
    pub(super) name: String,
    /// The backend.
    pub(super) backend: Handle,
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

impl Arm {
    /// As a record keeps it.
    pub(super) fn record(&self) -> ArmRecord {
        ArmRecord {
            name: self.name.clone(),
            backend: BackendRecord::of(&self.backend.info),
            protocol: self.protocol.clone(),
        }
    }

    /// Starts a worker, builds the model and answers until nobody asks any more or something fails, which is the last answer.
    pub(super) fn serve(
        &self,
        initial: &WeightMap,
        data: &EncodedData,
        deadline: Duration,
        interrupt: &Interrupt,
        asks: &Receiver<Ask>,
        answers: &Sender<Result<Answer, Halt>>,
    ) {
        let options = WorkerOptions {
            request_deadline: deadline,
            interrupt: Some(interrupt.clone()),
            ..WorkerOptions::default()
        };
        let (session, mut model) = match Session::model(&self.backend, &options, &self.spec, initial) {
            Ok(started) => started,
            // Nobody listens any more where the other arm has failed.
            Err(halt) => return drop(answers.send(Err(halt))),
        };
        let told = |answer: Result<Answer, BackendError>| {
            let answer = answer.map_err(|error| session.halt(error));
            let good = answer.is_ok();
            answers.send(answer).is_ok() && good
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

fn train(model: &mut dyn TimedModel, batch: &HostBatch, learning_rate: f64) -> Result<Answer, BackendError> {
    model.train_batch(batch.labelled().map_err(refused)?, learning_rate).map(|timed| Answer::Step(timed.value))
}

fn predict(model: &mut dyn TimedModel, batch: &HostBatch) -> Result<Answer, BackendError> {
    let logits = model.predict_batch(batch.tokens().map_err(refused)?)?.value;
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
