//! Spread over training seeds and spread over the choice of test rows, together.

use serde::{Deserialize, Serialize};

use super::mean::mean_and_variance;
use crate::error::{SampleError, check_samples};

/// The mean of a figure over seeds, and how uncertain it is from both sources.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BothSpreads {
    /// Mean over the seeds.
    pub mean: f64,
    /// Variance of that mean from the seeds: `s^2 / n`.
    pub seeds: f64,
    /// Variance of that mean from the test rows: the mean of the runs' own variances. All runs are measured on the same rows, so more
    /// seeds don't make it smaller.
    pub test_rows: f64,
    /// `sqrt(seeds + test_rows)`.
    pub standard_error: f64,
}

/// Adds both variances. `figures` `[seeds]` holds one figure of each seed's run and `variances` `[seeds]` what the test rows alone make of
/// its variance: DeLong's for an AUC ([`crate::metrics::auc_interval`]), `p (1 - p) / rows` for a share of rows.
///
/// That variances of independent sources add is all there is to it; the sources are the seed and the drawing of the test set.
///
/// # Errors
/// If there are fewer than two seeds, the two differ in number, a figure is not finite, or a variance is negative or not finite.
pub fn both_spreads(figures: &[f64], variances: &[f64]) -> Result<BothSpreads, SampleError> {
    check_samples(figures, 2)?;
    if figures.len() != variances.len() {
        return Err(SampleError::LengthMismatch { first: figures.len(), second: variances.len() });
    }
    check_samples(variances, 2)?;
    if let Some(&value) = variances.iter().find(|variance| **variance < 0.0) {
        return Err(SampleError::NotPositive { what: "a variance", value });
    }
    let number = figures.len() as f64;
    let (mean, variance) = mean_and_variance(figures)?;
    let seeds = variance / number;
    let test_rows = variances.iter().sum::<f64>() / number;
    Ok(BothSpreads { mean, seeds, test_rows, standard_error: (seeds + test_rows).sqrt() })
}
