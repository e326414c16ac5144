//! Clipping, weight decay and Adam (Kingma & Ba, arXiv 1412.6980).
//!
//! ```text
//! g = min(1, norm / (|g| + stabiliser)) * g                  clipping; `ClipForm` says what |g| is over
//! g = g + rate * w              or   w = (1 - a * rate) * w  weight decay, coupled or decoupled
//! m = b1 * m + (1 - b1) * g
//! v = b2 * v + (1 - b2) * g^2
//! w = w - a * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)           algorithm 1: epsilon after correction
//! w = w - a * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)         end of section 2: epsilon hat
//! ```

use harness_contract::{AdamSpec, EpsilonPlacement, ModelSpec, RepeatedWords, WeightDecayForm, WeightDecaySpec};

use crate::network::Gradients;
use crate::parameters::Parameters;

/// The state of the optimiser.
#[derive(Debug, Clone)]
pub struct Adam {
    adam: AdamSpec,
    repeated_words: RepeatedWords,
    decay: WeightDecaySpec,
    first: Parameters,
    second: Parameters,
    steps: u64,
}

impl Adam {
    /// An optimiser that has taken no step.
    #[must_use]
    pub fn new(spec: &ModelSpec) -> Self {
        let zeros = Parameters::zeros(spec);
        Self {
            adam: spec.adam,
            repeated_words: spec.repeated_words(),
            decay: spec.weight_decay,
            first: zeros.clone(),
            second: zeros,
            steps: 0,
        }
    }

    /// An optimiser that has taken `steps` steps and arrived at these moments.
    #[must_use]
    pub fn at(spec: &ModelSpec, steps: u64, first: Parameters, second: Parameters) -> Self {
        Self { first, second, steps, ..Self::new(spec) }
    }

    /// How many steps it has taken.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The first and second moments.
    #[must_use]
    pub const fn moments(&self) -> [&Parameters; 2] {
        [&self.first, &self.second]
    }

    /// One update with a gradient that is clipped already. `words` are the rows of the embedding that `gradients.occurrences` belong to, `[batch, time]`.
    ///
    /// A word that isn't in the batch has gradient 0, yet its moments decay and its row moves, as with any other parameter.
    pub fn step(&mut self, weights: &mut Parameters, mut gradients: Gradients, words: &[usize], learning_rate: f64) {
        self.steps = self.steps.saturating_add(1);
        let coupled = if self.decay.form == WeightDecayForm::Coupled { self.decay.rate } else { 0.0 };
        let decoupled = if self.decay.form == WeightDecayForm::Decoupled { self.decay.rate } else { 0.0 };
        let squares = self.embedding_squares(weights, &gradients, words, coupled);

        let AdamSpec { beta1, beta2, .. } = self.adam;
        let tensors = weights.tensors_mut().into_iter().zip(gradients.parameters.tensors_mut());
        let moments = self.first.tensors_mut().into_iter().zip(self.second.tensors_mut());
        let rule = Rule::new(&self.adam, self.steps, learning_rate);
        for (tensor, ((weights, gradient), (first, second))) in tensors.zip(moments).enumerate() {
            let squares = squares.as_ref().filter(|_| tensor == 0);
            for at in 0..weights.len() {
                let g = gradient[at] + coupled * weights[at];
                let square = squares.map_or(g * g, |squares| squares[at]);
                first[at] = beta1 * first[at] + (1.0 - beta1) * g;
                second[at] = beta2 * second[at] + (1.0 - beta2) * square;
                weights[at] = weights[at] * (1.0 - learning_rate * decoupled) - rule.update(first[at], second[at]);
            }
        }
    }

    /// What enters the embedding's second moment where each occurrence is squared on its own, `[vocabulary_size, embedding_size]`. Coupled weight
    /// decay, which belongs to no occurrence, counts as one more.
    fn embedding_squares(
        &self,
        weights: &Parameters,
        gradients: &Gradients,
        words: &[usize],
        coupled: f64,
    ) -> Option<Vec<f64>> {
        if self.repeated_words == RepeatedWords::SumThenSquare {
            return None;
        }
        let size = gradients.occurrences.len() / words.len();
        let mut squares: Vec<f64> = weights.embedding.iter().map(|w| (coupled * w).powi(2)).collect();
        for (&word, occurrence) in words.iter().zip(gradients.occurrences.chunks_exact(size)) {
            for (square, g) in squares[word * size..][..size].iter_mut().zip(occurrence) {
                *square += g * g;
            }
        }
        Some(squares)
    }
}

/// The update at one step, with what doesn't depend on the parameter computed once.
struct Rule {
    scale: f64,
    second_correction: f64,
    epsilon: f64,
}

impl Rule {
    fn new(adam: &AdamSpec, step: u64, learning_rate: f64) -> Self {
        let [first_correction, second_correction] = adam.bias_corrections(step);
        let epsilon = adam.epsilon;
        match adam.epsilon_placement {
            EpsilonPlacement::AfterCorrection => {
                Self { scale: learning_rate / first_correction, second_correction, epsilon }
            }
            EpsilonPlacement::Hat => {
                let scale = learning_rate * second_correction.sqrt() / first_correction;
                Self { scale, second_correction: 1.0, epsilon }
            }
        }
    }

