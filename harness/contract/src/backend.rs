//! The two traits that a backend implements, and the check that stands before every one.

use serde::{Deserialize, Serialize};

use crate::batch::{LabelledBatch, TokenBatch};
use crate::capabilities::Capabilities;
use crate::defaults::NativeDefaults;
use crate::error::{BackendError, ErrorKind};
use crate::spec::ModelSpec;
use crate::weights::WeightMap;

/// A framework, ready to build models.
pub trait Backend {
    /// Names, versions, capabilities and native defaults. Doesn't change while the backend lives.
    fn describe(&self) -> BackendInfo;

    /// Builds a model with these weights and an optimiser that has taken no step.
    ///
    /// Callers go through [`build_checked`], so an implementation may rely on a spec that
    /// makes sense and lies within its capabilities, and on weights that fit it.
    ///
    /// # Errors
    /// Whatever the framework fails with.
    fn build(&mut self, spec: &ModelSpec, initial: &WeightMap) -> Result<Box<dyn Model>, BackendError>;
}

/// A model and its optimiser. Batches it is given fit its spec (see [`build_checked`]).
pub trait Model {
    /// One optimiser step on the mean binary cross-entropy of a batch, with dropout.
    ///
    /// # Errors
    /// Whatever the framework fails with. A loss that is not finite is no error: it is in the report.
    fn train_batch(&mut self, batch: LabelledBatch<'_>, learning_rate: f64) -> Result<StepReport, BackendError>;

    /// One logit a row, `[batch]`, without dropout. Changes nothing.
    ///
    /// # Errors
    /// Whatever the framework fails with.
    fn predict_batch(&mut self, tokens: TokenBatch<'_>) -> Result<Vec<f32>, BackendError>;

    /// All weights by canonical name, in PyTorch's gate order whatever the framework's own.
    ///
    /// # Errors
    /// Whatever the framework fails with.
    fn weights(&self) -> Result<WeightMap, BackendError>;

    /// The Euclidean norm of the gradient of the mean loss with respect to each embedded token, without dropout,
    /// and without changing anything. A capability ([`Capabilities::input_gradient_norms`]).
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the backend lacks it; else whatever the framework fails with.
    fn input_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, BackendError>;
}

/// What one training step reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Mean binary cross-entropy of the batch before the update, in nats; weight decay is not part of it.
    pub loss: f64,
    /// Euclidean norm of the gradient of the loss with respect to all weights together, before clipping.
    pub gradient_norm: f64,
    /// Whether clipping scaled the gradient.
    pub clipped: bool,
}

/// `|dL / d embedding(b, t)|` of every step of every row.
#[derive(Debug, Clone, PartialEq)]
pub struct GradientNorms {
    /// Norms, `[batch, time]`, row-major; 0 where a masked step has none.
    pub norms: Vec<f32>,
}

/// What a backend says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackendInfo {
    /// The backend's name, e.g. `libtorch`.
    pub name: String,
    /// Versions of the backend itself and of the libraries it computes with.
    pub libraries: Vec<LibraryVersion>,
    /// What it can build.
    pub capabilities: Capabilities,
    /// Its framework's defaults; none for a backend that has no framework.
    pub native_defaults: Option<NativeDefaults>,
}

/// A library and its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LibraryVersion {
    /// The library, e.g. `libtorch`.
    pub name: String,
    /// Its version as it says itself.
    pub version: String,
}

/// Builds a model through the checks that every backend shares: the spec makes sense, the backend can do it, the weights
/// fit it; and every later batch fits the model.
///
/// # Errors
/// What doesn't fit, or what the backend fails with.
pub fn build_checked(
    backend: &mut dyn Backend,
    spec: &ModelSpec,
    initial: &WeightMap,
) -> Result<Box<dyn Model>, BackendError> {
    spec.check()?;
    let capabilities = backend.describe().capabilities;
    capabilities.check(spec)?;
    initial.check(spec)?;
    let inner = backend.build(spec, initial)?;
    Ok(Box::new(Checked { inner, spec: spec.clone() }))
}

struct Checked {
    inner: Box<dyn Model>,
    spec: ModelSpec,
}

impl Model for Checked {
    fn train_batch(&mut self, batch: LabelledBatch<'_>, learning_rate: f64) -> Result<StepReport, BackendError> {
        batch.tokens().check(&self.spec)?;
        if batch.tokens().rows() > self.spec.max_batch {
            return Err(BackendError::new(
                ErrorKind::Batch,
                format!(
                    "the batch has {} rows, the model was built for at most {}",
                    batch.tokens().rows(),
                    self.spec.max_batch
                ),
            ));
        }
        if !(learning_rate.is_finite() && learning_rate >= 0.0) {
            return Err(BackendError::new(
                ErrorKind::Batch,
                format!("learning rate {learning_rate} is neither 0 nor a positive number"),
            ));
        }
        self.inner.train_batch(batch, learning_rate)
    }

    fn predict_batch(&mut self, tokens: TokenBatch<'_>) -> Result<Vec<f32>, BackendError> {
        tokens.check(&self.spec)?;
        self.inner.predict_batch(tokens)
    }

    fn weights(&self) -> Result<WeightMap, BackendError> {
        self.inner.weights()
    }

    fn input_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, BackendError> {
        batch.tokens().check(&self.spec)?;
        self.inner.input_gradient_norms(batch)
    }
}
