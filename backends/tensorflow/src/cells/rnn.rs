//! Elman's network: `h = tanh(W x + b + U h')`, `h'` being the state before.

use super::{Gradients, Layer, LayerWeights, Upstream};
use crate::graph::Value;
use crate::graph::scan::{Order, Scan, Stepped, scan};

/// What a step leaves behind, in multiples of `hidden` columns: `h`.
pub(super) const COLLECTED: [i32; 1] = [1];

/// What the forward pass leaves.
pub(crate) struct Tape<'b> {
    /// `h` after each step, `[time, batch, hidden]`.
    states: Value<'b>,
}

impl<'b> Tape<'b> {
    /// What was [`COLLECTED`].
    pub(super) fn new(collected: &[Value<'b>]) -> Self {
        Self { states: collected[0] }
    }
}

pub(super) fn forward<'b>(layer: &Layer<'b>, inputs: Value<'b>, columns: &[i32]) -> Stepped<'b> {
    let hidden = layer.hidden;
    let weights = layer.weights;
    let products = inputs.matmul_transposed(weights.input_kernel).plus_bias(layer.summed_bias());
    scan(
        &Scan {
            name: format!("{}_forward", layer.name),
            run: layer.run,
            order: Order::Forward,
            extent: layer.extent,
            over_time: &[layer.over_time(products, hidden)],
            carry: &[layer.zero_state()],
            constants: &[weights.recurrent_kernel.transpose()],
            collected: columns,
        },
        |step| {
            let state = (step.now[0] + step.carry[0].matmul(step.constants[0])).tanh();
            Stepped { carry: vec![state], collected: vec![state] }
        },
    )
}

/// With `d` the gradient of `h`: that of the sum within the tanh is `d (1 - h^2)`, and that of `h'` is its product with `U`.
pub(super) fn backward<'b>(
    layer: &Layer<'b>,
    inputs: Value<'b>,
    tape: &Tape<'b>,
    upstream: Upstream<'b>,
) -> Gradients<'b> {
    let hidden = layer.hidden;
    let weights = layer.weights;
    let (carry, from_above) = upstream.enter(layer);
    let mut over_time = vec![tape.states.square().one_minus()];
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
            collected: &[hidden],
        },
        |step| {
            let gradient = step.now.get(1).map_or(step.carry[0], |&above| step.carry[0] + above);
            let sum = gradient * step.now[0];
            Stepped { carry: vec![sum.matmul(step.constants[0])], collected: vec![sum] }
        },
    );
    let sums = run.collected[0];
    let flat = sums.reshape_to(&[-1, hidden]);
    let bias = flat.sum(&[0]);
    Gradients {
        weights: LayerWeights {
            input_kernel: flat.transposed_matmul(inputs),
            recurrent_kernel: layer.recurrent_kernel_gradient(sums, tape.states, hidden),
            input_bias: bias,
            recurrent_bias: weights.recurrent_bias.map(|_| bias),
        },
        inputs: flat.matmul(weights.input_kernel),
    }
}
