//! One number for every parameter of a model: its weights, their gradient, or a moment of Adam.

use harness_contract::{BackendError, BiasVectors, ModelSpec, ModelState, StatePart, Tensor, WeightMap};

/// A number for every parameter, in the model's structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// `embedding.weight`, `[vocabulary_size, embedding_size]`.
    pub embedding: Vec<f64>,
    /// The recurrent layers from the first to the last.
    pub layers: Vec<LayerParameters>,
    /// `head.weight`, `[1, hidden_size * directions]`.
    pub head_weight: Vec<f64>,
    /// `head.bias`, `[1]`.
    pub head_bias: Vec<f64>,
    bias_vectors: BiasVectors,
}

/// The parameters of one recurrent layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerParameters {
    /// One for each direction, the forward one first.
    pub directions: Vec<DirectionParameters>,
    /// The layer norm after it, if there is one.
    pub norm: Option<NormParameters>,
}

/// The parameters of one direction of one layer. Blocks of gates lie along the first axis (LSTM i, f, g, o; GRU r, z, n).
#[derive(Debug, Clone, PartialEq)]
pub struct DirectionParameters {
    /// `[gates * hidden_size, input_size]`.
    pub weight_ih: Vec<f64>,
    /// `[gates * hidden_size, hidden_size]`.
    pub weight_hh: Vec<f64>,
    /// `[gates * hidden_size]`.
    pub bias_ih: Vec<f64>,
    /// `[gates * hidden_size]`. With [`BiasVectors::One`] it is no parameter: it is 0 and no optimiser sees it.
    pub bias_hh: Vec<f64>,
}

/// The parameters of a layer norm.
#[derive(Debug, Clone, PartialEq)]
pub struct NormParameters {
    /// `norm.weight_l{k}`, `[hidden_size * directions]`.
    pub scale: Vec<f64>,
    /// `norm.bias_l{k}`, `[hidden_size * directions]`.
    pub shift: Vec<f64>,
}

impl Parameters {
    /// All 0.
    #[must_use]
    pub fn zeros(spec: &ModelSpec) -> Self {
        let rows = spec.cell.gates() * spec.hidden_size;
        let width = spec.hidden_size * spec.directions();
        let direction = |layer: usize| DirectionParameters {
            weight_ih: vec![0.0; rows * spec.input_size(layer)],
            weight_hh: vec![0.0; rows * spec.hidden_size],
            bias_ih: vec![0.0; rows],
            bias_hh: vec![0.0; rows],
        };
        let layer = |layer: usize| LayerParameters {
            directions: vec![direction(layer); spec.directions()],
            norm: spec.layer_norm.then(|| NormParameters { scale: vec![0.0; width], shift: vec![0.0; width] }),
        };
        Self {
            embedding: vec![0.0; spec.vocabulary_size * spec.embedding_size],
            layers: (0..spec.layers).map(layer).collect(),
            head_weight: vec![0.0; width],
            head_bias: vec![0.0],
            bias_vectors: spec.bias_vectors,
        }
    }

    /// The numbers of a weight map.
    ///
    /// # Errors
    /// The first weight that is missing or doesn't fit the spec.
    pub fn from_weights(spec: &ModelSpec, weights: &WeightMap) -> Result<Self, BackendError> {
        weights.check(spec)?;
        let mut parameters = Self::zeros(spec);
        for (parameter, values) in spec.parameters().iter().zip(parameters.tensors_mut()) {
            for (value, &weight) in values.iter_mut().zip(&weights.get(&parameter.name)?.data) {
                *value = f64::from(weight);
            }
        }
        Ok(parameters)
    }

    /// A weight map with each number rounded to the nearest `f32`, so that weights which came from one go back as the very same bytes.
    ///
    /// # Errors
    /// None for the spec that these parameters were made with.
    #[expect(clippy::cast_possible_truncation, reason = "the contract's weights are f32")]
    pub fn to_weights(&self, spec: &ModelSpec) -> Result<WeightMap, BackendError> {
        let mut weights = WeightMap::new();
        for (parameter, values) in spec.parameters().into_iter().zip(self.tensors()) {
            let data = values.iter().map(|&value| value as f32).collect();
            weights.insert(parameter.name, Tensor { shape: parameter.shape, data })?;
        }
        Ok(weights)
    }

    /// One part of a state, in full precision.
    ///
    /// # Errors
    /// The first tensor that is missing from it or is not float64.
    pub fn from_state(spec: &ModelSpec, state: &ModelState, part: StatePart) -> Result<Self, BackendError> {
        let mut parameters = Self::zeros(spec);
        for (parameter, values) in spec.parameters().iter().zip(parameters.tensors_mut()) {
            values.copy_from_slice(state.float64(part, &parameter.name)?);
        }
        Ok(parameters)
    }

    /// Every trainable tensor, in the order of [`ModelSpec::parameters`]; the embedding is the first.
    #[must_use]
    pub fn tensors(&self) -> Vec<&Vec<f64>> {
        let mut all = vec![&self.embedding];
        for layer in &self.layers {
            for direction in &layer.directions {
                all.extend([&direction.weight_ih, &direction.weight_hh, &direction.bias_ih]);
                if self.bias_vectors == BiasVectors::Two {
                    all.push(&direction.bias_hh);
                }
            }
            if let Some(norm) = &layer.norm {
                all.extend([&norm.scale, &norm.shift]);
            }
        }
        all.extend([&self.head_weight, &self.head_bias]);
        all
    }

    /// [`Self::tensors`], to change them.
    pub fn tensors_mut(&mut self) -> Vec<&mut Vec<f64>> {
        let mut all = vec![&mut self.embedding];
        for layer in &mut self.layers {
            for direction in &mut layer.directions {
                all.extend([&mut direction.weight_ih, &mut direction.weight_hh, &mut direction.bias_ih]);
                if self.bias_vectors == BiasVectors::Two {
                    all.push(&mut direction.bias_hh);
                }
            }
            if let Some(norm) = &mut layer.norm {
                all.extend([&mut norm.scale, &mut norm.shift]);
            }
        }
        all.extend([&mut self.head_weight, &mut self.head_bias]);
        all
    }

    /// The Euclidean norm of the difference to other numbers of the same model.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f64 {
        let pairs = self.tensors().into_iter().flatten().zip(other.tensors().into_iter().flatten());
        pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
    }

    /// The Euclidean norm of all numbers together.
    #[must_use]
    pub fn norm(&self) -> f64 {
        self.tensors().into_iter().flatten().map(|x| x * x).sum::<f64>().sqrt()
    }
}
