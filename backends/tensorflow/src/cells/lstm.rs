//! Long short-term memory with forget gate, without peepholes (Gers et al. 2000; Keras' `LSTM`, PyTorch's `nn.LSTM`):
//! `c = f c' + i g`, `h = o tanh(c)`, where `i, f, o` are sigmoids and `g` the tanh of `W x + b + U h'`.
//!
//! Weights hold the gates in the order i, f, g, o. Inside the graph they stand as i, f, o, g, so that one sigmoid
//! serves three neighbours; the blocks of the kernels are moved once a step, which are small.

use super::{Gradients, KernelGradient, Layer, Prepared, Tape, Upstream, WeightGradients, plus};
use crate::graph::Value;
use crate::graph::scan::{Collected, Loop, Order, Scan, Stepped, scan};

/// What a step leaves behind beside `h`, in multiples of `hidden` columns: `i, f, o`, `g` and `c`.
pub(super) const SAVED: [i32; 3] = [3, 1, 1];

/// The [`factors`] in multiples of `hidden` columns.
pub(super) const FACTORS: [i32; 3] = [4, 1, 1];

pub(super) fn prepare<'b>(layer: &Layer<'b>) -> Prepared<'b> {
    let weights = layer.weights;
    Prepared {
        input_kernel: exchange_last_gates(weights.input_kernel, 0),
        bias: exchange_last_gates(layer.summed_bias(), 0),
        constants: vec![exchange_last_gates(weights.recurrent_kernel, 0).transpose()],
    }
}

pub(super) fn step<'s>(
    hidden: i32,
    run: Loop,
    products: Value<'s>,
    constants: &[Value<'s>],
    carry: &[Value<'s>],
) -> Stepped<'s> {
    let sums = products + carry[0].matmul(constants[0]);
    let [sigmoids, candidate] = sums.split_at([3 * hidden, hidden], 1);
    let sigmoids = sigmoids.sigmoid();
    let candidate = candidate.tanh();
    let [i, f, o] = sigmoids.split(1);
    let cell = f * carry[1] + i * candidate;
    let state = o * cell.tanh();
    let left = match run {
        Loop::Compiled => factors(sigmoids, candidate, cell, carry[1]),
        Loop::Functional | Loop::Lowered => [sigmoids, candidate, cell],
    };
    Stepped { carry: vec![state, cell], collected: [[state].as_slice(), &left].concat() }
}

/// With `d` the gradient of `h` and `e` that of `c` (to which `d o (1 - tanh(c)^2)` is added), the gradients of the sums
/// within the gates are `e g i (1 - i)`, `e c' f (1 - f)`, `d tanh(c) o (1 - o)` and `e i (1 - g^2)`; that of
/// `c'` is `e f`, that of `h'` the product of the four with `U`.
pub(super) fn backward<'b>(
    layer: &Layer<'b>,
    inputs: Value<'b>,
    tape: &Tape<'b>,
    upstream: Upstream<'b>,
) -> Gradients<'b> {
    let hidden = layer.hidden;
    let weights = layer.weights;
    let mut over_time = tape.factors.clone();
    let above = over_time.len();
    let (carry, from_above) = upstream.enter(layer);
    over_time.extend(from_above);
    let recurrent_kernel = exchange_last_gates(weights.recurrent_kernel, 0);
    let run = scan(
        &Scan {
            name: format!("{}_backward", layer.name),
            run: layer.run,
            order: Order::Backward,
            extent: layer.extent,
            over_time: &over_time,
            carry: &[carry, layer.zero_state()],
            constants: &[recurrent_kernel],
            collected: &[Collected::in_place_of(0, 4 * hidden)],
        },
        |step| {
            let s = step.carry[0].builder();
            let [of_sums, into_cell, forget] = [step.now[0], step.now[1], step.now[2]];
            let of_state = plus(step.carry[0], step.now.get(above));
            let of_cell = step.carry[1] + of_state * into_cell;
            let sums = s.concat(&[of_cell, of_cell, of_state, of_cell], 1) * of_sums;
            Stepped { carry: vec![sums.matmul(step.constants[0]), of_cell * forget], collected: vec![sums] }
        },
    );
    let sums = run.collected[0];
    let flat = sums.reshape_to(&[-1, 4 * hidden]);
    let bias = exchange_last_gates(flat.sum(&[0]), 0);
    Gradients {
        weights: WeightGradients {
            input_kernel: KernelGradient::Product { left: inputs, right: flat },
            recurrent_kernel: KernelGradient::Recurrent { states: tape.states, products: flat, candidate: None },
            input_bias: bias,
            recurrent_bias: weights.recurrent_bias.map(|_| bias),
        },
        inputs: flat.matmul(exchange_last_gates(weights.input_kernel, 0)),
    }
}

/// What the gradients of `h` and `c` are multiplied by, of one step or of all: for the sums within the gates, from `h` to `c`, and from
/// `c` to `c'`. Given are the gates i, f, o, the gate g, `c` and `c'`.
pub(super) fn factors<'b>(
    sigmoids: Value<'b>,
    g: Value<'b>,
    cells: Value<'b>,
    cells_before: Value<'b>,
) -> [Value<'b>; 3] {
    let [i, f, o] = sigmoids.split(-1);
    let tanh = cells.tanh();
    let of_sums =
        [g * i * i.one_minus(), cells_before * f * f.one_minus(), tanh * o * o.one_minus(), i * g.square().one_minus()];
    [cells.builder().concat(&of_sums, -1), o * tanh.square().one_minus(), f]
}

/// The gradient of a kernel, transposed, in the order of the weights, of that in the order of the graph.
pub(super) fn in_order_of_weights(gradient: Value<'_>) -> Value<'_> {
    exchange_last_gates(gradient, 1)
}

/// Exchanges the third and fourth block of an axis; it undoes itself.
fn exchange_last_gates(blocks: Value<'_>, axis: i32) -> Value<'_> {
    let [i, f, third, fourth] = blocks.split(axis);
    blocks.builder().concat(&[i, f, fourth, third], axis)
}
