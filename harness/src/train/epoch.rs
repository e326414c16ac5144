//! The steps of one epoch.

use std::time::{Duration, Instant};

use super::ahead::assembled;
use super::batches::{BatchSettings, training_batches};
use super::model::{Timed, TimedModel};
use crate::record::{RunEvent, StepRecord};

use super::run::{Observer, Progress, RunSettings, TrainError};

/// What the steps of an epoch came to; fields as in [`crate::record::EpochRecord`].
pub(super) struct EpochSteps {
    pub(super) steps: u64,
    pub(super) train_loss: f64,
    pub(super) gradient_norm_mean: f64,
    pub(super) gradient_norm_max: f64,
    pub(super) clipped_share: f64,
    pub(super) padded_length_mean: f64,
    pub(super) padding_share: f64,
    pub(super) tokens: f64,
    pub(super) wall: Duration,
    pub(super) compute: Duration,
}

/// Sums over the steps so far.
#[derive(Default)]
struct Sums {
    steps: u64,
    rows: f64,
    loss: f64,
    norm: f64,
    norm_max: f64,
    clipped: u64,
    time: f64,
    slots: f64,
    tokens: f64,
    compute: Duration,
}

/// Takes every step of an epoch, each example exactly once.
pub(super) fn train_epoch(
    model: &mut dyn TimedModel,
    run: &RunSettings<'_>,
    epoch: u32,
    learning_rate: f64,
    observe: &mut Observer<'_>,
) -> Result<EpochSteps, TrainError> {
    let settings = BatchSettings::training(run.protocol);
    let split = &run.data.train;
    let plan = training_batches(split, &settings, run.seed, epoch);
    let of = plan.len() as u64;
    let start = Instant::now();
    let mut sums = Sums::default();
    assembled(&settings, split, &plan, |batch| {
        let labelled = batch.labelled()?;
        let Timed { value: report, compute } = if run.protocol.update_norms {
            model.train_batch_measured(labelled, learning_rate)?
        } else {
            model.train_batch(labelled, learning_rate)?
        };
        let step = sums.steps + 1;
        let update = report.update_norm.unwrap_or(0.0);
        for (value, what) in
            [(report.loss, "the loss"), (report.gradient_norm, "the gradient norm"), (update, "the update norm")]
        {
            // What a float32 can't hold is as good as infinite, whatever a backend computes in.
            #[expect(clippy::cast_possible_truncation, reason = "that is the question")]
            if !(value as f32).is_finite() {
                return Err(TrainError::Diverged { epoch, step, what: what.into() });
            }
        }
        sums.add(&batch, &report);
        sums.compute += compute;
        #[expect(clippy::cast_possible_truncation, reason = "a backend computes in float32")]
        let taken = StepRecord {
            epoch,
            loss: report.loss as f32,
            gradient_norm: report.gradient_norm as f32,
            clipped: report.clipped,
            update_norm: report.update_norm.map(|norm| norm as f32),
        };
        if !observe(Progress::Event(RunEvent::Step { epoch, done: step, of, step: taken })) {
            return Err(TrainError::Interrupted);
        }
        Ok(())
    })?;
    if !(sums.loss.is_finite() && sums.norm.is_finite()) {
        return Err(TrainError::Diverged {
            epoch,
            step: sums.steps,
            what: "the sum of losses or gradient norms".into(),
        });
    }
    Ok(sums.finish(start.elapsed()))
}

#[expect(clippy::cast_precision_loss, reason = "counts of an epoch are far below 2^53")]
impl Sums {
    fn add(&mut self, batch: &super::batches::HostBatch, report: &harness_contract::StepReport) {
        let rows = batch.reviews.len() as f64;
        self.steps += 1;
        self.rows += rows;
        self.loss += report.loss * rows;
        self.norm += report.gradient_norm;
        self.norm_max = self.norm_max.max(report.gradient_norm);
        self.clipped += u64::from(report.clipped);
        self.time += batch.time() as f64;
        self.slots += batch.time() as f64 * rows;
        self.tokens += batch.token_count() as f64;
    }

    fn finish(self, wall: Duration) -> EpochSteps {
        let steps = self.steps as f64;
        EpochSteps {
            steps: self.steps,
            train_loss: self.loss / self.rows,
            gradient_norm_mean: self.norm / steps,
            gradient_norm_max: self.norm_max,
            clipped_share: self.clipped as f64 / steps,
            padded_length_mean: self.time / steps,
            padding_share: 1.0 - self.tokens / self.slots,
            tokens: self.tokens,
            wall,
            compute: self.compute,
        }
    }
}
