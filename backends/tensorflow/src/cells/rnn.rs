//! Elman's network: `h = tanh(W x + b + U h')`, `h'` being the state before.

use super::{Gradients, KernelGradient, Layer, Prepared, Tape, Upstream, WeightGradients, plus};
use crate::graph::Value;
use crate::graph::scan::{Collected, Order, Scan, Stepped, scan};

/// The only factor of the backward pass, the [`slope`], in multiples of `hidden` columns. It follows from the outputs.
pub(super) const FACTORS: [i32; 1] = [1];

pub(super) fn prepare<'b>(layer: &Layer<'b>) -> Prepared<'b> {
    let weights = layer.weights;
    Prepared {
        input_kernel: weights.input_kernel,
        bias: layer.summed_bias(),
        constants: vec![weights.recurrent_kernel.transpose()],
    }
}

pub(super) fn step<'s>(products: Value<'s>, constants: &[Value<'s>], carry: &[Value<'s>]) -> Stepped<'s> {
    let state = (products + carry[0].matmul(constants[0])).tanh();
    Stepped { carry: vec![state], collected: vec![state, slope(state)] }
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
    let mut over_time = tape.factors.clone();
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
            collected: &[Collected::in_place_of(0, hidden)],
        },
        |step| {
            let gradient = plus(step.carry[0], step.now.get(1));
            let sum = gradient * step.now[0];
            Stepped { carry: vec![sum.matmul(step.constants[0])], collected: vec![sum] }
        },
    );
    let sums = run.collected[0];
    let flat = sums.reshape_to(&[-1, hidden]);
    let bias = flat.sum(&[0]);
    Gradients {
        weights: WeightGradients {
            input_kernel: KernelGradient::Product { left: inputs, right: flat },
            recurrent_kernel: KernelGradient::Recurrent { states: tape.states, products: flat, candidate: None },
            input_bias: bias,
            recurrent_bias: weights.recurrent_bias.map(|_| bias),
        },
        inputs: flat.matmul(weights.input_kernel),
    }
}

/// The derivative of tanh where its value is `state`.
pub(super) fn slope(state: Value<'_>) -> Value<'_> {
    state.square().one_minus()
}
