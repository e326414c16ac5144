//! Gated recurrent unit with the reset gate applied after the matrix product: gates r and z by the logistic function of
//! `W x + b + U h`, `n = tanh(W x + b + r (U h + b'))`, `h' = (1 - z) n + z h`.

use tch::{TchError, Tensor};

use super::activation::Real;
use super::steps::Steps;
use super::{Recurrence, Sizes, gates};
use crate::host::elements;
use crate::parameters::{LayerViews, length};

/// A layer with its buffers.
pub(super) struct Layer<T> {
    sizes: Sizes,
    /// Four blocks a row: r, z, the recurrent part of n, the other part of n; see `gates::gru_forward`. The first three
    /// stand as the recurrent kernel has them, so that one product serves all. `[time, rows, 4 * hidden_size]`.
    gates: Steps<T>,
    /// The recurrent columns of each step of `gates`, `[rows, 3 * hidden_size]`.
    recurrent: Vec<Tensor>,
    /// `h` before each step and after the last, `[time + 1, rows, hidden_size]`.
    states: Steps<T>,
    /// The gradient with respect to the outputs.
    upstream: Option<Steps<T>>,
}

impl<T: Real> Layer<T> {
    /// Buffers of these sizes.
    pub(super) fn new(sizes: Sizes) -> Result<Self, TchError> {
        let Sizes { time, rows, hidden_size } = sizes;
        let gates = Steps::new(time, rows, 4 * hidden_size)?;
        let recurrent = (0..time)
            .map(|step| gates.view(step)?.f_narrow(1, 0, length(3 * hidden_size)))
            .collect::<Result<_, _>>()?;
        let states = Steps::new(time + 1, rows, hidden_size)?;
        Ok(Self { sizes, gates, recurrent, states, upstream: None })
    }

    /// Columns of the first `time` steps of `gates` as a matrix: `blocks` blocks from block `start` on.
    fn columns(&self, time: usize, start: usize, blocks: usize) -> Result<Tensor, TchError> {
        let hidden_size = self.sizes.hidden_size;
        self.gates.matrix(0, time)?.f_narrow(1, length(start * hidden_size), length(blocks * hidden_size))
    }

    /// The biases of the four blocks of `gates`.
    fn bias(&self, weights: &LayerViews) -> Result<Tensor, TchError> {
        let (mut rz, n) = self.parts(&weights.bias_ih)?;
        let recurrent = match &weights.bias_hh {
            Some(bias_hh) => {
                let (recurrent_rz, recurrent) = self.parts(bias_hh)?;
                rz = rz.f_add(&recurrent_rz)?;
                recurrent
            }
            None => n.f_zeros_like()?,
        };
        Tensor::f_cat(&[rz, recurrent, n], 0)
    }

    /// A parameter's rows, or elements, for r and z, and those for n.
    fn parts(&self, parameter: &Tensor) -> Result<(Tensor, Tensor), TchError> {
        let hidden_size = length(self.sizes.hidden_size);
        Ok((parameter.f_narrow(0, 0, 2 * hidden_size)?, parameter.f_narrow(0, 2 * hidden_size, hidden_size)?))
    }
}

impl<T: Real> Recurrence for Layer<T> {
    fn forward(&mut self, weights: &LayerViews, input: &Tensor, time: usize) -> Result<(), TchError> {
        let (kernel_rz, kernel_n) = self.parts(&weights.weight_ih)?;
        let _ = input.f_mm_out(&self.columns(time, 0, 2)?, &kernel_rz.f_transpose(0, 1)?)?;
        let _ = self.columns(time, 2, 1)?.f_zero_()?;
        let _ = input.f_mm_out(&self.columns(time, 3, 1)?, &kernel_n.f_transpose(0, 1)?)?;
        let bias = self.bias(weights)?;
        let bias = elements(&bias)?;
        let kernel = weights.weight_hh.f_transpose(0, 1)?;
        for (step, recurrent) in self.recurrent.iter_mut().enumerate().take(time) {
            let _ = recurrent.f_addmm_(self.states.view(step)?, &kernel)?;
            let (before, state) = self.states.slice_and_next(step)?;
            gates::gru_forward(self.sizes.hidden_size, bias, self.gates.slice_mut(step)?, before, state);
        }
        Ok(())
    }

    fn outputs(&self, time: usize) -> Result<Tensor, TchError> {
        self.states.matrix(1, time)
    }

    fn upstream(&mut self, time: usize) -> Result<Tensor, TchError> {
        let Sizes { time: steps, rows, hidden_size } = self.sizes;
        let upstream = match self.upstream.take() {
            Some(upstream) => upstream,
            // One step more, in front, takes what the first step hands back.
            None => Steps::new(steps + 1, rows, hidden_size)?,
        };
        self.upstream.insert(upstream).matrix(1, time)
    }

    fn backward(
        &mut self,
        weights: &LayerViews,
        input: &Tensor,
        time: usize,
        gradients: &LayerViews,
        input_gradient: &Tensor,
    ) -> Result<(), TchError> {
        let Some(upstream) = &mut self.upstream else {
            return Err(TchError::Shape("a backward pass without an upstream gradient".into()));
        };
        for step in (0..time).rev() {
            let (below, here) = upstream.slice_and_next(step)?;
            gates::gru_backward(
                self.sizes.hidden_size,
                self.gates.slice_mut(step)?,
                self.states.slice(step)?,
                here,
                below,
            );
            if step > 0 {
                let recurrent = self.recurrent.get(step).ok_or_else(|| TchError::Shape("a step too many".into()))?;
                let _ = upstream.view_mut(step)?.f_addmm_(recurrent, &weights.weight_hh)?;
            }
        }
        let (at_rz, at_n) = (self.columns(time, 0, 2)?, self.columns(time, 3, 1)?);
        let at_recurrent = self.columns(time, 0, 3)?;
        let (kernel_rz, kernel_n) = self.parts(&weights.weight_ih)?;
        let (gradient_rz, gradient_n) = self.parts(&gradients.weight_ih)?;
        let _ = at_rz.f_transpose(0, 1)?.f_mm_out(&gradient_rz, input)?;
        let _ = at_n.f_transpose(0, 1)?.f_mm_out(&gradient_n, input)?;
        let _ = at_recurrent.f_transpose(0, 1)?.f_mm_out(&gradients.weight_hh, &self.states.matrix(0, time)?)?;
        let (bias_rz, bias_n) = self.parts(&gradients.bias_ih)?;
        let _ = at_rz.f_sum_intlist_out(&bias_rz, [0].as_slice(), false, None)?;
        let _ = at_n.f_sum_intlist_out(&bias_n, [0].as_slice(), false, None)?;
        if let Some(bias_hh) = &gradients.bias_hh {
            let _ = at_recurrent.f_sum_intlist_out(bias_hh, [0].as_slice(), false, None)?;
        }
        let _ = at_rz.f_mm_out(input_gradient, &kernel_rz)?;
        let _ = input_gradient.shallow_clone().f_addmm_(&at_n, &kernel_n)?;
        Ok(())
    }
}
