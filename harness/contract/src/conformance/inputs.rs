//! Models, weights and batches that the checks feed to a backend.

use crate::backend::StepReport;
use crate::batch::{BatchError, LabelledBatch, Side, TokenBatch};
use crate::capabilities::Capabilities;
use crate::parameters::TensorGroup;
use crate::spec::{
    AdamSpec, BiasCorrection, BiasVectors, CellKind, ClipForm, ClipSpec, Device, DropoutSpec, EpsilonPlacement,
    GruForm, Kernel, ModelSpec, RepeatedWords, WeightDecayForm, WeightDecaySpec,
};
use crate::weights::{Tensor, WeightError, WeightMap};

use super::random::Random;

/// The longest batch of the small models.
pub(super) const MAX_TIME: usize = 40;

/// The most rows of a training batch of the small models.
pub(super) const MAX_BATCH: usize = 6;

/// What distinguishes one recurrent stack from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stack {
    pub(super) cell: CellKind,
    pub(super) gru_form: GruForm,
    pub(super) bidirectional: bool,
    pub(super) layer_norm: bool,
}

impl Stack {
    /// The cells as most studies use them, the GRU in both forms.
    pub(super) const PLAIN: [Self; 4] = [
        Self::of(CellKind::Rnn, GruForm::ResetAfter),
        Self::of(CellKind::Lstm, GruForm::ResetAfter),
        Self::of(CellKind::Gru, GruForm::ResetAfter),
        Self::of(CellKind::Gru, GruForm::ResetBefore),
    ];

    const fn of(cell: CellKind, gru_form: GruForm) -> Self {
        Self { cell, gru_form, bidirectional: false, layer_norm: false }
    }

    /// The plain stacks, then each in both directions, then each with layer norm.
    pub(super) fn all() -> Vec<Self> {
        let plain = Self::PLAIN.into_iter();
        let bidirectional = plain.clone().map(|stack| Self { bidirectional: true, ..stack });
        let layer_norm = plain.clone().map(|stack| Self { layer_norm: true, ..stack });
        plain.chain(bidirectional).chain(layer_norm).collect()
    }

    /// Its name in the report, e.g. `gru, reset before, both directions`.
    pub(super) fn name(self) -> String {
        let mut name = self.cell.name().to_owned();
        for (holds, words) in [
            (self.cell == CellKind::Gru && self.gru_form == GruForm::ResetBefore, ", reset before"),
            (self.bidirectional, ", both directions"),
            (self.layer_norm, ", layer norm"),
        ] {
            if holds {
                name.push_str(words);
            }
        }
        name
    }

    /// A small model with sizes that divide nothing, without dropout, clipping or weight decay, with what the backend lists first
    /// wherever it has a choice that the check doesn't care about. It has two bias vectors where the backend can build that, else one.
    pub(super) fn spec(self, capabilities: &Capabilities, kernel: Kernel) -> ModelSpec {
        let two = self.with_bias_vectors(BiasVectors::Two, capabilities, kernel);
        let one = ModelSpec { bias_vectors: BiasVectors::One, ..two.clone() };
        if capabilities.check(&two).is_err() && capabilities.check(&one).is_ok() { one } else { two }
    }

    fn with_bias_vectors(self, bias_vectors: BiasVectors, capabilities: &Capabilities, kernel: Kernel) -> ModelSpec {
        ModelSpec {
            vocabulary_size: 29,
            embedding_size: 5,
            hidden_size: 7,
            layers: 2.min(capabilities.max_layers.unwrap_or(2)),
            bidirectional: self.bidirectional,
            layer_norm: self.layer_norm,
            bias_vectors,
            gru_form: self.gru_form,
            adam: AdamSpec {
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-7,
                epsilon_placement: first(&capabilities.epsilon_placements, EpsilonPlacement::AfterCorrection),
                repeated_words: first(&capabilities.repeated_words, RepeatedWords::SumThenSquare),
                bias_correction: first(&capabilities.bias_corrections, BiasCorrection::Float64),
            },
            weight_decay: WeightDecaySpec {
                rate: 0.0,
                form: first(&capabilities.weight_decay_forms, WeightDecayForm::Decoupled),
            },
            max_time: MAX_TIME,
            max_batch: MAX_BATCH,
            device: first(&capabilities.devices, Device::Cpu),
            kernel,
            ..ModelSpec::plain(self.cell)
        }
    }
}

