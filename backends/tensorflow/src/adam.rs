//! Weight decay and Adam (Kingma & Ba, arXiv 1412.6980), with TensorFlow's own kernel.
//!
//! `ResourceApplyAdam` computes `m += (g - m) c1`, `v += (g^2 - v) c2`, `w -= a m / (sqrt(v) + e)`, where `c1 = 1 - b1` and `c2 = 1 - b2` are subtracted
//! in float32. For `b2 = 0.999` that makes `c2` too small by 1.3e-5 of itself, so what the kernel averages with is not quite
//! `b2`. Here the bias corrections are computed for the averages that the kernel really takes, and both
//! placements of epsilon are expressed through `a` and `e`: see [`StepSize`].

use harness_contract::{AdamSpec, BiasCorrection, EpsilonPlacement, ModelSpec, WeightDecayForm};
use tensorflow::DataType;

use crate::graph::{Attribute, Builder, Value};

/// The averages that the kernel takes, of what a spec asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Averages {
    /// What the kernel multiplies the news of the first moment by: `1 - b1` in float32.
    pub(crate) first_gain: f64,
    /// What the kernel multiplies the news of the second moment by: `1 - b2` in float32.
    pub(crate) second_gain: f64,
}

/// What a step feeds to the kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StepSize {
    /// What multiplies `m / (sqrt(v) + e)`: the learning rate with both bias corrections.
    pub(crate) rate: f64,
    /// What is added to `sqrt(v)`.
    pub(crate) epsilon: f64,
}

/// The placeholders of what changes from step to step.
#[derive(Clone, Copy)]
pub(crate) struct Hyperparameters<'b> {
    /// [`StepSize::rate`].
    pub(crate) rate: Value<'b>,
    /// [`StepSize::epsilon`].
    pub(crate) epsilon: Value<'b>,
    /// `1 - learning_rate * decay`, what decoupled weight decay multiplies weights by.
    pub(crate) shrink: Value<'b>,
}

/// A parameter and its moments, as handles of variables.
#[derive(Clone, Copy)]
pub(crate) struct Slots<'b> {
    /// The parameter.
    pub(crate) weight: Value<'b>,
    /// The first moment.
    pub(crate) first: Value<'b>,
    /// The second moment.
    pub(crate) second: Value<'b>,
}

impl Averages {
    /// Those of TensorFlow's kernel.
    pub(crate) fn new(adam: &AdamSpec) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the kernel subtracts in float32")]
        let gain = |beta: f64| f64::from(1.0 - beta as f32);
        Self { first_gain: gain(adam.beta1), second_gain: gain(adam.beta2) }
    }

    /// What step `step`, counted from 1, feeds to the kernel.
    ///
    /// After t steps the kernel's averages have weights that sum to `s = 1 - (1 - c)^t`, where the exact betas give `S = 1 - b^t`, so the
    /// moments that are meant are `M = m S1 / s1` and `V = v S2 / s2`. With the corrections `k` that the spec asks for (`S`, or `S` as
    /// float32 has it) epsilon hat is `sqrt(k2) / k1 * M / (sqrt(V) + eps)`, and epsilon after the correction the same with `sqrt(k2) eps`.
    pub(crate) fn step_size(self, adam: &AdamSpec, step: u64, learning_rate: f64) -> StepSize {
        #[expect(clippy::cast_precision_loss, reason = "no run takes 2^53 steps")]
        let weights = |decay: f64| 1.0 - decay.powf(step as f64);
        let first = weights(1.0 - self.first_gain);
        let second = weights(1.0 - self.second_gain);
        // How far the corrections that are asked for lie from the exact ones: 1 where they are these.
        let exact = AdamSpec { bias_correction: BiasCorrection::Float64, ..*adam }.bias_corrections(step);
        let asked = adam.bias_corrections(step);
        let (first_off, second_off) = (asked[0] / exact[0], (asked[1] / exact[1]).sqrt());
        let epsilon = match adam.epsilon_placement {
            EpsilonPlacement::AfterCorrection => adam.epsilon * second.sqrt() * second_off,
            EpsilonPlacement::Hat => adam.epsilon * (second / weights(adam.beta2)).sqrt(),
        };
        StepSize { rate: learning_rate * second.sqrt() / first * (second_off / first_off), epsilon }
    }
}

impl<'b> Hyperparameters<'b> {
    /// The placeholders in the order of the fields.
    pub(crate) fn all(self) -> [Value<'b>; 3] {
        [self.rate, self.epsilon, self.shrink]
    }
}

/// The optimiser of a model, as far as the graph has to know it.
pub(crate) struct Optimiser<'a, 'b> {
    spec: &'a ModelSpec,
    averages: Averages,
    hyperparameters: Hyperparameters<'b>,
}

impl<'a, 'b> Optimiser<'a, 'b> {
    /// Adds the placeholders of what changes from step to step.
    pub(crate) fn new(b: &'b Builder, spec: &'a ModelSpec) -> Self {
        let hyperparameters = Hyperparameters {
            rate: b.placeholder(DataType::Float),
            epsilon: b.placeholder(DataType::Float),
            shrink: b.placeholder(DataType::Float),
        };
        Self { spec, averages: Averages::new(&spec.adam), hyperparameters }
    }

