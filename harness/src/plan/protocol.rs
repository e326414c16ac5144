//! The protocol of one run: every knob of a study, resolved.

use std::collections::BTreeMap;

use harness_contract::defaults::{Batching, DropoutPlace, PatienceRule, ThresholdMode};
use harness_contract::{
    AdamSpec, BiasVectors, CellKind, ClipForm, ClipSpec, Device, DropoutSpec, GruForm, Initializer, Kernel, ModelSpec,
    Pooling, Side, TensorGroup, WeightDecayForm, WeightDecaySpec,
};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::knobs::complete;

/// Every knob of one run. A field per key of a study file's `[protocol]` table. Where what is read lacks a knob, there was none of it when it was
/// written, and it gets what runs did before: see [`super::knobs::Knob::absent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Protocol {
    /// Passes over the training split.
    pub epochs: u32,
    /// Rows of a training batch; the last batch of an epoch may be shorter.
    pub batch_size: usize,
    /// Rows of a batch in validation and test.
    pub evaluation_batch_size: usize,
    /// Adam's learning rate before any scheduler acts.
    pub learning_rate: f64,
    /// The share of each label that goes to the other one in the training loss; 0 is none.
    pub label_smoothing: f64,
    /// In which order an epoch takes the training split.
    pub shuffle: Shuffle,
    /// Longer reviews are cut to this many tokens.
    pub max_length: usize,
    /// Where shorter reviews are padded.
    pub padding: Side,
    /// Where longer reviews are cut.
    pub truncation: Side,
    /// Padded steps between a row's last word and the last step, with padding in front.
    pub gap: usize,
    /// How many steps a training batch is padded to.
    pub batching: Batching,
    /// Whether padded steps leave the state as it was.
    pub masking: bool,
    /// Which step's output goes into the head.
    pub pooling: Pooling,
    /// Columns of the embedding.
    pub embedding_size: usize,
    /// Units of each recurrent layer.
    pub hidden_size: usize,
    /// Stacked recurrent layers.
    pub layers: usize,
    /// Whether layers run in both directions.
    pub bidirectional: bool,
    /// Whether layers are layer-normalised.
    pub layer_norm: bool,
    /// Bias vectors of each recurrent layer.
    pub bias_vectors: BiasVectors,
    /// Form of the GRU.
    pub gru_form: GruForm,
    /// Dropout.
    pub dropout: DropoutSettings,
    /// Initialisers per tensor group.
    #[serde(default)]
    pub initializers: BTreeMap<TensorGroup, Initializer>,
    /// Adam without its learning rate.
    pub adam: AdamSpec,
    /// Clipping by global norm; 0 is none.
    pub clip_norm: f64,
    /// What clipping adds to the norm it divides by.
    pub clip_stabiliser: f64,
    /// Which norm clipping takes, and what it makes of repeated words.
    pub clip_form: ClipForm,
    /// Weight decay; 0 is none.
    pub weight_decay: f64,
    /// Where weight decay enters.
    pub weight_decay_form: WeightDecayForm,
    /// The learning-rate schedule.
    pub scheduler: Scheduler,
    /// Which epoch's weights are tested and kept.
    pub checkpoint: Checkpoint,
    /// When a run ends before its last epoch.
    pub stop: Stop,
    /// Whether input gradient norms are recorded before the first epoch and after each.
    pub input_gradient_norms: bool,
    /// Whether the spectrum of the recurrent kernels is recorded before the first epoch and after each.
    pub recurrent_spectrum: bool,
    /// Whether the norm of each step's change of the weights is recorded.
    pub update_norms: bool,
    /// Whether the state after the last epoch is kept, so that more epochs can be asked for later.
    #[serde(default)]
    pub keep_state: bool,
    /// Threads the framework computes with.
    pub threads: usize,
    /// Where to compute.
    pub device: Device,
    /// Which implementation of the recurrent layers to use.
    pub kernel: Kernel,
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        complete(&mut fields);
        Self::deserialize(Value::Object(fields)).map_err(D::Error::custom)
    }
}

/// Dropout as a study gives it: one rate and the places where it acts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DropoutSettings {
    /// The share of values that are set to 0.
    pub rate: f64,
    /// Where it acts.
    pub places: Vec<DropoutPlace>,
}

/// Which schedule the learning rate follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchedulerKind {
    /// The learning rate stays.
    None,
    /// It is reduced when the validation loss stops falling.
    Plateau,
}

/// The learning-rate schedule. The other fields matter to `plateau` only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scheduler {
    /// Which one.
    pub kind: SchedulerKind,
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
    /// A reduction by no more than this is not made.
    pub min_change: f64,
}

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopKind {
    /// After its last epoch.
    Never,
    /// So many epochs after it has escaped chance.
    AfterEscape,
}

/// When a run ends before its last epoch. The other fields matter to `after-escape` only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// Which rule.
    pub kind: StopKind,
    /// A run has escaped when its validation AUC is at least this at the end of an epoch.
    pub auc: f64,
    /// Epochs that are trained after that one.
    pub epochs: u32,
}

impl Stop {
    /// Whether a run ends with an epoch, given the first one at whose end it had escaped.
    #[must_use]
    pub fn ends(&self, epoch: u32, escaped: Option<u32>) -> bool {
        self.kind == StopKind::AfterEscape
            && escaped.is_some_and(|escaped| epoch >= escaped.saturating_add(self.epochs))
    }
}

/// In which order an epoch takes the training split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shuffle {
    /// In a new one each epoch.
    EachEpoch,
    /// In that of the first epoch.
    Once,
    /// In that of the split.
    Never,
}

/// Which epoch's weights are tested and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checkpoint {
    /// Those after the last epoch, as the published study did.
    Last,
    /// Those of the epoch with the lowest validation loss.
    Best,
}

impl Protocol {
    /// The specification of the model that a run of this protocol trains.
    #[must_use]
    pub fn model_spec(&self, cell: CellKind, vocabulary_size: usize, seed: u64) -> ModelSpec {
        let rate_at = |place| if self.dropout.places.contains(&place) { self.dropout.rate } else { 0.0 };
        ModelSpec {
            cell,
            vocabulary_size,
            embedding_size: self.embedding_size,
            hidden_size: self.hidden_size,
            layers: self.layers,
            bidirectional: self.bidirectional,
            layer_norm: self.layer_norm,
            bias_vectors: self.bias_vectors,
            gru_form: self.gru_form,
            pooling: self.pooling,
            masking: self.masking,
            dropout: DropoutSpec {
                after_embedding: rate_at(DropoutPlace::AfterEmbedding),
                between_layers: rate_at(DropoutPlace::BetweenLayers),
                after_last: rate_at(DropoutPlace::AfterLast),
                seed,
            },
            label_smoothing: self.label_smoothing,
            adam: self.adam,
            clip: (self.clip_norm > 0.0).then_some(ClipSpec {
                norm: self.clip_norm,
                stabiliser: self.clip_stabiliser,
                form: self.clip_form,
            }),
            weight_decay: WeightDecaySpec { rate: self.weight_decay, form: self.weight_decay_form },
            max_time: self.max_length + self.gap,
            max_batch: self.batch_size,
            threads: self.threads,
            device: self.device,
            kernel: self.kernel,
        }
    }
}
