//! How far two results lie apart. What has another shape or is not finite lies infinitely far.

use crate::parameters::{Parameter, TensorGroup};
use crate::spec::{CellKind, ModelSpec};
use crate::weights::WeightMap;

/// The gradient of the head's bias is a mean of `p - y` over the rows: of numbers of size 1/2 that may cancel to nearly nothing, while their
/// rounding stays. So what is left of them is no measure of that rounding where it is smaller than this.
const HEAD_BIAS: f64 = 0.01;

/// The largest difference, relative to the expected value where that is larger than 1.
pub(super) fn logits(found: &[f32], expected: &[f32]) -> f64 {
    largest(found, expected, |expected| expected.abs().max(1.0))
}

/// The largest difference relative to the expected value, which is taken to be at least a thousandth of the largest expected.
pub(super) fn relative(found: &[f32], expected: &[f32]) -> f64 {
    let top = expected.iter().fold(0.0_f64, |top, &x| top.max(f64::from(x).abs()));
    largest(found, expected, |expected| expected.abs().max(1e-3 * top).max(f64::MIN_POSITIVE))
}

/// The largest difference relative to the largest expected value.
pub(super) fn overall(found: &[f32], expected: &[f32]) -> f64 {
    let top = expected.iter().fold(0.0_f64, |top, &x| top.max(f64::from(x).abs()));
    largest(found, expected, |_| top.max(f64::MIN_POSITIVE))
}

/// The difference of two numbers relative to the expected one.
pub(super) fn relative_scalar(found: f64, expected: f64) -> f64 {
    finite_or_infinite((found - expected).abs() / expected.abs().max(f64::MIN_POSITIVE))
}

/// The difference of two numbers, relative where the expected one is above 1.
pub(super) fn scalar(found: f64, expected: f64) -> f64 {
    finite_or_infinite((found - expected).abs() / expected.abs().max(1.0))
}

fn largest(found: &[f32], expected: &[f32], scale: impl Fn(f64) -> f64) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let pairs = found.iter().zip(expected).map(|(&found, &expected)| (f64::from(found), f64::from(expected)));
    pairs.map(|(found, expected)| finite_or_infinite((found - expected).abs() / scale(expected))).fold(0.0, f64::max)
}

fn finite_or_infinite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::INFINITY }
}

/// How many elements of two weight maps differ in a bit, and the first of them; a tensor that only one has counts whole.
pub(super) fn bits(found: &WeightMap, expected: &WeightMap) -> (usize, String) {
    let mut count = 0;
    let mut place = String::new();
    let mut note = |differing: usize, what: String| {
        if differing > 0 && count == 0 {
            place = what;
        }
        count += differing;
    };
    for (name, tensor) in expected.iter() {
        match found.get(name) {
            Ok(other) if other.shape == tensor.shape && other.data.len() == tensor.data.len() => {
                let pairs = || tensor.data.iter().zip(&other.data).map(|(a, b)| a.to_bits() != b.to_bits());
                let at = pairs().position(|differs| differs).unwrap_or(0);
                note(pairs().filter(|&differs| differs).count(), format!("{name}[{at}]"));
            }
            Ok(other) => note(tensor.data.len(), format!("{name} has shape {:?}", other.shape)),
            Err(error) => note(tensor.data.len(), error.to_string()),
        }
    }
    for (name, tensor) in found.iter().filter(|(name, _)| expected.get(name).is_err()) {
        note(tensor.data.len().max(1), format!("{name} is not expected"));
    }
    (count, place)
}

/// A number for each weight, in canonical order: gradients, or how far the weights moved.
#[derive(Debug, Clone)]
pub(super) struct PerWeight {
    tensors: Vec<(Parameter, Vec<f64>)>,
}

impl PerWeight {
    /// `(after - before) * factor`, element by element; not a number where a tensor is missing or has another shape.
    pub(super) fn change(spec: &ModelSpec, before: &WeightMap, after: &WeightMap, factor: f64) -> Self {
        let tensors = spec.parameters().into_iter().map(|parameter| {
            let values = match (before.get(&parameter.name), after.get(&parameter.name)) {
                (Ok(before), Ok(after)) if before.data.len() == after.data.len() => {
                    let pairs = before.data.iter().zip(&after.data);
                    pairs.map(|(&before, &after)| (f64::from(after) - f64::from(before)) * factor).collect()
                }
                _ => vec![f64::NAN; parameter.len()],
            };
            (parameter, values)
        });
        Self { tensors: tensors.collect() }
    }

