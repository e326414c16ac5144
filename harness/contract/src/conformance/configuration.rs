//! Models, batches and settings far from the usual, drawn by a seed.

use crate::batch::Side;
use crate::capabilities::Capabilities;
use crate::parameters::TensorGroup;
use crate::spec::{
    AdamSpec, BiasCorrection, BiasVectors, CellKind, ClipForm, ClipSpec, Device, DropoutSpec, EpsilonPlacement,
    GruForm, Kernel, ModelSpec, Pooling, RepeatedWords, WeightDecayForm, WeightDecaySpec,
};
use crate::weights::{WeightError, WeightMap};

use super::inputs::{Rows, weights, weights_from};
use super::random::Random;

/// Multiply-adds that one configuration may cost the reference, some seconds of its time.
const MOST_WORK: usize = 300_000_000;

/// Draws of a spec that a backend can't build, before it is said to be able to build none.
const ATTEMPTS: usize = 1000;

/// What is trained: a spec, how its weights are drawn, and its batches with the learning rate of each.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// What it was drawn from.
    pub seed: u64,
    /// The model and its optimiser.
    pub spec: ModelSpec,
    /// Where its weights lie.
    scale: Scale,
    /// Each step's batch and learning rate.
    pub(super) steps: Vec<(Rows, f64)>,
}

/// Where weights lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// Where gates neither saturate nor are linear.
    Moderate,
    /// Near zero.
    Small,
    /// Where most gates saturate.
    Saturating,
    /// All zeros but the embedding.
    EmbeddingAlone,
}

/// The next configuration of a seed that both can build; `None` where `a` and `b` have next to nothing in common.
pub(super) fn draw(seed: u64, kernels: &[Kernel], a: &Capabilities, b: &Capabilities) -> Option<Configuration> {
    let mut random = Random::named(&format!("configuration {seed}"));
    // From a stream of its own: what else a seed draws is older than this setting.
    let label_smoothing = match a.label_smoothing && b.label_smoothing {
        true => one_of(&mut Random::named(&format!("label smoothing {seed}")), [0.0, 0.0, 0.0, 0.1, 0.5]),
        false => 0.0,
    };
    for _ in 0..ATTEMPTS {
        let spec = ModelSpec { label_smoothing, ..spec(&mut random, kernels, a) };
        let of_b = ModelSpec {
            kernel: b.kernels.first().copied().unwrap_or(Kernel::Stock),
            device: b.devices.first().copied().unwrap_or(Device::Cpu),
            ..spec.clone()
        };
        if a.check(&spec).is_ok() && b.check(&of_b).is_ok() && spec.check().is_ok() {
            let scale = one_of(
                &mut random,
                [Scale::Moderate, Scale::Moderate, Scale::Small, Scale::Saturating, Scale::EmbeddingAlone],
            );
            return Some(trained(seed, spec, scale, &mut random));
        }
    }
    None
}

impl Configuration {
    /// The weights that it starts from.
    pub(super) fn weights(&self) -> Result<WeightMap, WeightError> {
        let mut random = Random::named(&format!("weights {}", self.seed));
        if self.scale == Scale::EmbeddingAlone {
            return weights_from(&self.spec, |group| match group {
                TensorGroup::Embedding => random.around_zero(1.0),
                _ => 0.0,
            });
        }
        let mut weights = weights(&self.spec, &mut random)?;
        let factor = match self.scale {
            Scale::Small => 0.02,
            Scale::Saturating => 6.0,
            Scale::Moderate | Scale::EmbeddingAlone => 1.0,
        };
        for parameter in self.spec.parameters() {
            weights.get_mut(&parameter.name)?.data.iter_mut().for_each(|weight| *weight *= factor);
        }
        Ok(weights)
    }

    /// In one line what is most particular about it.
    #[must_use]
    pub fn label(&self) -> String {
        let spec = &self.spec;
        let batches: Vec<_> = self.steps.iter().map(|(rows, _)| rows.shape()).collect();
        format!(
            "{} {}, {} x {} units on {}, {:?} weights, {}",
            spec.cell,
            spec.kernel,
            spec.layers,
            spec.hidden_size,
            spec.embedding_size,
            self.scale,
            batches.join(" ")
        )
    }
}

