//! Adam and weight decay, as either framework has them.

use serde::{Deserialize, Serialize};

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
    /// How a repeated word enters the second moment of the embedding, unless [`ClipForm::Occurrences`](super::ClipForm::Occurrences) sums it first.
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
