//! Inverted dropout (Srivastava et al. 2014): an element is dropped with probability `rate`, and what is kept is scaled by
//! `1 / (1 - rate)`, so that its expectation stays.
//!
//! Masks come from a counter, not from a stream: whether an element is kept depends on the seed, the step, the place and the element alone, so
//! nothing that happens in between, such as a prediction, can disturb them.

use harness_contract::{DropoutSpec, ModelSpec};

/// Multipliers (0 or `1 / (1 - rate)`) at the three places where dropout can act; none where it doesn't.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DropoutMasks {
    /// On the embedded tokens, `[batch, time, embedding_size]`.
    pub after_embedding: Option<Vec<f64>>,
    /// On the output of each recurrent layer but the last, `[layers - 1]` of `[batch, time, hidden_size * directions]`, or empty.
    pub between_layers: Vec<Vec<f64>>,
    /// On the pooled output of the last layer, `[batch, hidden_size * directions]`.
    pub after_last: Option<Vec<f64>>,
}

impl DropoutMasks {
    /// No dropout.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The masks of training step `step` (counted from 0) for a batch of `rows` rows of `time` steps.
    #[must_use]
    pub fn draw(spec: &ModelSpec, step: u64, rows: usize, time: usize) -> Self {
        let DropoutSpec { after_embedding, between_layers, after_last, seed } = spec.dropout;
        let width = spec.hidden_size * spec.directions();
        let draw = |rate: f64, place: u64, elements: usize| {
            let key = mix(mix(mix(seed) ^ step) ^ place);
            (rate > 0.0).then(|| (0..elements as u64).map(|element| keep(rate, key, element)).collect())
        };
        Self {
            after_embedding: draw(after_embedding, 0, rows * time * spec.embedding_size),
            between_layers: (2..)
                .take(spec.layers - 1)
                .filter_map(|place| draw(between_layers, place, rows * time * width))
                .collect(),
            after_last: draw(after_last, 1, rows * width),
        }
    }
}

/// The multiplier of one element: 0 with probability `rate`, else `1 / (1 - rate)`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "53 bits are kept, which f64 holds exactly")]
pub fn keep(rate: f64, key: u64, element: u64) -> f64 {
    let uniform = (mix(key ^ element) >> 11) as f64 / (1_u64 << 53) as f64;
    if uniform < rate { 0.0 } else { 1.0 / (1.0 - rate) }
}

/// One output of SplitMix64 (Steele, Lea & Flood 2014): a bijection of 64 bits whose outputs on consecutive inputs look independent.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
