//! Dropout masks that depend on the seed, the step and the place alone, so that a run can be repeated.
//!
//! Drawing them is a tenth of a SimpleRNN's training step, so one random word of 32 bits serves two elements: each is dropped if its
//! 16 bits are less than the rate times 2^16. Rates are therefore met to one part in 131072. The two are neighbours in one column:
//! were they in one row, XLA would not vectorise what it does with the mask.

use harness_contract::{DropoutSpec, ModelSpec};
use tensorflow::DataType;

use crate::graph::scan::Extent;
use crate::graph::{Attribute, Builder, Value};
use crate::network::Masks;

/// Philox counters are this far apart from step to step, so that each place of a step has its own. A mask draws fewer
/// than 2^64 numbers, and those are counted by the counter's other word.
const PLACES_A_STEP: u64 = 1 << 16;

/// The random words of one step's masks and the counters that have to be fed for them, one for each mask.
pub(crate) struct Dropout<'b> {
    /// Words, int32, in place of each mask: half as many rows.
    pub(crate) words: Masks<'b>,
    /// Placeholders of counters, `uint64 [2]`, in the order of their places.
    pub(crate) counters: Vec<Value<'b>>,
}

/// Draws the words of a network's masks.
pub(crate) fn dropout<'b>(b: &'b Builder, spec: &ModelSpec, extent: Extent<'b>) -> Dropout<'b> {
    let rates = &spec.dropout;
    let mut counters = Vec::new();
    let mut draw = |rows: Value<'b>, columns: usize| {
        let words = (rows + b.int(1)).floor_divided_by(b.int(2));
        let counter = b.placeholder(DataType::UInt64);
        counters.push(counter);
        b.op("StatelessRandomUniformFullIntV2")
            .input(b.pack(&[words, b.int(int32(columns))]))
            .input(b.tensor(&[1], &[rates.seed]))
            .input(counter)
            .input(b.int(PHILOX))
            .attribute("dtype", Attribute::Type(DataType::Int32))
            .value()
    };
    let steps = extent.time * extent.batch;
    let after_embedding = (rates.after_embedding > 0.0).then(|| draw(steps, spec.embedding_size));
    let between = if rates.between_layers > 0.0 { spec.layers - 1 } else { 0 };
    let between_layers = (0..between).map(|_| draw(steps, spec.hidden_size)).collect();
    let after_last = (rates.after_last > 0.0).then(|| draw(extent.batch, spec.hidden_size));
    Dropout { words: Masks { after_embedding, between_layers, after_last }, counters }
}

/// The masks that were drawn as `words`.
pub(crate) fn masks<'b>(words: &Masks<'b>, spec: &ModelSpec, extent: Extent<'b>) -> Masks<'b> {
    let rates: &DropoutSpec = &spec.dropout;
    let steps = extent.time * extent.batch;
    Masks {
        after_embedding: words
            .after_embedding
            .map(|words| mask(words, steps, spec.embedding_size, rates.after_embedding)),
        between_layers: words
            .between_layers
            .iter()
            .map(|&words| mask(words, steps, spec.hidden_size, rates.between_layers))
            .collect(),
        after_last: words.after_last.map(|words| mask(words, extent.batch, spec.hidden_size, rates.after_last)),
    }
}

/// 0 or `1 / (1 - rate)` for each element, `[rows, columns]`: the lower halves of the words stand above the upper ones.
fn mask<'b>(words: Value<'b>, rows: Value<'b>, columns: usize, rate: f64) -> Value<'b> {
    const VALUES: f64 = 65536.0;
    let b = words.builder();
    let columns = int32(columns);
    let halves = words.reshape_to(&[-1, 1, columns]).shifted_right(b.tensor(&[1, 2, 1], &[0, 16])).and(b.int(0xFFFF));
    let drawn = halves.reshape_to(&[-1, columns]).slice_first(b.ints(&[0]), rows.reshape_to(&[1]));
    #[expect(clippy::cast_possible_truncation, reason = "a rate is below 1")]
    let dropped = (rate * VALUES).round() as i32;
    drawn.greater_equal(b.int(dropped)).cast() * (1.0 / (1.0 - rate))
}

fn int32(size: usize) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

/// The counter to feed for the mask number `place` of step `step`.
pub(crate) fn counter(step: u64, place: usize) -> [u64; 2] {
    [0, step.wrapping_mul(PLACES_A_STEP).wrapping_add(place as u64)]
}

/// TensorFlow's number for the Philox generator, the same on every device.
const PHILOX: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_masks_of_a_run_share_a_counter() {
        let mut seen = std::collections::HashSet::new();
        for step in 0..500 {
            for place in 0..9 {
                assert!(seen.insert(counter(step, place)), "step {step}, place {place}");
            }
        }
    }
}
