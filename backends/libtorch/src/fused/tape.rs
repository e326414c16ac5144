//! The buffers of a layer, and their shares for each thread.

use std::ops::Range;

use harness_contract::CellKind;

use super::activation::Real;
use super::cell::gate_blocks;

/// What a layer's buffers are made for.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) cell: CellKind,
    /// The most steps.
    pub(super) time: usize,
    /// The rows of a batch.
    pub(super) rows: usize,
    /// Units of the layer.
    pub(super) hidden_size: usize,
}

/// What a layer's steps leave behind, and what comes back: blocks of `[rows, width]` for each step.
pub(super) struct Tape<T> {
    sizes: Sizes,
    /// The sums, then the gates, then the gradients with respect to the sums, `[time, rows, blocks * hidden_size]`.
    gates: Vec<T>,
    /// `h` before each step and after the last, `[time + 1, rows, hidden_size]`.
    states: Vec<T>,
    /// An LSTM's `c`, likewise.
    cells: Vec<T>,
    /// An LSTM's `tanh(c)` after each step, `[time, rows, hidden_size]`.
    squashed: Vec<T>,
    /// The gradient with respect to `h`, as [`Self::states`]: that of step `t`'s output stands at `t + 1`. Empty where
    /// there is no way back.
    upstream: Vec<T>,
    /// The gradient with respect to an LSTM's `c`, `[1, rows, hidden_size]`.
    carried: Vec<T>,
}

/// Some rows of a [`Tape`], a slice a step.
pub(super) struct Band<'a, T> {
    pub(super) gates: Vec<&'a mut [T]>,
    pub(super) states: Vec<&'a mut [T]>,
    pub(super) cells: Vec<&'a mut [T]>,
    pub(super) squashed: Vec<&'a mut [T]>,
    pub(super) upstream: Vec<&'a mut [T]>,
    pub(super) carried: Vec<&'a mut [T]>,
}

impl<T: Real> Tape<T> {
    /// Buffers of these sizes, zero. With `back`, there is a way back.
    pub(super) fn new(sizes: Sizes, back: bool) -> Self {
        let Sizes { cell, time, rows, hidden_size } = sizes;
        let zeros = |steps: usize, blocks: usize| vec![T::ZERO; steps * rows * blocks * hidden_size];
        let lstm = usize::from(cell == CellKind::Lstm);
        let back = usize::from(back);
        Self {
            sizes,
            gates: zeros(time, gate_blocks(cell)),
            states: zeros(time + 1, 1),
            cells: zeros(time + 1, lstm),
            squashed: zeros(time, lstm),
            upstream: zeros(time + 1, back),
            carried: zeros(1, lstm * back),
        }
    }

    /// Makes the state before the first step zero.
    pub(super) fn clear_state(&mut self) {
        let block = self.sizes.rows * self.sizes.hidden_size;
        self.states[..block].fill(T::ZERO);
        if let Some(cell) = self.cells.get_mut(..block) {
            cell.fill(T::ZERO);
        }
    }

    /// Makes all gradients with respect to the states zero.
    pub(super) fn clear_gradients(&mut self) {
        self.upstream.fill(T::ZERO);
        self.carried.fill(T::ZERO);
    }

    /// The output of a row at a step.
    pub(super) fn output(&self, step: usize, row: usize) -> &[T] {
        &self.states[self.at_output(step, row)]
    }

    /// The gradient with respect to the output of a row at a step.
    pub(super) fn output_gradient(&mut self, step: usize, row: usize) -> &mut [T] {
        let at = self.at_output(step, row);
        &mut self.upstream[at]
    }

    fn at_output(&self, step: usize, row: usize) -> Range<usize> {
        let start = ((step + 1) * self.sizes.rows + row) * self.sizes.hidden_size;
        start..start + self.sizes.hidden_size
    }

    /// The buffers of the first `time` steps, divided among shares of the rows.
    pub(super) fn bands(&mut self, time: usize, shares: &[usize]) -> Vec<Band<'_, T>> {
        let Sizes { cell, hidden_size, .. } = self.sizes;
        let gates = bands(&mut self.gates, time, gate_blocks(cell) * hidden_size, shares);
        let states = bands(&mut self.states, time + 1, hidden_size, shares);
        let cells = bands(&mut self.cells, time + 1, hidden_size, shares);
        let squashed = bands(&mut self.squashed, time, hidden_size, shares);
        let upstream = bands(&mut self.upstream, time + 1, hidden_size, shares);
        let carried = bands(&mut self.carried, 1, hidden_size, shares);
        let all = gates.into_iter().zip(states).zip(cells).zip(squashed).zip(upstream).zip(carried);
        all.map(|(((((gates, states), cells), squashed), upstream), carried)| Band {
            gates,
            states,
            cells,
            squashed,
            upstream,
            carried,
        })
        .collect()
    }
}

/// Divides the first `steps` steps of a `[_, rows, width]` buffer among shares of the rows: for each share its part of each
/// step. An empty buffer has no steps.
pub(super) fn bands<'a, T>(buffer: &'a mut [T], steps: usize, width: usize, shares: &[usize]) -> Vec<Vec<&'a mut [T]>> {
    let mut bands: Vec<_> = shares.iter().map(|_| Vec::with_capacity(steps)).collect();
    let block = shares.iter().sum::<usize>() * width;
    for mut rest in buffer.chunks_exact_mut(block.max(1)).take(steps) {
        for (band, rows) in bands.iter_mut().zip(shares) {
            let (mine, others) = rest.split_at_mut(rows * width);
            band.push(mine);
            rest = others;
        }
    }
    bands
}
