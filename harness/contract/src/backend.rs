//! The two traits that a backend implements.

use serde::{Deserialize, Serialize};

use crate::batch::{LabelledBatch, TokenBatch};
use crate::capabilities::Capabilities;
use crate::defaults::NativeDefaults;
use crate::error::BackendError;
use crate::spec::{Device, Kernel, ModelSpec};
use crate::state::ModelState;
use crate::weights::WeightMap;

/// A framework, ready to build models.
pub trait Backend {
    /// Names, versions, capabilities and native defaults. Doesn't change while the backend lives.
    fn describe(&self) -> BackendInfo;

    /// Builds a model with these weights and an optimiser that has taken no step.
    ///
    /// Callers go through [`crate::build_checked`], so an implementation may rely on a spec that
    /// makes sense and lies within its capabilities, and on weights that fit it.
    ///
    /// # Errors
    /// Whatever the framework fails with.
    fn build(&mut self, spec: &ModelSpec, initial: &WeightMap) -> Result<Box<dyn Model>, BackendError>;

    /// Builds a model that goes on where a state was taken: from there on it gives the very bytes that the model gave which the state is of,
    /// in another process too. A capability ([`Capabilities::state`]).
    ///
    /// Callers go through [`crate::resume_checked`], so an implementation may rely on all that [`Self::build`] may, and on tensors that fit
    /// the spec. What the streams' words mean is for it to check.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] where the backend lacks it, [`crate::ErrorKind::State`] where the streams are not its own; else whatever the
    /// framework fails with.
    fn resume(&mut self, _spec: &ModelSpec, _state: &ModelState) -> Result<Box<dyn Model>, BackendError> {
        Err(BackendError::unable("state"))
    }
}

/// A model and its optimiser. Batches it is given fit its spec (see [`crate::build_checked`]).
pub trait Model {
    /// One optimiser step on the mean binary cross-entropy of a batch, with dropout.
    ///
    /// # Errors
    /// Whatever the framework fails with. A loss that is not finite is no error: it is in the report.
    fn train_batch(&mut self, batch: LabelledBatch<'_>, learning_rate: f64) -> Result<StepReport, BackendError>;

    /// The same step, byte for byte, which also measures how far the weights moved: [`StepReport::update_norm`] is there. A
    /// capability ([`Capabilities::update_norm`]).
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] where the backend lacks it; else as [`Self::train_batch`].
    fn train_batch_measured(
        &mut self,
        _batch: LabelledBatch<'_>,
        _learning_rate: f64,
    ) -> Result<StepReport, BackendError> {
        Err(BackendError::unable("update_norm"))
    }

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
    /// [`crate::ErrorKind::Unsupported`] where the backend lacks it; else whatever the framework fails with.
    fn input_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, BackendError>;

    /// All that the steps to come depend on, for [`Backend::resume`]. Changes nothing. A capability ([`Capabilities::state`]).
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] where the backend lacks it; else whatever the framework fails with.
    fn state(&self) -> Result<ModelState, BackendError> {
        Err(BackendError::unable("state"))
    }
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
    /// Euclidean norm of the change of all weights together in this step, where it was measured.
    pub update_norm: Option<f64>,
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
    /// Moves whenever equal specs, weights and batches would give other numbers than before, so that no run made before is taken for one made now.
    #[serde(default)]
    pub numerics: u32,
    /// Kernels that give the same bytes on every x86-64 processor with AVX2 and FMA, with the same libraries (the C library
    /// among them) and as many threads. Others promise them on one machine.
    #[serde(default)]
    pub portable: Vec<Kernel>,
    /// What it can build.
    pub capabilities: Capabilities,
    /// Its framework's defaults; none for a backend that has no framework.
    pub native_defaults: Option<NativeDefaults>,
}

impl BackendInfo {
    /// Whether this model gives the same bytes on every x86-64 processor with AVX2 and FMA.
    #[must_use]
    pub fn is_portable(&self, spec: &ModelSpec) -> bool {
        spec.device == Device::Cpu && self.portable.contains(&spec.kernel)
    }
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
