//! Inverted dropout whose masks depend on the spec's seed and the number of the step alone.
//!
//! libtorch has one generator per process and device, which every model in the process would share, and on processors
//! that are not Intel's it draws masks one element at a time. So masks are drawn here, by `ChaCha8` with the spec's seed
//! and the step's number as its stream: each step has its own stream, whatever was computed before, with any number of
//! threads and on any device.

use harness_contract::{DropoutSpec, ModelSpec};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tch::{Device, Kind, TchError, Tensor};

use crate::host::elements_mut;
use crate::parameters::length;

/// The masks of one training step, already scaled: each element is 0 or `1 / (1 - rate)`. `None` where the rate is 0.
#[derive(Default)]
pub(crate) struct Masks {
    /// On the embedded tokens, `[time, rows, embedding_size]`.
    pub(crate) after_embedding: Option<Tensor>,
    /// On the output of each layer but the last, `[time, rows, hidden_size]`; empty where the rate is 0.
    pub(crate) between_layers: Vec<Tensor>,
    /// On the pooled output of the last layer, `[rows, hidden_size]`.
    pub(crate) after_last: Option<Tensor>,
}

/// Draws the masks of training step `step` (counted from 1) for a batch of `rows` rows and `time` steps.
pub(crate) fn draw(
    spec: &ModelSpec,
    step: u64,
    time: usize,
    rows: usize,
    options: (Kind, Device),
) -> Result<Masks, TchError> {
    let DropoutSpec { after_embedding, between_layers, after_last, seed } = spec.dropout;
    let mut numbers = ChaCha8Rng::seed_from_u64(seed);
    numbers.set_stream(step);
    let (time, rows, hidden_size) = (length(time), length(rows), length(spec.hidden_size));
    let mut mask = |rate: f64, shape: &[i64]| -> Result<Option<Tensor>, TchError> {
        if rate == 0.0 {
            return Ok(None);
        }
        let mut mask = Tensor::f_empty(shape, (Kind::Float, Device::Cpu))?;
        fill(elements_mut(&mut mask)?, rate, &mut numbers);
        mask.f_to_device(options.1)?.f_to_kind(options.0).map(Some)
    };
    Ok(Masks {
        after_embedding: mask(after_embedding, &[time, rows, length(spec.embedding_size)])?,
        between_layers: (1..spec.layers)
            .filter_map(|_| mask(between_layers, &[time, rows, hidden_size]).transpose())
            .collect::<Result<_, _>>()?,
        after_last: mask(after_last, &[rows, hidden_size])?,
    })
}

/// Multiplies by a mask where there is one.
pub(crate) fn apply(values: Tensor, mask: Option<&Tensor>) -> Result<Tensor, TchError> {
    match mask {
        Some(mask) => values.f_mul(mask),
        None => Ok(values),
    }
}

/// Sets each element to 0 with probability `rate`, to within `2^-32`, and else to `1 / (1 - rate)`.
///
/// An element takes 16 random bits. Where these are as the threshold's first half, 16 more decide.
fn fill(mask: &mut [f32], rate: f64, numbers: &mut ChaCha8Rng) {
    const HALF: usize = size_of::<u16>();
    let keep = 1.0 - rate;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of 2^32, and a float32 scale")]
    let (threshold, scale) = ((keep * 2.0_f64.powi(32)) as u32, (1.0 / keep) as f32);
    #[expect(clippy::cast_possible_truncation, reason = "each half of 32 bits")]
    let (first, second) = ((threshold >> 16) as u16, threshold as u16);
    let mut bytes = [0; 1_024 * HALF];
    for part in mask.chunks_mut(bytes.len() / HALF) {
        let bytes = &mut bytes[..part.len() * HALF];
        numbers.fill_bytes(bytes);
        let (halves, _) = bytes.as_chunks::<HALF>();
        let mut undecided = false;
        for (element, &half) in part.iter_mut().zip(halves) {
            let half = u16::from_le_bytes(half);
            undecided |= half == first;
            *element = if half < first { scale } else { 0.0 };
        }
        if undecided {
            for (element, _) in part.iter_mut().zip(halves).filter(|&(_, &half)| u16::from_le_bytes(half) == first) {
                #[expect(clippy::cast_possible_truncation, reason = "16 bits are needed")]
                let more = numbers.next_u32() as u16;
                *element = if more < second { scale } else { 0.0 };
            }
        }
    }
}
