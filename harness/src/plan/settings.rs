//! Settings as a study file gives them: any subset of a protocol's keys.

use std::collections::BTreeMap;

use harness_contract::defaults::{Batching, DropoutPlace, PatienceRule, ThresholdMode};
use harness_contract::{
    BiasCorrection, BiasVectors, ClipForm, Device, EpsilonPlacement, GruForm, Initializer, Kernel, NativeDefaults,
    Pooling, RepeatedWords, Side, TensorGroup, WeightDecayForm,
};
use serde::{Deserialize, Serialize};

use super::protocol::{Checkpoint, SchedulerKind, StopKind};

/// A subset of the keys of a [`super::Protocol`]; the fields mean what they mean there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "documented where they are resolved, in `Protocol`")]
pub struct Settings {
    pub epochs: Option<u32>,
    pub batch_size: Option<usize>,
    pub evaluation_batch_size: Option<usize>,
    pub learning_rate: Option<f64>,
    pub max_length: Option<usize>,
    pub padding: Option<Side>,
    pub truncation: Option<Side>,
    pub gap: Option<usize>,
    pub batching: Option<Batching>,
    pub masking: Option<bool>,
    pub pooling: Option<Pooling>,
    pub embedding_size: Option<usize>,
    pub hidden_size: Option<usize>,
    pub layers: Option<usize>,
    pub bidirectional: Option<bool>,
    pub layer_norm: Option<bool>,
    pub bias_vectors: Option<BiasVectors>,
    pub gru_form: Option<GruForm>,
    pub dropout: DropoutKeys,
    pub initializers: BTreeMap<TensorGroup, Initializer>,
    pub adam: AdamKeys,
    pub clip_norm: Option<f64>,
    pub clip_stabiliser: Option<f64>,
    pub clip_form: Option<ClipForm>,
    pub weight_decay: Option<f64>,
    pub weight_decay_form: Option<WeightDecayForm>,
    pub scheduler: SchedulerKeys,
    pub checkpoint: Option<Checkpoint>,
    pub stop: StopKeys,
    pub input_gradient_norms: Option<bool>,
    pub recurrent_spectrum: Option<bool>,
    pub update_norms: Option<bool>,
    pub threads: Option<usize>,
    pub device: Option<Device>,
    pub kernel: Option<Kernel>,
}

/// A subset of the keys of [`super::DropoutSettings`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "documented where they are resolved")]
pub struct DropoutKeys {
    pub rate: Option<f64>,
    pub places: Option<Vec<DropoutPlace>>,
}

/// A subset of the keys of [`harness_contract::AdamSpec`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "documented where they are resolved")]
pub struct AdamKeys {
    pub beta1: Option<f64>,
    pub beta2: Option<f64>,
    pub epsilon: Option<f64>,
    pub epsilon_placement: Option<EpsilonPlacement>,
    pub repeated_words: Option<RepeatedWords>,
    pub bias_correction: Option<BiasCorrection>,
}

/// A subset of the keys of [`super::Scheduler`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "documented where they are resolved")]
pub struct SchedulerKeys {
    pub kind: Option<SchedulerKind>,
    pub factor: Option<f64>,
    pub patience: Option<u32>,
    pub threshold: Option<f64>,
    pub threshold_mode: Option<ThresholdMode>,
    pub patience_rule: Option<PatienceRule>,
    pub cooldown: Option<u32>,
    pub min_learning_rate: Option<f64>,
}

/// A subset of the keys of [`super::Stop`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "documented where they are resolved")]
pub struct StopKeys {
    pub kind: Option<StopKind>,
    pub auc: Option<f64>,
    pub epochs: Option<u32>,
}

/// The settings that a backend's native defaults amount to, for one cell.
#[must_use]
pub fn native_settings(defaults: &NativeDefaults, cell: harness_contract::CellKind) -> Settings {
    let adam = defaults.adam.value;
    let plateau = defaults.plateau.value;
    Settings {
        learning_rate: Some(defaults.learning_rate.value),
        padding: Some(defaults.padding.value),
        truncation: Some(defaults.truncation.value),
        batching: Some(defaults.batching.value),
        masking: Some(defaults.masking.value),
        pooling: Some(defaults.pooling.value),
        bias_vectors: defaults.bias_vectors.get(&cell).map(|default| default.value),
        gru_form: Some(defaults.gru_form.value),
        dropout: DropoutKeys { rate: None, places: Some(defaults.dropout_places.value.clone()) },
        initializers: defaults.initializers.iter().map(|(group, default)| (*group, default.value)).collect(),
        adam: AdamKeys {
            beta1: Some(adam.beta1),
            beta2: Some(adam.beta2),
            epsilon: Some(adam.epsilon),
            epsilon_placement: Some(adam.epsilon_placement),
            repeated_words: Some(adam.repeated_words),
            bias_correction: Some(adam.bias_correction),
        },
        clip_stabiliser: Some(defaults.clip_stabiliser.value),
        clip_form: Some(defaults.clip_form.value),
        weight_decay_form: Some(defaults.weight_decay_form.value),
        scheduler: SchedulerKeys {
            kind: None,
            factor: Some(plateau.factor),
            patience: Some(plateau.patience),
            threshold: Some(plateau.threshold),
            threshold_mode: Some(plateau.threshold_mode),
            patience_rule: Some(plateau.patience_rule),
            cooldown: Some(plateau.cooldown),
            min_learning_rate: Some(plateau.min_learning_rate),
        },
        ..Settings::default()
    }
}