    /// The values of one tensor.
    pub(super) fn tensor(&self, name: &str) -> &[f64] {
        self.tensors.iter().find(|(parameter, _)| parameter.name == name).map_or(&[], |(_, values)| values)
    }

    /// The Euclidean norm of all values together.
    pub(super) fn norm(&self) -> f64 {
        self.tensors.iter().flat_map(|(_, values)| values).map(|x| x * x).sum::<f64>().sqrt()
    }

    /// The largest difference in any block, relative to the largest expected value of that block, and which block it is.
    ///
    /// A block is one gate of one tensor, so that a gate with small values can't hide behind one with large ones. A block
    /// whose expected values are all below `floor` of the largest of the whole model is measured against that, and the head's bias against
    /// [`HEAD_BIAS`] at least.
    pub(super) fn deviation(&self, spec: &ModelSpec, expected: &Self, floor: f64) -> (f64, String) {
        let top = |values: &[f64]| values.iter().fold(0.0_f64, |top, x| top.max(x.abs()));
        let floor = floor * expected.tensors.iter().map(|(_, values)| top(values)).fold(0.0, f64::max);
        let mut worst = (0.0, String::new());
        for ((parameter, found), (_, expected)) in self.tensors.iter().zip(&expected.tensors) {
            let gates = gates(spec.cell, parameter.group);
            let size = (parameter.len() / gates.len()).max(1);
            let blocks = found.chunks(size).zip(expected.chunks(size)).zip(gates);
            for ((found, expected), gate) in blocks {
                let floor = if parameter.group == TensorGroup::HeadBias { floor.max(HEAD_BIAS) } else { floor };
                let scale = top(expected).max(floor).max(f64::MIN_POSITIVE);
                let differences = found.iter().zip(expected).map(|(a, b)| finite_or_infinite((a - b).abs() / scale));
                let deviation = differences.fold(0.0, f64::max);
                if deviation > worst.0 {
                    let gate = if gate.is_empty() { String::new() } else { format!(" gate {gate}") };
                    worst = (deviation, format!("{}{gate}", parameter.name));
                }
            }
        }
        worst
    }
}

/// The gates whose blocks lie along a tensor's first axis; one without a name where there are none.
pub(super) fn gates(cell: CellKind, group: TensorGroup) -> &'static [&'static str] {
    let recurrent = matches!(
        group,
        TensorGroup::InputKernel | TensorGroup::RecurrentKernel | TensorGroup::InputBias | TensorGroup::RecurrentBias
    );
    match (recurrent, cell) {
        (true, CellKind::Lstm) => &["i", "f", "g", "o"],
        (true, CellKind::Gru) => &["r", "z", "n"],
        (true, CellKind::Rnn) | (false, _) => &[""],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Tensor;

    fn map(name: &str, data: &[f32]) -> WeightMap {
        let mut map = WeightMap::new();
        map.insert(name, Tensor { shape: vec![data.len()], data: data.to_vec() }).unwrap();
        map
    }

    #[test]
    fn another_length_and_what_is_not_finite_lie_infinitely_far() {
        assert_eq!(logits(&[1.0], &[1.0, 2.0]), f64::INFINITY);
        assert_eq!(logits(&[f32::NAN], &[1.0]), f64::INFINITY);
        assert_eq!(logits(&[3.0, 0.5], &[2.0, 0.25]), 0.5);
        assert_eq!(relative_scalar(f64::NAN, 1.0), f64::INFINITY);
    }

    #[test]
    fn a_sign_of_zero_is_a_differing_bit() {
        assert_eq!(bits(&map("a", &[0.0, 1.0]), &map("a", &[-0.0, 1.0])), (1, "a[0]".into()));
        assert_eq!(bits(&map("a", &[1.0]), &map("a", &[1.0])).0, 0);
    }

    #[test]
    fn a_tensor_too_many_or_too_few_differs() {
        assert_eq!(bits(&map("a", &[1.0]), &map("b", &[1.0, 2.0])).0, 3);
    }
}
