//! Distributions of initial weights, by name. The harness draws from them; backends only name those of their framework.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A distribution of initial weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Initializer {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// Normal with this mean and standard deviation.
    Normal {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        std: f64,
    },
    /// Uniform on `[low, high)`.
    Uniform {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// Uniform on `±1 / sqrt(hidden_size)`: every weight and bias of PyTorch's recurrent layers
    /// (`RNNBase.reset_parameters`).
    HiddenUniform,
    /// Uniform on `±1 / sqrt(fan_in)`, `fan_in` being the columns of the layer's kernel: weight and bias of PyTorch's
    /// `nn.Linear`.
    FanInUniform,
    /// Glorot & Bengio 2010, equation 16: uniform on `±sqrt(6 / (fan_in + fan_out))`, the fans being those of the whole
    /// kernel with all its gates, as Keras takes them.
    GlorotUniform,
    /// Saxe et al. 2013 (arXiv 1312.6120): a matrix with orthonormal columns (or rows, whichever are shorter),
    /// `[gates * hidden_size, hidden_size]` as a whole, which is what Keras' recurrent default and PyTorch's
    /// `nn.init.orthogonal_(weight_hh)` give.
    Orthogonal,
    /// An orthogonal matrix for each gate on its own.
    OrthogonalPerGate,
    /// 0, and 1 for the forget gate of an LSTM: Keras' `unit_forget_bias`.
    UnitForgetBias,
}

impl fmt::Display for Initializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Zeros => "zeros".into(),
            Self::Ones => "ones".into(),
            Self::Normal { mean, std } => format!("N({mean}, {std}²)"),
            Self::Uniform { low, high } => format!("U({low}, {high})"),
            Self::HiddenUniform => "U(±1/√hidden)".into(),
            Self::FanInUniform => "U(±1/√fan_in)".into(),
            Self::GlorotUniform => "Glorot uniform".into(),
            Self::Orthogonal => "orthogonal".into(),
            Self::OrthogonalPerGate => "orthogonal per gate".into(),
            Self::UnitForgetBias => "zeros, LSTM forget gate 1".to_owned(),
        };
        f.pad(&text)
    }
}
