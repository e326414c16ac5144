//! Payloads: host slices to little-endian bytes and back.

use crate::batch::{BatchError, LabelledBatch, TokenBatch};
use crate::error::{BackendError, ErrorKind};
use crate::weights::{Tensor, WeightError, WeightMap};

use super::message::{BatchHeader, TensorHeader};

/// A payload that doesn't hold what its header announces.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Too many or too few bytes.
    #[error("the payload has {found} bytes, its header announces {announced}")]
    Length {
        /// Bytes there.
        found: usize,
        /// Bytes announced.
        announced: u128,
    },
    /// Tensors that make no map.
    #[error("{0}")]
    Weights(#[from] WeightError),
}

impl From<PayloadError> for BackendError {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::Length { .. } => Self::new(ErrorKind::Request, error.to_string()),
            PayloadError::Weights(error) => error.into(),
        }
    }
}

/// The parts of a batch as they came over the pipe, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPayload {
    header: BatchHeader,
    tokens: Vec<i32>,
    lengths: Vec<i32>,
    labels: Vec<u8>,
}

impl BatchPayload {
    /// The token ids, checked.
    ///
    /// # Errors
    /// What doesn't fit.
    pub fn tokens(&self) -> Result<TokenBatch<'_>, BatchError> {
        TokenBatch::new(&self.tokens, &self.lengths, self.header.time, self.header.padding)
    }

    /// The token ids with their labels, checked.
    ///
    /// # Errors
    /// What doesn't fit.
    pub fn labelled(&self) -> Result<LabelledBatch<'_>, BatchError> {
        LabelledBatch::new(self.tokens()?, &self.labels)
    }
}

/// A batch's header and payload; `labels` is empty for a prediction.
#[must_use]
pub fn batch_payload(batch: TokenBatch<'_>, labels: &[u8]) -> (BatchHeader, Vec<u8>) {
    let header = BatchHeader { rows: batch.rows(), time: batch.time(), padding: batch.padding() };
    let mut payload = Vec::with_capacity(4 * (batch.tokens().len() + batch.rows()) + labels.len());
    for value in batch.tokens().iter().chain(batch.lengths()) {
        payload.extend_from_slice(&value.to_le_bytes());
    }
    payload.extend_from_slice(labels);
    (header, payload)
}

/// Reads what [`batch_payload`] wrote.
///
/// # Errors
/// If the payload has not the length that the header announces.
pub fn read_batch(header: BatchHeader, payload: &[u8], labelled: bool) -> Result<BatchPayload, PayloadError> {
    let rows = header.rows as u128;
    // Saturating: a header may announce anything, and no payload has that many bytes.
    let token_bytes = rows.saturating_mul(header.time as u128).saturating_mul(4);
    let label_bytes = if labelled { rows } else { 0 };
    let announced = token_bytes.saturating_add(4 * rows + label_bytes);
    if payload.len() as u128 != announced {
        return Err(PayloadError::Length { found: payload.len(), announced });
    }
    let (tokens, rest) = payload.split_at(4 * header.rows * header.time);
    let (lengths, labels) = rest.split_at(4 * header.rows);
    let integers = |bytes: &[u8]| bytes.chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Ok(BatchPayload { header, tokens: integers(tokens), lengths: integers(lengths), labels: labels.to_vec() })
}

/// Headers and payload of weights, by name in alphabetical order.
#[must_use]
pub fn weights_payload(weights: &WeightMap) -> (Vec<TensorHeader>, Vec<u8>) {
    let mut tensors = Vec::with_capacity(weights.len());
    let mut payload = Vec::with_capacity(weights.iter().map(|(_, tensor)| 4 * tensor.data.len()).sum());
    for (name, tensor) in weights.iter() {
        tensors.push(TensorHeader { name: name.to_owned(), shape: tensor.shape.clone() });
        payload.extend(tensor.data.iter().flat_map(|value| value.to_le_bytes()));
    }
    (tensors, payload)
}

/// Reads what [`weights_payload`] wrote.
///
/// # Errors
/// If the payload has not the length that the headers announce, or a name comes twice.
pub fn read_weights(tensors: &[TensorHeader], payload: &[u8]) -> Result<WeightMap, PayloadError> {
    let elements =
        |tensor: &TensorHeader| tensor.shape.iter().fold(1u128, |product, &axis| product.saturating_mul(axis as u128));
    let announced = tensors.iter().fold(0u128, |sum, tensor| sum.saturating_add(elements(tensor).saturating_mul(4)));
    if payload.len() as u128 != announced {
        return Err(PayloadError::Length { found: payload.len(), announced });
    }
    let mut weights = WeightMap::new();
    let mut rest = payload;
    for tensor in tensors {
        let bytes = 4 * tensor.shape.iter().product::<usize>();
        let (own, after) = rest.split_at(bytes);
        rest = after;
        weights.insert(
            tensor.name.clone(),
            Tensor {
                shape: tensor.shape.clone(),
                data: own.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            },
        )?;
    }
    Ok(weights)
}

/// Float32 values as bytes.
#[must_use]
pub fn floats_to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Bytes as `count` float32 values.
///
/// # Errors
/// If there are more or fewer.
pub fn floats_from_bytes(bytes: &[u8], count: usize) -> Result<Vec<f32>, PayloadError> {
    let announced = 4 * count as u128;
    if bytes.len() as u128 != announced {
        return Err(PayloadError::Length { found: bytes.len(), announced });
    }
    Ok(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
}
