//! The tensors of a state: one safetensors file with the model's, and those of the tested epoch where there is one.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use harness_contract::wire::floats_to_bytes;
use harness_contract::{Elements, ModelState, StateTensor, Tensor, WeightMap};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::{RecordError, TrainingState};
use crate::record::store::write_atomically;

/// How the names of the tested epoch's weights begin.
const TESTED: &str = "tested/";

/// The name of the tested epoch's validation logits.
const VALIDATION: &str = "validation";

/// What such a file holds.
pub(super) struct Tensors {
    /// The model and its optimiser.
    pub(super) model: ModelState,
    /// The tested epoch's weights; none where no epoch was looked at.
    pub(super) tested: WeightMap,
    /// Its validation logits.
    pub(super) validation: Vec<f32>,
}

/// Writes the tensors of a state.
///
/// # Errors
/// If the disk refuses, or a tensor has another length than its shape says.
pub(super) fn write_tensors(path: &Path, training: &TrainingState) -> Result<(), RecordError> {
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, tensor) in training.model.iter() {
        let (dtype, bytes) = match &tensor.data {
            Elements::Float32(data) => (Dtype::F32, floats_to_bytes(data)),
            Elements::Float64(data) => (Dtype::F64, data.iter().flat_map(|value| value.to_le_bytes()).collect()),
        };
        tensors.push((name.into(), dtype, tensor.shape.clone(), bytes));
    }
    if let Some(tested) = &training.tested {
        for (name, tensor) in tested.weights.iter() {
            tensors.push((format!("{TESTED}{name}"), Dtype::F32, tensor.shape.clone(), floats_to_bytes(&tensor.data)));
        }
        let logits = vec![tested.validation.len()];
        tensors.push((VALIDATION.into(), Dtype::F32, logits, floats_to_bytes(&tested.validation)));
    }
    let refuse = |source| RecordError::Weights { path: path.into(), source };
    let mut views = Vec::with_capacity(tensors.len());
    for (name, dtype, shape, bytes) in &tensors {
        views.push((name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).map_err(refuse)?));
    }
    let file = serialize(views, None::<HashMap<String, String>>).map_err(refuse)?;
    write_atomically(path, |out| out.write_all(&file).map_err(|source| RecordError::Io { path: path.into(), source }))
}

/// Reads them again: a model after `steps` optimiser steps, with its streams.
///
/// # Errors
/// What is wrong with them.
pub(super) fn read_tensors(bytes: &[u8], steps: u64, streams: BTreeMap<String, Vec<u64>>) -> Result<Tensors, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let mut model = ModelState::new(steps, streams);
    let mut tested = WeightMap::new();
    let mut validation = Vec::new();
    for (name, view) in file.iter() {
        let shape = view.shape().to_vec();
        if name == VALIDATION {
            validation = floats(&view)?;
        } else if let Some(name) = name.strip_prefix(TESTED) {
            tested.insert(name, Tensor { shape, data: floats(&view)? }).map_err(|error| error.to_string())?;
        } else {
            let data = match view.dtype() {
                Dtype::F64 => {
                    Elements::Float64(view.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
                }
                _ => Elements::Float32(floats(&view)?),
            };
            model.insert(name.into(), StateTensor { shape, data }).map_err(|error| error.to_string())?;
        }
    }
    Ok(Tensors { model, tested, validation })
}

fn floats(view: &TensorView<'_>) -> Result<Vec<f32>, String> {
    if view.dtype() != Dtype::F32 {
        return Err("a tensor of it has another kind of elements than was written".into());
    }
    Ok(view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
}
