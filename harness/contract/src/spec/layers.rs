//! The recurrent layers of a model, and what goes from them into the head.

use std::fmt;

use serde::{Deserialize, Serialize};

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
