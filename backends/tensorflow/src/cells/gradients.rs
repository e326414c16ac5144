//! The gradients of a layer's weights, those of its kernels as the factors of a product that is taken elsewhere.

use harness_contract::CellKind;

use super::{gru, lstm};
use crate::graph::Value;

/// The gradients of a layer's weights, made of values `V`.
#[derive(Clone, Copy)]
pub(crate) struct WeightGradients<V> {
    /// Of the input kernel.
    pub(crate) input_kernel: KernelGradient<V>,
    /// Of the recurrent kernel.
    pub(crate) recurrent_kernel: KernelGradient<V>,
    /// `[gates * hidden]`.
    pub(crate) input_bias: V,
    /// `[gates * hidden]`, if the layer has it.
    pub(crate) recurrent_bias: Option<V>,
}

/// The gradient of a kernel, in the order of gates that the graph computes in.
///
/// It is computed transposed: XLA takes half the time for the product that gives it so. Where it can be, that product is left to the
/// graph around XLA's function, whose oneDNN takes a quarter less.
#[derive(Clone, Copy)]
pub(crate) enum KernelGradient<V> {
    /// Transposed it is `left' right`.
    Product {
        /// What the kernel was multiplied with, `[rows, input]`.
        left: V,
        /// The gradients of its products, `[rows, gates * hidden]`.
        right: V,
    },
    /// Transposed it is `states' products`, each state with the products of the step after it.
    Recurrent {
        /// What each step left, `[time * batch, hidden]`.
        states: V,
        /// The gradients of the products with the state before, `[time * batch, gates * hidden]`.
        products: V,
        /// Of a GRU, what stands in place of the last `hidden` columns of `products`, `[time * batch, hidden]`.
        candidate: Option<V>,
    },
}

impl<V: Copy> WeightGradients<V> {
    /// The same gradients of other values.
    pub(crate) fn map<W>(&self, to: &mut impl FnMut(V) -> W) -> WeightGradients<W> {
        WeightGradients {
            input_kernel: self.input_kernel.map(to),
            recurrent_kernel: self.recurrent_kernel.map(to),
            input_bias: to(self.input_bias),
            recurrent_bias: self.recurrent_bias.map(to),
        }
    }
}

impl<'b> WeightGradients<Value<'b>> {
    /// The gradients of the weights of a layer of these cells in canonical order, each in its weight's shape; `batch` is a scalar.
    pub(crate) fn in_canonical_order(&self, cell: CellKind, batch: Value<'b>) -> impl Iterator<Item = Value<'b>> {
        let kernels = [self.input_kernel, self.recurrent_kernel].map(|kernel| kernel.of_kernel(cell, batch));
        kernels.into_iter().chain([self.input_bias]).chain(self.recurrent_bias)
    }
}

impl<V: Copy> KernelGradient<V> {
    /// The same gradient of other values.
    fn map<W>(&self, to: &mut impl FnMut(V) -> W) -> KernelGradient<W> {
        match *self {
            Self::Product { left, right } => KernelGradient::Product { left: to(left), right: to(right) },
            Self::Recurrent { states, products, candidate } => {
                KernelGradient::Recurrent { states: to(states), products: to(products), candidate: candidate.map(to) }
            }
        }
    }
}

impl<'b> KernelGradient<Value<'b>> {
    /// The gradient of a kernel of this cell in the kernel's shape and order, `[gates * hidden, input]`; `batch` is a scalar.
    fn of_kernel(&self, cell: CellKind, batch: Value<'b>) -> Value<'b> {
        let transposed = match *self {
            Self::Product { left, right } => left.transposed_matmul(right),
            Self::Recurrent { states, products, candidate } => {
                // The first step began with zeros and adds nothing. Leaving it out takes no copy here, but would in XLA.
                let b = states.builder();
                let before = states.slice_first(b.ints(&[0]), b.pack(&[-batch]));
                let later = |all: Value<'b>| {
                    b.op("Slice").input(all).input(b.pack(&[batch, b.int(0)])).input(b.ints(&[-1, -1])).value()
                };
                let of_products = before.transposed_matmul(later(products));
                candidate.map_or(of_products, |candidate| {
                    gru::with_candidate(of_products, before.transposed_matmul(later(candidate)))
                })
            }
        };
        match cell {
            CellKind::Lstm => lstm::in_order_of_weights(transposed).transpose(),
            CellKind::Rnn | CellKind::Gru => transposed.transpose(),
        }
    }
}
