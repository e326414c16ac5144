//! The checks that stand before and behind every backend.

use crate::backend::{Backend, BackendInfo, GradientNorms, Model, StepReport};
use crate::batch::{LabelledBatch, TokenBatch};
use crate::capabilities::Capabilities;
use crate::error::{BackendError, ErrorKind};
use crate::spec::ModelSpec;
use crate::state::{Element, ModelState};
use crate::weights::WeightMap;

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
    let checks = Checks::before_build(&backend.describe(), spec, initial)?;
    let inner = backend.build(spec, initial)?;
    Ok(Box::new(Checked { inner, checks }))
}

/// Builds a model that goes on from a state, through the same checks as [`build_checked`].
///
/// # Errors
/// What doesn't fit, or what the backend fails with.
pub fn resume_checked(
    backend: &mut dyn Backend,
    spec: &ModelSpec,
    state: &ModelState,
) -> Result<Box<dyn Model>, BackendError> {
    let checks = Checks::before_resume(&backend.describe(), spec, state)?;
    let inner = backend.resume(spec, state)?;
    Ok(Box::new(Checked { inner, checks }))
}

/// What one model is held to: what it may be asked, and what it may answer.
///
/// [`build_checked`] puts them around a [`Model`]. Who speaks to a model in another way, to learn more of a reply than the
/// trait gives, asks for them one by one.
#[derive(Debug, Clone)]
pub struct Checks {
    spec: ModelSpec,
    capabilities: Capabilities,
}

impl Checks {
    /// Those of a model that is about to be built with these weights.
    ///
    /// # Errors
    /// If the spec makes no sense or asks for what the backend can't do, or the weights don't fit it.
    pub fn before_build(backend: &BackendInfo, spec: &ModelSpec, initial: &WeightMap) -> Result<Self, BackendError> {
        let checks = Self::able(backend, spec)?;
        initial.check(spec)?;
        Ok(checks)
    }

    /// Those of a model that is about to go on from a state.
    ///
    /// # Errors
    /// As [`Self::before_build`], or if the backend has no states.
    pub fn before_resume(backend: &BackendInfo, spec: &ModelSpec, state: &ModelState) -> Result<Self, BackendError> {
        let checks = Self::able(backend, spec)?;
        state.check(spec, checks.element()?)?;
        Ok(checks)
    }

    fn able(backend: &BackendInfo, spec: &ModelSpec) -> Result<Self, BackendError> {
        spec.check()?;
        backend.capabilities.check(spec)?;
        Ok(Self { spec: spec.clone(), capabilities: backend.capabilities.clone() })
    }

    /// Before a training step: whether batch and learning rate fit the model. `measured` is a step that measures its update.
    ///
    /// # Errors
    /// What doesn't fit, or that the backend measures no updates.
    pub fn before_step(
        &self,
        batch: LabelledBatch<'_>,
        learning_rate: f64,
        measured: bool,
    ) -> Result<(), BackendError> {
        if measured && !self.capabilities.update_norm {
            return Err(BackendError::unable("update_norm"));
        }
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
        Ok(())
    }

    /// Behind a training step: its report, with a measured update where one was asked for and nowhere else.
    ///
    /// # Errors
    /// If an update was to be measured and was not.
    pub fn after_step(&self, report: StepReport, measured: bool) -> Result<StepReport, BackendError> {
        match report.update_norm {
            _ if !measured => Ok(StepReport { update_norm: None, ..report }),
            Some(_) => Ok(report),
            None => Err(BackendError::framework("measure the update", "the backend says that it can, and didn't")),
        }
    }

    /// Before a prediction: whether the batch fits the model.
    ///
    /// # Errors
    /// What doesn't fit.
    pub fn before_prediction(&self, tokens: TokenBatch<'_>) -> Result<(), BackendError> {
        tokens.check(&self.spec)?;
        Ok(())
    }

    /// Before input-gradient norms are asked for.
    ///
    /// # Errors
    /// What doesn't fit, or that the backend has none.
    pub fn before_input_gradient_norms(&self, batch: LabelledBatch<'_>) -> Result<(), BackendError> {
        if !self.capabilities.input_gradient_norms {
            return Err(BackendError::unable("input_gradient_norms"));
        }
        batch.tokens().check(&self.spec)?;
        Ok(())
    }

    /// Before a state is asked for.
    ///
    /// # Errors
    /// That the backend has none.
    pub fn before_state(&self) -> Result<(), BackendError> {
        self.element().map(|_| ())
    }

    /// Behind it: whether the state is one of this model.
    ///
    /// # Errors
    /// What doesn't fit.
    pub fn after_state(&self, state: &ModelState) -> Result<(), BackendError> {
        state.check(&self.spec, self.element()?)?;
        Ok(())
    }

    fn element(&self) -> Result<Element, BackendError> {
        self.capabilities.state.ok_or_else(|| BackendError::unable("state"))
    }
}

struct Checked {
    inner: Box<dyn Model>,
    checks: Checks,
}

impl Model for Checked {
    fn train_batch(&mut self, batch: LabelledBatch<'_>, learning_rate: f64) -> Result<StepReport, BackendError> {
        self.checks.before_step(batch, learning_rate, false)?;
        let report = self.inner.train_batch(batch, learning_rate)?;
        self.checks.after_step(report, false)
    }

    fn train_batch_measured(
        &mut self,
        batch: LabelledBatch<'_>,
        learning_rate: f64,
    ) -> Result<StepReport, BackendError> {
        self.checks.before_step(batch, learning_rate, true)?;
        let report = self.inner.train_batch_measured(batch, learning_rate)?;
        self.checks.after_step(report, true)
    }

    fn predict_batch(&mut self, tokens: TokenBatch<'_>) -> Result<Vec<f32>, BackendError> {
        self.checks.before_prediction(tokens)?;
        self.inner.predict_batch(tokens)
    }

    fn weights(&self) -> Result<WeightMap, BackendError> {
        self.inner.weights()
    }

    fn input_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, BackendError> {
        self.checks.before_input_gradient_norms(batch)?;
        self.inner.input_gradient_norms(batch)
    }

    fn state(&self) -> Result<ModelState, BackendError> {
        self.checks.before_state()?;
        let state = self.inner.state()?;
        self.checks.after_state(&state)?;
        Ok(state)
    }
}