/// The model with clipping that acts often and with dropout, each where it can be had: everything that a training carries from step to step.
pub(super) fn eventful(plain: ModelSpec, mut can: impl FnMut(&ModelSpec) -> bool) -> ModelSpec {
    let mut with = |spec: ModelSpec, more: ModelSpec| if can(&more) { more } else { spec };
    let clip = Some(ClipSpec { norm: 0.3, stabiliser: 0.0, form: ClipForm::Gradient });
    let spec = with(plain.clone(), ModelSpec { clip, ..plain });
    let dropout = DropoutSpec { after_embedding: 0.2, between_layers: 0.2, after_last: 0.2, seed: 20 };
    with(spec.clone(), ModelSpec { dropout, ..spec })
}

fn first<T: Copy>(listed: &[T], otherwise: T) -> T {
    listed.first().copied().unwrap_or(otherwise)
}

/// Weights that put every gate where it neither saturates nor is linear, so that nothing a cell computes can hide.
pub(super) fn weights(spec: &ModelSpec, random: &mut Random) -> Result<WeightMap, WeightError> {
    weights_from(spec, |group| match group {
        TensorGroup::Embedding => random.around_zero(1.0),
        // The recurrent spectrum stays below 1 at any hidden size: the entries' deviation is 0.9 / sqrt(hidden).
        TensorGroup::InputKernel | TensorGroup::RecurrentKernel => random.around_zero(kernel_limit(spec.hidden_size)),
        TensorGroup::NormScale => 1.0 + random.around_zero(0.4),
        TensorGroup::InputBias | TensorGroup::RecurrentBias | TensorGroup::NormShift | TensorGroup::HeadBias => {
            random.around_zero(0.5)
        }
        TensorGroup::HeadKernel => random.around_zero(1.5),
    })
}

/// Weights of a model that remembers: what it read at the first of 40 steps still moves its answer. Small inputs keep the RNN linear under a recurrent kernel
/// near the identity; a bias of 4 keeps the gates that carry the state (forget of the LSTM, update of the GRU) at 0.98.
pub(super) fn long_memory(spec: &ModelSpec, random: &mut Random) -> Result<WeightMap, WeightError> {
    let mut weights = weights(spec, random)?;
    let hidden = spec.hidden_size;
    for parameter in spec.parameters() {
        let data = &mut weights.get_mut(&parameter.name)?.data;
        let carrying = match (spec.cell, parameter.group) {
            (CellKind::Rnn, TensorGroup::RecurrentKernel) => {
                for (at, weight) in data.iter_mut().enumerate() {
                    *weight = 0.05 * *weight + if at / hidden == at % hidden { 0.97 } else { 0.0 };
                }
                None
            }
            (CellKind::Rnn, TensorGroup::InputKernel | TensorGroup::InputBias | TensorGroup::RecurrentBias) => {
                data.iter_mut().for_each(|weight| *weight *= 0.02);
                None
            }
            (CellKind::Lstm | CellKind::Gru, TensorGroup::InputBias) => Some(1),
            _ => None,
        };
        // Both the LSTM's forget gate and the GRU's update gate are the second.
        if let Some(gate) = carrying {
            data[gate * hidden..(gate + 1) * hidden].fill(4.0);
        }
    }
    Ok(weights)
}

