//! All that the rest of a training run depends on beside its spec and its batches: what a run goes on from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::parameters::Parameter;
use crate::spec::ModelSpec;

/// What the elements of a state are. A backend whose optimiser works in float64 has to hand that out, or the bytes would differ afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// 4 bytes.
    Float32,
    /// 8 bytes.
    Float64,
}

impl Element {
    /// Bytes of one element.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }
}

/// What a state holds for each weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StatePart {
    /// The weight itself.
    Weights,
    /// Adam's first moment of it, not corrected for bias.
    FirstMoment,
    /// Adam's second moment of it, not corrected for bias.
    SecondMoment,
}

impl StatePart {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::Weights, Self::FirstMoment, Self::SecondMoment];

    /// The name under which a weight's tensor of this part stands, e.g. `adam.first_moment/head.bias`.
    #[must_use]
    pub fn name_of(self, weight: &str) -> String {
        let part = match self {
            Self::Weights => "weights",
            Self::FirstMoment => "adam.first_moment",
            Self::SecondMoment => "adam.second_moment",
        };
        format!("{part}/{weight}")
    }
}

/// The elements of a tensor, row-major. Any number may stand there, infinities and NaN too.
#[derive(Debug, Clone, PartialEq)]
pub enum Elements {
    /// Of [`Element::Float32`].
    Float32(Vec<f32>),
    /// Of [`Element::Float64`].
    Float64(Vec<f64>),
}

impl Elements {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Float32(data) => data.len(),
            Self::Float64(data) => data.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they are.
    #[must_use]
    pub const fn element(&self) -> Element {
        match self {
            Self::Float32(_) => Element::Float32,
            Self::Float64(_) => Element::Float64,
        }
    }
}

/// One tensor of a state.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTensor {
    /// The length of each axis, as the weight's.
    pub shape: Vec<usize>,
    /// `shape.iter().product()` elements.
    pub data: Elements,
}

/// The state of a model and its optimiser between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelState {
    /// Steps that the optimiser has taken.
    pub steps: u64,
    /// Where each random stream stands, by the backend's own name for it, in words that only the backend understands.
    pub streams: BTreeMap<String, Vec<u64>>,
    tensors: BTreeMap<String, StateTensor>,
}

