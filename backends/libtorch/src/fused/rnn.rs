//! Elman's network, `h = tanh(W x + b + U h)`.

use tch::{TchError, Tensor};

use super::activation::Real;
use super::steps::Steps;
use super::{Recurrence, Sizes, bias, gates, plain_gradients};
use crate::host::elements;
use crate::parameters::LayerViews;

/// A layer with its buffers.
pub(super) struct Layer<T> {
    sizes: Sizes,
    /// The state before each step and after the last, `[time + 1, rows, hidden_size]`.
    states: Steps<T>,
    /// The gradient with respect to the outputs, then with respect to the sums under the tanh.
    upstream: Option<Steps<T>>,
}

impl<T: Real> Layer<T> {
    /// Buffers of these sizes.
    pub(super) fn new(sizes: Sizes) -> Result<Self, TchError> {
        let Sizes { time, rows, hidden_size } = sizes;
        Ok(Self { sizes, states: Steps::new(time + 1, rows, hidden_size)?, upstream: None })
    }
}

impl<T: Real> Recurrence for Layer<T> {
    fn forward(&mut self, weights: &LayerViews, input: &Tensor, time: usize) -> Result<(), TchError> {
        let kernel = weights.weight_hh.f_transpose(0, 1)?;
        let sums = self.states.matrix(1, time)?;
        let _ = input.f_mm_out(&sums, &weights.weight_ih.f_transpose(0, 1)?)?;
        let bias = bias(weights)?;
        let bias = elements(&bias)?;
        for step in 0..time {
            let before = self.states.view(step)?.shallow_clone();
            let _ = self.states.view_mut(step + 1)?.f_addmm_(&before, &kernel)?;
            gates::rnn_forward(bias, self.states.slice_mut(step + 1)?);
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
            None => Steps::new(steps, rows, hidden_size)?,
        };
        self.upstream.insert(upstream).matrix(0, time)
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
            gates::rnn_backward(upstream.slice_mut(step)?, self.states.slice(step + 1)?);
            if step > 0 {
                let here = upstream.view(step)?.shallow_clone();
                let _ = upstream.view_mut(step - 1)?.f_addmm_(&here, &weights.weight_hh)?;
            }
        }
        let at_sums = upstream.matrix(0, time)?;
        plain_gradients(&at_sums, input, &self.states.matrix(0, time)?, gradients)?;
        let _ = at_sums.f_mm_out(input_gradient, &weights.weight_ih)?;
        Ok(())
    }
}