    fn update(&self, first: f64, second: f64) -> f64 {
        self.scale * first / ((second / self.second_correction).sqrt() + self.epsilon)
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    /// The smallest model there is; only `head.bias` gets a gradient in these tests.
    fn spec(placement: EpsilonPlacement, decay: WeightDecaySpec) -> ModelSpec {
        ModelSpec {
            vocabulary_size: 2,
            embedding_size: 1,
            hidden_size: 1,
            layers: 1,
            adam: AdamSpec {
                beta1: 0.5,
                beta2: 0.75,
                epsilon: 1.0,
                epsilon_placement: placement,
                repeated_words: RepeatedWords::SquareThenSum,
                bias_correction: harness_contract::BiasCorrection::Float64,
            },
            weight_decay: decay,
            max_time: 1,
            max_batch: 1,
            ..ModelSpec::plain(harness_contract::CellKind::Rnn)
        }
    }

    const NO_DECAY: WeightDecaySpec = WeightDecaySpec { rate: 0.0, form: WeightDecayForm::Coupled };

    /// Steps on `head.bias`, which begins at `weight`, with these gradients and learning rate 1.
    fn head_bias_after(spec: &ModelSpec, weight: f64, gradients: &[f64]) -> f64 {
        let mut weights = Parameters::zeros(spec);
        weights.head_bias[0] = weight;
        let mut adam = Adam::new(spec);
        for &g in gradients {
            let mut gradient = Parameters::zeros(spec);
            gradient.head_bias[0] = g;
            let gradients = Gradients { loss: 0.0, parameters: gradient, occurrences: vec![0.0] };
            adam.step(&mut weights, gradients, &[1], 1.0);
        }
        weights.head_bias[0]
    }

    #[test]
    fn the_first_step_divides_by_the_gradient_and_epsilon() {
        // m = 2, v = 4; corrected by 1 - 0.5 and 1 - 0.75: 4 and 16; 4 / (sqrt(16) + 1) = 0.8.
        let after = head_bias_after(&spec(EpsilonPlacement::AfterCorrection, NO_DECAY), 0.0, &[4.0]);
        assert!((after + 0.8).abs() < 1e-15, "{after}");
    }

    #[test]
    fn epsilon_hat_is_added_to_the_uncorrected_moment() {
        // sqrt(0.25) / 0.5 = 1; m = 2, v = 4; 2 / (sqrt(4) + 1) = 2 / 3.
        let after = head_bias_after(&spec(EpsilonPlacement::Hat, NO_DECAY), 0.0, &[4.0]);
        assert!((after + 2.0 / 3.0).abs() < 1e-15, "{after}");
    }

    #[test]
    fn moments_decay_from_step_to_step() {
        // m = 2, then 0.5 * 2 + 0.5 * 1 = 1.5; v = 4, then 0.75 * 4 + 0.25 * 1 = 3.25;
        // corrected by 1 - 0.25 = 0.75 and 1 - 0.5625 = 0.4375.
        let second = (1.5 / 0.75) / ((3.25_f64 / 0.4375).sqrt() + 1.0);
        let after = head_bias_after(&spec(EpsilonPlacement::AfterCorrection, NO_DECAY), 0.0, &[4.0, 1.0]);
        assert!((after + 0.8 + second).abs() < 1e-15, "{after}");
    }

    #[test]
    fn coupled_decay_joins_the_gradient_and_decoupled_decay_shrinks_the_weight() {
        // Coupled: g = 3 + 0.5 * 2 = 4, the step of 0.8 above. Decoupled: 2 * (1 - 0.5) - 3 / (3 + 1).
        let coupled = WeightDecaySpec { rate: 0.5, form: WeightDecayForm::Coupled };
        let after = head_bias_after(&spec(EpsilonPlacement::AfterCorrection, coupled), 2.0, &[3.0]);
        assert!((after - 1.2).abs() < 1e-15, "{after}");
        let decoupled = WeightDecaySpec { rate: 0.5, form: WeightDecayForm::Decoupled };
        let after = head_bias_after(&spec(EpsilonPlacement::AfterCorrection, decoupled), 2.0, &[3.0]);
        assert!((after - 0.25).abs() < 1e-15, "{after}");
    }

    #[test]
    fn occurrences_of_a_word_are_squared_before_or_after_they_are_summed() {
        // Occurrences 3 and 1: sum 4, sum of squares 10, square of the sum 16. One step moves by 4 / (sqrt(s) + 1).
        for (repeated_words, squares) in
            [(RepeatedWords::SumThenSquare, 16.0_f64), (RepeatedWords::SquareThenSum, 10.0)]
        {
            let mut spec = spec(EpsilonPlacement::AfterCorrection, NO_DECAY);
            spec.adam.repeated_words = repeated_words;
            let mut weights = Parameters::zeros(&spec);
            let mut gradient = Parameters::zeros(&spec);
            gradient.embedding[1] = 4.0;
            let gradients = Gradients { loss: 0.0, parameters: gradient, occurrences: vec![3.0, 1.0] };
            Adam::new(&spec).step(&mut weights, gradients, &[1, 1], 1.0);
            let expected = -4.0 / (squares.sqrt() + 1.0);
            assert!((weights.embedding[1] - expected).abs() < 1e-15, "{repeated_words:?}: {:?}", weights.embedding);
        }
    }
}
