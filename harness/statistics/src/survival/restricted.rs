//! The mean time up to a horizon, and the exact test of its difference.

use serde::{Deserialize, Serialize};

use super::curve::{Observation, kaplan_meier};
use crate::comparison::PermutationTest;
use crate::comparison::permutation::permutation_test;
use crate::error::{SampleError, check_positive};

/// Two arms' mean times up to a horizon.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestrictedMeans {
    /// Of the first arm.
    pub first: f64,
    /// Of the second arm.
    pub second: f64,
    /// First less second, against all splits of the runs.
    pub difference: PermutationTest,
}

/// The restricted mean: the area under the survival curve up to `horizon`, which is the mean of `min(time, horizon)`. P. Royston and M. K. B.
/// Parmar, "Restricted mean survival time", BMC Medical Research Methodology 13:152 (2013).
///
/// # Errors
/// Fails as [`kaplan_meier`] does; if the horizon is not positive and finite; and if the curve ends before the horizon because its last
/// observation is censored earlier.
pub fn restricted_mean(observations: &[Observation], horizon: f64) -> Result<f64, SampleError> {
    check_positive("the horizon", horizon)?;
    let (mut area, mut since, mut surviving) = (0.0, 0.0, 1.0);
    for step in kaplan_meier(observations)? {
        if step.time >= horizon {
            return Ok(area + (horizon - since) * surviving);
        }
        area += (step.time - since) * surviving;
        (since, surviving) = (step.time, step.surviving);
    }
    if surviving > 0.0 {
        return Err(SampleError::BeyondObservation { last: since, horizon });
    }
    Ok(area)
}

/// The difference of two arms' restricted means with its exact permutation test: runs are split over the arms in all ways, each with its time
/// and its censoring. That is exact where censoring is alike in both arms, as it is when every run has the same number of epochs.
///
/// # Errors
/// Fails as [`restricted_mean`] does, for either arm or for one of the splits, and if there are more splits than [`crate::MOST_SPLITS`].
pub fn compare_restricted_means(
    first: &[Observation],
    second: &[Observation],
    horizon: f64,
) -> Result<RestrictedMeans, SampleError> {
    let means = (restricted_mean(first, horizon)?, restricted_mean(second, horizon)?);
    let all = [first, second].concat();
    // What is censored no earlier than the horizon has a known restricted time, and their plain mean is the restricted mean.
    let known = restricted_times(&all, horizon).ok();
    let tolerance = 1e-12 * horizon;
    let difference = permutation_test(first.len(), second.len(), tolerance, |in_first| match &known {
        Some(times) => Ok(mean_of_arm(times, in_first, true) - mean_of_arm(times, in_first, false)),
        None => {
            let of_arm = |arm: bool| -> Result<f64, SampleError> {
                let chosen = all.iter().zip(in_first).filter(|(_, of)| **of == arm);
                restricted_mean(&chosen.map(|(observation, _)| *observation).collect::<Vec<_>>(), horizon)
            };
            Ok(of_arm(true)? - of_arm(false)?)
        }
    })?;
    Ok(RestrictedMeans { first: means.0, second: means.1, difference })
}

/// `min(time, horizon)` of each observation.
///
/// # Errors
/// If one is censored before the horizon, so that its restricted time isn't known.
pub(crate) fn restricted_times(observations: &[Observation], horizon: f64) -> Result<Vec<f64>, SampleError> {
    observations
        .iter()
        .map(|observation| {
            if observation.happened || observation.time >= horizon {
                Ok(observation.time.min(horizon))
            } else {
                Err(SampleError::BeyondObservation { last: observation.time, horizon })
            }
        })
        .collect()
}

fn mean_of_arm(values: &[f64], in_first: &[bool], arm: bool) -> f64 {
    let of_arm = || values.iter().zip(in_first).filter(|(_, of)| **of == arm).map(|(value, _)| *value);
    of_arm().sum::<f64>() / of_arm().count() as f64
}
