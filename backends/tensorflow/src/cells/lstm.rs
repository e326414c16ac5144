//! Long short-term memory with forget gate, without peepholes (Gers et al. 2000; Keras' `LSTM`, PyTorch's `nn.LSTM`):
//! `c = f c' + i g`, `h = o tanh(c)`, where `i, f, o` are sigmoids and `g` the tanh of `W x + b + U h'`.
//!
//! Weights hold the gates in the order i, f, g, o. Inside the graph they stand as i, f, o, g, so that one sigmoid
//! serves three neighbours; the blocks of the kernels are moved once a step, which are small.

use super::{Gradients, Layer, LayerWeights, Upstream};
use crate::graph::Value;
use crate::graph::scan::{Order, Scan, Stepped, scan};

/// What a step leaves behind, in multiples of `hidden` columns: `h`, `c`, `g`, and `i, f, o`.
pub(super) const COLLECTED: [i32; 4] = [1, 1, 1, 3];

/// What the forward pass leaves, `[time, batch, ..]`.
pub(crate) struct Tape<'b> {
    /// Gates i, f, o.
    sigmoids: Value<'b>,
    /// Gate g.
    candidates: Value<'b>,
    /// `c` after each step.
    cells: Value<'b>,
    /// `h` after each step.
    states: Value<'b>,
}

impl<'b> Tape<'b> {
    /// What was [`COLLECTED`].
    pub(super) fn new(collected: &[Value<'b>]) -> Self {
        Self { states: collected[0], cells: collected[1], candidates: collected[2], sigmoids: collected[3] }
    }
}

pub(super) fn forward<'b>(layer: &Layer<'b>, inputs: Value<'b>, columns: &[i32]) -> Stepped<'b> {
    let hidden = layer.hidden;
    let weights = layer.weights;
    let products = inputs
        .matmul_transposed(exchange_last_gates(weights.input_kernel))
        .plus_bias(exchange_last_gates(layer.summed_bias()));
    scan(
        &Scan {
            name: format!("{}_forward", layer.name),
            run: layer.run,
            order: Order::Forward,
            extent: layer.extent,
            over_time: &[layer.over_time(products, 4 * hidden)],
            carry: &[layer.zero_state(), layer.zero_state()],
            constants: &[exchange_last_gates(weights.recurrent_kernel).transpose()],
            collected: columns,
        },
        |step| {
            let sums = step.now[0] + step.carry[0].matmul(step.constants[0]);
            let [sigmoids, candidate] = sums.split_at([3 * hidden, hidden], 1);
            let sigmoids = sigmoids.sigmoid();
            let candidate = candidate.tanh();
            let [i, f, o] = sigmoids.split(1);
            let cell = f * step.carry[1] + i * candidate;
            let state = o * cell.tanh();
            Stepped { carry: vec![state, cell], collected: vec![state, cell, candidate, sigmoids] }
        },
    )
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
    let b = inputs.builder();
    let hidden = layer.hidden;
    let weights = layer.weights;
    let [i, f, o] = tape.sigmoids.split(2);
    let g = tape.candidates;
    let cells_before = layer.states_before(tape.cells);
    let tanh = tape.cells.tanh();
    let factors = b.concat(
        &[
            g * i * i.one_minus(),
            cells_before * f * f.one_minus(),
            tanh * o * o.one_minus(),
            i * g.square().one_minus(),
        ],
        2,
    );
    let into_cell = o * tanh.square().one_minus();
    let (carry, from_above) = upstream.enter(layer);
    let mut over_time = vec![factors, into_cell, f];
    over_time.extend(from_above);
    let recurrent_kernel = exchange_last_gates(weights.recurrent_kernel);
    let run = scan(
        &Scan {
            name: format!("{}_backward", layer.name),
            run: layer.run,
            order: Order::Backward,
            extent: layer.extent,
            over_time: &over_time,
            carry: &[carry, layer.zero_state()],
            constants: &[recurrent_kernel],
            collected: &[4 * hidden],
        },
        |step| {
            let s = step.carry[0].builder();
            let of_state = step.now.get(3).map_or(step.carry[0], |&above| step.carry[0] + above);
            let of_cell = step.carry[1] + of_state * step.now[1];
            let sums = s.concat(&[of_cell, of_cell, of_state, of_cell], 1) * step.now[0];
            Stepped { carry: vec![sums.matmul(step.constants[0]), of_cell * step.now[2]], collected: vec![sums] }
        },
    );
    let sums = run.collected[0];
    let flat = sums.reshape_to(&[-1, 4 * hidden]);
    let bias = exchange_last_gates(flat.sum(&[0]));
    Gradients {
        weights: LayerWeights {
            input_kernel: exchange_last_gates(flat.transposed_matmul(inputs)),
            recurrent_kernel: exchange_last_gates(layer.recurrent_kernel_gradient(sums, tape.states, 4 * hidden)),
            input_bias: bias,
            recurrent_bias: weights.recurrent_bias.map(|_| bias),
        },
        inputs: flat.matmul(exchange_last_gates(weights.input_kernel)),
    }
}

/// Exchanges the third and fourth block of the first axis; it undoes itself.
fn exchange_last_gates(blocks: Value<'_>) -> Value<'_> {
    let [i, f, third, fourth] = blocks.split(0);
    blocks.builder().concat(&[i, f, fourth, third], 0)
}
