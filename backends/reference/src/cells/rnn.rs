//! Elman's network (Elman 1990, "Finding structure in time"), as PyTorch's `nn.RNN` documents it:
//!
//! ```text
//! h' = tanh(W x + b_ih + U h + b_hh)
//! ```

use super::{Cell, Step};
use crate::matrix::{add, add_outer, add_product, add_transposed_product};
use crate::parameters::DirectionParameters;

/// The cell.
pub(super) struct Rnn;

impl Cell for Rnn {
    fn states(&self) -> usize {
        1
    }

    fn kept(&self) -> usize {
        0
    }

    fn forward(
        &self,
        parameters: &DirectionParameters,
        from_input: &[f64],
        before: &[f64],
        after: &mut [f64],
        _kept: &mut [f64],
    ) {
        after.copy_from_slice(from_input);
        add(after, &parameters.bias_hh);
        add_product(after, &parameters.weight_hh, before);
        for h in after {
            *h = h.tanh();
        }
    }

    /// `tanh' = 1 - tanh^2`, and the argument of `tanh` is a plain sum.
    fn backward(
        &self,
        parameters: &DirectionParameters,
        step: &Step<'_>,
        d_state: &mut [f64],
        d_input: &mut [f64],
        gradient: &mut DirectionParameters,
    ) {
        for ((d, d_after), h) in d_input.iter_mut().zip(&*d_state).zip(step.after) {
            *d = d_after * (1.0 - h * h);
        }
        add(&mut gradient.bias_hh, d_input);
        add_outer(&mut gradient.weight_hh, d_input, step.before);
        d_state.fill(0.0);
        add_transposed_product(d_state, &parameters.weight_hh, d_input);
    }
}
