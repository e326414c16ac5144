//! What the fake backend says of itself.

use harness_contract::defaults::{Batching, DropoutPlace, PatienceRule, ThresholdMode};
use harness_contract::{
    AdamSpec, BiasCorrection, BiasVectors, Capabilities, CellKind, ClipForm, Device, Element, EpsilonPlacement,
    GruForm, Initializer, Kernel, NativeDefaults, PlateauDefaults, Pooling, RepeatedWords, Side, Sourced, TensorGroup,
    WeightDecayForm,
};

pub(crate) fn capabilities() -> Capabilities {
    Capabilities {
        // No GRU, so that a run can be unsupported.
        cells: vec![CellKind::Rnn, CellKind::Lstm],
        kernels: vec![Kernel::Stock],
        bias_vectors: vec![BiasVectors::One, BiasVectors::Two],
        epsilon_placements: vec![EpsilonPlacement::Hat],
        repeated_words: vec![RepeatedWords::SumThenSquare],
        masking: true,
        dropout: true,
        input_gradient_norms: true,
        state: Some(Element::Float32),
        devices: vec![Device::Cpu],
        ..Capabilities::default()
    }
}

pub(crate) fn native_defaults() -> NativeDefaults {
    fn sourced<T>(value: T) -> Sourced<T> {
        Sourced::new(value, "made up")
    }
    let adam = AdamSpec {
        repeated_words: RepeatedWords::SumThenSquare,
        bias_correction: BiasCorrection::Float64,
        ..AdamSpec::KERAS
    };
    let plateau = PlateauDefaults {
        factor: 0.1,
        patience: 10,
        threshold: 1e-4,
        threshold_mode: ThresholdMode::Absolute,
        patience_rule: PatienceRule::AtPatience,
        cooldown: 0,
        min_learning_rate: 0.0,
        min_change: 0.0,
    };
    NativeDefaults {
        initializers: TensorGroup::ALL.into_iter().map(|group| (group, sourced(Initializer::Zeros))).collect(),
        bias_vectors: CellKind::ALL.into_iter().map(|cell| (cell, sourced(BiasVectors::One))).collect(),
        gru_form: sourced(GruForm::ResetAfter),
        adam: sourced(adam),
        learning_rate: sourced(1e-3),
        clip_stabiliser: sourced(0.0),
        clip_form: sourced(ClipForm::Gradient),
        weight_decay_form: sourced(WeightDecayForm::Decoupled),
        dropout_places: sourced(vec![DropoutPlace::AfterLast]),
        padding: sourced(Side::End),
        truncation: sourced(Side::End),
        batching: sourced(Batching::Dynamic),
        masking: sourced(false),
        pooling: sourced(Pooling::LastValidStep),
        plateau: sourced(plateau),
    }
}