/// A weight map with a value for each element, asked for in canonical order.
pub(super) fn weights_from(
    spec: &ModelSpec,
    mut value: impl FnMut(TensorGroup) -> f32,
) -> Result<WeightMap, WeightError> {
    let mut weights = WeightMap::new();
    for parameter in spec.parameters() {
        let data = (0..parameter.len()).map(|_| value(parameter.group)).collect();
        weights.insert(parameter.name, Tensor { shape: parameter.shape, data })?;
    }
    Ok(weights)
}

#[expect(clippy::cast_precision_loss, reason = "hidden sizes are small")]
fn kernel_limit(hidden: usize) -> f32 {
    0.9 * (3.0 / hidden as f32).sqrt()
}

/// A batch that owns its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rows {
    tokens: Vec<i32>,
    lengths: Vec<i32>,
    labels: Vec<u8>,
    time: usize,
    padding: Side,
}

impl Rows {
    /// One row for each sequence of words, padded to `time`, which is at least the longest; labels alternate.
    pub(super) fn padded(sequences: &[Vec<i32>], time: usize, padding: Side) -> Self {
        let mut tokens = vec![0; sequences.len() * time];
        for (row, words) in sequences.iter().enumerate() {
            let start = row * time + if padding == Side::Front { time - words.len() } else { 0 };
            tokens[start..start + words.len()].copy_from_slice(words);
        }
        let lengths = sequences.iter().map(|words| i32::try_from(words.len()).unwrap_or(i32::MAX)).collect();
        let labels = (0..sequences.len()).map(|row| u8::from(row % 2 == 0)).collect();
        Self { tokens, lengths, labels, time, padding }
    }

    /// `rows` rows of words of the model's vocabulary, id 0 among them, padded to `time`. The first is as long as the batch, the second one word long; words repeat, within a row and across rows.
    pub(super) fn drawn(spec: &ModelSpec, rows: usize, time: usize, padding: Side, random: &mut Random) -> Self {
        let lengths = (0..rows).map(|row| match row {
            0 => time,
            1 => 1,
            _ => 1 + random.below(time),
        });
        let lengths: Vec<usize> = lengths.collect();
        let mut word = || i32::try_from(random.below(spec.vocabulary_size)).unwrap_or(1);
        let sequences: Vec<Vec<i32>> = lengths.iter().map(|&length| (0..length).map(|_| word()).collect()).collect();
        Self::padded(&sequences, time, padding)
    }

    /// The same rows with these labels.
    pub(super) fn labelled_with(self, labels: Vec<u8>) -> Self {
        Self { labels, ..self }
    }

    /// Rows, steps and side in a word, e.g. `5x17-end`.
    pub(super) fn shape(&self) -> String {
        format!("{}x{}-{}", self.rows(), self.time, self.padding)
    }

    /// The ids, `[batch, time]`.
    pub(super) fn ids(&self) -> &[i32] {
        &self.tokens
    }

    /// Rows.
    pub(super) fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// The batch without its labels.
    pub(super) fn tokens(&self) -> Result<TokenBatch<'_>, BatchError> {
        TokenBatch::new(&self.tokens, &self.lengths, self.time, self.padding)
    }

    /// The batch with its labels.
    pub(super) fn labelled(&self) -> Result<LabelledBatch<'_>, BatchError> {
        LabelledBatch::new(self.tokens()?, &self.labels)
    }

    /// Its place in a case's label, e.g. `5 rows of 17 steps, end padding`.
    pub(super) fn label(&self) -> String {
        format!("{} rows of {} steps, {} padding", self.rows(), self.time, self.padding)
    }
}

/// Whether two reports are the same to the bit.
pub(super) fn same_report(a: &StepReport, b: &StepReport) -> bool {
    a.loss.to_bits() == b.loss.to_bits()
        && a.gradient_norm.to_bits() == b.gradient_norm.to_bits()
        && a.clipped == b.clipped
        && a.update_norm.map(f64::to_bits) == b.update_norm.map(f64::to_bits)
}