fn spec(random: &mut Random, kernels: &[Kernel], can: &Capabilities) -> ModelSpec {
    let layers = 1 + random.below(can.max_layers.unwrap_or(3).min(3));
    let clip = random.below(3) > 0;
    let decays = random.below(2) > 0 && !can.weight_decay_forms.is_empty();
    let mut spec = ModelSpec {
        vocabulary_size: 2 + size(random, 400),
        embedding_size: size(random, 90),
        hidden_size: size(random, 130),
        layers,
        bidirectional: can.bidirectional && random.below(4) == 0,
        layer_norm: can.layer_norm && random.below(4) == 0,
        bias_vectors: listed(random, &can.bias_vectors, BiasVectors::Two),
        gru_form: listed(random, &can.gru_forms, GruForm::ResetAfter),
        pooling: one_of(random, [Pooling::LastStep, Pooling::LastValidStep]),
        masking: can.masking && random.below(2) == 0,
        dropout: DropoutSpec::NONE,
        adam: AdamSpec {
            // None is 0: Keras moves a moment by `(1 - beta) (g - m)`, which in float32 loses what is small beside the moment before, and no floor of the reference
            // has that loss. `random_models.py` draws 0 as well, and holds it against Keras itself.
            beta1: one_of(random, [0.9, 0.9, 0.1, 0.5, 0.99]),
            beta2: one_of(random, [0.999, 0.999, 0.5, 0.9, 0.999_99]),
            epsilon: one_of(random, [1e-7, 1e-8, 1e-3, 1.0]),
            epsilon_placement: listed(random, &can.epsilon_placements, EpsilonPlacement::AfterCorrection),
            repeated_words: listed(random, &can.repeated_words, RepeatedWords::SumThenSquare),
            bias_correction: listed(random, &can.bias_corrections, BiasCorrection::Float64),
        },
        clip: clip.then(|| ClipSpec {
            norm: one_of(random, [1e-3, 0.05, 0.3, 1.0, 5.0, 1e3]),
            stabiliser: one_of(random, [0.0, 1e-6, 0.1]),
            form: listed(random, &can.clip_forms, ClipForm::Gradient),
        }),
        weight_decay: WeightDecaySpec {
            rate: if decays { one_of(random, [1e-6, 1e-2, 1.0]) } else { 0.0 },
            form: listed(random, &can.weight_decay_forms, WeightDecayForm::Coupled),
        },
        device: can.devices.first().copied().unwrap_or(Device::Cpu),
        kernel: listed(random, kernels, Kernel::Stock),
        ..ModelSpec::plain(listed(random, &can.cells, CellKind::Rnn))
    };
    spec.max_time = size(random, 450);
    spec.max_batch = size(random, 12);
    spec
}

/// A training of such a model that the reference can follow.
fn trained(seed: u64, mut spec: ModelSpec, scale: Scale, random: &mut Random) -> Configuration {
    let mut steps = 1 + random.below(6);
    let a_token: usize = (0..spec.layers)
        .map(|layer| spec.cell.gates() * spec.hidden_size * (spec.input_size(layer) + spec.hidden_size))
        .sum::<usize>()
        * spec.directions()
        * 3;
    let work = |spec: &ModelSpec, steps: usize| a_token * spec.max_time * spec.max_batch * steps;
    while work(&spec, steps) > MOST_WORK {
        match (steps, spec.max_batch) {
            (3.., _) => steps -= 1,
            (_, 4..) => spec.max_batch -= 1,
            _ => spec.max_time = (spec.max_time * 3 / 4).max(1),
        }
        if spec.max_time == 1 {
            break;
        }
    }
    let rates = [1e-3, 1e-3, 1e-2, 0.1, 0.0];
    let batch = |random: &mut Random| {
        let side = one_of(random, [Side::Front, Side::End]);
        let (rows, time) = (size(random, spec.max_batch), size(random, spec.max_time));
        let longest = one_of(random, [1, time, time, time]);
        let sequences: Vec<Vec<i32>> = (0..rows)
            .map(|_| {
                let length = size(random, longest);
                (0..length).map(|_| i32::try_from(random.below(spec.vocabulary_size)).unwrap_or(1)).collect()
            })
            .collect();
        let labels = (0..rows).map(|_| u8::from(random.below(2) == 0)).collect();
        Rows::padded(&sequences, time, side).labelled_with(labels)
    };
    let steps = (0..steps).map(|_| (batch(random), one_of(random, rates))).collect();
    Configuration { seed, spec, scale, steps }
}

/// From 1 to `most`, small and large sizes alike: the logarithm is uniform in a half of the draws, the size itself in the other.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "sizes are small"
)]
fn size(random: &mut Random, most: usize) -> usize {
    if random.below(2) == 0 {
        return 1 + random.below(most);
    }
    let unit = f64::from(random.around_zero(0.5)) + 0.5;
    ((most as f64).powf(unit).round() as usize).clamp(1, most)
}

/// One of these, none of which is likelier.
fn one_of<T: Copy, const N: usize>(random: &mut Random, choices: [T; N]) -> T {
    choices[random.below(N)]
}

/// One of what a backend lists; where it lists nothing, something that it will refuse if it matters.
fn listed<T: Copy>(random: &mut Random, choices: &[T], otherwise: T) -> T {
    if choices.is_empty() { otherwise } else { choices[random.below(choices.len())] }
}
