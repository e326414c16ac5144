//! All layers in one loop over time, for predictions by a function that XLA compiles.
//!
//! Each layer takes a step before the next step begins, so no layer's outputs are kept for the one above it. The first layer's products with
//! the input kernel are taken out of a table that holds those of every word, for they don't depend on anything else: an LSTM saves two
//! fifths of its arithmetic by that.

use super::{Layer, Prepared, advance, carried, plus, prepare};
use crate::graph::Value;
use crate::graph::scan::{Collected, Order, Scan, Stepped, scan};

/// The products of all words with a layer's input kernel, their bias added, `[words, gates * hidden]`; `embedding` is `[words, embedding]`.
pub(crate) fn word_products<'b>(layer: &Layer<'b>, embedding: Value<'b>) -> Value<'b> {
    let Prepared { input_kernel, bias, .. } = prepare(layer);
    embedding.matmul_transposed(input_kernel).plus_bias(bias)
}

/// The output of the last step computed of the last of these layers, `[batch, hidden]`. `products` are the [`word_products`] of the first
/// layer, `tokens` are `[time, batch]`.
pub(crate) fn stacked_last_output<'b>(layers: &[&Layer<'b>], products: Value<'b>, tokens: Value<'b>) -> Value<'b> {
    // The last layer's carry stands last.
    let carry = run(layers, products, tokens, &[]).carry;
    carry[carry.len() - carried(layers[0].cell)]
}

/// The outputs of all steps of the last of these layers, `[time * batch, hidden]`.
pub(crate) fn stacked_outputs<'b>(layers: &[&Layer<'b>], products: Value<'b>, tokens: Value<'b>) -> Value<'b> {
    let hidden = layers[0].hidden;
    run(layers, products, tokens, &[Collected::apart(hidden)]).collected[0].reshape_to(&[-1, hidden])
}

fn run<'b>(layers: &[&Layer<'b>], products: Value<'b>, tokens: Value<'b>, collected: &[Collected]) -> Stepped<'b> {
    let first = layers[0];
    let (cell, hidden, run) = (first.cell, first.hidden, first.run);
    let b = tokens.builder();
    let (begin, second) = (b.ints(&[0]), b.ints(&[1]));
    // Each step looks up what the next one computes with. Looked up where it is needed it would become a part of the cell's own
    // arithmetic, which XLA then does not vectorise.
    let mut carry = vec![products.take(tokens.element_first(begin, second))];
    let later = b.concat(
        &[tokens.slice_first(second, first.extent.time.reshape_to(&[1])), tokens.slice_first(begin, second)],
        0,
    );
    let mut constants = vec![products];
    // How many constants each layer has.
    let mut counts = Vec::new();
    for layer in layers {
        let prepared = prepare(layer);
        counts.push(prepared.constants.len());
        constants.extend([prepared.input_kernel.transpose(), prepared.bias]);
        constants.extend(prepared.constants);
        carry.extend(vec![layer.zero_state(); carried(cell)]);
    }
    scan(
        &Scan {
            name: format!("{}_stack", first.name),
            run,
            order: Order::Forward,
            extent: first.extent,
            over_time: &[later],
            carry: &carry,
            constants: &constants,
            collected,
        },
        |step| {
            let (mut constants, mut carry) = (&step.constants[1..], &step.carry[1..]);
            let mut products = step.carry[0];
            let mut next = vec![step.constants[0].take(step.now[0])];
            let mut output = None;
            for count in counts {
                let (input, rest) = constants.split_at(2);
                let (mine, rest) = rest.split_at(count);
                let (state, later) = carry.split_at(carried(cell));
                if let Some(below) = output {
                    products = plus(Value::matmul(below, input[0]), Some(&input[1]));
                }
                let stepped = advance(cell, hidden, run, products, mine, state);
                output = Some(stepped.carry[0]);
                next.extend(stepped.carry);
                (constants, carry) = (rest, later);
            }
            Stepped { carry: next, collected: output.into_iter().collect() }
        },
    )
}
