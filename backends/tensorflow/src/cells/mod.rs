//! Recurrent layers with hand-written backpropagation through time.
//!
//! Every cell follows one plan. Going forward, the products of all inputs with the input kernel are one matrix product
//! before the loop, and the loop adds what depends on the state. Going backward, the gradient of each step's gates
//! is linear in the gradient that is carried from the step after it. Its factors are known when the forward pass is done, so the
//! backward loop holds little but products with them and one matrix product; and after it the gradients of both kernels, the
//! biases and the inputs are one matrix product or sum each.
//!
//! The factors are computed for all steps at once, unless XLA compiles the loop: then each step leaves its own, which are written
//! over the input products, and the backward loop writes the gradients of the sums over the factors.
//!
//! Tensors over time are time-major, `[time, batch, columns]`, or flat, `[time * batch, columns]`. Gates stand in PyTorch's
//! order inside the variables, so weights cross the contract unchanged; Adam and norms go element by element and don't care.

mod gradients;
mod gru;
mod lstm;
mod rnn;
mod stack;

use harness_contract::CellKind;

use crate::graph::Value;
use crate::graph::scan::{Collected, Extent, Loop, Order, Scan, Stepped, scan};

pub(crate) use gradients::{KernelGradient, WeightGradients};
pub(crate) use stack::{stacked_last_output, stacked_outputs, word_products};

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

/// The weights of a layer.
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
    /// The outputs of all steps, `[time * batch, hidden]`.
    pub(crate) all: Value<'b>,
}

/// What a layer's forward pass leaves for its backward pass.
pub(crate) struct Tape<'b> {
    /// `h` after each step, `[time * batch, hidden]`.
    states: Value<'b>,
    /// What the backward pass multiplies by, `[time, batch, ..]`; each cell has its own.
    factors: Vec<Value<'b>>,
}

/// Which of what its steps leave behind a layer collects.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// Nothing.
    Nothing,
    /// The outputs.
    Outputs,
    /// The outputs and what the factors of the backward pass are made of.
    Tape,
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
    pub(crate) weights: WeightGradients<Value<'b>>,
    /// Of the inputs, `[time * batch, input]`.
    pub(crate) inputs: Value<'b>,
}

/// What the steps of a layer compute with, made of its weights before the loop.
struct Prepared<'b> {
    /// The input kernel in the order of gates that the graph computes in, `[gates * hidden, input]`.
    input_kernel: Value<'b>,
    /// What is added to its products, `[gates * hidden]`.
    bias: Value<'b>,
    /// What a step is given beside products and state: the recurrent kernel, transposed, first.
    constants: Vec<Value<'b>>,
}

/// The output of a layer's last step, `[batch, hidden]`; `inputs` is `[time * batch, input]`.
pub(crate) fn last_output<'b>(layer: &Layer<'b>, inputs: Value<'b>) -> Value<'b> {
    run(layer, inputs, Keep::Nothing).carry[0]
}

/// The outputs of a layer; `inputs` is `[time * batch, input]`.
pub(crate) fn outputs<'b>(layer: &Layer<'b>, inputs: Value<'b>) -> Outputs<'b> {
    let run = run(layer, inputs, Keep::Outputs);
    Outputs { last: run.carry[0], all: run.collected[0].reshape_to(&[-1, layer.hidden]) }
}

/// The outputs of a layer and what its backward pass needs; `inputs` is `[time * batch, input]`.
pub(crate) fn record<'b>(layer: &Layer<'b>, inputs: Value<'b>) -> (Outputs<'b>, Tape<'b>) {
    let run = run(layer, inputs, Keep::Tape);
    let states = run.collected[0];
    let left = &run.collected[1..];
    let factors = match (layer.run, layer.cell) {
        (Loop::Compiled, _) => left.to_vec(),
        (_, CellKind::Rnn) => vec![rnn::slope(states)],
        (_, CellKind::Lstm) => lstm::factors(left[0], left[1], left[2], layer.states_before(left[2])).to_vec(),
        (_, CellKind::Gru) => gru::factors(left[0], left[1], left[2], layer.states_before(states)).to_vec(),
    };
    let states = states.reshape_to(&[-1, layer.hidden]);
    (Outputs { last: run.carry[0], all: states }, Tape { states, factors })
}

/// The gradients of a layer that ran over `inputs` and left `tape`.
pub(crate) fn backward<'b>(
    layer: &Layer<'b>,
    inputs: Value<'b>,
    tape: &Tape<'b>,
    upstream: Upstream<'b>,
) -> Gradients<'b> {
    match layer.cell {
        CellKind::Rnn => rnn::backward(layer, inputs, tape, upstream),
        CellKind::Lstm => lstm::backward(layer, inputs, tape, upstream),
        CellKind::Gru => gru::backward(layer, inputs, tape, upstream),
    }
}

