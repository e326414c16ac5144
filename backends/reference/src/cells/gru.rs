//! The gated recurrent unit in both its forms.
//!
//! ```text
//! r = sigmoid(W_r x + b_ir + U_r h + b_hr)        reset gate
//! z = sigmoid(W_z x + b_iz + U_z h + b_hz)        update gate
//! n = tanh(W_n x + b_in + r * (U_n h + b_hn))     candidate, reset after the product
//! n = tanh(W_n x + b_in + U_n (r * h) + b_hn)     candidate, reset before the product
//! h' = (1 - z) * n + z * h
//! ```
//!
//! Reset after: PyTorch's `nn.GRU`, cuDNN, Keras' `GRU(reset_after=True)`. Reset before: Cho et al. 2014 (arXiv 1406.1078,
//! version 3), Keras' `GRU(reset_after=False)`. Both frameworks let `z` keep the old state, as version 1 of that paper does.
//!
//! Kept are `r, z, n` and, for the first form, `U_n h + b_hn`.

use harness_contract::GruForm;

use super::{Cell, Step};
use crate::loss::sigmoid;
use crate::matrix::{add, add_outer, add_product, add_transposed_product};
use crate::parameters::DirectionParameters;

/// The cell.
pub(super) struct Gru {
    /// Where the reset gate acts.
    pub(super) form: GruForm,
}

impl Cell for Gru {
    fn states(&self) -> usize {
        1
    }

    fn kept(&self) -> usize {
        4
    }

    fn forward(
        &self,
        parameters: &DirectionParameters,
        from_input: &[f64],
        before: &[f64],
        after: &mut [f64],
        kept: &mut [f64],
    ) {
        let hidden = before.len();
        let (gates, rest) = kept.split_at_mut(2 * hidden);
        let (n, product) = rest.split_at_mut(hidden);
        let (weight_gates, weight_n) = parameters.weight_hh.split_at(2 * hidden * hidden);
        let (bias_gates, bias_n) = parameters.bias_hh.split_at(2 * hidden);
        let (input_gates, input_n) = from_input.split_at(2 * hidden);

        gates.copy_from_slice(input_gates);
        add(gates, bias_gates);
        add_product(gates, weight_gates, before);
        for gate in gates.iter_mut() {
            *gate = sigmoid(*gate);
        }
        let (r, z) = gates.split_at(hidden);

        product.copy_from_slice(bias_n);
        match self.form {
            GruForm::ResetAfter => {
                add_product(product, weight_n, before);
                for j in 0..hidden {
                    n[j] = (input_n[j] + r[j] * product[j]).tanh();
                }
            }
            GruForm::ResetBefore => {
                add_product(product, weight_n, &reset(r, before));
                for j in 0..hidden {
                    n[j] = (input_n[j] + product[j]).tanh();
                }
            }
        }
        for j in 0..hidden {
            after[j] = (1.0 - z[j]) * n[j] + z[j] * before[j];
        }
    }

    /// `d_input` holds the gradients of the three sums inside `sigmoid` and `tanh`, which are those with respect to
    /// `W x + b_ih`. For `U h + b_hh` they are the same, but for the candidate of the first form, where `r` stands before it.
    fn backward(
        &self,
        parameters: &DirectionParameters,
        step: &Step<'_>,
        d_state: &mut [f64],
        d_input: &mut [f64],
        gradient: &mut DirectionParameters,
    ) {
        let h = step.before;
        let hidden = h.len();
        let (r, rest) = step.kept.split_at(hidden);
        let (z, rest) = rest.split_at(hidden);
        let (n, product) = rest.split_at(hidden);
        let (weight_gates, weight_n) = parameters.weight_hh.split_at(2 * hidden * hidden);
        let (gradient_gates, gradient_n) = gradient.weight_hh.split_at_mut(2 * hidden * hidden);
        let (gradient_bias_gates, gradient_bias_n) = gradient.bias_hh.split_at_mut(2 * hidden);
        let (d_gates, d_n) = d_input.split_at_mut(2 * hidden);
        let (d_r, d_z) = d_gates.split_at_mut(hidden);

        for j in 0..hidden {
            d_n[j] = d_state[j] * (1.0 - z[j]) * (1.0 - n[j] * n[j]);
            d_z[j] = d_state[j] * (h[j] - n[j]) * z[j] * (1.0 - z[j]);
            d_state[j] *= z[j];
        }
        match self.form {
            GruForm::ResetAfter => {
                let d_product: Vec<f64> = d_n.iter().zip(r).map(|(d, r)| d * r).collect();
                for j in 0..hidden {
                    d_r[j] = d_n[j] * product[j] * r[j] * (1.0 - r[j]);
                }
                add(gradient_bias_n, &d_product);
                add_outer(gradient_n, &d_product, h);
                add_transposed_product(d_state, weight_n, &d_product);
            }
            GruForm::ResetBefore => {
                let mut d_reset = vec![0.0; hidden];
                add_transposed_product(&mut d_reset, weight_n, d_n);
                for j in 0..hidden {
                    d_r[j] = d_reset[j] * h[j] * r[j] * (1.0 - r[j]);
                    d_state[j] += d_reset[j] * r[j];
                }
                add(gradient_bias_n, d_n);
                add_outer(gradient_n, d_n, &reset(r, h));
            }
        }
        add(gradient_bias_gates, d_gates);
        add_outer(gradient_gates, d_gates, h);
        add_transposed_product(d_state, weight_gates, d_gates);
    }
}

/// `r * h`.
fn reset(r: &[f64], h: &[f64]) -> Vec<f64> {
    r.iter().zip(h).map(|(r, h)| r * h).collect()
}
