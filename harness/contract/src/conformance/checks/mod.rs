//! The checks, by subject.

mod clipping;
mod dropout;
mod dropout_masks;
mod extremes;
mod optimiser;
mod prediction;
mod refusal;
mod repetition;
pub(super) mod state;
mod update_norm;
mod yardstick;

use super::suite::Suite;

/// Runs every check that the options ask for, on every kernel.
pub(super) fn run_all(suite: &mut Suite<'_>) {
    refusal::run(suite);
    for kernel in suite.kernels() {
        suite.use_kernel(kernel);
        repetition::weights(suite);
        prediction::run(suite);
        yardstick::run(suite);
        clipping::run(suite);
        optimiser::run(suite);
        extremes::run(suite);
        repetition::training(suite);
        state::run(suite);
        update_norm::run(suite);
        dropout::run(suite);
        dropout_masks::run(suite);
    }
}
