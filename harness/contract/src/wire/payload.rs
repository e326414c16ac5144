//! Payloads: host slices to little-endian bytes and back.

use crate::backend::StepReport;
use crate::batch::{BatchError, LabelledBatch, TokenBatch};
use crate::bounds;
use crate::error::{BackendError, ErrorKind};
use crate::state::StateError;
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
    /// More tensors, axes, elements or letters than any model has.
    #[error("{what} {count}, over the bound of {bound}")]
    TooMany {
        /// What is counted, e.g. `a list of tensors has the length`.
        what: String,
        /// How many there are.
        count: u128,
        /// How many there may be.
        bound: u64,
    },
    /// A state that can't be put together.
    #[error("{0}")]
    State(#[from] StateError),
    /// Tensors that make no map.
    #[error("{0}")]
    Weights(#[from] WeightError),
}

impl From<PayloadError> for BackendError {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::Length { .. } => Self::new(ErrorKind::Request, error.to_string()),
            PayloadError::TooMany { .. } => Self::new(ErrorKind::Weights, error.to_string()),
            PayloadError::State(error) => error.into(),
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
    append(&mut payload, batch.tokens(), i32::to_le_bytes);
    append(&mut payload, batch.lengths(), i32::to_le_bytes);
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
        append(&mut payload, &tensor.data, f32::to_le_bytes);
    }
    (tensors, payload)
}

/// Reads what [`weights_payload`] wrote.
///
/// # Errors
/// If the payload has not the length that the headers announce, a size is over its bound, or a name comes twice.
pub fn read_weights(tensors: &[TensorHeader], payload: &[u8]) -> Result<WeightMap, PayloadError> {
    let lengths = element_counts(tensors, 4, payload)?;
    let mut weights = WeightMap::new();
    let mut rest = payload;
    for (tensor, length) in tensors.iter().zip(lengths) {
        let (own, after) = rest.split_at(4 * length);
        rest = after;
        let data = own.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        weights.insert(tensor.name.clone(), Tensor { shape: tensor.shape.clone(), data })?;
    }
    Ok(weights)
}

/// How many elements each tensor has. A list that passes needs no more memory than its header and payload have taken already.
///
/// # Errors
/// If the payload has not the length that the headers announce, or a size is over its bound.
pub(super) fn element_counts(tensors: &[TensorHeader], bytes: u64, payload: &[u8]) -> Result<Vec<usize>, PayloadError> {
    let product = |shape: &[usize]| shape.iter().fold(1u128, |product, &axis| product.saturating_mul(axis as u128));
    let announced = tensors
        .iter()
        .fold(0u128, |sum, tensor| sum.saturating_add(product(&tensor.shape).saturating_mul(bytes.into())));
    if payload.len() as u128 != announced {
        return Err(PayloadError::Length { found: payload.len(), announced });
    }
    let within = |what: &dyn Fn() -> String, count: u128, bound: u64| {
        if count > bound.into() { Err(PayloadError::TooMany { what: what(), count, bound }) } else { Ok(()) }
    };
    within(&|| "a list of tensors has the length".into(), tensors.len() as u128, bounds::MAX_TENSORS as u64)?;
    for TensorHeader { name, shape } in tensors {
        within(&|| "the name of a tensor has bytes:".into(), name.len() as u128, bounds::MAX_NAME_BYTES as u64)?;
        within(&|| format!("the number of axes of `{name}` is"), shape.len() as u128, bounds::MAX_AXES as u64)?;
        // An axis of any length multiplied by one of 0 is a tensor without elements, and still no shape to compute with.
        let longest = shape.iter().copied().max().unwrap_or(0);
        within(&|| format!("`{name}` has an axis of length"), longest as u128, bounds::MAX_PARAMETERS)?;
    }
    // The sum of these, in bytes, is the payload's length, so each fits.
    Ok(tensors.iter().map(|tensor| usize::try_from(product(&tensor.shape)).unwrap_or(0)).collect())
}

/// The payload of a step's report: 16 bytes, or 24 with the norm of the update.
#[must_use]
pub fn report_payload(report: &StepReport) -> Vec<u8> {
    let numbers = [Some(report.loss), Some(report.gradient_norm), report.update_norm];
    numbers.into_iter().flatten().flat_map(f64::to_le_bytes).collect()
}

/// Reads what [`report_payload`] wrote.
///
/// # Errors
/// If the payload has another length.
pub fn read_report(clipped: bool, payload: &[u8], update_norm: bool) -> Result<StepReport, PayloadError> {
    let number = |bytes: &[u8; 8]| f64::from_le_bytes(*bytes);
    match (payload.as_chunks::<8>(), update_norm) {
        (([loss, norm], []), false) => {
            Ok(StepReport { loss: number(loss), gradient_norm: number(norm), clipped, update_norm: None })
        }
        (([loss, norm, update], []), true) => Ok(StepReport {
            loss: number(loss),
            gradient_norm: number(norm),
            clipped,
            update_norm: Some(number(update)),
        }),
        _ => Err(PayloadError::Length { found: payload.len(), announced: if update_norm { 24 } else { 16 } }),
    }
}

/// Refuses a payload where none belongs.
///
/// # Errors
/// If there is one.
pub fn check_empty(payload: &[u8]) -> Result<(), PayloadError> {
    if payload.is_empty() { Ok(()) } else { Err(PayloadError::Length { found: payload.len(), announced: 0 }) }
}

/// Appends these values, each as its bytes. A batch goes through here in every step, so room for all is made at once.
pub(super) fn append<T: Copy, const N: usize>(payload: &mut Vec<u8>, values: &[T], bytes: impl Fn(T) -> [u8; N]) {
    let start = payload.len();
    payload.resize(start + N * values.len(), 0);
    for (place, value) in payload[start..].as_chunks_mut().0.iter_mut().zip(values) {
        *place = bytes(*value);
    }
}

/// Float32 values as bytes.
#[must_use]
pub fn floats_to_bytes(values: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 * values.len());
    append(&mut bytes, values, f32::to_le_bytes);
    bytes
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