/// Runs a layer from a state of zeros.
fn run<'b>(layer: &Layer<'b>, inputs: Value<'b>, keep: Keep) -> Stepped<'b> {
    let prepared = prepare(layer);
    let products = layer.input_products(inputs, &prepared);
    let bias_in_step = products.bias.is_some();
    let mut constants = prepared.constants;
    constants.extend(products.bias);
    let (cell, hidden, run) = (layer.cell, layer.hidden, layer.run);
    scan(
        &Scan {
            name: format!("{}_forward", layer.name),
            run,
            order: Order::Forward,
            extent: layer.extent,
            over_time: &[products.over_time],
            carry: &vec![layer.zero_state(); carried(cell)],
            constants: &constants,
            collected: &layer.collected(keep),
        },
        |step| {
            let (bias, constants) = match step.constants.split_last() {
                Some((bias, rest)) if bias_in_step => (Some(bias), rest),
                _ => (None, step.constants.as_slice()),
            };
            advance(cell, hidden, run, plus(step.now[0], bias), constants, &step.carry)
        },
    )
}

/// Tensors that go from step to step of a layer, `[batch, hidden]` each: the output first.
const fn carried(cell: CellKind) -> usize {
    match cell {
        CellKind::Rnn | CellKind::Gru => 1,
        CellKind::Lstm => 2,
    }
}

/// What the steps of a layer compute with.
fn prepare<'b>(layer: &Layer<'b>) -> Prepared<'b> {
    match layer.cell {
        CellKind::Rnn => rnn::prepare(layer),
        CellKind::Lstm => lstm::prepare(layer),
        CellKind::Gru => gru::prepare(layer),
    }
}

/// One step: `products` are those of the inputs with their bias added, `[batch, gates * hidden]`. It gives the next step's carry, and
/// leaves the output and what the backward pass needs.
fn advance<'s>(
    cell: CellKind,
    hidden: i32,
    run: Loop,
    products: Value<'s>,
    constants: &[Value<'s>],
    carry: &[Value<'s>],
) -> Stepped<'s> {
    match cell {
        CellKind::Rnn => rnn::step(products, constants, carry),
        CellKind::Lstm => lstm::step(hidden, run, products, constants, carry),
        CellKind::Gru => gru::step(hidden, run, products, constants, carry),
    }
}

impl<'b> Layer<'b> {
    /// A state of zeros, `[batch, hidden]`.
    fn zero_state(&self) -> Value<'b> {
        self.weights.input_bias.builder().zeros(self.extent.rows_of(self.hidden))
    }

    /// What a run collects: the outputs, and what the steps leave for the backward pass, in multiples of `hidden` columns. XLA is
    /// given the factors, of which the first replaces the input products.
    fn collected(&self, keep: Keep) -> Vec<Collected> {
        let (saved, factors): (&[i32], &[i32]) = match self.cell {
            CellKind::Rnn => (&[], &rnn::FACTORS),
            CellKind::Lstm => (&lstm::SAVED, &lstm::FACTORS),
            CellKind::Gru => (&gru::SAVED, &gru::FACTORS),
        };
        let mut collected = Vec::new();
        if keep != Keep::Nothing {
            collected.push(Collected::apart(self.hidden));
        }
        if keep == Keep::Tape {
            let (compiled, blocks) =
                (self.run == Loop::Compiled, if self.run == Loop::Compiled { factors } else { saved });
            collected.extend(blocks.iter().enumerate().map(|(number, blocks)| match number {
                0 if compiled => Collected::in_place_of(0, blocks * self.hidden),
                _ => Collected::apart(blocks * self.hidden),
            }));
        }
        collected
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

    /// The products of all inputs with the input kernel, and what is added to them. The sum is taken for all steps at once, unless the loop
    /// is compiled: then each step gets the bias to add.
    fn input_products(&self, inputs: Value<'b>, prepared: &Prepared<'b>) -> Products<'b> {
        let columns = i32::try_from(self.cell.gates()).unwrap_or(i32::MAX) * self.hidden;
        let products = inputs.matmul_transposed(prepared.input_kernel);
        match self.run {
            Loop::Compiled => Products { over_time: self.over_time(products, columns), bias: Some(prepared.bias) },
            Loop::Functional | Loop::Lowered => {
                Products { over_time: self.over_time(products.plus_bias(prepared.bias), columns), bias: None }
            }
        }
    }
}

/// A value and what is added to it, if there is anything.
fn plus<'s>(value: Value<'s>, more: Option<&Value<'s>>) -> Value<'s> {
    more.map_or(value, |&more| value + more)
}

/// The products of all inputs with a kernel.
struct Products<'b> {
    /// `[time, batch, columns]`.
    over_time: Value<'b>,
    /// What each step has to add yet, `[columns]`.
    bias: Option<Value<'b>>,
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
