//! Dropout masks that depend on the seed, the step and the place alone, so that a run can be repeated.

use harness_contract::DropoutSpec;
use tensorflow::DataType;

use crate::graph::scan::Extent;
use crate::graph::{Attribute, Builder, Value};
use crate::network::Masks;

/// Philox counters are this far apart from step to step, so that each place of a step has its own. A mask draws fewer
/// than 2^64 numbers, and those are counted by the counter's other word.
const PLACES_A_STEP: u64 = 1 << 16;

/// Masks of one step and the counters that have to be fed for them, one for each mask.
pub(crate) struct Dropout<'b> {
    /// The masks.
    pub(crate) masks: Masks<'b>,
    /// Placeholders of counters, `uint64 [2]`, in the order of their places.
    pub(crate) counters: Vec<Value<'b>>,
}

/// Adds the masks of a network of `layers` layers to a graph.
pub(crate) fn dropout<'b>(
    b: &'b Builder,
    spec: &DropoutSpec,
    layers: usize,
    extent: Extent<'b>,
    embedding: i32,
    hidden: i32,
) -> Dropout<'b> {
    let mut counters = Vec::new();
    let mut mask = |rows: Value<'b>, columns: i32, rate: f64| {
        let counter = b.placeholder(DataType::UInt64);
        counters.push(counter);
        let uniform = b
            .op("StatelessRandomUniformV2")
            .input(b.pack(&[rows, b.int(columns)]))
            .input(b.tensor(&[1], &[spec.seed]))
            .input(counter)
            .input(b.int(PHILOX))
            .attribute("dtype", Attribute::Type(b.element()))
            .value();
        uniform.greater_equal(b.scalar(rate)).cast() * (1.0 / (1.0 - rate))
    };
    let steps = extent.time * extent.batch;
    let after_embedding = (spec.after_embedding > 0.0).then(|| mask(steps, embedding, spec.after_embedding));
    let between = if spec.between_layers > 0.0 { layers - 1 } else { 0 };
    let between_layers = (0..between).map(|_| mask(steps, hidden, spec.between_layers)).collect();
    let after_last = (spec.after_last > 0.0).then(|| mask(extent.batch, hidden, spec.after_last));
    Dropout { masks: Masks { after_embedding, between_layers, after_last }, counters }
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
