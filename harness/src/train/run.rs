//! One run: epochs of training with validation after each, then the test.

use std::time::{Duration, Instant};

use harness_contract::{BackendError, BatchError, ErrorKind, ModelSpec, WeightMap};

use super::ahead::assembled;
use super::batches::{BatchSettings, evaluation_batches};
use super::epoch::train_epoch;
use super::model::{Timed, TimedBackend, TimedModel};
use super::observation::observe_model;
use super::schedule::Schedule;
use crate::data::{EncodedData, EncodedSplit};
use crate::plan::Protocol;
use crate::plan::protocol::Checkpoint;
use crate::record::{
    EpochRecord, LostState, Prediction, PredictionSplit, RunEvent, TestedEpoch, Timing, TrainingState,
};
use harness_statistics::metrics::{Metrics, MetricsError, evaluate};

/// What a run is to do, beside the model it is to do it with.
#[derive(Debug, Clone, Copy)]
pub struct RunSettings<'a> {
    /// Every knob.
    pub protocol: &'a Protocol,
    /// Seeds the order of the examples.
    pub seed: u64,
    /// The splits.
    pub data: &'a EncodedData,
    /// Where it goes on, if it has begun before.
    pub from: Option<&'a TrainingState>,
    /// Whether its state is told after each epoch, which the backend must be able to give.
    pub tells_state: bool,
}

/// What a run's observer is told.
#[derive(Debug, Clone)]
pub enum Progress<'a> {
    /// Something happened.
    Event(RunEvent),
    /// What the rest of the run depends on, after an epoch was told.
    State(&'a TrainingState),
}

/// Is told of a run's progress; ends the run by returning `false`.
pub type Observer<'a> = dyn FnMut(Progress<'_>) -> bool + 'a;

/// What training leaves behind.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The epoch whose weights these are.
    pub tested_epoch: u32,
    /// Its predictions, validation first, each split in its own order.
    pub predictions: Vec<Prediction>,
    /// Metrics on the test split.
    pub test: Metrics,
    /// The weights.
    pub weights: WeightMap,
}

/// A run that did not complete.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// The backend did not carry out a request.
    #[error("{0}")]
    Backend(#[from] BackendError),
    /// Something was not finite.
    #[error("{what} was not finite in epoch {epoch}, step {step}")]
    Diverged {
        /// The epoch, counted from 1.
        epoch: u32,
        /// The step within the epoch, counted from 1; 0 in an evaluation.
        step: u64,
        /// What was not finite.
        what: String,
    },
    /// Metrics could not be computed.
    #[error("{0}")]
    Metrics(#[from] MetricsError),
    /// The observer asked to stop.
    #[error("the run was interrupted")]
    Interrupted,
    /// A protocol of no epochs, which a resolved plan never has.
    #[error("the protocol has no epochs")]
    NoEpoch,
}

impl From<BatchError> for TrainError {
    fn from(error: BatchError) -> Self {
        Self::Backend(error.into())
    }
}

/// Builds a model, trains it by the protocol and tests it; or goes on with one that has begun before, to the very bytes that it would have come to without an
/// interruption. What `observe` was told of finished epochs is complete whatever
/// happens after. A backend that refuses the state has it start anew, which is told before anything of the new beginning.
///
/// The test split's labels never reach the backend: it is given token ids alone.
///
/// # Errors
/// If the backend fails, something is not finite, or `observe` says so.
pub fn train(
    backend: &mut dyn TimedBackend,
    spec: &ModelSpec,
    initial: &WeightMap,
    run: &RunSettings<'_>,
    observe: &mut Observer<'_>,
) -> Result<Trained, TrainError> {
    let RunSettings { protocol, data, .. } = *run;
    let (mut model, from) = begin(backend, spec, initial, run.from, observe)?;
    let mut learning_rate = from.map_or(protocol.learning_rate, |state| state.learning_rate);
    let mut schedule = Schedule::at(protocol.scheduler, from.and_then(|state| state.plateau));
    let mut kept: Option<TestedEpoch> = from.and_then(|state| state.tested.clone());
    let mut escaped = from.and_then(|state| state.escaped);
    let mut last_epoch = from.map_or(0, |state| state.epoch);
    if from.is_none() {
        let start = observe_model(model.as_mut(), spec, protocol, &data.validation, 1)?;
        if !observe(Progress::Event(RunEvent::Initial { observation: Box::new(start) })) {
            return Err(TrainError::Interrupted);
        }
    }
    // What was interrupted after its last epoch has only the test before it.
    let over = last_epoch > 0 && protocol.stop.ends(last_epoch, escaped);
    let left = if over { 0 } else { protocol.epochs.saturating_sub(last_epoch) };
    for epoch in (last_epoch + 1..).take(left as usize) {
        let steps = train_epoch(model.as_mut(), run, epoch, learning_rate, observe)?;
        let start = Instant::now();
        let Timed { value: logits, compute } =
            predict(model.as_mut(), protocol, &data.validation, epoch, PredictionSplit::Validation, observe)?;
        let evaluation = start.elapsed();
        let record = EpochRecord {
            epoch,
            learning_rate,
            steps: steps.steps,
            train_loss: steps.train_loss,
            validation: evaluate(&logits, data.validation.labels())?,
            gradient_norm_mean: steps.gradient_norm_mean,
            gradient_norm_max: steps.gradient_norm_max,
            clipped_share: steps.clipped_share,
            padded_length_mean: steps.padded_length_mean,
            padding_share: steps.padding_share,
            timing: Timing {
                train_seconds: steps.wall.as_secs_f64(),
                evaluation_seconds: evaluation.as_secs_f64(),
                train_compute_seconds: steps.compute.as_secs_f64(),
                evaluation_compute_seconds: compute.as_secs_f64(),
                // A clock that stood still makes no speed that can't be written down.
                tokens_per_second: steps.tokens / steps.wall.as_secs_f64().max(1e-9),
            },
            observation: observe_model(model.as_mut(), spec, protocol, &data.validation, epoch)?,
        };
        if record.escaped(protocol.stop.auc) {
            escaped = escaped.or(Some(epoch));
        }
        let last = epoch == protocol.epochs || protocol.stop.ends(epoch, escaped);
        let loss = record.validation.log_loss;
        if !observe(Progress::Event(RunEvent::Epoch { record: Box::new(record) })) {
            return Err(TrainError::Interrupted);
        }
        let keep = match protocol.checkpoint {
            Checkpoint::Best => kept.as_ref().is_none_or(|kept| loss < kept.loss),
            Checkpoint::Last => last,
        };
        if keep {
            kept =
                Some(TestedEpoch { epoch, loss, weights: checked_weights(model.as_ref(), spec)?, validation: logits });
        }
        learning_rate = schedule.step(loss, learning_rate);
        last_epoch = epoch;
        if run.tells_state {
            let plateau = schedule.state();
            let (model, tested) = (model.state()?, kept.clone());
            let state = TrainingState { epoch, learning_rate, plateau, escaped, model, tested };
            if !observe(Progress::State(&state)) {
                return Err(TrainError::Interrupted);
            }
        }
        if last {
            break;
        }
    }
    let Some(kept) = kept else { return Err(TrainError::NoEpoch) };
    if kept.epoch != last_epoch {
        drop(model);
        model = backend.build(spec, &kept.weights)?;
    }
    let test = predict(model.as_mut(), protocol, &data.test, kept.epoch, PredictionSplit::Test, observe)?.value;
    let metrics = evaluate(&test, data.test.labels())?;
    let mut predictions = paired(PredictionSplit::Validation, &data.validation, &kept.validation);
    predictions.extend(paired(PredictionSplit::Test, &data.test, &test));
    Ok(Trained { tested_epoch: kept.epoch, predictions, test: metrics, weights: kept.weights })
}

/// The model in the state that is to be gone on from, and that state; or a new one and `None`, where there is no state or the backend refuses it.
fn begin<'a>(
    backend: &mut dyn TimedBackend,
    spec: &ModelSpec,
    initial: &WeightMap,
    from: Option<&'a TrainingState>,
    observe: &mut Observer<'_>,
) -> Result<(Box<dyn TimedModel>, Option<&'a TrainingState>), TrainError> {
    if let Some(state) = from {
        match backend.resume(spec, &state.model) {
            Ok(model) => return Ok((model, from)),
            // These may not come a second time.
            Err(error) if matches!(error.kind, ErrorKind::Connection | ErrorKind::Framework) => {
                return Err(error.into());
            }
            Err(error) => {
                let lost = LostState { epoch: Some(state.epoch), reason: error.message };
                if !observe(Progress::Event(RunEvent::StateLost { lost })) {
                    return Err(TrainError::Interrupted);
                }
            }
        }
    }
    Ok((backend.build(spec, initial)?, None))
}

