//! Gated recurrent unit whose reset gate acts after the matrix product (PyTorch's `nn.GRU`, Keras' `GRU` with
//! `reset_after=True`): `n = tanh(W_n x + b_n + r (U_n h' + c_n))`, `h = (1 - z) n + z h'`, `r` and `z` sigmoids of `W x + b + U h' + c`.

use super::{Gradients, KernelGradient, Layer, Prepared, Tape, Upstream, WeightGradients, plus};
use crate::graph::Value;
use crate::graph::scan::{Collected, Loop, Order, Scan, Stepped, scan};

/// What a step leaves behind beside `h`, in multiples of `hidden` columns: `r, z`, `n` and `U_n h' + c_n`.
pub(super) const SAVED: [i32; 3] = [2, 1, 1];

/// The [`factors`] in multiples of `hidden` columns.
pub(super) const FACTORS: [i32; 3] = [3, 1, 1];

pub(super) fn prepare<'b>(layer: &Layer<'b>) -> Prepared<'b> {
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
    Prepared { input_kernel: weights.input_kernel, bias, constants }
}

pub(super) fn step<'s>(
    hidden: i32,
    run: Loop,
    products: Value<'s>,
    constants: &[Value<'s>],
    carry: &[Value<'s>],
) -> Stepped<'s> {
    let before = carry[0];
    let [of_state, recurrent] = before.matmul(constants[0]).split_at([2 * hidden, hidden], 1);
    let recurrent = constants.get(1).map_or(recurrent, |&bias| recurrent.plus_bias(bias));
    let [for_sigmoids, for_candidate] = products.split_at([2 * hidden, hidden], 1);
    let sigmoids = (for_sigmoids + of_state).sigmoid();
    let [r, z] = sigmoids.split(1);
    let candidate = (for_candidate + r * recurrent).tanh();
    let state = candidate + z * (before - candidate);
    let left = match run {
        Loop::Compiled => factors(sigmoids, candidate, recurrent, before),
        Loop::Functional | Loop::Lowered => [sigmoids, candidate, recurrent],
    };
    Stepped { carry: vec![state], collected: [[state].as_slice(), &left].concat() }
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
    // The gradients of the sums are in the candidate others than those of the products with the state, so that part is multiplied with zeros
    // and the candidate's kernel apart: to put the three together anew, XLA would read the sums' factors twice, and copy them.
    let [of_sigmoids, of_candidate] = weights.recurrent_kernel.split_at([2 * hidden, hidden], 0);
    let sigmoids_alone = b.concat(&[of_sigmoids, of_candidate * 0.0], 0);
    let run = scan(
        &Scan {
            name: format!("{}_backward", layer.name),
            run: layer.run,
            order: Order::Backward,
            extent: layer.extent,
            over_time: &over_time,
            carry: &[carry],
            constants: &[sigmoids_alone, of_candidate],
            collected: &[Collected::in_place_of(0, 3 * hidden), Collected::in_place_of(1, hidden)],
        },
        |step| {
            let s = step.carry[0].builder();
            let [of_sums, into_recurrent, update] = [step.now[0], step.now[1], step.now[2]];
            let gradient = plus(step.carry[0], step.now.get(above));
            let sums = s.concat(&[gradient, gradient, gradient], 1) * of_sums;
            let recurrent = gradient * into_recurrent;
            let products = sums.matmul(step.constants[0]) + recurrent.matmul(step.constants[1]);
            Stepped { carry: vec![gradient * update + products], collected: vec![sums, recurrent] }
        },
    );
    let sums = run.collected[0].reshape_to(&[-1, 3 * hidden]);
    let recurrent = run.collected[1].reshape_to(&[-1, hidden]);
    let input_bias = sums.sum(&[0]);
    let recurrent_bias = weights.recurrent_bias.map(|_| {
        let [sigmoids, _] = input_bias.split_at([2 * hidden, hidden], 0);
        b.concat(&[sigmoids, recurrent.sum(&[0])], 0)
    });
    Gradients {
        weights: WeightGradients {
            input_kernel: KernelGradient::Product { left: inputs, right: sums },
            recurrent_kernel: KernelGradient::Recurrent {
                states: tape.states,
                products: sums,
                candidate: Some(recurrent),
            },
            input_bias,
            recurrent_bias,
        },
        inputs: sums.matmul(weights.input_kernel),
    }
}

/// What the gradient of `h` is multiplied by, of one step or of all: for the sums within the gates, for `U_n h' + c_n`, and from `h` to
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
    [n.builder().concat(&[into_reset, into_update, into_candidate], -1), into_recurrent, z]
}

/// The gradient of the recurrent kernel, transposed, of the product of the states before with the gradients of the sums and that with
/// those of the candidate's product.
pub(super) fn with_candidate<'b>(of_sums: Value<'b>, of_candidate: Value<'b>) -> Value<'b> {
    let [r, z, _] = of_sums.split(1);
    of_sums.builder().concat(&[r, z, of_candidate], 1)
}
