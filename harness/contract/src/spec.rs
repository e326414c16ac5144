//! The model and the optimiser that a backend is told to build, with nothing numeric implicit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::bounds;

/// The recurrent cell of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellKind {
    /// Elman's network, `h = tanh(W x + b + U h)`; Keras `SimpleRNN`, PyTorch `nn.RNN`.
    Rnn,
    /// Long short-term memory with forget gate, without peepholes; gates i, f, g, o.
    Lstm,
    /// Gated recurrent unit; gates r, z, n.
    Gru,
}

impl CellKind {
    /// Every cell, in the order in which tables list them.
    pub const ALL: [Self; 3] = [Self::Rnn, Self::Lstm, Self::Gru];

    /// How many blocks of `hidden_size` rows the cell's kernels have: 1, 4 or 3.
    #[must_use]
    pub const fn gates(self) -> usize {
        match self {
            Self::Rnn => 1,
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }

    /// The name as study files and records write it: `rnn`, `lstm`, `gru`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rnn => "rnn",
            Self::Lstm => "lstm",
            Self::Gru => "gru",
        }
    }

    /// The name as papers write it: `SimpleRNN`, `LSTM`, `GRU`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Rnn => "SimpleRNN",
            Self::Lstm => "LSTM",
            Self::Gru => "GRU",
        }
    }
}

impl fmt::Display for CellKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many bias vectors a recurrent layer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BiasVectors {
    /// `bias_ih` alone, as Keras has it for `SimpleRNN` and `LSTM`.
    One,
    /// `bias_ih` and `bias_hh`, as PyTorch has it for all cells and Keras for
    /// `GRU(reset_after=True)`.
    Two,
}

/// Where a GRU applies its reset gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GruForm {
    /// `n = tanh(W x + b + r * (U h + c))`: PyTorch, cuDNN, Keras' `reset_after=True`.
    ResetAfter,
    /// `n = tanh(W x + b + U (r * h))`: Cho et al. 2014, Keras' `reset_after=False`.
    ResetBefore,
}

/// Which step's output of the last layer goes into the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Step `time - 1`, which is padding where a row is padded at the end.
    LastStep,
    /// The row's last token: step `length - 1` with end padding, `time - 1` with front padding.
    LastValidStep,
}

/// Where Adam adds its epsilon. With `m`, `v` the raw moments at step `t` and `a` the learning rate:
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EpsilonPlacement {
    /// `a * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)`: algorithm 1 of Kingma & Ba
    /// (arXiv 1412.6980), PyTorch.
    AfterCorrection,
    /// `a * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)`: the "epsilon hat" of section 2
    /// of the same paper, Keras.
    Hat,
}

/// How a word that occurs several times in a batch enters the second moment of its embedding row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepeatedWords {
    /// The occurrences' gradients are summed, then squared: a dense gradient, PyTorch.
    SumThenSquare,
    /// Each occurrence's gradient is squared, then summed: a sparse gradient that is not
    /// deduplicated, Keras. The first moment and the gradient norm see the sum either way.
    SquareThenSum,
}

/// In which precision Adam's bias corrections `1 - beta^step` are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BiasCorrection {
    /// Betas, powers and differences in float32: Keras, whose first step is 6.4e-6 of itself too short for it.
    Float32,
    /// In float64: PyTorch.
    Float64,
}

/// Which norm clipping takes, and what it makes of repeated words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClipForm {
    /// The norm of the gradient, in which a word's occurrences are summed. Repeated words enter the second moment as the optimiser has them.
    /// An infinite norm makes the factor 0. PyTorch's `clip_grad_norm_`.
    Gradient,
    /// The norm over occurrences: each occurrence of a word counts on its own. What is clipped is dense, so the occurrences of a word are summed
    /// before they are squared, also in steps in which nothing is scaled. An infinite norm makes every gradient NaN. Keras' `global_clipnorm`.
    Occurrences,
    /// Each variable by its own norm, which over the embedding counts each occurrence of a word on its own; see [`ModelSpec::variables`].
    /// Repeated words enter the second moment as the optimiser has them. An infinite norm makes the factor 0. Keras' `clipnorm`.
    EachVariable,
}

impl ClipForm {
    /// Every form.
    pub const ALL: [Self; 3] = [Self::Gradient, Self::Occurrences, Self::EachVariable];
}

/// Gradient clipping by norm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipSpec {
    /// The largest norm that goes through unscaled.
    pub norm: f64,
    /// Gradients are multiplied by `min(1, norm / (total + stabiliser))`: 1e-6 in PyTorch's
    /// `clip_grad_norm_`, 0 in Keras' `clip_by_global_norm`.
    pub stabiliser: f64,
    /// What `total` is, and what clipping does beside scaling.
    pub form: ClipForm,
}

