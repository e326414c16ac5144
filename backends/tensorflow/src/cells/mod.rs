//! Recurrent layers with hand-written backpropagation through time.
//!
//! Every cell follows one plan. Going forward, the products of all inputs with the input kernel are one matrix product
//! before the loop, and the loop adds what depends on the state. Going backward, the gradient of each step's gates
//! is linear in the gradient that is carried from the step after it; its factors are computed for all steps at once, so the
//! loop holds little but that product and one matrix product; and after it the gradients of both kernels, the biases and the
//! inputs are one matrix product or sum each.
//!
//! Tensors over time are time-major, `[time, batch, columns]`, or flat, `[time * batch, columns]`. Gates stand in PyTorch's
//! order inside the variables, so weights cross the contract unchanged; Adam and norms go element by element and don't care.

mod gru;
mod lstm;
mod rnn;

use harness_contract::CellKind;

use crate::graph::Value;
use crate::graph::scan::{Extent, Loop, Stepped};

/// What a layer needs beside its input.
#[derive(Clone)]
pub(crate) struct Layer<'b> {
    /// A name unique in the graph.
    pub(crate) name: String,
    /// The cell.
    pub(crate) cell: CellKind,
    /// Units.
    pub(crate) hidden: i32,
    /// How loops over time are run.
    pub(crate) run: Loop,
    /// The sizes of the batch.
    pub(crate) extent: Extent<'b>,
    /// The weights.
    pub(crate) weights: LayerWeights<'b>,
}

/// The weights of a layer, or their gradients.
#[derive(Clone, Copy)]
pub(crate) struct LayerWeights<'b> {
    /// `[gates * hidden, input]`.
    pub(crate) input_kernel: Value<'b>,
    /// `[gates * hidden, hidden]`.
    pub(crate) recurrent_kernel: Value<'b>,
    /// `[gates * hidden]`.
    pub(crate) input_bias: Value<'b>,
    /// `[gates * hidden]`, if the layer has it.
    pub(crate) recurrent_bias: Option<Value<'b>>,
}

/// What a layer gives.
#[derive(Clone, Copy)]
pub(crate) struct Outputs<'b> {
    /// The output of the last step computed, `[batch, hidden]`.
    pub(crate) last: Value<'b>,
    /// The outputs of all steps, `[time, batch, hidden]`.
    pub(crate) all: Value<'b>,
}

/// What a cell's forward pass leaves for its backward pass.
pub(crate) enum Tape<'b> {
    /// Of a SimpleRNN.
    Rnn(rnn::Tape<'b>),
    /// Of an LSTM.
    Lstm(lstm::Tape<'b>),
    /// Of a GRU.
    Gru(gru::Tape<'b>),
}

/// The gradient that reaches a layer's outputs from above.
#[derive(Clone, Copy)]
pub(crate) enum Upstream<'b> {
    /// It reaches the last step computed alone, `[batch, hidden]`.
    Last(Value<'b>),
    /// It may reach every step, `[time, batch, hidden]`.
    Outputs(Value<'b>),
}

/// What a backward pass gives.
pub(crate) struct Gradients<'b> {
    /// Of the weights.
    pub(crate) weights: LayerWeights<'b>,
    /// Of the inputs, `[time * batch, input]`.
    pub(crate) inputs: Value<'b>,
}

/// The output of a layer's last step, `[batch, hidden]`; `inputs` is `[time * batch, input]`.
pub(crate) fn last_output<'b>(layer: &Layer<'b>, inputs: Value<'b>) -> Value<'b> {
    run(layer, inputs, &[]).carry[0]
}

/// The outputs of a layer; `inputs` is `[time * batch, input]`.
pub(crate) fn outputs<'b>(layer: &Layer<'b>, inputs: Value<'b>) -> Outputs<'b> {
    let run = run(layer, inputs, &[layer.hidden]);
    Outputs { last: run.carry[0], all: run.collected[0] }
}

/// The outputs of a layer and what its backward pass needs; `inputs` is `[time * batch, input]`.
pub(crate) fn record<'b>(layer: &Layer<'b>, inputs: Value<'b>) -> (Outputs<'b>, Tape<'b>) {
    let columns: &[i32] = match layer.cell {
        CellKind::Rnn => &rnn::COLLECTED,
        CellKind::Lstm => &lstm::COLLECTED,
        CellKind::Gru => &gru::COLLECTED,
    };
    let columns: Vec<_> = columns.iter().map(|&blocks| blocks * layer.hidden).collect();
    let run = run(layer, inputs, &columns);
    let outputs = Outputs { last: run.carry[0], all: run.collected[0] };
    let tape = match layer.cell {
        CellKind::Rnn => Tape::Rnn(rnn::Tape::new(&run.collected)),
        CellKind::Lstm => Tape::Lstm(lstm::Tape::new(&run.collected)),
        CellKind::Gru => Tape::Gru(gru::Tape::new(&run.collected)),
    };
    (outputs, tape)
}

/// The gradients of a layer that ran over `inputs` and left `tape`.
pub(crate) fn backward<'b>(
    layer: &Layer<'b>,
    inputs: Value<'b>,
    tape: &Tape<'b>,
    upstream: Upstream<'b>,
) -> Gradients<'b> {
    match tape {
        Tape::Rnn(tape) => rnn::backward(layer, inputs, tape, upstream),
        Tape::Lstm(tape) => lstm::backward(layer, inputs, tape, upstream),
        Tape::Gru(tape) => gru::backward(layer, inputs, tape, upstream),
    }
}

