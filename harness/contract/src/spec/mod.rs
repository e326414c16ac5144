//! The model and the optimiser that a backend is told to build, with nothing numeric implicit.

mod adam;
mod clip;
mod device;
mod layers;

use serde::{Deserialize, Deserializer, Serialize};

use crate::bounds;

pub use adam::{AdamSpec, BiasCorrection, EpsilonPlacement, RepeatedWords, WeightDecayForm, WeightDecaySpec};
pub use clip::{ClipForm, ClipSpec, float32_norm};
pub use device::{Device, Kernel};
pub use layers::{BiasVectors, CellKind, DropoutSpec, GruForm, Pooling};

/// Everything a backend needs to build a model: an embedding, stacked recurrent layers, a dense head with one
/// logit, binary cross-entropy on that logit (mean over the batch), and Adam. All arithmetic is float32 unless the backend says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// The recurrent cell.
    pub cell: CellKind,
    /// Rows of the embedding; token ids are `0..vocabulary_size`, id 0 pads.
    pub vocabulary_size: usize,
    /// Columns of the embedding.
    pub embedding_size: usize,
    /// Units of each recurrent layer (per direction).
    pub hidden_size: usize,
    /// How many recurrent layers are stacked.
    pub layers: usize,
    /// Whether each layer also runs from the last step to the first, outputs concatenated.
    pub bidirectional: bool,
    /// Whether each recurrent layer's output is layer-normalised.
    pub layer_norm: bool,
    /// Bias vectors of each recurrent layer. An absent `bias_hh` is zero and stays zero.
    pub bias_vectors: BiasVectors,
    /// Where a GRU applies its reset gate; ignored by the other cells.
    pub gru_form: GruForm,
    /// Which step's output goes into the head.
    pub pooling: Pooling,
    /// Whether padded steps leave the state as it was (Keras' masking, PyTorch's packing).
    pub masking: bool,
    /// Dropout rates and seed.
    pub dropout: DropoutSpec,
    /// The share of a label that goes to the other one in the loss, in `[0, 1)`; 0 is none, and then it is not written. See [`Self::target`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub label_smoothing: f64,
    /// The optimiser.
    pub adam: AdamSpec,
    /// Clipping by global norm, if any. It comes before weight decay. Written `null` where there is none: the key must be there.
    #[serde(deserialize_with = "written")]
    pub clip: Option<ClipSpec>,
    /// Weight decay.
    pub weight_decay: WeightDecaySpec,
    /// The largest `time` of any batch this model will be given.
    pub max_time: usize,
    /// The largest number of rows of any training batch.
    pub max_batch: usize,
    /// Threads the framework may compute with.
    pub threads: usize,
    /// Where to compute.
    pub device: Device,
    /// Which implementation of the recurrent layers to use.
    pub kernel: Kernel,
}

/// An option whose key must be there: without a function of its own serde takes an absent key for none.
fn written<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// A specification that makes no sense, whatever the backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct SpecError {
    /// The field of [`ModelSpec`], or what is counted over several: `tokens` of a batch, `parameters` of the model.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl SpecError {
    fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }

    fn over(field: &'static str, value: u64, bound: u64) -> Self {
        Self::new(field, format!("{value} is over the bound of {bound}"))
    }
}

impl ModelSpec {
    /// A small model with nothing optional: no dropout, clipping, decay or masking, Adam as PyTorch has it. Where tests, examples and
    /// measurements begin, so that a new field has one place to get its plain value.
    #[must_use]
    pub const fn plain(cell: CellKind) -> Self {
        Self {
            cell,
            vocabulary_size: 50,
            embedding_size: 7,
            hidden_size: 5,
            layers: 2,
            bidirectional: false,
            layer_norm: false,
            bias_vectors: BiasVectors::Two,
            gru_form: GruForm::ResetAfter,
            pooling: Pooling::LastStep,
            masking: false,
            dropout: DropoutSpec::NONE,
            label_smoothing: 0.0,
            adam: AdamSpec::PYTORCH,
            clip: None,
            weight_decay: WeightDecaySpec { rate: 0.0, form: WeightDecayForm::Coupled },
            max_time: 20,
            max_batch: 8,
            threads: 1,
            device: Device::Cpu,
            kernel: Kernel::Stock,
        }
    }

