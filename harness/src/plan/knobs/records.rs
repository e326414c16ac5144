//! What a run measures and keeps beside its result.

use super::{Bearing, Knob, Needs};

/// A measurement that changes nothing of what is measured.
const MEASURED: Knob = Knob { bears: Bearing::Nothing, in_step: false, ..Knob::PLAIN };

pub(super) const KNOBS: &[Knob] = &[
    Knob {
        name: "input_gradient_norms",
        meaning: "Whether the norm of the loss' gradient at each step of the input is recorded before the first epoch and after each.",
        needs: Needs::Able("input_gradient_norms", |can| can.input_gradient_norms),
        ..MEASURED
    },
    Knob {
        name: "recurrent_spectrum",
        meaning: "Whether singular values and spectral radius of each gate's recurrent block are recorded before the first epoch and after each.",
        ..MEASURED
    },
    Knob {
        name: "update_norms",
        meaning: "Whether the norm of each step's change of the weights is recorded.",
        needs: Needs::Able("update_norm", |can| can.update_norm),
        ..MEASURED
    },
    Knob {
        name: "keep_state",
        meaning: "Whether the state after the last epoch is kept, so that a run of more epochs can go on from there.",
        needs: Needs::Able("state", |can| can.state.is_some()),
        ..MEASURED
    },
];