impl ClipSpec {
    /// What gradients of this norm are multiplied by, at most 1. A norm whose square is beyond float32 is infinite, also to a backend that could
    /// hold it, and one that is not a number makes every gradient so.
    #[must_use]
    pub fn factor(&self, norm: f64) -> f64 {
        let norm = float32_norm(norm);
        let factor = self.norm / (norm + self.stabiliser);
        match self.form {
            ClipForm::Occurrences if norm.is_infinite() => f64::NAN,
            _ if factor >= 1.0 => 1.0,
            _ => factor,
        }
    }
}

/// A norm as float32 has it: infinite where the sum of squares is beyond its range.
#[must_use]
pub fn float32_norm(norm: f64) -> f64 {
    if norm * norm > f64::from(f32::MAX) { f64::INFINITY } else { norm }
}

/// How weight decay enters the update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightDecayForm {
    /// `rate * weight` is added to the (clipped) gradient: PyTorch's `Adam(weight_decay=)`.
    Coupled,
    /// Weights are multiplied by `1 - learning_rate * rate` before the update: AdamW, Keras.
    Decoupled,
}

/// Weight decay of every parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightDecaySpec {
    /// The decay rate; 0 is none.
    pub rate: f64,
    /// How it enters the update.
    pub form: WeightDecayForm,
}

/// Adam (Kingma & Ba, arXiv 1412.6980). The learning rate comes with every step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamSpec {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Epsilon.
    pub epsilon: f64,
    /// Where epsilon is added.
    pub epsilon_placement: EpsilonPlacement,
    /// How a repeated word enters the second moment of the embedding, unless [`ClipForm::Occurrences`] sums it first.
    pub repeated_words: RepeatedWords,
    /// In which precision the bias corrections are computed.
    pub bias_correction: BiasCorrection,
}

impl AdamSpec {
    /// PyTorch's `Adam`.
    pub const PYTORCH: Self = Self {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        epsilon_placement: EpsilonPlacement::AfterCorrection,
        repeated_words: RepeatedWords::SumThenSquare,
        bias_correction: BiasCorrection::Float64,
    };

    /// Keras' `Adam`.
    pub const KERAS: Self = Self {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-7,
        epsilon_placement: EpsilonPlacement::Hat,
        repeated_words: RepeatedWords::SquareThenSum,
        bias_correction: BiasCorrection::Float32,
    };

    /// `1 - beta^step` for either beta, `step` counted from 1, in the precision that is asked for.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "float32 is what is asked for")]
    pub fn bias_corrections(&self, step: u64) -> [f64; 2] {
        // A power beyond the exponent's range is 0 in any case: betas are below 1.
        let exponent = i32::try_from(step).unwrap_or(i32::MAX);
        [self.beta1, self.beta2].map(|beta| match self.bias_correction {
            BiasCorrection::Float64 => 1.0 - beta.powi(exponent),
            // `powf` of the C library, which is what TensorFlow calls for one number; then a float32 difference.
            BiasCorrection::Float32 => f64::from(1.0 - (beta as f32).powf(exponent as f32)),
        })
    }
}

/// Inverted dropout (kept values are scaled by `1 / (1 - rate)`), as rates at the three places where it can act. 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropoutSpec {
    /// On the embedded tokens, `[batch, time, embedding_size]`.
    pub after_embedding: f64,
    /// On the output of every recurrent layer but the last, `[batch, time, hidden_size]`.
    pub between_layers: f64,
    /// On the pooled output of the last layer, `[batch, hidden_size]`.
    pub after_last: f64,
    /// Seeds the masks; the same seed gives the same masks step by step.
    pub seed: u64,
}

impl DropoutSpec {
    /// No dropout anywhere.
    pub const NONE: Self = Self { after_embedding: 0.0, between_layers: 0.0, after_last: 0.0, seed: 0 };

    /// Whether any of the three rates is above 0.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.after_embedding > 0.0 || self.between_layers > 0.0 || self.after_last > 0.0
    }
}

/// Where a model computes. Written `cpu` or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    /// The processor.
    Cpu,
    /// The CUDA device with this index.
    Cuda(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.pad("cpu"),
            Self::Cuda(index) => f.pad(&format!("cuda:{index}")),
        }
    }
}

impl FromStr for Device {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        if text == "cpu" {
            return Ok(Self::Cpu);
        }
        let cuda = text.strip_prefix("cuda:").and_then(|index| index.parse().ok()).map(Self::Cuda);
        // A sign or a leading zero would be a second name of the same device.
        cuda.filter(|device| device.to_string() == text)
            .ok_or_else(|| SpecError::new("device", format!("`{text}` is neither `cpu` nor `cuda:N`")))
    }
}

impl TryFrom<String> for Device {
    type Error = SpecError;

    fn try_from(text: String) -> Result<Self, SpecError> {
        text.parse()
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

/// Which implementation of the recurrent layers a backend uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// The framework's own layers and differentiation, where it has them.
    Stock,
    /// The backend's own arrangement of the framework's operations, equal to float32 rounding.
    Fused,
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stock => "stock",
            Self::Fused => "fused",
        })
    }
}

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
