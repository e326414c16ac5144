//! Long short-term memory: gates i, f, o by the logistic function and g by tanh of `W x + b + U h`, `c' = f c + i g`,
//! `h' = o tanh(c')`.

use tch::{TchError, Tensor};

use super::activation::Real;
use super::gates::{LstmBack, LstmStep};
use super::steps::Steps;
use super::{Recurrence, Sizes, bias, gates, plain_gradients};
use crate::host::elements;
use crate::parameters::LayerViews;

/// A layer with its buffers.
pub(super) struct Layer<T> {
    sizes: Sizes,
    /// The sums, then the gates i, f, g, o, then the gradients with respect to the sums, `[time, rows, 4 * hidden_size]`.
    gates: Steps<T>,
    /// `c` before each step and after the last, `[time + 1, rows, hidden_size]`.
    cells: Steps<T>,
    /// `tanh(c)` after each step, `[time, rows, hidden_size]`.
    squashed: Steps<T>,
    /// `h` before each step and after the last, `[time + 1, rows, hidden_size]`.
    states: Steps<T>,
    /// The gradient with respect to the outputs, and a block for that with respect to `c`.
    upstream: Option<(Steps<T>, Vec<T>)>,
}

impl<T: Real> Layer<T> {
    /// Buffers of these sizes.
    pub(super) fn new(sizes: Sizes) -> Result<Self, TchError> {
        let Sizes { time, rows, hidden_size } = sizes;
        Ok(Self {
            sizes,
            gates: Steps::new(time, rows, 4 * hidden_size)?,
            cells: Steps::new(time + 1, rows, hidden_size)?,
            squashed: Steps::new(time, rows, hidden_size)?,
            states: Steps::new(time + 1, rows, hidden_size)?,
            upstream: None,
        })
    }
}

impl<T: Real> Recurrence for Layer<T> {
    fn forward(&mut self, weights: &LayerViews, input: &Tensor, time: usize) -> Result<(), TchError> {
        let kernel = weights.weight_hh.f_transpose(0, 1)?;
        let sums = self.gates.matrix(0, time)?;
        let _ = input.f_mm_out(&sums, &weights.weight_ih.f_transpose(0, 1)?)?;
        let bias = bias(weights)?;
        let bias = elements(&bias)?;
        for step in 0..time {
            let _ = self.gates.view_mut(step)?.f_addmm_(self.states.view(step)?, &kernel)?;
            let (before, cell) = self.cells.slice_and_next(step)?;
            let (gates, squashed) = (self.gates.slice_mut(step)?, self.squashed.slice_mut(step)?);
            let state = self.states.slice_mut(step + 1)?;
            gates::lstm_forward(self.sizes.hidden_size, bias, gates, LstmStep { before, cell, squashed, state });
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
            None => (Steps::new(steps, rows, hidden_size)?, vec![T::ZERO; rows * hidden_size]),
        };
        self.upstream.insert(upstream).0.matrix(0, time)
    }

    fn backward(
        &mut self,
        weights: &LayerViews,
        input: &Tensor,
        time: usize,
        gradients: &LayerViews,
        input_gradient: &Tensor,
    ) -> Result<(), TchError> {
        let Some((at_outputs, carried)) = &mut self.upstream else {
            return Err(TchError::Shape("a backward pass without an upstream gradient".into()));
        };
        carried.fill(T::ZERO);
        for step in (0..time).rev() {
            let (gates, before) = (self.gates.slice_mut(step)?, self.cells.slice(step)?);
            let (squashed, upstream) = (self.squashed.slice(step)?, at_outputs.slice(step)?);
            gates::lstm_backward(self.sizes.hidden_size, gates, LstmBack { before, squashed, upstream, carried });
            if step > 0 {
                let _ = at_outputs.view_mut(step - 1)?.f_addmm_(self.gates.view(step)?, &weights.weight_hh)?;
            }
        }
        let at_sums = self.gates.matrix(0, time)?;
        plain_gradients(&at_sums, input, &self.states.matrix(0, time)?, gradients)?;
        let _ = at_sums.f_mm_out(input_gradient, &weights.weight_ih)?;
        Ok(())
    }
}
