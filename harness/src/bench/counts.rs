//! Operations and bytes of a training step and of a prediction, counted from the model's specification.
//!
//! The counts are of the algorithm, not of a program: what any implementation has to do that hoists the input products of
//! all time steps out of the recurrence. A program that does more (temporaries, several passes of the optimiser) is slower
//! than the counts allow, and that is what they are for.
//!
//! **Operations.** A multiplication and an addition each count one, so a matrix product `[m, k] x [k, n]` counts `2 m k n`;
//! so do a tanh, a logistic function, a square root and a division. With `A = rows * time * directions`, `H` units, `G`
//! gates and `I` columns of input, a layer has
//! - forward: the input product `2 A I G H`, the recurrent product `2 A H G H`, and per unit and step `G` bias additions (one more for
//!   the second bias inside a GRU's reset) and the cell's equations: 2 for SimpleRNN, 13 for LSTM, 10 for GRU;
//! - backward: four products of the same sizes (for the input, its kernel, the state, its kernel), `G` additions for the bias
//!   gradients (one more as before), and per unit and step 4, 23, 17 (18 where the GRU resets before its product).
//!
//! Dropout counts 2 a value forward (draw, scale) and 1 backward. The embedding's gradient is one addition a value. Adam counts 12 a
//! parameter: 3 for the first moment, 4 for the second, 5 for the update; the norm of the gradient 2, clipping 1, weight decay 2. The loss
//! itself, a few operations a row, is left out.
//!
//! **Bytes.** Four a value. Every operation reads its operands once and writes its result once; kernels are read once a pass, as if they
//! stayed in a cache through the recurrence; dropout masks are drawn again and not stored. The embedding's gradient has
//! at most `min(vocabulary, rows * time)` rows that are not zero, and only those are written and read; Adam reads and writes
//! weight and both moments of every parameter, touched or not, because its update moves every one.

use std::ops::{Add, AddAssign};

use harness_contract::{BiasVectors, CellKind, GruForm, ModelSpec};
use serde::{Deserialize, Serialize};

/// Bytes of a value.
const VALUE: u64 = 4;

/// Operations and bytes moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Floating-point operations.
    pub operations: u64,
    /// Bytes read and written.
    pub bytes: u64,
}

impl Work {
    const fn of(operations: u64, values: u64) -> Self {
        Self { operations, bytes: VALUE * values }
    }

    /// Operations a byte.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
    pub fn intensity(self) -> f64 {
        self.operations as f64 / self.bytes as f64
    }
}

impl Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { operations: self.operations + other.operations, bytes: self.bytes + other.bytes }
    }
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// The parts of a training step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepWork {
    /// From token ids to logits, keeping what the way back needs.
    pub forward: Work,
    /// Gradients of every weight.
    pub backward: Work,
    /// Norm, clipping, weight decay and Adam.
    pub optimiser: Work,
}

impl StepWork {
    /// All of it.
    #[must_use]
    pub fn total(self) -> Work {
        self.forward + self.backward + self.optimiser
    }
}

/// The work of a training step on a batch of `rows` rows of `time` steps.
#[must_use]
pub fn training_step(spec: &ModelSpec, rows: usize, time: usize) -> StepWork {
    let shape = Shape::new(spec, rows, time);
    StepWork { forward: shape.forward(true), backward: shape.backward(), optimiser: shape.optimiser() }
}

/// The work of a prediction on a batch of `rows` rows of `time` steps.
#[must_use]
pub fn prediction(spec: &ModelSpec, rows: usize, time: usize) -> Work {
    Shape::new(spec, rows, time).forward(false)
}

/// Sizes as the formulas write them.
struct Shape<'s> {
    spec: &'s ModelSpec,
    rows: u64,
    /// Rows times steps.
    slots: u64,
    /// Rows times steps times directions.
    states: u64,
    hidden: u64,
    gates: u64,
    directions: u64,
}

impl<'s> Shape<'s> {
    fn new(spec: &'s ModelSpec, rows: usize, time: usize) -> Self {
        let [rows, time, hidden, gates, directions] =
            [rows, time, spec.hidden_size, spec.cell.gates(), spec.directions()].map(|size| size as u64);
        Self { spec, rows, slots: rows * time, states: rows * time * directions, hidden, gates, directions }
    }

