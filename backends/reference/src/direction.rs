//! A cell run over time in one direction, with a real mask: at a masked step the state goes on as it was, and so does its gradient.

use std::ops::Range;

use harness_contract::ModelSpec;

use crate::cells::{Cell, Step, cell};
use crate::matrix::{add, add_outer, add_product, add_transposed_product};
use crate::parameters::DirectionParameters;
use crate::precision::Precision;

/// Which way a layer reads its input, and what it may read.
pub(crate) struct Reading<'a> {
    /// Steps of each row.
    pub(crate) time: usize,
    /// For each row the steps that are not masked.
    pub(crate) valid: &'a [Range<usize>],
    /// From the last step to the first.
    pub(crate) reverse: bool,
    /// What is kept of each step.
    pub(crate) precision: Precision,
}

impl Reading<'_> {
    /// The steps in the order in which they are read, each with the one that was read before it.
    fn steps(&self) -> impl DoubleEndedIterator<Item = (Option<usize>, usize)> + use<> {
        let (time, reverse) = (self.time, self.reverse);
        let place = move |k: usize| if reverse { time - 1 - k } else { k };
        (0..time).map(move |k| (k.checked_sub(1).map(place), place(k)))
    }
}

/// What the forward pass of one direction leaves for the backward pass.
#[derive(Debug, Clone)]
pub(crate) struct DirectionPass {
    /// The state after every step, `[batch, time, states * hidden]`; `h` comes first.
    states: Vec<f64>,
    /// What the cell kept at every step, `[batch, time, kept * hidden]`.
    kept: Vec<f64>,
}

/// Runs a cell over `input`, `[batch, time, input]`, and writes its outputs `h` to columns `columns` of `output`, `[batch, time, width]`.
pub(crate) fn forward(
    spec: &ModelSpec,
    parameters: &DirectionParameters,
    reading: &Reading<'_>,
    input: &[f64],
    output: &mut [f64],
    columns: &Range<usize>,
) -> DirectionPass {
    let cell = cell(spec);
    let sizes = Sizes::of(spec, cell.as_ref(), reading, input, output);
    let steps = reading.valid.len() * reading.time;
    let mut pass = DirectionPass { states: vec![0.0; steps * sizes.state], kept: vec![0.0; steps * sizes.kept] };
    let mut from_input = vec![0.0; sizes.gates];
    let mut after = vec![0.0; sizes.state];
    for (row, valid) in reading.valid.iter().enumerate() {
        let mut state = vec![0.0; sizes.state];
        for (_, step) in reading.steps() {
            let at = row * reading.time + step;
            if valid.contains(&step) {
                from_input.copy_from_slice(&parameters.bias_ih);
                add_product(&mut from_input, &parameters.weight_ih, part(input, at, sizes.input));
                let kept = &mut pass.kept[at * sizes.kept..(at + 1) * sizes.kept];
                reading.precision.keep_all(&mut from_input);
                cell.forward(parameters, &from_input, &state, &mut after, kept);
                reading.precision.keep_all(after.iter_mut().chain(kept));
                state.copy_from_slice(&after);
            }
            pass.states[at * sizes.state..(at + 1) * sizes.state].copy_from_slice(&state);
            let out = &mut output[at * sizes.output..(at + 1) * sizes.output];
            out[columns.clone()].copy_from_slice(&state[..spec.hidden_size]);
        }
    }
    pass
}

/// Backpropagation through time. Takes the gradient with respect to the outputs from columns `columns` of `d_output`, `[batch, time, width]`, adds that
/// with respect to the inputs to `d_input`, `[batch, time, input]`, and that of the parameters to `gradient`.
#[expect(clippy::too_many_arguments, reason = "the forward pass's arguments, each with its gradient")]
pub(crate) fn backward(
    spec: &ModelSpec,
    parameters: &DirectionParameters,
    reading: &Reading<'_>,
    pass: &DirectionPass,
    input: &[f64],
    d_output: &[f64],
    columns: &Range<usize>,
    d_input: &mut [f64],
    gradient: &mut DirectionParameters,
) {
    let cell = cell(spec);
    let sizes = Sizes::of(spec, cell.as_ref(), reading, input, d_output);
    let start = vec![0.0; sizes.state];
    let mut d_from_input = vec![0.0; sizes.gates];
    for (row, valid) in reading.valid.iter().enumerate() {
        let mut d_state = vec![0.0; sizes.state];
        for (previous, step) in reading.steps().rev() {
            let at = row * reading.time + step;
            add(&mut d_state[..spec.hidden_size], &part(d_output, at, sizes.output)[columns.clone()]);
            if !valid.contains(&step) {
                continue;
            }
            let step = Step {
                before: previous.map_or(start.as_slice(), |previous| {
                    part(&pass.states, row * reading.time + previous, sizes.state)
                }),
                after: part(&pass.states, at, sizes.state),
                kept: part(&pass.kept, at, sizes.kept),
            };
            cell.backward(parameters, &step, &mut d_state, &mut d_from_input, gradient);
            reading.precision.keep_all(d_state.iter_mut().chain(&mut d_from_input));
            add(&mut gradient.bias_ih, &d_from_input);
            add_outer(&mut gradient.weight_ih, &d_from_input, part(input, at, sizes.input));
            let d_x = &mut d_input[at * sizes.input..(at + 1) * sizes.input];
            add_transposed_product(d_x, &parameters.weight_ih, &d_from_input);
            reading.precision.keep_all(d_x);
        }
    }
}

/// How many numbers belong to one step.
struct Sizes {
    input: usize,
    output: usize,
    gates: usize,
    state: usize,
    kept: usize,
}

impl Sizes {
    fn of(spec: &ModelSpec, cell: &dyn Cell, reading: &Reading<'_>, input: &[f64], output: &[f64]) -> Self {
        let steps = reading.valid.len() * reading.time;
        Self {
            input: input.len() / steps,
            output: output.len() / steps,
            gates: spec.cell.gates() * spec.hidden_size,
            state: cell.states() * spec.hidden_size,
            kept: cell.kept() * spec.hidden_size,
        }
    }
}

/// The `at`-th stretch of `size` numbers.
fn part(values: &[f64], at: usize, size: usize) -> &[f64] {
    &values[at * size..(at + 1) * size]
}
