//! Small models and batches for the reference's own tests.

use harness_contract::{CellKind, ModelSpec, Tensor, WeightDecayForm, WeightDecaySpec, WeightMap};

/// A small model with odd sizes.
pub(crate) fn spec(cell: CellKind) -> ModelSpec {
    ModelSpec {
        vocabulary_size: 9,
        embedding_size: 3,
        weight_decay: WeightDecaySpec { rate: 0.0, form: WeightDecayForm::Decoupled },
        max_time: 8,
        ..ModelSpec::plain(cell)
    }
}

/// Weights between -0.7 and 0.7 (norm scales around 1), the same for the same spec: the fractional parts of multiples of the golden ratio.
pub(crate) fn weights(spec: &ModelSpec) -> WeightMap {
    let mut weights = WeightMap::new();
    let mut count = 0_u32;
    for parameter in spec.parameters() {
        let around = if parameter.name.starts_with("norm.weight") { 1.0 } else { 0.0 };
        let data = (0..parameter.len())
            .map(|_| {
                count += 1;
                (around + 1.4 * ((f64::from(count) * 0.618_033_988_749_895).fract() - 0.5)) as f32
            })
            .collect();
        weights.insert(parameter.name, Tensor { shape: parameter.shape, data }).unwrap();
    }
    weights
}
