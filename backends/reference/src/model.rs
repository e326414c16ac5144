//! The reference behind the contract's two traits. A new backend begins here.

use std::collections::BTreeMap;

use harness_contract::{
    Backend, BackendError, BackendInfo, BiasCorrection, BiasVectors, Capabilities, CellKind, ClipForm, Device, Element,
    Elements, EpsilonPlacement, GradientNorms, GruForm, Kernel, LabelledBatch, LibraryVersion, Model, ModelSpec,
    ModelState, RepeatedWords, StatePart, StepReport, TokenBatch, WeightDecayForm, WeightMap, float32_norm,
};

use crate::adam::Adam;
use crate::clipping::clip;
use crate::dropout::DropoutMasks;
use crate::network::{Gradients, Inputs, backward_in, forward_in};
use crate::parameters::Parameters;
use crate::precision::Precision;

/// The reference backend. Every model is on its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReferenceBackend {
    /// In which precision its models keep what they compute.
    pub(crate) precision: Precision,
}

/// A model with its optimiser.
#[derive(Debug, Clone)]
pub struct ReferenceModel {
    spec: ModelSpec,
    precision: Precision,
    weights: Parameters,
    adam: Adam,
    /// Steps whose dropout masks are drawn.
    drawn: u64,
}

/// The one random stream.
const DROPOUT: &str = "dropout";

impl Backend for ReferenceBackend {
    fn describe(&self) -> BackendInfo {
        BackendInfo {
            name: match self.precision {
                Precision::Float64 => "reference".into(),
                Precision::Float32 => "reference-float32".into(),
            },
            numerics: 1,
            portable: Vec::new(),
            libraries: vec![LibraryVersion {
                name: env!("CARGO_PKG_NAME").into(),
                version: env!("CARGO_PKG_VERSION").into(),
            }],
            capabilities: Capabilities {
                cells: CellKind::ALL.to_vec(),
                kernels: vec![Kernel::Stock],
                bias_vectors: vec![BiasVectors::One, BiasVectors::Two],
                gru_forms: vec![GruForm::ResetAfter, GruForm::ResetBefore],
                epsilon_placements: vec![EpsilonPlacement::AfterCorrection, EpsilonPlacement::Hat],
                repeated_words: vec![RepeatedWords::SumThenSquare, RepeatedWords::SquareThenSum],
                bias_corrections: vec![BiasCorrection::Float64, BiasCorrection::Float32],
                clip_forms: ClipForm::ALL.to_vec(),
                weight_decay_forms: vec![WeightDecayForm::Coupled, WeightDecayForm::Decoupled],
                bidirectional: true,
                layer_norm: true,
                masking: true,
                dropout: true,
                label_smoothing: true,
                input_gradient_norms: true,
                update_norm: true,
                state: Some(Element::Float64),
                devices: vec![Device::Cpu],
                ..Capabilities::default()
            },
            native_defaults: None,
        }
    }

    fn build(&mut self, spec: &ModelSpec, initial: &WeightMap) -> Result<Box<dyn Model>, BackendError> {
        Ok(Box::new(ReferenceModel { precision: self.precision, ..ReferenceModel::new(spec, initial)? }))
    }

    fn resume(&mut self, spec: &ModelSpec, state: &ModelState) -> Result<Box<dyn Model>, BackendError> {
        Ok(Box::new(ReferenceModel { precision: self.precision, ..ReferenceModel::at(spec, state)? }))
    }
}

impl ReferenceModel {
    /// A model with these weights and an optimiser that has taken no step.
    ///
    /// # Errors
    /// The first weight that doesn't fit the spec.
    pub fn new(spec: &ModelSpec, initial: &WeightMap) -> Result<Self, BackendError> {
        let weights = Parameters::from_weights(spec, initial)?;
        Ok(Self { spec: spec.clone(), precision: Precision::Float64, weights, adam: Adam::new(spec), drawn: 0 })
    }

