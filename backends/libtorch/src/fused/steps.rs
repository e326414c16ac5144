//! A buffer with one block for each time step, seen by ATen as tensors and by our own loops as slices.

use tch::{Device, TchError, Tensor};

use super::activation::Real;
use crate::host::{elements, elements_mut};
use crate::parameters::length;

/// `[steps, rows, width]` in main memory, contiguous, zero at first.
pub(super) struct Steps<T> {
    all: Tensor,
    views: Vec<Tensor>,
    block: usize,
    elements: std::marker::PhantomData<T>,
}

impl<T: Real> Steps<T> {
    /// A buffer of zeros.
    pub(super) fn new(steps: usize, rows: usize, width: usize) -> Result<Self, TchError> {
        let all = Tensor::f_zeros([length(steps), length(rows), length(width)], (T::KIND, Device::Cpu))?;
        let views = (0..steps).map(|step| all.f_select(0, length(step))).collect::<Result<_, _>>()?;
        Ok(Self { all, views, block: rows * width, elements: std::marker::PhantomData })
    }

    /// One step, `[rows, width]`.
    pub(super) fn view(&self, step: usize) -> Result<&Tensor, TchError> {
        self.views.get(step).ok_or_else(|| beyond(step))
    }

    /// One step to write to, `[rows, width]`.
    pub(super) fn view_mut(&mut self, step: usize) -> Result<&mut Tensor, TchError> {
        self.views.get_mut(step).ok_or_else(|| beyond(step))
    }

    /// Steps `start .. start + steps` as a matrix, `[steps * rows, width]`.
    pub(super) fn matrix(&self, start: usize, steps: usize) -> Result<Tensor, TchError> {
        self.all.f_narrow(0, length(start), length(steps))?.f_flatten(0, 1)
    }

    /// One step's elements, row by row.
    pub(super) fn slice(&self, step: usize) -> Result<&[T], TchError> {
        elements::<T>(self.view(step)?)
    }

    /// One step's elements to change, row by row.
    pub(super) fn slice_mut(&mut self, step: usize) -> Result<&mut [T], TchError> {
        elements_mut::<T>(self.view_mut(step)?)
    }

    /// The elements of a step, and those of the next one to change.
    pub(super) fn slice_and_next(&mut self, step: usize) -> Result<(&mut [T], &mut [T]), TchError> {
        let block = self.block;
        let all = elements_mut::<T>(&mut self.all)?;
        let both = all.get_mut(step * block..(step + 2) * block).ok_or_else(|| beyond(step + 1))?;
        Ok(both.split_at_mut(block))
    }
}

fn beyond(step: usize) -> TchError {
    TchError::Shape(format!("step {step} lies beyond the buffer"))
}