    /// How a repeated word enters the embedding's second moment: as the optimiser says, unless clipping sums its occurrences first.
    #[must_use]
    pub fn repeated_words(&self) -> RepeatedWords {
        match self.clip {
            Some(ClipSpec { form: ClipForm::Occurrences, .. }) => RepeatedWords::SumThenSquare,
            _ => self.adam.repeated_words,
        }
    }

    /// What the loss takes for a label, 0 or 1: `label (1 - s) + s / 2` with label smoothing `s`, as in Keras' `BinaryCrossentropy.call`
    /// (keras/src/losses/losses.py `binary_crossentropy`).
    #[must_use]
    pub fn target(&self, label: u8) -> f64 {
        f64::from(label) * (1.0 - self.label_smoothing) + 0.5 * self.label_smoothing
    }

    /// 2 for a bidirectional model, else 1.
    #[must_use]
    pub const fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    /// Columns of the input of layer `layer` (counted from 0).
    #[must_use]
    pub const fn input_size(&self, layer: usize) -> usize {
        if layer == 0 { self.embedding_size } else { self.hidden_size * self.directions() }
    }

    /// Checks that sizes are positive and within their [bounds], rates lie in `[0, 1)` and numbers are finite.
    ///
    /// # Errors
    /// The first field that makes no sense, and why.
    pub fn check(&self) -> Result<(), SpecError> {
        for (field, value, least, most) in [
            ("embedding_size", self.embedding_size, 1, bounds::MAX_EMBEDDING_SIZE),
            ("hidden_size", self.hidden_size, 1, bounds::MAX_HIDDEN_SIZE),
            ("layers", self.layers, 1, bounds::MAX_LAYERS),
            ("max_time", self.max_time, 1, bounds::MAX_TIME),
            ("max_batch", self.max_batch, 1, bounds::MAX_BATCH),
            ("threads", self.threads, 1, bounds::MAX_THREADS),
            ("vocabulary_size", self.vocabulary_size, 2, bounds::MAX_VOCABULARY_SIZE),
        ] {
            if value < least {
                return Err(SpecError::new(field, format!("must be at least {least}")));
            }
            if value > most {
                return Err(SpecError::over(field, value as u64, most as u64));
            }
        }
        // Each factor is within its bound, so neither product overflows.
        for (field, value, most) in [
            ("tokens", self.max_time as u64 * self.max_batch as u64, bounds::MAX_TOKENS),
            ("parameters", self.parameter_count(), bounds::MAX_PARAMETERS),
        ] {
            if value > most {
                return Err(SpecError::over(field, value, most));
            }
        }
        for (field, rate) in [
            ("dropout.after_embedding", self.dropout.after_embedding),
            ("dropout.between_layers", self.dropout.between_layers),
            ("dropout.after_last", self.dropout.after_last),
            ("label_smoothing", self.label_smoothing),
            ("adam.beta1", self.adam.beta1),
            ("adam.beta2", self.adam.beta2),
        ] {
            if !(0.0..1.0).contains(&rate) {
                return Err(SpecError::new(field, format!("{rate} does not lie in [0, 1)")));
            }
        }
        if !(self.adam.epsilon.is_finite() && self.adam.epsilon > 0.0) {
            return Err(SpecError::new("adam.epsilon", "must be a positive number"));
        }
        if let Some(clip) = self.clip {
            if !(clip.norm.is_finite() && clip.norm > 0.0) {
                return Err(SpecError::new("clip.norm", "must be a positive number"));
            }
            if !(clip.stabiliser.is_finite() && clip.stabiliser >= 0.0) {
                return Err(SpecError::new("clip.stabiliser", "must be 0 or a positive number"));
            }
        }
        if !(self.weight_decay.rate.is_finite() && self.weight_decay.rate >= 0.0) {
            return Err(SpecError::new("weight_decay.rate", "must be 0 or a positive number"));
        }
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}
