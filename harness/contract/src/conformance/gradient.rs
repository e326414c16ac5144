//! How gradients are read through a contract that only has optimiser steps.
//!
//! One step is taken from fresh moments with `beta1 = 1/2`, `beta2 = 3/4`, an epsilon of 2^40 and a learning rate that makes the
//! update 2^30 times the gradient. With `g` the gradient that enters Adam, algorithm 1 (epsilon after the correction) gives
//!
//! ```text
//! m = g / 2      m / (1 - beta1) = g
//! v = g^2 / 4    v / (1 - beta2) = g^2
//! w - w' = rate * g / (|g| + 2^40)        with rate = 2^70
//! ```
//!
//! and the form with epsilon hat
//!
//! ```text
//! w - w' = rate * sqrt(1/4) / (1/2) * (g / 2) / (|g| / 2 + 2^40)      with rate = 2^71
//! ```
//!
//! Three things make this exact to the rounding of one `f32`:
//! - Every constant is a power of two (`sqrt(1 - beta2)` is 1/2, which is why `beta2` is 3/4), so scaling by it changes no digit in binary floating
//!   point, in whatever order a backend multiplies and divides, and all products stay far inside the range of `f32`.
//! - `|g| + 2^40` rounds to 2^40 in `f32` for `|g| < 2^16`, and in `f64` differs from it by less than `|g| 2^-40` relatively. So neither how
//!   repeated words enter `v` nor an underflow of `g^2` matters.
//! - `w' = w - 2^30 g` rounds to `f32` with an error of at most `2^-24 max(|w|, |w'|)`, which after division by `2^30` is `2^-54 |w|` for
//!   small gradients and `2^-24 |g|` for others. There is no cancellation to fear, because the update outweighs the weight instead of drowning in it:
//!   a gradient as small as 1e-9 of a weight of size 1 is still read to full `f32` precision.
//!
//! The moments of 0 that textbooks would suggest (`beta1 = beta2 = 0`) are avoided, so that a backend that
//! divides by a beta is judged by its gradients here and by its Adam elsewhere.

use crate::backend::{Model, StepReport};
use crate::batch::LabelledBatch;
use crate::error::BackendError;
use crate::spec::{AdamSpec, EpsilonPlacement, ModelSpec, WeightDecaySpec};
use crate::weights::WeightMap;

use super::deviation::PerWeight;

/// 2^40.
const EPSILON: f64 = 1_099_511_627_776.0;

/// 2^30: how many times the gradient the weights move by.
const SCALE: f64 = 1_073_741_824.0;

/// The spec with the optimiser that gradients are read with; clipping stays, so that a clipped gradient can be read as well.
pub(super) fn reading(spec: &ModelSpec) -> ModelSpec {
    ModelSpec {
        adam: AdamSpec { beta1: 0.5, beta2: 0.75, epsilon: EPSILON, ..spec.adam },
        weight_decay: WeightDecaySpec { rate: 0.0, ..spec.weight_decay },
        ..spec.clone()
    }
}

/// The gradient of the mean loss with respect to every weight, after clipping if the spec has it, and the step's report. The model must be fresh from [`reading`]'s spec
/// and `initial`; its weights are of no use afterwards.
pub(super) fn read(
    model: &mut dyn Model,
    spec: &ModelSpec,
    initial: &WeightMap,
    batch: LabelledBatch<'_>,
) -> Result<(PerWeight, StepReport), BackendError> {
    let rate = match spec.adam.epsilon_placement {
        EpsilonPlacement::AfterCorrection => EPSILON * SCALE,
        EpsilonPlacement::Hat => EPSILON * SCALE * 2.0,
    };
    let report = model.train_batch(batch, rate)?;
    let stepped = model.weights()?;
    Ok((PerWeight::change(spec, initial, &stepped, -1.0 / SCALE), report))
}
