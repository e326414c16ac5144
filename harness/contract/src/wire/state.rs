//! A state as a header and a payload, and back.

use std::collections::BTreeMap;

use crate::state::{Element, Elements, ModelState, StateError, StateTensor};

use super::message::{StateHeader, StreamHeader, TensorHeader};
use super::payload::{PayloadError, append, element_counts};

/// Header and payload of a state, tensors by name in alphabetical order.
#[must_use]
pub fn state_payload(state: &ModelState) -> (StateHeader, Vec<u8>) {
    let mut tensors = Vec::new();
    let mut payload = Vec::new();
    let mut element = Element::Float32;
    for (name, tensor) in state.iter() {
        tensors.push(TensorHeader { name: name.to_owned(), shape: tensor.shape.clone() });
        element = tensor.data.element();
        match &tensor.data {
            Elements::Float32(data) => append(&mut payload, data, f32::to_le_bytes),
            Elements::Float64(data) => append(&mut payload, data, f64::to_le_bytes),
        }
    }
    let streams = state.streams.iter();
    let streams = streams.map(|(name, position)| StreamHeader { name: name.clone(), position: position.clone() });
    (StateHeader { steps: state.steps, streams: streams.collect(), element, tensors }, payload)
}

/// Reads what [`state_payload`] wrote.
///
/// # Errors
/// If the payload has not the length that the header announces, a size is over its bound, or a name comes twice.
pub fn read_state(header: &StateHeader, payload: &[u8]) -> Result<ModelState, PayloadError> {
    let lengths = element_counts(&header.tensors, header.element.bytes(), payload)?;
    let mut streams = BTreeMap::new();
    for StreamHeader { name, position } in &header.streams {
        if streams.insert(name.clone(), position.clone()).is_some() {
            return Err(StateError::Twice(name.clone()).into());
        }
    }
    let mut state = ModelState::new(header.steps, streams);
    let mut rest = payload;
    for (tensor, length) in header.tensors.iter().zip(lengths) {
        let data = match header.element {
            Element::Float32 => Elements::Float32(taken(&mut rest, length).map(|b| f32::from_le_bytes(*b)).collect()),
            Element::Float64 => Elements::Float64(taken(&mut rest, length).map(|b| f64::from_le_bytes(*b)).collect()),
        };
        state.insert(tensor.name.clone(), StateTensor { shape: tensor.shape.clone(), data })?;
    }
    Ok(state)
}

/// The next `length` elements of `N` bytes each; `rest` is what stands behind them.
fn taken<'a, const N: usize>(rest: &mut &'a [u8], length: usize) -> impl Iterator<Item = &'a [u8; N]> {
    let (own, after) = rest.split_at(N * length);
    *rest = after;
    own.as_chunks().0.iter()
}
