//! Inverted dropout whose masks depend on the spec's seed and the number of the step alone.
//!
//! libtorch draws from one generator per process and device. It is seeded anew for every training step, from the
//! spec's seed and the step's number, right before that step's masks are drawn, and nothing else draws from it. So a
//! model's masks depend neither on other models in the process nor on what was predicted in between.

use std::sync::{Mutex, PoisonError};

use harness_contract::{DropoutSpec, ModelSpec};
use tch::{Device, Kind, TchError, Tensor};

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
    /// Held from seeding to the last draw, because the generator belongs to the whole process.
    static GENERATOR: Mutex<()> = Mutex::new(());

    let DropoutSpec { after_embedding, between_layers, after_last, seed } = spec.dropout;
    if !spec.dropout.is_active() {
        return Ok(Masks::default());
    }
    let (time, rows, hidden_size) = (length(time), length(rows), length(spec.hidden_size));
    let _held = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::manual_seed(step_seed(seed, step));
    let mask = |rate: f64, shape: &[i64]| -> Result<Option<Tensor>, TchError> {
        if rate == 0.0 {
            return Ok(None);
        }
        let keep = 1.0 - rate;
        Tensor::f_empty(shape, options)?.f_bernoulli_float_(keep)?.f_div_scalar_(keep).map(Some)
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

/// A seed for each pair of seed and step: the output function of `SplitMix64` (Steele, Lea & Flood 2014,
/// <https://doi.org/10.1145/2660193.2660195>) applied to one, combined with the other, and applied again, so that
/// neighbouring seeds and steps give unrelated masks.
fn step_seed(seed: u64, step: u64) -> i64 {
    const fn scatter(value: u64) -> u64 {
        let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^ (value >> 31)
    }
    i64::from_ne_bytes(scatter(scatter(seed) ^ step).to_ne_bytes())
}
