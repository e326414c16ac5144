//! Small models and batches for the reference's own tests.

use harness_contract::{
    AdamSpec, BiasVectors, CellKind, Device, DropoutSpec, EpsilonPlacement, GruForm, Kernel, ModelSpec, Pooling,
    RepeatedWords, Tensor, WeightDecayForm, WeightDecaySpec, WeightMap,
};

/// A small model with odd sizes.
pub(crate) fn spec(cell: CellKind) -> ModelSpec {
    ModelSpec {
        cell,
        vocabulary_size: 9,
        embedding_size: 3,
        hidden_size: 5,
        layers: 2,
        bidirectional: false,
        layer_norm: false,
        bias_vectors: BiasVectors::Two,
        gru_form: GruForm::ResetAfter,
        pooling: Pooling::LastStep,
        masking: false,
        dropout: DropoutSpec::NONE,
        adam: AdamSpec {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            epsilon_placement: EpsilonPlacement::AfterCorrection,
            repeated_words: RepeatedWords::SumThenSquare,
        },
        clip: None,
        weight_decay: WeightDecaySpec { rate: 0.0, form: WeightDecayForm::Decoupled },
        max_time: 8,
        max_batch: 8,
        threads: 1,
        device: Device::Cpu,
        kernel: Kernel::Stock,
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
