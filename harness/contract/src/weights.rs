//! Weights as named host tensors.

use std::collections::BTreeMap;

use crate::spec::ModelSpec;

/// A dense float32 tensor in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// `shape.iter().product()` elements, the last axis contiguous.
    pub data: Vec<f32>,
}

/// A model's weights by canonical name (see [`ModelSpec::parameters`]).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WeightMap {
    tensors: BTreeMap<String, Tensor>,
}

/// Weights that don't fit the model they are meant for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightError {
    /// The model needs a tensor that is not there.
    #[error("weight `{0}` is missing")]
    Missing(String),
    /// A tensor that the model doesn't have.
    #[error("weight `{0}` is not one of this model's")]
    Unknown(String),
    /// The wrong shape, or data that doesn't fill it.
    #[error("weight `{name}` has shape {found:?} and {elements} elements, the model needs {needed:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// How many elements it holds.
        elements: usize,
        /// The shape the model needs.
        needed: Vec<usize>,
    },
    /// A NaN or an infinity.
    #[error("weight `{name}` is not finite at element {index}")]
    NotFinite {
        /// The tensor.
        name: String,
        /// The first offending element, counted from 0 in row-major order.
        index: usize,
    },
    /// The same name twice.
    #[error("weight `{0}` is given twice")]
    Twice(String),
}

impl WeightMap {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor.
    ///
    /// # Errors
    /// [`WeightError::Twice`] if the name is there already; the map keeps the first.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) -> Result<(), WeightError> {
        let name = name.into();
        if self.tensors.contains_key(&name) {
            return Err(WeightError::Twice(name));
        }
        self.tensors.insert(name, tensor);
        Ok(())
    }

    /// The tensor of that name.
    ///
    /// # Errors
    /// [`WeightError::Missing`] if there is none.
    pub fn get(&self, name: &str) -> Result<&Tensor, WeightError> {
        self.tensors.get(name).ok_or_else(|| WeightError::Missing(name.to_owned()))
    }

    /// The tensor of that name, to change it.
    ///
    /// # Errors
    /// [`WeightError::Missing`] if there is none.
    pub fn get_mut(&mut self, name: &str) -> Result<&mut Tensor, WeightError> {
        self.tensors.get_mut(name).ok_or_else(|| WeightError::Missing(name.to_owned()))
    }

    /// All tensors, by name in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// How many tensors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Checks that these are exactly the weights of a model: every name there, none beside them, shapes right, all finite.
    ///
    /// # Errors
    /// The first tensor that doesn't fit, in canonical order.
    pub fn check(&self, spec: &ModelSpec) -> Result<(), WeightError> {
        self.check_shapes(spec)?;
        for (name, tensor) in self.iter() {
            if let Some(index) = tensor.data.iter().position(|value| !value.is_finite()) {
                return Err(WeightError::NotFinite { name: name.to_owned(), index });
            }
        }
        Ok(())
    }

    /// Checks that these are the weights of a model but for their numbers, which may be what a diverged training left.
    ///
    /// # Errors
    /// The first tensor that doesn't fit, in canonical order.
    pub fn check_shapes(&self, spec: &ModelSpec) -> Result<(), WeightError> {
        let parameters = spec.parameters();
        for parameter in &parameters {
            let tensor = self.get(&parameter.name)?;
            if tensor.shape != parameter.shape || tensor.data.len() != parameter.len() {
                return Err(WeightError::Shape {
                    name: parameter.name.clone(),
                    found: tensor.shape.clone(),
                    elements: tensor.data.len(),
                    needed: parameter.shape.clone(),
                });
            }
        }
        match self.tensors.keys().find(|name| !parameters.iter().any(|parameter| parameter.name == **name)) {
            Some(name) => Err(WeightError::Unknown(name.clone())),
            None => Ok(()),
        }
    }
}
