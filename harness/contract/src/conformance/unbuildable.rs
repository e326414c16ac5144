//! Specs that can't be built: by no backend, or not by this one.

use crate::bounds;
use crate::capabilities::Capabilities;
use crate::spec::{
    AdamSpec, BiasVectors, CellKind, ClipForm, ClipSpec, Device, DropoutSpec, EpsilonPlacement, GruForm, Kernel,
    ModelSpec, RepeatedWords, WeightDecayForm, WeightDecaySpec,
};

/// Specs that make no sense whatever the backend, each with the field that is out of range.
pub(super) fn spoiled_specs(base: &ModelSpec) -> Vec<(&'static str, ModelSpec)> {
    type Spoil = fn(&mut ModelSpec);
    let spoils: [(&str, Spoil); 26] = [
        ("embedding_size", |spec| spec.embedding_size = 0),
        ("hidden_size", |spec| spec.hidden_size = 0),
        ("layers", |spec| spec.layers = 0),
        ("max_time", |spec| spec.max_time = 0),
        ("max_batch", |spec| spec.max_batch = 0),
        ("threads", |spec| spec.threads = 0),
        ("vocabulary_size", |spec| spec.vocabulary_size = 1),
        ("dropout.after_embedding", |spec| spec.dropout.after_embedding = 1.0),
        ("dropout.between_layers", |spec| spec.dropout.between_layers = -0.1),
        ("dropout.after_last", |spec| spec.dropout.after_last = 1.5),
        ("adam.beta1", |spec| spec.adam.beta1 = 1.0),
        ("adam.beta2", |spec| spec.adam.beta2 = -0.5),
        ("adam.epsilon", |spec| spec.adam.epsilon = 0.0),
        ("clip.norm", |spec| spec.clip = Some(ClipSpec { norm: 0.0, stabiliser: 0.0, form: ClipForm::Gradient })),
        ("clip.stabiliser", |spec| {
            spec.clip = Some(ClipSpec { norm: 1.0, stabiliser: -1.0, form: ClipForm::Gradient })
        }),
        ("weight_decay.rate", |spec| spec.weight_decay.rate = -1.0),
        // One beyond each bound, and numbers that lose their meaning in a narrower type.
        ("layers", |spec| spec.layers = bounds::MAX_LAYERS + 1),
        ("hidden_size", |spec| spec.hidden_size = 1 << 63),
        ("embedding_size", |spec| spec.embedding_size = bounds::MAX_EMBEDDING_SIZE + 1),
        ("vocabulary_size", |spec| spec.vocabulary_size = bounds::MAX_VOCABULARY_SIZE + 1),
        ("vocabulary_size", |spec| spec.vocabulary_size = (1 << 32) + 2),
        ("max_time", |spec| spec.max_time = bounds::MAX_TIME + 1),
        ("max_batch", |spec| spec.max_batch = bounds::MAX_BATCH + 1),
        ("threads", |spec| spec.threads = (1 << 32) + 1),
        ("tokens", |spec| (spec.max_time, spec.max_batch) = (bounds::MAX_TIME, bounds::MAX_BATCH)),
        ("parameters", |spec| (spec.vocabulary_size, spec.embedding_size) = (1 << 20, 1 << 10)),
    ];
    let spoiled = spoils.into_iter().map(|(field, spoil)| {
        let mut spec = base.clone();
        spoil(&mut spec);
        (field, spec)
    });
    spoiled.collect()
}