    fn forward(&self, training: bool) -> Work {
        let spec = self.spec;
        let embedding = spec.embedding_size as u64;
        // Ids and rows are read, embedded tokens are written.
        let mut work = Work::of(0, self.slots + 2 * self.slots * embedding);
        for layer in 0..spec.layers {
            let input = spec.input_size(layer) as u64;
            let gate_values = self.states * self.gates * self.hidden;
            // Read: input, kernel, then the product again, the recurrent kernel and the bias. Written: product, state.
            let kernels = self.directions * self.gates * self.hidden * (input + self.hidden + 1);
            let mut values = self.states * input + 2 * gate_values + kernels + self.states * self.hidden;
            if training {
                values += gate_values + self.states * self.hidden * self.kept_states();
            }
            let per_unit = self.gates + self.reset_bias() + self.equations().0;
            work += Work::of(2 * gate_values * (input + self.hidden) + self.states * self.hidden * per_unit, values);
            if spec.layer_norm {
                // Mean, variance, scaling: two passes of reading and one of writing.
                work += Work::of(8 * self.states * self.hidden, 3 * self.states * self.hidden);
            }
        }
        if training {
            work += self.dropout(2);
        }
        let pooled = self.rows * self.hidden * self.directions;
        work + Work::of(2 * pooled, pooled + self.hidden * self.directions + 1 + self.rows)
    }

    fn backward(&self) -> Work {
        let spec = self.spec;
        let embedding = spec.embedding_size as u64;
        let pooled = self.rows * self.hidden * self.directions;
        // The head: the gradient of its kernel and of its input.
        let mut work = Work::of(4 * pooled, 2 * pooled + 2 * self.hidden * self.directions + 1 + self.rows);
        for layer in 0..spec.layers {
            let input = spec.input_size(layer) as u64;
            let gate_values = self.states * self.gates * self.hidden;
            let states = self.states * self.hidden;
            let kernel = self.directions * self.gates * self.hidden;
            let from_above = if layer + 1 < spec.layers { states } else { 0 };
            // The recurrence reads what was kept and the gradient from above, and writes the gradient of the gates.
            let recurrence = gate_values + states * (1 + self.kept_states()) + from_above + gate_values;
            let kernels = kernel * self.hidden;
            // Three products outside it: for the input, the input's kernel with the bias, the recurrent kernel.
            let for_input = gate_values + kernel * input + self.states * input;
            let for_kernel = gate_values + self.states * input + kernel * (input + 1);
            let for_recurrent_kernel = gate_values + states + kernel * self.hidden;
            let per_unit = self.gates + self.reset_bias() + self.equations().1;
            work += Work::of(
                4 * gate_values * (input + self.hidden) + states * per_unit,
                recurrence + kernels + for_input + for_kernel + for_recurrent_kernel,
            );
            if spec.layer_norm {
                work += Work::of(12 * states, 3 * states);
            }
        }
        // Each occurrence's gradient is read, each word's is written.
        let embedding_gradient = Work::of(self.slots * embedding, self.slots * embedding + self.embedding_gradient());
        work + embedding_gradient + self.dropout(1)
    }

    fn optimiser(&self) -> Work {
        let spec = self.spec;
        let parameters: u64 = spec.parameters().iter().map(|parameter| parameter.len() as u64).sum();
        let embedding = (spec.vocabulary_size * spec.embedding_size) as u64;
        let gradients = parameters - embedding + self.embedding_gradient();
        let clipping = u64::from(spec.clip.is_some());
        let decay = if spec.weight_decay.rate > 0.0 { 2 } else { 0 };
        // The norm and the update each read the gradient; the update reads and writes three values a parameter.
        Work::of((12 + 2 + clipping + decay) * parameters, 2 * gradients + 6 * parameters)
    }

    /// Values of the embedding's gradient that need not be zero.
    fn embedding_gradient(&self) -> u64 {
        self.slots.min(self.spec.vocabulary_size as u64) * self.spec.embedding_size as u64
    }

    fn dropout(&self, per_value: u64) -> Work {
        let dropout = self.spec.dropout;
        let between = (self.spec.layers as u64 - 1) * self.states * self.hidden;
        let places = [
            (dropout.after_embedding, self.slots * self.spec.embedding_size as u64),
            (dropout.between_layers, between),
            (dropout.after_last, self.rows * self.hidden * self.directions),
        ];
        let values: u64 = places.iter().filter(|(rate, _)| *rate > 0.0).map(|(_, values)| values).sum();
        Work::of(per_value * values, 0)
    }

