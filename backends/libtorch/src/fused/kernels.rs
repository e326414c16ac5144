//! A layer's weights, arranged for the products of its steps.

use harness_contract::CellKind;
use tch::TchError;

use super::activation::Real;
use super::cell::{self, Sum, gate_blocks, sums};
use super::product::{Left, Out, Packed, Start, Term, product};
use super::tape::{Band, Sizes};
use crate::host::elements;
use crate::parameters::LayerViews;

/// What a layer is made for.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) cell: CellKind,
    pub(super) hidden_size: usize,
    pub(super) input_size: usize,
}

impl Shape {
    /// Sizes of the layer's buffers.
    pub(super) const fn sizes(self, rows: usize, time: usize) -> Sizes {
        Sizes { cell: self.cell, time, rows, hidden_size: self.hidden_size }
    }

    /// Numbers that the gates of a row take.
    pub(super) const fn width(self) -> usize {
        gate_blocks(self.cell) * self.hidden_size
    }
}

/// Kernels of the way forward, which multiplies by their transposes, for each of the [`sums`].
pub(super) struct Forward<T> {
    shape: Shape,
    sums: Vec<ForwardSum<T>>,
}

/// A kernel's rows that enter a sum.
type KernelOf<T> = (&'static Sum, Packed<T>);

struct ForwardSum<T> {
    sum: &'static Sum,
    input: Option<Packed<T>>,
    recurrent: Option<Packed<T>>,
    /// Of both bias vectors, `[blocks * hidden_size]`.
    bias: Vec<T>,
}

/// Kernels of the way back, which multiplies by themselves, for each of the [`sums`] that they enter.
pub(super) struct Backward<T> {
    shape: Shape,
    input: Vec<KernelOf<T>>,
    recurrent: Vec<KernelOf<T>>,
}

impl<T: Real> Forward<T> {
    /// Arranges a layer's weights.
    pub(super) fn new(shape: Shape, weights: &LayerViews) -> Result<Self, TchError> {
        let Shape { cell, hidden_size, input_size } = shape;
        let (weight_ih, weight_hh) = (elements::<T>(&weights.weight_ih)?, elements::<T>(&weights.weight_hh)?);
        let bias_ih = Some(elements::<T>(&weights.bias_ih)?);
        let bias_hh = weights.bias_hh.as_ref().map(elements::<T>).transpose()?;
        let sums = sums(cell).iter().map(|sum| {
            let columns = sum.blocks * hidden_size;
            let transposed = |kernel: &[T], first: usize, depth: usize| {
                let kernel = &kernel[first * hidden_size * depth..];
                Packed::new(depth, columns, |k, j| kernel[j * depth + k])
            };
            let mut bias = vec![T::ZERO; columns];
            for (part, first) in [(bias_ih, sum.input), (bias_hh, sum.recurrent)] {
                if let (Some(part), Some(first)) = (part, first) {
                    bias.iter_mut().zip(&part[first * hidden_size..]).for_each(|(bias, &part)| *bias += part);
                }
            }
            ForwardSum {
                sum,
                input: sum.input.map(|first| transposed(weight_ih, first, input_size)),
                recurrent: sum.recurrent.map(|first| transposed(weight_hh, first, hidden_size)),
                bias,
            }
        });
        Ok(Self { shape, sums: sums.collect() })
    }

    /// Computes one step of some rows from its input, `[rows, input_size]`, and the state before it.
    pub(super) fn step(&self, band: &mut Band<'_, T>, step: usize, input: &[T]) {
        let Shape { cell, hidden_size, input_size } = self.shape;
        for sum in &self.sums {
            let input = sum.input.as_ref().map(|kernel| term(input, input_size, kernel));
            let state = sum.recurrent.as_ref().map(|kernel| term(band.states[step], hidden_size, kernel));
            self.add(sum, Start::Row(&sum.bias), [input, state], band.gates[step]);
        }
        cell::forward(cell, hidden_size, band, step);
    }

    /// The same where the gates hold already what [`Self::project`] makes of the input.
    pub(super) fn step_from_projected(&self, band: &mut Band<'_, T>, step: usize) {
        let Shape { cell, hidden_size, .. } = self.shape;
        for sum in &self.sums {
            let state = sum.recurrent.as_ref().map(|kernel| term(band.states[step], hidden_size, kernel));
            self.add(sum, Start::There, [None, state], band.gates[step]);
        }
        cell::forward(cell, hidden_size, band, step);
    }

    /// What inputs, `[rows, input_size]`, and biases give to the gates, `[rows, width]`.
    pub(super) fn project(&self, input: &[T], gates: &mut [T]) {
        for sum in &self.sums {
            let input = sum.input.as_ref().map(|kernel| term(input, self.shape.input_size, kernel));
            self.add(sum, Start::Row(&sum.bias), [input, None], gates);
        }
    }

    /// Computes the columns of one sum.
    fn add(&self, sum: &ForwardSum<T>, start: Start<'_, T>, terms: [Option<Term<'_, T>>; 2], gates: &mut [T]) {
        let Shape { hidden_size, .. } = self.shape;
        let (stride, columns) = (self.shape.width(), sum.sum.blocks * hidden_size);
        let rows = gates.len() / stride;
        let out = Out { elements: &mut gates[sum.sum.at * hidden_size..], stride, rows, columns };
        match terms {
            [Some(one), Some(two)] => product(start, &[one, two], out),
            [Some(one), None] | [None, Some(one)] => product(start, &[one], out),
            [None, None] => product(start, &[], out),
        }
    }
}

