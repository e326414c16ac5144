//! Weights of a run: `weights.safetensors`, by canonical name.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use harness_contract::WeightMap;
use harness_contract::wire::floats_to_bytes;
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::store::{RecordError, write_atomically};

/// Writes weights, atomically. The file's metadata names the run's fingerprint.
///
/// # Errors
/// If the file can't be written.
pub fn write_weights(path: &Path, weights: &WeightMap, fingerprint: &str) -> Result<(), RecordError> {
    let refuse = |source| RecordError::Weights { path: path.into(), source };
    let bytes: Vec<_> =
        weights.iter().map(|(name, tensor)| (name, tensor.shape.clone(), floats_to_bytes(&tensor.data))).collect();
    let mut views = Vec::with_capacity(bytes.len());
    for (name, shape, data) in &bytes {
        views.push((*name, TensorView::new(Dtype::F32, shape.clone(), data).map_err(refuse)?));
    }
    let metadata = HashMap::from([("fingerprint".to_owned(), fingerprint.to_owned())]);
    let file = serialize(views, Some(metadata)).map_err(refuse)?;
    write_atomically(path, |out| out.write_all(&file).map_err(|source| RecordError::Io { path: path.into(), source }))
}
