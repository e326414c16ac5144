//! Names, shapes and groups of a model's weights: canonical, as PyTorch's `state_dict` has them.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::spec::{BiasVectors, ModelSpec};

/// What a weight is for; initialisers are chosen by group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TensorGroup {
    /// `embedding.weight`, `[vocabulary_size, embedding_size]`.
    Embedding,
    /// `rnn.weight_ih_l{k}`, `[gates * hidden_size, input_size]`.
    InputKernel,
    /// `rnn.weight_hh_l{k}`, `[gates * hidden_size, hidden_size]`.
    RecurrentKernel,
    /// `rnn.bias_ih_l{k}`, `[gates * hidden_size]`.
    InputBias,
    /// `rnn.bias_hh_l{k}`, `[gates * hidden_size]`; absent with one bias vector.
    RecurrentBias,
    /// `norm.weight_l{k}`, `[hidden_size * directions]`; only with layer norm.
    NormScale,
    /// `norm.bias_l{k}`, `[hidden_size * directions]`; only with layer norm.
    NormShift,
    /// `head.weight`, `[1, hidden_size * directions]`.
    HeadKernel,
    /// `head.bias`, `[1]`.
    HeadBias,
}

impl TensorGroup {
    /// Every group, in canonical order.
    pub const ALL: [Self; 9] = [
        Self::Embedding,
        Self::InputKernel,
        Self::RecurrentKernel,
        Self::InputBias,
        Self::RecurrentBias,
        Self::NormScale,
        Self::NormShift,
        Self::HeadKernel,
        Self::HeadBias,
    ];

    /// The name as study files write it, e.g. `recurrent-kernel`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::InputKernel => "input-kernel",
            Self::RecurrentKernel => "recurrent-kernel",
            Self::InputBias => "input-bias",
            Self::RecurrentBias => "recurrent-bias",
            Self::NormScale => "norm-scale",
            Self::NormShift => "norm-shift",
            Self::HeadKernel => "head-kernel",
            Self::HeadBias => "head-bias",
        }
    }
}

/// One weight tensor of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The canonical name, e.g. `rnn.weight_hh_l1`.
    pub name: String,
    /// The shape, e.g. `[192, 64]`.
    pub shape: Vec<usize>,
    /// What it is for.
    pub group: TensorGroup,
}

impl Parameter {
    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no elements, which no parameter of a checked spec has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ModelSpec {
    /// Every trainable tensor of the model in canonical order: the embedding, then per layer and direction
    /// `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh` (suffix `_reverse` for the second direction), then the
    /// norm, then the head. Gate blocks are stacked along the first axis in PyTorch's order (LSTM i, f, g, o; GRU r, z, n).
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        let rows = self.cell.gates() * self.hidden_size;
        let width = self.hidden_size * self.directions();
        let mut all = vec![Parameter {
            name: "embedding.weight".into(),
            shape: vec![self.vocabulary_size, self.embedding_size],
            group: TensorGroup::Embedding,
        }];
        for layer in 0..self.layers {
            for suffix in ["", "_reverse"].into_iter().take(self.directions()) {
                let mut push = |name: &str, shape, group| {
                    all.push(Parameter { name: format!("rnn.{name}_l{layer}{suffix}"), shape, group });
                };
                let input = self.input_size(layer);
                push("weight_ih", vec![rows, input], TensorGroup::InputKernel);
                push("weight_hh", vec![rows, self.hidden_size], TensorGroup::RecurrentKernel);
                push("bias_ih", vec![rows], TensorGroup::InputBias);
                if self.bias_vectors == BiasVectors::Two {
                    push("bias_hh", vec![rows], TensorGroup::RecurrentBias);
                }
            }
            if self.layer_norm {
                for (name, group) in [("weight", TensorGroup::NormScale), ("bias", TensorGroup::NormShift)] {
                    all.push(Parameter { name: format!("norm.{name}_l{layer}"), shape: vec![width], group });
                }
            }
        }
        all.push(Parameter { name: "head.weight".into(), shape: vec![1, width], group: TensorGroup::HeadKernel });
        all.push(Parameter { name: "head.bias".into(), shape: vec![1], group: TensorGroup::HeadBias });
        all
    }

    /// The variables of the model as ranges of [`Self::parameters`]: each parameter is one, but that the bias vectors of a layer and direction are
    /// one together, as a Keras `GRU` holds them.
    #[must_use]
    pub fn variables(&self) -> Vec<Range<usize>> {
        let mut variables: Vec<Range<usize>> = Vec::new();
        for (at, parameter) in self.parameters().iter().enumerate() {
            match variables.last_mut() {
                Some(last) if parameter.group == TensorGroup::RecurrentBias => last.end = at + 1,
                _ => variables.push(at..at + 1),
            }
        }
        variables
    }

    /// Elements of all weights together, counted without making the list; sizes must be within their [bounds](crate::bounds).
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        let rows = (self.cell.gates() * self.hidden_size) as u64;
        let (hidden, directions) = (self.hidden_size as u64, self.directions() as u64);
        let biases = if self.bias_vectors == BiasVectors::Two { 2 } else { 1 };
        let norm = if self.layer_norm { 2 * hidden * directions } else { 0 };
        let layer = |layer: usize| rows * (self.input_size(layer) as u64 + hidden + biases) * directions + norm;
        // All layers but the first are alike.
        let layers = layer(0) + (self.layers as u64 - 1) * layer(1);
        self.vocabulary_size as u64 * self.embedding_size as u64 + layers + hidden * directions + 1
    }
}