    /// A model that goes on from a state.
    ///
    /// # Errors
    /// The first part that is not there, or a stream that is not this model's.
    pub fn at(spec: &ModelSpec, state: &ModelState) -> Result<Self, BackendError> {
        let part = |part| Parameters::from_state(spec, state, part);
        let adam = Adam::at(spec, state.steps, part(StatePart::FirstMoment)?, part(StatePart::SecondMoment)?);
        let drawn = state.only_position(DROPOUT)?;
        let weights = part(StatePart::Weights)?;
        Ok(Self { spec: spec.clone(), precision: Precision::Float64, weights, adam, drawn })
    }

    /// The weights in full precision.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.weights
    }

    /// One logit a row in full precision, `[batch]`, without dropout.
    #[must_use]
    pub fn logits(&self, tokens: TokenBatch<'_>) -> Vec<f64> {
        let inputs = Inputs::new(&self.spec, tokens);
        forward_in(self.precision, &self.spec, &self.weights, &inputs, &DropoutMasks::none()).logits
    }

    /// The mean loss of a batch and its gradient in full precision, with the given dropout masks.
    #[must_use]
    pub fn gradients(&self, batch: LabelledBatch<'_>, masks: &DropoutMasks) -> Gradients {
        let inputs = Inputs::new(&self.spec, batch.tokens());
        let pass = forward_in(self.precision, &self.spec, &self.weights, &inputs, masks);
        backward_in(self.precision, &self.spec, &self.weights, &inputs, masks, &pass, batch.labels())
    }
}

impl Model for ReferenceModel {
    fn train_batch(&mut self, batch: LabelledBatch<'_>, learning_rate: f64) -> Result<StepReport, BackendError> {
        let tokens = batch.tokens();
        let masks = DropoutMasks::draw(&self.spec, self.drawn, tokens.rows(), tokens.time());
        let mut gradients = self.gradients(batch, &masks);
        self.drawn += 1;

        let gradient_norm = float32_norm(gradients.parameters.norm());
        let words = Inputs::new(&self.spec, tokens).words;
        let clipped = clip(&self.spec, &mut gradients, &words);
        let report = StepReport { loss: gradients.loss, gradient_norm, clipped, update_norm: None };
        self.adam.step(&mut self.weights, gradients, &words, learning_rate);
        self.precision.keep_all(self.weights.tensors_mut().into_iter().flatten());
        Ok(report)
    }

    fn train_batch_measured(
        &mut self,
        batch: LabelledBatch<'_>,
        learning_rate: f64,
    ) -> Result<StepReport, BackendError> {
        let before = self.weights.clone();
        let report = self.train_batch(batch, learning_rate)?;
        Ok(StepReport { update_norm: Some(self.weights.distance(&before)), ..report })
    }

    #[expect(clippy::cast_possible_truncation, reason = "the contract's logits are f32")]
    fn predict_batch(&mut self, tokens: TokenBatch<'_>) -> Result<Vec<f32>, BackendError> {
        Ok(self.logits(tokens).into_iter().map(|logit| logit as f32).collect())
    }

    fn weights(&self) -> Result<WeightMap, BackendError> {
        self.weights.to_weights(&self.spec)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the contract's norms are f32")]
    fn input_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, BackendError> {
        let gradients = self.gradients(batch, &DropoutMasks::none());
        let steps = gradients.occurrences.chunks_exact(self.spec.embedding_size);
        let norm = |d: &[f64]| d.iter().map(|d| d * d).sum::<f64>().sqrt() as f32;
        Ok(GradientNorms { norms: steps.map(norm).collect() })
    }

    fn state(&self) -> Result<ModelState, BackendError> {
        let [first, second] = self.adam.moments();
        let streams = BTreeMap::from([(DROPOUT.to_owned(), vec![self.drawn])]);
        ModelState::of(&self.spec, (self.adam.steps(), streams), |part, place, _| {
            let all = match part {
                StatePart::Weights => &self.weights,
                StatePart::FirstMoment => first,
                StatePart::SecondMoment => second,
            };
            Ok(Elements::Float64(all.tensors()[place].clone()))
        })
    }
}
