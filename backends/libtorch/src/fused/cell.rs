//! What makes the three cells different: which products enter which gates, and what becomes of the sums.
//!
//! - Elman's network: `h = tanh(W x + b + U h)`.
//! - Long short-term memory: gates i, f, o by the logistic function and g by tanh of `W x + b + U h`, `c' = f c + i g`,
//!   `h' = o tanh(c')`.
//! - Gated recurrent unit with the reset gate applied after the matrix product: r and z by the logistic function of
//!   `W x + b + U h`, `n = tanh(W x + b + r (U h + b'))`, `h' = (1 - z) n + z h`.

use harness_contract::CellKind;

use super::activation::Real;
use super::gates::{self, LstmBack, LstmStep};
use super::tape::Band;

/// Some blocks of `hidden_size` columns of the gates that are sums of the same products.
pub(super) struct Sum {
    /// Their first block among the gates.
    pub(super) at: usize,
    /// How many blocks.
    pub(super) blocks: usize,
    /// The first block of the input kernel's rows that enters, and of `bias_ih`.
    pub(super) input: Option<usize>,
    /// The first block of the recurrent kernel's rows that enters, and of `bias_hh`.
    pub(super) recurrent: Option<usize>,
}

/// The sums that a step begins with. Together they are all gates of a row.
pub(super) const fn sums(cell: CellKind) -> &'static [Sum] {
    match cell {
        CellKind::Rnn => &[Sum { at: 0, blocks: 1, input: Some(0), recurrent: Some(0) }],
        CellKind::Lstm => &[Sum { at: 0, blocks: 4, input: Some(0), recurrent: Some(0) }],
        // r and z; the recurrent part of n, which r multiplies; the rest of n.
        CellKind::Gru => &[
            Sum { at: 0, blocks: 2, input: Some(0), recurrent: Some(0) },
            Sum { at: 2, blocks: 1, input: None, recurrent: Some(2) },
            Sum { at: 3, blocks: 1, input: Some(2), recurrent: None },
        ],
    }
}

/// Blocks of `hidden_size` numbers that a step's gates take in a row.
pub(super) const fn gate_blocks(cell: CellKind) -> usize {
    match cell {
        CellKind::Rnn => 1,
        CellKind::Lstm | CellKind::Gru => 4,
    }
}

/// From the sums in a step's gates to its state. The gates are left as the way back needs them.
pub(super) fn forward<T: Real>(cell: CellKind, hidden_size: usize, band: &mut Band<'_, T>, step: usize) {
    let gates = &mut *band.gates[step];
    let (before, after) = band.states.split_at_mut(step + 1);
    let (before, state) = (&*before[step], &mut *after[0]);
    match cell {
        CellKind::Rnn => gates::rnn_forward(gates, state),
        CellKind::Lstm => {
            let (cells, after) = band.cells.split_at_mut(step + 1);
            let (before, cell, squashed) = (&*cells[step], &mut *after[0], &mut *band.squashed[step]);
            gates::lstm_forward(hidden_size, gates, LstmStep { before, cell, squashed, state });
        }
        CellKind::Gru => gates::gru_forward(hidden_size, gates, before, state),
    }
}

/// From the gradient with respect to a step's state to that with respect to the sums, in place of the gates. What reaches
/// the step before past the kernels is added where its gradient is collected. `false` where there is no gradient at all:
/// then the gates are made zero.
pub(super) fn back<T: Real>(cell: CellKind, hidden_size: usize, band: &mut Band<'_, T>, step: usize) -> bool {
    let gates = &mut *band.gates[step];
    let (below, here) = band.upstream.split_at_mut(step + 1);
    let (below, upstream) = (&mut *below[step], &*here[0]);
    if all_zero(upstream) && band.carried.iter().all(|carried| all_zero(carried)) {
        gates.fill(T::ZERO);
        return false;
    }
    match cell {
        CellKind::Rnn => gates::rnn_backward(gates, upstream, &*band.states[step + 1]),
        CellKind::Lstm => {
            let (before, squashed, carried) = (&*band.cells[step], &*band.squashed[step], &mut *band.carried[0]);
            gates::lstm_backward(hidden_size, gates, LstmBack { before, squashed, upstream, carried });
        }
        CellKind::Gru => gates::gru_backward(hidden_size, gates, &*band.states[step], upstream, below),
    }
    true
}

/// Whether all of these are zero. What is not a number is not.
fn all_zero<T: Real>(values: &[T]) -> bool {
    values.chunks(64).all(|part| part.iter().fold(true, |zero, &value| zero & (value == T::ZERO)))
}
