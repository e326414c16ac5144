//! Long short-term memory (Hochreiter & Schmidhuber 1997) with the forget gate of Gers, Schmidhuber & Cummins 2000,
//! without peepholes, as PyTorch's `nn.LSTM` documents it:
//!
//! ```text
//! i = sigmoid(W_i x + b_ii + U_i h + b_hi)        input gate
//! f = sigmoid(W_f x + b_if + U_f h + b_hf)        forget gate
//! g = tanh   (W_g x + b_ig + U_g h + b_hg)        candidate
//! o = sigmoid(W_o x + b_io + U_o h + b_ho)        output gate
//! c' = f * c + i * g
//! h' = o * tanh(c')
//! ```
//!
//! A state is `h`, then `c`; `i, f, g, o` and `tanh(c')` are kept.

use super::{Cell, Step};
use crate::loss::sigmoid;
use crate::matrix::{add, add_outer, add_product, add_transposed_product};
use crate::parameters::DirectionParameters;

/// The cell.
pub(super) struct Lstm;

impl Cell for Lstm {
    fn states(&self) -> usize {
        2
    }

    fn kept(&self) -> usize {
        5
    }

    fn forward(
        &self,
        parameters: &DirectionParameters,
        from_input: &[f64],
        before: &[f64],
        after: &mut [f64],
        kept: &mut [f64],
    ) {
        let hidden = before.len() / 2;
        let (h, c) = before.split_at(hidden);
        let (h_after, c_after) = after.split_at_mut(hidden);

        let (kept, tanh_c) = kept.split_at_mut(4 * hidden);
        kept.copy_from_slice(from_input);
        add(kept, &parameters.bias_hh);
        add_product(kept, &parameters.weight_hh, h);
        let (i, f, g, o) = blocks(hidden);
        for j in 0..hidden {
            kept[i + j] = sigmoid(kept[i + j]);
            kept[f + j] = sigmoid(kept[f + j]);
            kept[g + j] = kept[g + j].tanh();
            kept[o + j] = sigmoid(kept[o + j]);
            c_after[j] = kept[f + j] * c[j] + kept[i + j] * kept[g + j];
            tanh_c[j] = c_after[j].tanh();
            h_after[j] = kept[o + j] * tanh_c[j];
        }
    }

    /// `c'` is reached through `h'` and, from the step after, directly. `sigmoid' = s (1 - s)`, `tanh' = 1 - tanh^2`.
    fn backward(
        &self,
        parameters: &DirectionParameters,
        step: &Step<'_>,
        d_state: &mut [f64],
        d_input: &mut [f64],
        gradient: &mut DirectionParameters,
    ) {
        let hidden = step.before.len() / 2;
        let (h, c) = step.before.split_at(hidden);
        let tanh_c = &step.kept[4 * hidden..];
        let (d_h, d_c) = d_state.split_at_mut(hidden);
        let (i, f, g, o) = blocks(hidden);
        for j in 0..hidden {
            let (i_j, f_j, g_j, o_j) = (step.kept[i + j], step.kept[f + j], step.kept[g + j], step.kept[o + j]);
            let tanh_c = tanh_c[j];
            let d_c_after = d_c[j] + d_h[j] * o_j * (1.0 - tanh_c * tanh_c);
            d_input[i + j] = d_c_after * g_j * i_j * (1.0 - i_j);
            d_input[f + j] = d_c_after * c[j] * f_j * (1.0 - f_j);
            d_input[g + j] = d_c_after * i_j * (1.0 - g_j * g_j);
            d_input[o + j] = d_h[j] * tanh_c * o_j * (1.0 - o_j);
            d_c[j] = d_c_after * f_j;
        }
        add(&mut gradient.bias_hh, d_input);
        add_outer(&mut gradient.weight_hh, d_input, h);
        d_h.fill(0.0);
        add_transposed_product(d_h, &parameters.weight_hh, d_input);
    }
}

/// Where the blocks `i, f, g, o` begin.
fn blocks(hidden: usize) -> (usize, usize, usize, usize) {
    (0, hidden, 2 * hidden, 3 * hidden)
}