    /// 1 where a GRU has a bias inside its reset, which no other bias can be summed with beforehand.
    fn reset_bias(&self) -> u64 {
        let spec = self.spec;
        let inside =
            spec.cell == CellKind::Gru && spec.gru_form == GruForm::ResetAfter && spec.bias_vectors == BiasVectors::Two;
        u64::from(inside)
    }

    /// Values a unit that are kept for the way back, beside the gates and the state: LSTM's cell, GRU's operand of the reset.
    fn kept_states(&self) -> u64 {
        match self.spec.cell {
            CellKind::Rnn => 0,
            CellKind::Lstm | CellKind::Gru => 1,
        }
    }

    /// Operations of the cell's equations a unit and step, forward and backward, without products and biases.
    fn equations(&self) -> (u64, u64) {
        match (self.spec.cell, self.spec.gru_form) {
            // h = tanh(a + u). Back: add the carry, then times 1 - h^2.
            (CellKind::Rnn, _) => (2, 4),
            // Four sums, four nonlinearities, c = f c + i g, h = o tanh(c). Back: carry 1, o 1 + 3, c 5, i and f and g 4 each, carry of c 1.
            (CellKind::Lstm, _) => (13, 23),
            // r and z: 2 sums, 2 nonlinearities. n: reset, sum, tanh. h = n + z (h - n). Back: carry 1, z 2 + 3, n 2 + 3, r 1 + 3, reset 1, carry 1.
            (CellKind::Gru, GruForm::ResetAfter) => (10, 17),
            // The same forward. Back: the carry has a second term through the reset, 2 more, and nothing is reset on the way 1 less.
            (CellKind::Gru, GruForm::ResetBefore) => (10, 18),
        }
    }
}

#[cfg(test)]
mod tests {
    use harness_contract::{ClipForm, ClipSpec, DropoutSpec};

    use super::*;

    /// One layer, two rows of three steps, vocabulary 50, embedding 7, hidden 5: sizes that can be multiplied by hand.
    fn spec(cell: CellKind) -> ModelSpec {
        ModelSpec { layers: 1, ..ModelSpec::plain(cell) }
    }

    #[test]
    fn a_simple_rnn_counts_as_by_hand() {
        let step = training_step(&spec(CellKind::Rnn), 2, 3);
        // 6 states. Input product 2*6*7*5 = 420, recurrent 2*6*5*5 = 300, bias 30, equation 60, head 2*2*5 = 20.
        assert_eq!(step.forward.operations, 420 + 300 + 30 + 60 + 20);
        // Products twice: 1440, bias 30, equation 4*30 = 120, head 40, embedding 6*7 = 42.
        assert_eq!(step.backward.operations, 1440 + 30 + 120 + 40 + 42);
        // 50*7 + 5*7 + 5*5 + 5 + 5 + 5 + 1 = 426 parameters, 12 for Adam and 2 for the norm each.
        assert_eq!(step.optimiser.operations, 426 * 14);
        // Embedding 6 + 84; layer: x 42, product twice 60, kernels 5*(7+5+1) = 65, state 30, kept gates 30; head 10 + 5 + 1 + 2.
        assert_eq!(step.forward.bytes, 4 * (90 + 42 + 60 + 65 + 30 + 30 + 18));
        // Head 20 + 10 + 1 + 2; recurrence 30 + 30 + 30 and kernel 25; for x 30 + 35 + 42; for its kernel 30 + 42 + 40;
        // for the recurrent kernel 30 + 30 + 25; embedding 42 read, 42 written.
        assert_eq!(step.backward.bytes, 4 * (33 + 90 + 25 + 107 + 112 + 85 + 84));
        // Gradient twice: 426 - 350 + 42 = 118; three values read and written a parameter.
        assert_eq!(step.optimiser.bytes, 4 * (2 * 118 + 6 * 426));
        assert_eq!(step.total().operations, 830 + 1672 + 5964);
    }

    #[test]
    fn an_lstm_has_four_gates_and_keeps_its_cell() {
        let step = training_step(&spec(CellKind::Lstm), 2, 3);
        // Products 4*(420 + 300) = 2880, biases 4*30, equations 13*30, head 20.
        assert_eq!(step.forward.operations, 2880 + 120 + 390 + 20);
        assert_eq!(step.backward.operations, 5760 + 120 + 23 * 30 + 40 + 42);
        // x 42, product twice 240, kernels 20*13 = 260, state 30; kept: gates 120 and cell 30.
        assert_eq!(step.forward.bytes, 4 * (90 + 42 + 240 + 260 + 30 + 150 + 18));
    }

