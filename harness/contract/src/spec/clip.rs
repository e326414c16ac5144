//! Gradient clipping by norm, as either framework has it.

use serde::{Deserialize, Serialize};

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
    /// Each variable by its own norm, which over the embedding counts each occurrence of a word on its own; see [`ModelSpec::variables`](super::ModelSpec::variables).
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