/// The model's weights, which are those of its spec and finite.
fn checked_weights(model: &dyn TimedModel, spec: &ModelSpec) -> Result<WeightMap, TrainError> {
    let weights = model.weights()?;
    weights.check(spec).map_err(|error| {
        BackendError::new(ErrorKind::Weights, format!("the backend returned weights that can't be: {error}"))
    })?;
    Ok(weights)
}

/// One logit for each review of a split, in the split's order.
fn predict(
    model: &mut dyn TimedModel,
    protocol: &Protocol,
    split: &EncodedSplit,
    epoch: u32,
    which: PredictionSplit,
    observe: &mut Observer<'_>,
) -> Result<Timed<Vec<f32>>, TrainError> {
    let settings = BatchSettings::evaluation(protocol);
    let batches = evaluation_batches(split, &settings);
    let mut logits = vec![0.0; split.len()];
    let mut sum = Duration::ZERO;
    let (mut done, of) = (0, batches.len() as u64);
    assembled(&settings, split, &batches, |batch| {
        let Timed { value: answers, compute } = model.predict_batch(batch.tokens()?)?;
        sum += compute;
        if answers.len() != batch.reviews.len() {
            let message = format!("{} logits for {} rows", answers.len(), batch.reviews.len());
            return Err(BackendError::new(ErrorKind::Framework, message).into());
        }
        for (&review, logit) in batch.reviews.iter().zip(answers) {
            if !logit.is_finite() {
                let what = format!("a logit of the {} split", which.name());
                return Err(TrainError::Diverged { epoch, step: 0, what });
            }
            logits[review] = logit;
        }
        done += 1;
        if !observe(Progress::Event(RunEvent::Evaluated { split: which, done, of })) {
            return Err(TrainError::Interrupted);
        }
        Ok(())
    })?;
    Ok(Timed { value: logits, compute: sum })
}

fn paired(which: PredictionSplit, split: &EncodedSplit, logits: &[f32]) -> Vec<Prediction> {
    let rows = split.row_ids().iter().zip(split.labels()).zip(logits);
    rows.map(|((&row_id, &label), &logit)| Prediction { split: which, row_id, label, logit }).collect()
}