    #[test]
    fn a_gru_counts_the_bias_inside_its_reset_only_where_there_is_one() {
        let after = training_step(&spec(CellKind::Gru), 2, 3);
        assert_eq!(after.forward.operations, 3 * 720 + (3 + 1 + 10) * 30 + 20);
        assert_eq!(after.backward.operations, 3 * 1440 + (3 + 1 + 17) * 30 + 40 + 42);
        let one = ModelSpec { bias_vectors: BiasVectors::One, ..spec(CellKind::Gru) };
        assert_eq!(training_step(&one, 2, 3).forward.operations, 3 * 720 + 13 * 30 + 20);
        let before = ModelSpec { gru_form: GruForm::ResetBefore, ..spec(CellKind::Gru) };
        assert_eq!(training_step(&before, 2, 3).backward.operations, 3 * 1440 + (3 + 18) * 30 + 40 + 42);
    }

    #[test]
    fn a_second_layer_reads_the_first_one_s_states_and_passes_a_gradient_down() {
        let one = training_step(&spec(CellKind::Rnn), 2, 3);
        let two = training_step(&ModelSpec::plain(CellKind::Rnn), 2, 3);
        // Input 5 in place of 7: product 2*6*5*5 = 300; the rest as in the first.
        assert_eq!(two.forward.operations - one.forward.operations, 300 + 300 + 30 + 60);
        // As the first layer with input 5, and the first now gets 30 values from above.
        let second = 90 + 25 + (30 + 25 + 30) + (30 + 30 + 30) + 85;
        assert_eq!(two.backward.bytes - one.backward.bytes, 4 * (second + 30));
    }

    #[test]
    fn a_prediction_keeps_nothing_and_drops_nothing() {
        let dropout = DropoutSpec { after_embedding: 0.2, between_layers: 0.0, after_last: 0.2, seed: 1 };
        let spec = ModelSpec { dropout, ..spec(CellKind::Lstm) };
        let (step, predicted) = (training_step(&spec, 2, 3), prediction(&spec, 2, 3));
        // Kept: four gates and the cell of 30 values. Dropped: 42 embedded and 10 pooled values, two operations each.
        assert_eq!(step.forward.bytes - predicted.bytes, 4 * 150);
        assert_eq!(step.forward.operations - predicted.operations, 2 * (42 + 10));
    }

    #[test]
    fn clipping_and_weight_decay_count_a_parameter() {
        let plain = training_step(&spec(CellKind::Rnn), 2, 3).optimiser;
        let clipped = ModelSpec {
            clip: Some(ClipSpec { norm: 5.0, stabiliser: 0.0, form: ClipForm::Gradient }),
            ..spec(CellKind::Rnn)
        };
        assert_eq!(training_step(&clipped, 2, 3).optimiser.operations - plain.operations, 426);
        let mut decayed = spec(CellKind::Rnn);
        decayed.weight_decay.rate = 0.01;
        assert_eq!(training_step(&decayed, 2, 3).optimiser.operations - plain.operations, 2 * 426);
    }

    #[test]
    fn more_tokens_than_words_fill_the_embedding_s_gradient_and_no_more() {
        let gradient = |rows, time| Shape::new(&spec(CellKind::Rnn), rows, time).embedding_gradient();
        assert_eq!(gradient(2, 3), 6 * 7);
        assert_eq!(gradient(8, 20), 50 * 7);
    }

    #[test]
    fn the_study_s_lstm_spends_its_operations_in_products_and_its_optimiser_in_the_embedding() {
        let spec = ModelSpec {
            vocabulary_size: 30_000,
            embedding_size: 128,
            hidden_size: 64,
            ..ModelSpec::plain(CellKind::Lstm)
        };
        let step = training_step(&spec, 32, 400);
        // 3 * 2 * 12,800 * 256 * (128 + 64 + 64 + 64) in products.
        let products = 3 * 2 * 12_800 * 256 * 320;
        assert!(step.total().operations > products && step.total().operations < products * 11 / 10);
        // Six values of 3.84 million weights are 92 MB.
        assert!(step.optimiser.bytes > 92_160_000 && step.optimiser.bytes < 120_000_000, "{}", step.optimiser.bytes);
    }
}
