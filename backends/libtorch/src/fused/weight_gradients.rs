//! The gradients of a layer's weights.

use tch::TchError;

use super::activation::Real;
use super::cell::sums;
use super::gates;
use super::kernels::Shape;
use super::product::{Left, Out, Packed, Start, Term, product};
use super::tape::Band;
use crate::host::elements_mut;
use crate::parameters::LayerViews;

/// Rows of a batch times steps whose products are added at once: they stay in the second-level cache, and the sums are
/// read and written once for all of them.
const ROWS_AT_ONCE: usize = 256;

/// The gradients of a layer's weights as one thread adds them up.
pub(super) struct WeightGradients<T> {
    shape: Shape,
    /// As the kernels and as the gates' sums.
    weight_ih: Vec<T>,
    weight_hh: Vec<T>,
    sums: Vec<T>,
    /// The part of `sums` that comes from the waiting steps.
    waiting_sums: Vec<T>,
    /// Steps that are not yet added, their inputs and the states before them.
    waiting: Vec<usize>,
    arranged: Vec<[Packed<T>; 2]>,
}

impl<T: Real> WeightGradients<T> {
    /// Zero, for a thread with so many rows.
    pub(super) fn new(shape: Shape, rows: usize) -> Self {
        let Shape { hidden_size, input_size, .. } = shape;
        // The kernels have as many rows as the gates have columns that an input enters; blocks beyond stay empty.
        let width = shape.width();
        let at_once = (ROWS_AT_ONCE / rows.max(1)).max(1);
        Self {
            shape,
            weight_ih: vec![T::ZERO; width * input_size],
            weight_hh: vec![T::ZERO; width * hidden_size],
            sums: vec![T::ZERO; width],
            waiting_sums: vec![T::ZERO; width],
            waiting: Vec::with_capacity(at_once),
            arranged: (0..at_once).map(|_| [Packed::empty(), Packed::empty()]).collect(),
        }
    }

    /// Adds what a step contributes, whose gates are the gradients with respect to their sums; later steps are gone
    /// through before. The gates must stay as they are until [`Self::add_waiting`].
    pub(super) fn add(&mut self, band: &Band<'_, T>, step: usize, input: &[T]) {
        let Shape { hidden_size, input_size, .. } = self.shape;
        let [inputs, states] = &mut self.arranged[self.waiting.len()];
        inputs.arrange(input, input_size);
        states.arrange(band.states[step], hidden_size);
        gates::add_rows(band.gates[step], &mut self.waiting_sums);
        self.waiting.push(step);
        if self.waiting.len() == self.arranged.len() {
            self.add_waiting(band);
        }
    }

    /// Adds what the steps that wait contribute.
    pub(super) fn add_waiting(&mut self, band: &Band<'_, T>) {
        let (hidden_size, width) = (self.shape.hidden_size, self.shape.width());
        for sum in sums(self.shape.cell) {
            let factors = [
                (sum.input, self.shape.input_size, &mut self.weight_ih, 0),
                (sum.recurrent, hidden_size, &mut self.weight_hh, 1),
            ];
            for (first, columns, gradient, which) in factors {
                let Some(first) = first else { continue };
                let terms: Vec<_> = self
                    .waiting
                    .iter()
                    .zip(&self.arranged)
                    .map(|(&step, arranged)| {
                        let elements = &band.gates[step][sum.at * hidden_size..];
                        Term { left: Left { elements, row_stride: 1, column_stride: width }, right: &arranged[which] }
                    })
                    .collect();
                let elements = &mut gradient[first * hidden_size * columns..];
                let out = Out { elements, stride: columns, rows: sum.blocks * hidden_size, columns };
                product(Start::There, &terms, out);
            }
        }
        self.sums.iter_mut().zip(&mut self.waiting_sums).for_each(|(sum, waiting)| {
            *sum += *waiting;
            *waiting = T::ZERO;
        });
        self.waiting.clear();
    }

    /// Adds what another thread has added up.
    pub(super) fn merge(&mut self, other: &Self) {
        for (mine, others) in [
            (&mut self.weight_ih, &other.weight_ih),
            (&mut self.weight_hh, &other.weight_hh),
            (&mut self.sums, &other.sums),
        ] {
            mine.iter_mut().zip(others).for_each(|(mine, &others)| *mine += others);
        }
    }

    /// Writes the gradients to where they belong.
    pub(super) fn write(&self, gradients: &mut LayerViews) -> Result<(), TchError> {
        for (all, tensor) in [(&self.weight_ih, &mut gradients.weight_ih), (&self.weight_hh, &mut gradients.weight_hh)]
        {
            let tensor = elements_mut::<T>(tensor)?;
            tensor.copy_from_slice(&all[..tensor.len()]);
        }
        let hidden_size = self.shape.hidden_size;
        let mut bias_ih = Some(elements_mut::<T>(&mut gradients.bias_ih)?);
        let mut bias_hh = gradients.bias_hh.as_mut().map(elements_mut::<T>).transpose()?;
        for sum in sums(self.shape.cell) {
            let from = &self.sums[sum.at * hidden_size..][..sum.blocks * hidden_size];
            for (bias, first) in [(&mut bias_ih, sum.input), (&mut bias_hh, sum.recurrent)] {
                if let (Some(bias), Some(first)) = (bias, first) {
                    bias[first * hidden_size..][..from.len()].copy_from_slice(from);
                }
            }
        }
        Ok(())
    }
}
