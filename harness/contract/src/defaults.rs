//! What a framework does when its user says nothing, each with where that was read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::batch::Side;
use crate::initializer::Initializer;
use crate::parameters::TensorGroup;
use crate::spec::{AdamSpec, BiasVectors, CellKind, ClipForm, GruForm, Pooling, WeightDecayForm};

/// A default and where it was read: a file and line of the framework, or its documentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sourced<T> {
    /// The default.
    pub value: T,
    /// Where it was read, e.g. `torch/nn/modules/rnn.py, RNNBase.reset_parameters`.
    pub source: String,
}

impl<T> Sourced<T> {
    /// A default with its source.
    pub fn new(value: T, source: impl Into<String>) -> Self {
        Self { value, source: source.into() }
    }
}

/// How many steps a batch is padded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Batching {
    /// Always the maximum length.
    Static,
    /// The longest row of the batch, at most the maximum length; batches are random.
    Dynamic,
    /// As dynamic, but rows of similar length are batched together.
    LengthBucketed,
}

/// A place where dropout can act; see [`crate::DropoutSpec`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropoutPlace {
    /// On the embedded tokens.
    AfterEmbedding,
    /// On the output of every recurrent layer but the last.
    BetweenLayers,
    /// On the pooled output of the last layer.
    AfterLast,
}

/// How an improvement of the watched loss is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThresholdMode {
    /// `loss < best * (1 - threshold)`: PyTorch.
    Relative,
    /// `loss < best - threshold`: Keras.
    Absolute,
}

/// When a plateau is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatienceRule {
    /// After `patience` epochs without improvement (`wait >= patience`): Keras.
    AtPatience,
    /// After `patience + 1` epochs without improvement (`bad > patience`): PyTorch.
    AfterPatience,
}

/// `ReduceLROnPlateau` of a framework.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlateauDefaults {
    /// The learning rate is multiplied by this.
    pub factor: f64,
    /// Epochs without improvement that are let pass.
    pub patience: u32,
    /// The least improvement that counts.
    pub threshold: f64,
    /// Whether the threshold is relative or absolute.
    pub threshold_mode: ThresholdMode,
    /// Whether the rule fires at or after `patience` epochs.
    pub patience_rule: PatienceRule,
    /// Epochs after a reduction during which nothing is counted.
    pub cooldown: u32,
    /// The learning rate never goes below this.
    pub min_learning_rate: f64,
    /// A reduction by no more than this is not made; 0 for a backend that does not say.
    #[serde(default)]
    pub min_change: f64,
}

/// A framework's defaults, as far as they bear on a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NativeDefaults {
    /// Initialisers per tensor group.
    pub initializers: BTreeMap<TensorGroup, Sourced<Initializer>>,
    /// Bias vectors a layer, per cell.
    pub bias_vectors: BTreeMap<CellKind, Sourced<BiasVectors>>,
    /// Form of the GRU.
    pub gru_form: Sourced<GruForm>,
    /// Adam without its learning rate.
    pub adam: Sourced<AdamSpec>,
    /// Adam's learning rate.
    pub learning_rate: Sourced<f64>,
    /// What clipping by global norm adds to the norm it divides by.
    pub clip_stabiliser: Sourced<f64>,
    /// Which norm clipping takes, and what it makes of repeated words.
    pub clip_form: Sourced<ClipForm>,
    /// Where weight decay enters.
    pub weight_decay_form: Sourced<WeightDecayForm>,
    /// Where the dropout of a stack of recurrent layers acts.
    pub dropout_places: Sourced<Vec<DropoutPlace>>,
    /// Where sequences are padded.
    pub padding: Sourced<Side>,
    /// Where long sequences are cut.
    pub truncation: Sourced<Side>,
    /// How many steps batches are padded to.
    pub batching: Sourced<Batching>,
    /// Whether padded steps are masked.
    pub masking: Sourced<bool>,
    /// Which step's output goes into the head.
    pub pooling: Sourced<Pooling>,
    /// The plateau scheduler.
    pub plateau: Sourced<PlateauDefaults>,
}

/// One row of the table of native defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultRow {
    /// What the row is about, the same words for every backend.
    pub item: String,
    /// The default.
    pub value: String,
    /// Where it was read.
    pub source: String,
}

impl NativeDefaults {
    /// The defaults as rows, the same items in the same order for every backend.
    #[must_use]
    pub fn rows(&self) -> Vec<DefaultRow> {
        let mut rows = Vec::new();
        let mut row = |item: String, value: String, source: &str| {
            rows.push(DefaultRow { item, value, source: source.to_owned() });
        };
        for (group, default) in &self.initializers {
            row(format!("{} initialiser", group.name()), default.value.to_string(), &default.source);
        }
        for (cell, default) in &self.bias_vectors {
            let value = match default.value {
                BiasVectors::One => "1",
                BiasVectors::Two => "2",
            };
            row(format!("bias vectors a layer, {}", cell.title()), value.into(), &default.source);
        }
        row("GRU form".into(), word(&self.gru_form.value), &self.gru_form.source);
        let adam = &self.adam;
        row("Adam beta 1, beta 2".into(), format!("{}, {}", adam.value.beta1, adam.value.beta2), &adam.source);
        row("Adam epsilon".into(), format!("{:e}", adam.value.epsilon), &adam.source);
        row("Adam epsilon placement".into(), word(&adam.value.epsilon_placement), &adam.source);
        row("repeated words in the second moment".into(), word(&adam.value.repeated_words), &adam.source);
        row("precision of bias corrections".into(), word(&adam.value.bias_correction), &adam.source);
        row("learning rate".into(), self.learning_rate.value.to_string(), &self.learning_rate.source);
        row(
            "clipping adds to the norm".into(),
            format!("{:e}", self.clip_stabiliser.value),
            &self.clip_stabiliser.source,
        );
        row("clipping takes the norm over".into(), word(&self.clip_form.value), &self.clip_form.source);
        row("weight decay".into(), word(&self.weight_decay_form.value), &self.weight_decay_form.source);
        let places: Vec<_> = self.dropout_places.value.iter().map(word).collect();
        row("dropout acts".into(), places.join(", "), &self.dropout_places.source);
        row("padding side".into(), self.padding.value.to_string(), &self.padding.source);
        row("truncation side".into(), self.truncation.value.to_string(), &self.truncation.source);
        row("batches".into(), word(&self.batching.value), &self.batching.source);
        row("masking".into(), if self.masking.value { "on" } else { "off" }.into(), &self.masking.source);
        row("answer read at".into(), word(&self.pooling.value), &self.pooling.source);
        let plateau = &self.plateau;
        row("plateau factor".into(), plateau.value.factor.to_string(), &plateau.source);
        row("plateau patience".into(), plateau.value.patience.to_string(), &plateau.source);
        row(
            "plateau threshold".into(),
            format!("{:e} {}", plateau.value.threshold, word(&plateau.value.threshold_mode)),
            &plateau.source,
        );
        row("plateau fires".into(), word(&plateau.value.patience_rule), &plateau.source);
        row(
            "plateau cooldown, least learning rate".into(),
            format!("{}, {}", plateau.value.cooldown, plateau.value.min_learning_rate),
            &plateau.source,
        );
        row("plateau makes no change up to".into(), format!("{:e}", plateau.value.min_change), &plateau.source);
        rows
    }
}

/// A unit variant's name with its hyphens as spaces.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text.replace('-', " "),
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}