    /// The same optimiser inside a function that is given what changes from step to step.
    pub(crate) fn inside<'s>(&self, [rate, epsilon, shrink]: [Value<'s>; 3]) -> Optimiser<'a, 's> {
        let hyperparameters = Hyperparameters { rate, epsilon, shrink };
        Optimiser { spec: self.spec, averages: self.averages, hyperparameters }
    }

    /// What the model was asked to be.
    pub(crate) fn spec(&self) -> &'a ModelSpec {
        self.spec
    }

    /// The placeholders.
    pub(crate) fn hyperparameters(&self) -> Hyperparameters<'b> {
        self.hyperparameters
    }

    /// `rate * weight`, if decay is coupled.
    pub(crate) fn coupled_decay(&self, weight: Value<'b>) -> Option<Value<'b>> {
        let decay = self.spec.weight_decay;
        (decay.form == WeightDecayForm::Coupled && decay.rate > 0.0).then(|| weight.read() * decay.rate)
    }

    /// One update of a parameter with its gradient, clipped already. The value can only be run.
    pub(crate) fn apply(&self, slots: Slots<'b>, gradient: Value<'b>) -> Value<'b> {
        let gradient = self.coupled_decay(slots.weight).map_or(gradient, |decay| gradient + decay);
        self.apply_after(slots, gradient, &[])
    }

    /// One update of a parameter whose moments were given what is new, after these have run.
    pub(crate) fn apply_after(&self, slots: Slots<'b>, gradient: Value<'b>, after: &[Value<'b>]) -> Value<'b> {
        let mut after = after.to_vec();
        after.push(gradient);
        let shrunk = self.decoupled_factor().map(|f| slots.weight.assign(slots.weight.read_after(&after) * f, &[]));
        after.extend(shrunk);
        let adam = &self.spec.adam;
        let b = gradient.builder();
        // The powers of the betas are given as 0, since the rate is corrected already.
        b.op("ResourceApplyAdam")
            .input(slots.weight)
            .input(slots.first)
            .input(slots.second)
            .input(b.scalar(0.0))
            .input(b.scalar(0.0))
            .input(self.hyperparameters.rate)
            .input(b.scalar(adam.beta1))
            .input(b.scalar(adam.beta2))
            .input(self.hyperparameters.epsilon)
            .input(gradient)
            .attribute("use_locking", Attribute::Bool(false))
            .after(&after)
            .value()
    }

    /// The averages that the kernel takes.
    pub(crate) fn averages(&self) -> Averages {
        self.averages
    }

    /// What decoupled decay multiplies weights by, if there is any.
    pub(crate) fn decoupled_factor(&self) -> Option<Value<'b>> {
        let decay = self.spec.weight_decay;
        (decay.form == WeightDecayForm::Decoupled && decay.rate > 0.0).then_some(self.hyperparameters.shrink)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spec(epsilon_placement: EpsilonPlacement, beta1: f64, beta2: f64, epsilon: f64) -> AdamSpec {
        AdamSpec { beta1, beta2, epsilon, epsilon_placement, ..AdamSpec::PYTORCH }
    }

    proptest! {
        /// The update of algorithm 1 for moments `m` and `v` equals the kernel's with what is fed.
        #[test]
        fn both_placements_of_epsilon_are_one_formula(
            m in -1.0..1.0_f64, v in 1e-12..1.0_f64, step in 1..5000_u64, epsilon in 1e-10..1e-2_f64,
        ) {
            let adam = spec(EpsilonPlacement::AfterCorrection, 0.875, 0.9375, epsilon);
            let fed = Averages::new(&adam).step_size(&adam, step, 0.5);
            let t = step as f64;
            // These betas are exact in float32, so the kernel averages with them.
            let (first, second) = (1.0 - 0.875_f64.powf(t), 1.0 - 0.9375_f64.powf(t));
            let after = 0.5 * (m / first) / ((v / second).sqrt() + epsilon);
            let kernel = fed.rate * m / (v.sqrt() + fed.epsilon);
            prop_assert!((after - kernel).abs() <= 1e-13 * after.abs());

            let adam = spec(EpsilonPlacement::Hat, 0.875, 0.9375, epsilon);
            let fed = Averages::new(&adam).step_size(&adam, step, 0.5);
            let hat = 0.5 * second.sqrt() / first * m / (v.sqrt() + epsilon);
            let kernel = fed.rate * m / (v.sqrt() + fed.epsilon);
            prop_assert!((hat - kernel).abs() <= 1e-13 * hat.abs());
        }
    }

    #[test]
    fn the_first_step_of_a_constant_gradient_is_the_learning_rate() {
        // With m = c1 g and v = c2 g^2 the corrected step is the learning rate, whatever float32 made of the betas.
        let adam = spec(EpsilonPlacement::AfterCorrection, 0.9, 0.999, 1e-30);
        let averages = Averages::new(&adam);
        let fed = averages.step_size(&adam, 1, 1e-3);
        let step = fed.rate * averages.first_gain / (averages.second_gain.sqrt() + fed.epsilon);
        assert!((step - 1e-3).abs() < 1e-17, "{step}");
        assert!((averages.second_gain / 0.001 - 1.0).abs() > 1e-5, "float32 no longer spoils 1 - b2");
    }
}
