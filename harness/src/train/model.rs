//! A model as the training loop and the measurements see it: every answer comes with the time it took to compute.

use std::time::Duration;

use harness_contract::{
    BackendError, GradientNorms, LabelledBatch, ModelSpec, ModelState, StepReport, TokenBatch, WeightMap,
};

/// What a call gave, and how long the backend computed for it by its own account, as distinct from the time that passed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timed<T> {
    /// What it gave.
    pub value: T,
    /// How long it computed.
    pub compute: Duration,
}

/// A [`harness_contract::Model`] whose answers say how long they took.
pub trait TimedModel {
    /// As [`harness_contract::Model::train_batch`].
    ///
    /// # Errors
    /// As there.
    fn train_batch(&mut self, batch: LabelledBatch<'_>, learning_rate: f64) -> Result<Timed<StepReport>, BackendError>;

    /// As [`harness_contract::Model::train_batch_measured`].
    ///
    /// # Errors
    /// As there.
    fn train_batch_measured(
        &mut self,
        batch: LabelledBatch<'_>,
        learning_rate: f64,
    ) -> Result<Timed<StepReport>, BackendError>;

    /// As [`harness_contract::Model::predict_batch`].
    ///
    /// # Errors
    /// As there.
    fn predict_batch(&mut self, tokens: TokenBatch<'_>) -> Result<Timed<Vec<f32>>, BackendError>;

    /// As [`harness_contract::Model::weights`].
    ///
    /// # Errors
    /// As there.
    fn weights(&self) -> Result<WeightMap, BackendError>;

    /// As [`harness_contract::Model::input_gradient_norms`].
    ///
    /// # Errors
    /// As there.
    fn input_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, BackendError>;

    /// As [`harness_contract::Model::state`].
    ///
    /// # Errors
    /// As there.
    fn state(&self) -> Result<ModelState, BackendError>;
}

/// What builds such models.
pub trait TimedBackend {
    /// Builds a model through the contract's checks ([`harness_contract::build_checked`]), in the place of the one before.
    ///
    /// # Errors
    /// What doesn't fit, or what the backend fails with.
    fn build(&mut self, spec: &ModelSpec, initial: &WeightMap) -> Result<Box<dyn TimedModel>, BackendError>;

    /// Builds a model that goes on from a state, through the contract's checks ([`harness_contract::resume_checked`]).
    ///
    /// # Errors
    /// As [`Self::build`].
    fn resume(&mut self, spec: &ModelSpec, state: &ModelState) -> Result<Box<dyn TimedModel>, BackendError>;
}
