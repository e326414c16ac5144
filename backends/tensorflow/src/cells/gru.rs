//! Gated recurrent unit whose reset gate acts after the matrix product (PyTorch's `nn.GRU`, Keras' `GRU` with
//! `reset_after=True`): `n = tanh(W_n x + b_n + r (U_n h' + c_n))`, `h = (1 - z) n + z h'`, `r` and `z` sigmoids of `W x + b + U h' + c`.

use super::{Gradients, Keep, Layer, LayerWeights, Tape, Upstream, plus};
use crate::graph::Value;
use crate::graph::scan::{Collected, Loop, Order, Scan, Stepped, scan};

/// What a step leaves behind beside `h`, in multiples of `hidden` columns: `r, z`, `n` and `U_n h' + c_n`.
const SAVED: [i32; 3] = [2, 1, 1];

/// The [`factors`] in multiples of `hidden` columns.
const FACTORS: [i32; 3] = [3, 1, 1];

pub(super) fn forward<'b>(layer: &Layer<'b>, inputs: Value<'b>, keep: Keep) -> Stepped<'b> {
    let hidden = layer.hidden;
    let weights = layer.weights;
    let mut bias = weights.input_bias;
    let mut constants = vec![weights.recurrent_kernel.transpose()];
    if let Some(recurrent) = weights.recurrent_bias {
        // Only the candidate's recurrent bias stands within the product with the reset gate.
        let [of_sigmoids, of_candidate] = recurrent.split_at([2 * hidden, hidden], 0);
        let elsewhere = of_candidate.builder().concat(&[of_sigmoids, of_candidate * 0.0], 0);
        bias = bias + elsewhere;
        constants.push(of_candidate);
    }
    let two_vectors = weights.recurrent_bias.is_some();
    let compiled = layer.run == Loop::Compiled;
    let products = layer.input_products(inputs, weights.input_kernel, bias, 3 * hidden);
    let in_step = constants.len();
    constants.extend(products.bias);
    scan(
        &Scan {
            name: format!("{}_forward", layer.name),
            run: layer.run,
            order: Order::Forward,
            extent: layer.extent,
            over_time: &[products.over_time],
            carry: &[layer.zero_state()],
            constants: &constants,
            collected: &layer.collected(keep, &SAVED, &FACTORS),
        },
        |step| {
            let before = step.carry[0];
            let [of_state, recurrent] = before.matmul(step.constants[0]).split_at([2 * hidden, hidden], 1);
            let recurrent = if two_vectors { recurrent.plus_bias(step.constants[1]) } else { recurrent };
            let [for_sigmoids, for_candidate] =
                plus(step.now[0], step.constants.get(in_step)).split_at([2 * hidden, hidden], 1);
            let sigmoids = (for_sigmoids + of_state).sigmoid();
            let [r, z] = sigmoids.split(1);
            let candidate = (for_candidate + r * recurrent).tanh();
            let state = candidate + z * (before - candidate);
            let left = if compiled {
                factors(sigmoids, candidate, recurrent, before)
            } else {
                [sigmoids, candidate, recurrent]
            };
            Stepped { carry: vec![state], collected: [[state].as_slice(), &left].concat() }
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
    let mut over_time = tape.factors.clone();
    let above = over_time.len();
    let (carry, from_above) = upstream.enter(layer);
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
            collected: &[Collected::in_place_of(0, 3 * hidden), Collected::in_place_of(1, hidden)],
        },
        |step| {
            let s = step.carry[0].builder();
            let [of_products, into_candidate, update] = [step.now[0], step.now[1], step.now[2]];
            let gradient = plus(step.carry[0], step.now.get(above));
            let products = s.concat(&[gradient, gradient, gradient], 1) * of_products;
            let before = gradient * update + products.matmul(step.constants[0]);
            Stepped { carry: vec![before], collected: vec![products, gradient * into_candidate] }
        },
    );
    let products = run.collected[0];
    let flat = products.reshape_to(&[-1, 3 * hidden]);
    // The products of the inputs differ from those of the state in the candidate alone.
    let of_candidate = run.collected[1].reshape_to(&[-1, hidden]);
    let [of_sigmoids, _] = flat.split_at([2 * hidden, hidden], 1);
    let [sigmoid_kernel, candidate_kernel] = weights.input_kernel.split_at([2 * hidden, hidden], 0);
    let recurrent_bias = flat.sum(&[0]);
    let [sigmoid_bias, _] = recurrent_bias.split_at([2 * hidden, hidden], 0);
    let of_input_kernel = [inputs.transposed_matmul(of_sigmoids), inputs.transposed_matmul(of_candidate)];
    Gradients {
        weights: LayerWeights {
            input_kernel: b.concat(&of_input_kernel, 1),
            recurrent_kernel: layer.recurrent_kernel_gradient(tape.states, products, 3 * hidden),
            input_bias: b.concat(&[sigmoid_bias, of_candidate.sum(&[0])], 0),
            recurrent_bias: weights.recurrent_bias.map(|_| recurrent_bias),
        },
        inputs: of_sigmoids.matmul(sigmoid_kernel) + of_candidate.matmul(candidate_kernel),
    }
}

/// What the gradient of `h` is multiplied by, of one step or of all: for the products with `U`, for the sum within `n`, and from `h` to
/// `h'`. Given are the gates r and z, `n`, `U_n h' + c_n` and `h'`.
pub(super) fn factors<'b>(
    sigmoids: Value<'b>,
    n: Value<'b>,
    recurrent: Value<'b>,
    before: Value<'b>,
) -> [Value<'b>; 3] {
    let [r, z] = sigmoids.split(-1);
    let into_candidate = z.one_minus() * n.square().one_minus();
    let into_recurrent = into_candidate * r;
    let into_reset = into_recurrent * recurrent * r.one_minus();
    let into_update = (before - n) * z * z.one_minus();
    [n.builder().concat(&[into_reset, into_update, into_recurrent], -1), into_candidate, z]
}