/// Runs a layer from a state of zeros. Of what its steps leave behind it collects as many as there are `columns`; the
/// first are the outputs.
fn run<'b>(layer: &Layer<'b>, inputs: Value<'b>, columns: &[i32]) -> Stepped<'b> {
    match layer.cell {
        CellKind::Rnn => rnn::forward(layer, inputs, columns),
        CellKind::Lstm => lstm::forward(layer, inputs, columns),
        CellKind::Gru => gru::forward(layer, inputs, columns),
    }
}

impl<'b> LayerWeights<'b> {
    /// The tensors in canonical order.
    pub(crate) fn in_canonical_order(&self) -> impl Iterator<Item = Value<'b>> {
        [self.input_kernel, self.recurrent_kernel, self.input_bias].into_iter().chain(self.recurrent_bias)
    }
}

impl<'b> Layer<'b> {
    /// A state of zeros, `[batch, hidden]`.
    fn zero_state(&self) -> Value<'b> {
        self.weights.input_bias.builder().zeros(self.extent.rows_of(self.hidden))
    }

    /// All biases that are added to the input products, `[gates * hidden]`, where both vectors act alike.
    fn summed_bias(&self) -> Value<'b> {
        match self.weights.recurrent_bias {
            Some(recurrent) => self.weights.input_bias + recurrent,
            None => self.weights.input_bias,
        }
    }

    /// Flat values, `[time * batch, columns]`, over time.
    fn over_time(&self, flat: Value<'b>, columns: i32) -> Value<'b> {
        flat.reshape(self.extent.steps_of(columns))
    }

    /// The state that each step began with, `[time, batch, hidden]`, of the states that each step left.
    fn states_before(&self, states: Value<'b>) -> Value<'b> {
        let b = states.builder();
        let first = b.zeros(b.pack(&[b.int(1), self.extent.batch, b.int(self.hidden)]));
        let all_but_last = states.slice_first(b.ints(&[0]), b.ints(&[-1]));
        b.concat(&[first, all_but_last], 0)
    }

    /// The gradient of the recurrent kernel, `[columns, hidden]`, where `products` are the gradients of the products with it,
    /// `[time, batch, columns]`, and `states` those each step left. The first step began with zeros and adds nothing.
    fn recurrent_kernel_gradient(&self, products: Value<'b>, states: Value<'b>, columns: i32) -> Value<'b> {
        let b = states.builder();
        let later = b.op("Slice").input(products).input(b.ints(&[1, 0, 0])).input(b.ints(&[-1, -1, -1])).value();
        let before = states.slice_first(b.ints(&[0]), b.ints(&[-1]));
        later.reshape_to(&[-1, columns]).transposed_matmul(before.reshape_to(&[-1, self.hidden]))
    }
}

impl<'b> Upstream<'b> {
    /// What the backward loop is given at its first step, and what it sees over time.
    fn enter(self, layer: &Layer<'b>) -> (Value<'b>, Option<Value<'b>>) {
        match self {
            Self::Last(last) => (last, None),
            Self::Outputs(outputs) => (layer.zero_state(), Some(outputs)),
        }
    }
}
