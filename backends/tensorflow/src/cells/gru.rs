//! Gated recurrent unit whose reset gate acts after the matrix product (PyTorch's `nn.GRU`, Keras' `GRU` with
//! `reset_after=True`): `n = tanh(W_n x + b_n + r (U_n h' + c_n))`, `h = (1 - z) n + z h'`, `r` and `z` sigmoids of `W x + b + U h' + c`.

use super::{Gradients, Layer, LayerWeights, Upstream};
use crate::graph::Value;
use crate::graph::scan::{Order, Scan, Stepped, scan};

/// What a step leaves behind, in multiples of `hidden` columns: `h`, `n`, `U_n h' + c_n`, and `r, z`.
pub(super) const COLLECTED: [i32; 4] = [1, 1, 1, 2];

/// What the forward pass leaves, `[time, batch, ..]`.
pub(crate) struct Tape<'b> {
    /// Gates r and z.
    sigmoids: Value<'b>,
    /// `n`.
    candidates: Value<'b>,
    /// `U_n h' + c_n`.
    recurrent: Value<'b>,
    /// `h` after each step.
    states: Value<'b>,
}

impl<'b> Tape<'b> {
    /// What was [`COLLECTED`].
    pub(super) fn new(collected: &[Value<'b>]) -> Self {
        Self { states: collected[0], candidates: collected[1], recurrent: collected[2], sigmoids: collected[3] }
    }
}

pub(super) fn forward<'b>(layer: &Layer<'b>, inputs: Value<'b>, columns: &[i32]) -> Stepped<'b> {
    let hidden = layer.hidden;
    let weights = layer.weights;
    let [sigmoid_kernel, candidate_kernel] = weights.input_kernel.split_at([2 * hidden, hidden], 0);
    let [mut sigmoid_bias, candidate_bias] = weights.input_bias.split_at([2 * hidden, hidden], 0);
    let mut constants = vec![weights.recurrent_kernel.transpose()];
    if let Some(bias) = weights.recurrent_bias {
        // Only the candidate's recurrent bias stands within the product with the reset gate.
        let [of_sigmoids, of_candidate] = bias.split_at([2 * hidden, hidden], 0);
        sigmoid_bias = sigmoid_bias + of_sigmoids;
        constants.push(of_candidate);
    }
    let for_sigmoids = inputs.matmul_transposed(sigmoid_kernel).plus_bias(sigmoid_bias);
    let for_candidate = inputs.matmul_transposed(candidate_kernel).plus_bias(candidate_bias);
    scan(
        &Scan {
            name: format!("{}_forward", layer.name),
            run: layer.run,
            order: Order::Forward,
            extent: layer.extent,
            over_time: &[layer.over_time(for_sigmoids, 2 * hidden), layer.over_time(for_candidate, hidden)],
            carry: &[layer.zero_state()],
            constants: &constants,
            collected: columns,
        },
        |step| {
            let before = step.carry[0];
            let products = before.matmul(step.constants[0]);
            let [for_sigmoids, recurrent] = products.split_at([2 * hidden, hidden], 1);
            let recurrent = step.constants.get(1).map_or(recurrent, |&bias| recurrent.plus_bias(bias));
            let sigmoids = (step.now[0] + for_sigmoids).sigmoid();
            let [r, z] = sigmoids.split(1);
            let candidate = (step.now[1] + r * recurrent).tanh();
            let state = candidate + z * (before - candidate);
            Stepped { carry: vec![state], collected: vec![state, candidate, recurrent, sigmoids] }
        },
    )
}

/// With `d` the gradient of `h`: that of the sum within `n` is `a = d (1 - z) (1 - n^2)`, within `z` it is `d (h' - n) z (1 - z)`, within `r`
/// it is `a (U_n h' + c_n) r (1 - r)`, and that of `U_n h' + c_n` is `a r`; that of `h'` is `d z` and the product of the three products with `U`.
pub(super) fn backward<'b>(
    layer: &Layer<'b>,
    inputs: Value<'b>,
    tape: &Tape<'b>,
    upstream: Upstream<'b>,
) -> Gradients<'b> {
    let b = inputs.builder();
    let hidden = layer.hidden;
    let weights = layer.weights;
    let [r, z] = tape.sigmoids.split(2);
    let n = tape.candidates;
    let into_candidate = z.one_minus() * n.square().one_minus();
    let into_recurrent = into_candidate * r;
    let into_reset = into_recurrent * tape.recurrent * r.one_minus();
    let into_update = (layer.states_before(tape.states) - n) * z * z.one_minus();
    let factors = b.concat(&[into_reset, into_update, into_recurrent], 2);
    let (carry, from_above) = upstream.enter(layer);
    let mut over_time = vec![factors, z];
    over_time.extend(from_above);
    let run = scan(
        &Scan {
            name: format!("{}_backward", layer.name),
            run: layer.run,
            order: Order::Backward,
            extent: layer.extent,
            over_time: &over_time,
            carry: &[carry],
            constants: &[weights.recurrent_kernel],
            collected: &[3 * hidden, hidden],
        },
        |step| {
            let s = step.carry[0].builder();
            let gradient = step.now.get(2).map_or(step.carry[0], |&above| step.carry[0] + above);
            let products = s.concat(&[gradient, gradient, gradient], 1) * step.now[0];
            let before = gradient * step.now[1] + products.matmul(step.constants[0]);
            Stepped { carry: vec![before], collected: vec![products, gradient] }
        },
    );
    let products = run.collected[0];
    let flat = products.reshape_to(&[-1, 3 * hidden]);
    // The products of the inputs differ from those of the state in the candidate alone.
    let of_candidate = (run.collected[1] * into_candidate).reshape_to(&[-1, hidden]);
    let [of_sigmoids, _] = flat.split_at([2 * hidden, hidden], 1);
    let [sigmoid_kernel, candidate_kernel] = weights.input_kernel.split_at([2 * hidden, hidden], 0);
    let recurrent_bias = flat.sum(&[0]);
    let [sigmoid_bias, _] = recurrent_bias.split_at([2 * hidden, hidden], 0);
    Gradients {
        weights: LayerWeights {
            input_kernel: b.concat(&[of_sigmoids.transposed_matmul(inputs), of_candidate.transposed_matmul(inputs)], 0),
            recurrent_kernel: layer.recurrent_kernel_gradient(products, tape.states, 3 * hidden),
            input_bias: b.concat(&[sigmoid_bias, of_candidate.sum(&[0])], 0),
            recurrent_bias: weights.recurrent_bias.map(|_| recurrent_bias),
        },
        inputs: of_sigmoids.matmul(sigmoid_kernel) + of_candidate.matmul(candidate_kernel),
    }
}