impl<T: Real> Backward<T> {
    /// Arranges a layer's weights.
    pub(super) fn new(shape: Shape, weights: &LayerViews) -> Result<Self, TchError> {
        let arranged = |kernel: &[T], first: fn(&Sum) -> Option<usize>, columns: usize| {
            let parts = sums(shape.cell).iter().filter_map(|sum| {
                let kernel = &kernel[first(sum)? * shape.hidden_size * columns..];
                Some((sum, Packed::new(sum.blocks * shape.hidden_size, columns, |k, j| kernel[k * columns + j])))
            });
            parts.collect()
        };
        Ok(Self {
            shape,
            input: arranged(elements(&weights.weight_ih)?, |sum| sum.input, shape.input_size),
            recurrent: arranged(elements(&weights.weight_hh)?, |sum| sum.recurrent, shape.hidden_size),
        })
    }

    /// Goes back through one step of some rows: the gates become the gradients with respect to their sums, that with
    /// respect to the input goes to `at_input`, `[rows, input_size]`, from `start` on, and that with respect to the state
    /// before is added to what is there. `false` where no gradient reaches the step: then `at_input` is left as it is.
    pub(super) fn step(&self, band: &mut Band<'_, T>, step: usize, start: Start<'_, T>, at_input: &mut [T]) -> bool {
        let Shape { cell, hidden_size, input_size } = self.shape;
        if !cell::back(cell, hidden_size, band, step) {
            return false;
        }
        let (gates, width) = (&*band.gates[step], self.shape.width());
        let rows = gates.len() / width;
        let add = |kernels: &[KernelOf<T>], start, elements, columns| {
            let out = Out { elements, stride: columns, rows, columns };
            let columns_of = |sum: &Sum| &gates[sum.at * hidden_size..];
            match kernels {
                [(sum, kernel)] => product(start, &[term(columns_of(sum), width, kernel)], out),
                [(sum, kernel), (other, another)] => {
                    let terms = [term(columns_of(sum), width, kernel), term(columns_of(other), width, another)];
                    product(start, &terms, out);
                }
                _ => {}
            }
        };
        add(&self.recurrent, Start::There, &mut *band.upstream[step], hidden_size);
        add(&self.input, start, at_input, input_size);
        true
    }
}

/// The product of rows, one every `stride` elements, and a kernel.
pub(super) const fn term<'a, T>(elements: &'a [T], stride: usize, right: &'a Packed<T>) -> Term<'a, T> {
    Term { left: Left { elements, row_stride: stride, column_stride: 1 }, right }
}
