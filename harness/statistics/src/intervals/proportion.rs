//! The exact interval of a share.

use serde::{Deserialize, Serialize};

use crate::distributions::beta_quantile;
use crate::error::{SampleError, check_count, check_probability};

/// A share with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareInterval {
    /// `successes / trials`.
    pub share: f64,
    /// Lower end; 0 when nothing succeeded.
    pub lower: f64,
    /// Upper end; 1 when everything succeeded.
    pub upper: f64,
}

/// The exact interval of C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
/// binomial", Biometrika 26 (1934): it covers the true share with at least the given confidence, whatever the share is. Its ends are
/// quantiles of beta distributions.
///
/// # Errors
/// If there are no trials, more successes than trials, too many trials, or a confidence that is not strictly between 0 and 1.
pub fn clopper_pearson(successes: u64, trials: u64, confidence: f64) -> Result<ShareInterval, SampleError> {
    check_count(successes, trials)?;
    check_probability(confidence)?;
    let tail = (1.0 - confidence) / 2.0;
    let (hits, misses) = (successes as f64, (trials - successes) as f64);
    Ok(ShareInterval {
        share: hits / trials as f64,
        lower: if successes == 0 { 0.0 } else { beta_quantile(hits, misses + 1.0, tail) },
        // By the misses, so that the two ends mirror each other to the last digit.
        upper: if successes == trials { 1.0 } else { 1.0 - beta_quantile(misses, hits + 1.0, tail) },
    })
}