/// A state that doesn't fit the model it is meant for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A tensor that is not there.
    #[error("`{0}` is missing from the state")]
    Missing(String),
    /// A tensor that the model has no use for.
    #[error("`{0}` is not part of this model's state")]
    Unknown(String),
    /// The wrong shape, or data that doesn't fill it.
    #[error("`{name}` has shape {found:?} and {elements} elements, the model's state needs {needed:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// How many elements it holds.
        elements: usize,
        /// The shape needed.
        needed: Vec<usize>,
    },
    /// Elements of the wrong kind.
    #[error("`{name}` has elements of the kind {found:?}, this backend's state needs {needed:?}")]
    Element {
        /// The tensor.
        name: String,
        /// What its elements are.
        found: Element,
        /// What they must be.
        needed: Element,
    },
    /// A name given twice.
    #[error("`{0}` is given twice")]
    Twice(String),
    /// A number that can't be.
    #[error("{field}: {reason}")]
    Field {
        /// `steps` or `streams`.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl ModelState {
    /// A state without tensors.
    #[must_use]
    pub fn new(steps: u64, streams: BTreeMap<String, Vec<u64>>) -> Self {
        Self { steps, streams, tensors: BTreeMap::new() }
    }

    /// A state of a model; `data` gives the elements of each part of each weight.
    ///
    /// # Errors
    /// Whatever `data` fails with.
    pub fn of<E>(
        spec: &ModelSpec,
        (steps, streams): (u64, BTreeMap<String, Vec<u64>>),
        mut data: impl FnMut(StatePart, usize, &Parameter) -> Result<Elements, E>,
    ) -> Result<Self, E> {
        let mut state = Self::new(steps, streams);
        for part in StatePart::ALL {
            for (place, parameter) in spec.parameters().iter().enumerate() {
                let tensor = StateTensor { shape: parameter.shape.clone(), data: data(part, place, parameter)? };
                state.tensors.insert(part.name_of(&parameter.name), tensor);
            }
        }
        Ok(state)
    }

    /// Adds a tensor under its whole name.
    ///
    /// # Errors
    /// [`StateError::Twice`] if the name is there already; the first stays.
    pub fn insert(&mut self, name: String, tensor: StateTensor) -> Result<(), StateError> {
        if self.tensors.contains_key(&name) {
            return Err(StateError::Twice(name));
        }
        self.tensors.insert(name, tensor);
        Ok(())
    }

    /// All tensors by whole name, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &StateTensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// A part of a weight.
    ///
    /// # Errors
    /// [`StateError::Missing`] if it is not there.
    pub fn get(&self, part: StatePart, weight: &str) -> Result<&StateTensor, StateError> {
        let name = part.name_of(weight);
        self.tensors.get(&name).ok_or(StateError::Missing(name))
    }

    /// The elements of a part of a weight, where they are float32.
    ///
    /// # Errors
    /// If they are not there or are not.
    pub fn float32(&self, part: StatePart, weight: &str) -> Result<&[f32], StateError> {
        match &self.get(part, weight)?.data {
            Elements::Float32(data) => Ok(data),
            Elements::Float64(_) => Err(misfit(part, weight, Element::Float64, Element::Float32)),
        }
    }

    /// The elements of a part of a weight, where they are float64.
    ///
    /// # Errors
    /// If they are not there or are not.
    pub fn float64(&self, part: StatePart, weight: &str) -> Result<&[f64], StateError> {
        match &self.get(part, weight)?.data {
            Elements::Float64(data) => Ok(data),
            Elements::Float32(_) => Err(misfit(part, weight, Element::Float32, Element::Float64)),
        }
    }

    /// The position of the one stream that a backend has, where that is one number.
    ///
    /// # Errors
    /// If the stream is not there, is something else, or there are others.
    pub fn only_position(&self, stream: &str) -> Result<u64, StateError> {
        let field = "streams";
        if let Some(other) = self.streams.keys().find(|name| *name != stream) {
            return Err(StateError::Field { field, reason: format!("this backend has no stream `{other}`") });
        }
        match self.streams.get(stream).map(Vec::as_slice) {
            Some([position]) => Ok(*position),
            Some(other) => {
                let reason = format!("the position of `{stream}` has {} words, not one", other.len());
                Err(StateError::Field { field, reason })
            }
            None => Err(StateError::Field { field, reason: format!("`{stream}` is missing") }),
        }
    }

    /// Checks that this is exactly what a model of this spec goes on from, but for what only the backend understands: every part of every weight
    /// is there, none beside them, with the right shapes and elements, and no size is over its bound.
    ///
    /// # Errors
    /// The first thing that doesn't fit.
    pub fn check(&self, spec: &ModelSpec, element: Element) -> Result<(), StateError> {
        self.check_position()?;
        let mut known = 0;
        for part in StatePart::ALL {
            for parameter in spec.parameters() {
                let name = part.name_of(&parameter.name);
                let tensor = self.tensors.get(&name).ok_or_else(|| StateError::Missing(name.clone()))?;
                known += 1;
                if tensor.shape != parameter.shape || tensor.data.len() != parameter.len() {
                    return Err(StateError::Shape {
                        name,
                        found: tensor.shape.clone(),
                        elements: tensor.data.len(),
                        needed: parameter.shape,
                    });
                }
                if tensor.data.element() != element {
                    return Err(StateError::Element { name, found: tensor.data.element(), needed: element });
                }
            }
        }
        if known == self.tensors.len() {
            return Ok(());
        }
        let names: Vec<_> = spec
            .parameters()
            .iter()
            .flat_map(|parameter| StatePart::ALL.map(|part| part.name_of(&parameter.name)))
            .collect();
        let unknown = self.tensors.keys().find(|name| !names.contains(name));
        Err(StateError::Unknown(unknown.cloned().unwrap_or_default()))
    }

    fn check_position(&self) -> Result<(), StateError> {
        let over = |field, count: u64, bound: u64| {
            let reason = format!("{count} is over the bound of {bound}");
            if count > bound { Err(StateError::Field { field, reason }) } else { Ok(()) }
        };
        over("steps", self.steps, bounds::MAX_STEPS)?;
        over("streams", self.streams.len() as u64, bounds::MAX_STREAMS as u64)?;
        let words: usize = self.streams.values().map(Vec::len).sum();
        over("streams", words as u64, bounds::MAX_STREAM_WORDS as u64)?;
        let longest = self.streams.keys().map(String::len).max().unwrap_or(0);
        over("streams", longest as u64, bounds::MAX_NAME_BYTES as u64)
    }
}

fn misfit(part: StatePart, weight: &str, found: Element, needed: Element) -> StateError {
    StateError::Element { name: part.name_of(weight), found, needed }
}
