//! One step of each cell for one row, forward and backward.
//!
//! Every cell splits into a part that depends on the input alone, `W x + b_ih`, which [`crate::direction`] computes, and
//! the recurrence proper, which is here. Blocks of gates lie one after another in PyTorch's order.

mod gru;
mod lstm;
mod rnn;

use harness_contract::{CellKind, ModelSpec};

use crate::parameters::DirectionParameters;

/// The recurrence of a cell. A state is a slice whose first `hidden` numbers are the output `h`.
pub(crate) trait Cell {
    /// Numbers of state for each hidden unit: 1 (`h`), or 2 (`h` and `c`).
    fn states(&self) -> usize;

    /// Numbers that the forward step keeps for the backward step, for each hidden unit.
    fn kept(&self) -> usize;

    /// One step: from `W x + b_ih`, `[gates * hidden]`, and the state before to the state after.
    fn forward(
        &self,
        parameters: &DirectionParameters,
        from_input: &[f64],
        before: &[f64],
        after: &mut [f64],
        kept: &mut [f64],
    );

    /// The same step backwards. `d_state` comes in as the gradient with respect to the state after and goes out as that with respect to
    /// the state before; `d_input`, `[gates * hidden]`, is set to the gradient with respect to `W x + b_ih`; the gradient of
    /// `weight_hh` and `bias_hh` is added to `gradient`.
    fn backward(
        &self,
        parameters: &DirectionParameters,
        step: &Step<'_>,
        d_state: &mut [f64],
        d_input: &mut [f64],
        gradient: &mut DirectionParameters,
    );
}

/// A step as the forward pass left it.
pub(crate) struct Step<'a> {
    /// The state before it.
    pub(crate) before: &'a [f64],
    /// The state after it.
    pub(crate) after: &'a [f64],
    /// What it kept.
    pub(crate) kept: &'a [f64],
}

/// The cell that a spec asks for.
pub(crate) fn cell(spec: &ModelSpec) -> Box<dyn Cell> {
    match spec.cell {
        CellKind::Rnn => Box::new(rnn::Rnn),
        CellKind::Lstm => Box::new(lstm::Lstm),
        CellKind::Gru => Box::new(gru::Gru { form: spec.gru_form }),
    }
}