/// Specs outside these capabilities, each with the setting, or the settings that don't go together, by which it must be refused: every value that is
/// not listed, every excluded combination, and a device that nobody has.
pub(super) fn impossible_specs(capabilities: &Capabilities, base: &ModelSpec) -> Vec<(String, ModelSpec)> {
    let mut wishes: Vec<ModelSpec> = vec![ModelSpec { device: Device::Cuda(4095), ..base.clone() }];
    wishes.extend(CellKind::ALL.map(|cell| ModelSpec { cell, ..base.clone() }));
    let gru_forms = [GruForm::ResetAfter, GruForm::ResetBefore];
    wishes.extend(gru_forms.map(|gru_form| ModelSpec { cell: CellKind::Gru, gru_form, ..base.clone() }));
    wishes.extend([Kernel::Stock, Kernel::Fused].map(|kernel| ModelSpec { kernel, ..base.clone() }));
    let bias_vectors = [BiasVectors::One, BiasVectors::Two];
    wishes.extend(bias_vectors.map(|bias_vectors| ModelSpec { bias_vectors, ..base.clone() }));
    for epsilon_placement in [EpsilonPlacement::AfterCorrection, EpsilonPlacement::Hat] {
        let adam = AdamSpec { epsilon_placement, ..base.adam };
        wishes.push(ModelSpec { adam, ..base.clone() });
    }
    for repeated_words in [RepeatedWords::SumThenSquare, RepeatedWords::SquareThenSum] {
        let adam = AdamSpec { repeated_words, ..base.adam };
        wishes.push(ModelSpec { adam, ..base.clone() });
    }
    for form in [WeightDecayForm::Coupled, WeightDecayForm::Decoupled] {
        wishes.push(ModelSpec { weight_decay: WeightDecaySpec { rate: 0.1, form }, ..base.clone() });
    }
    let dropout = DropoutSpec { after_last: 0.5, ..DropoutSpec::NONE };
    wishes.extend([
        ModelSpec { bidirectional: true, ..base.clone() },
        ModelSpec { layer_norm: true, ..base.clone() },
        ModelSpec { masking: true, ..base.clone() },
        ModelSpec { dropout, ..base.clone() },
    ]);
    if let Some(most) = capabilities.max_layers {
        wishes.push(ModelSpec { layers: most + 1, ..base.clone() });
    }
    let excluded = capabilities.exclusions.iter();
    wishes.extend(excluded.filter_map(|exclusion| exclusion.applied(base, &capabilities.devices)));
    let refusal = |spec: ModelSpec| Some((capabilities.check(&spec).err()?.setting, spec));
    wishes.into_iter().filter_map(refusal).collect()
}

#[cfg(test)]
mod tests {
    use super::super::inputs::Stack;
    use super::*;
    use crate::exclusion::Exclusion;

    fn capabilities() -> Capabilities {
        Capabilities {
            cells: CellKind::ALL.to_vec(),
            kernels: vec![Kernel::Stock],
            bias_vectors: vec![BiasVectors::One, BiasVectors::Two],
            gru_forms: vec![GruForm::ResetAfter],
            epsilon_placements: vec![EpsilonPlacement::Hat],
            repeated_words: vec![RepeatedWords::SumThenSquare],
            layer_norm: true,
            masking: true,
            dropout: true,
            input_gradient_norms: true,
            devices: vec![Device::Cpu],
            max_layers: Some(3),
            exclusions: vec![Exclusion {
                cell: Some(CellKind::Lstm),
                bias_vectors: Some(BiasVectors::Two),
                ..Exclusion::default()
            }],
            ..Capabilities::default()
        }
    }

    #[test]
    fn everything_that_is_not_listed_is_asked_for_and_every_excluded_combination() {
        let can = capabilities();
        let base = Stack::PLAIN[0].spec(&can, Kernel::Stock);
        let asked: Vec<_> = impossible_specs(&can, &base).into_iter().map(|(setting, _)| setting).collect();
        assert_eq!(
            asked,
            [
                "device = cuda:4095",
                "cell = lstm with bias_vectors = two",
                "gru_form = reset-before",
                "kernel = fused",
                "adam.epsilon_placement = after-correction",
                "adam.repeated_words = square-then-sum",
                "weight_decay.form = coupled",
                "weight_decay.form = decoupled",
                "bidirectional",
                "layers = 4",
                "cell = lstm with bias_vectors = two",
            ]
        );
    }

    #[test]
    fn a_stack_has_the_bias_vectors_that_its_cell_can_have() {
        let can = capabilities();
        let layouts = Stack::PLAIN.map(|stack| stack.spec(&can, Kernel::Stock).bias_vectors);
        // The GRU of the last one can't be built at all.
        assert_eq!(layouts, [BiasVectors::Two, BiasVectors::One, BiasVectors::Two, BiasVectors::Two]);
    }
}
