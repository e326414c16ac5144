//! Fisher's exact test of two shares.

use serde::{Deserialize, Serialize};
use statrs::function::factorial::ln_binomial;

use crate::error::{SampleError, check_count};

/// What Fisher's exact test says of two shares.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fisher {
    /// Share of the first arm less that of the second.
    pub difference: f64,
    /// Probability of tables at most as likely as the one found, if both arms have the same share.
    pub two_sided: f64,
    /// Probability of at least as many successes in the first arm.
    pub greater: f64,
    /// Probability of at most as many successes in the first arm.
    pub less: f64,
}

/// The exact test of R. A. Fisher, "On the interpretation of χ² from contingency tables, and the calculation of P", Journal of the Royal
/// Statistical Society 85 (1922), of `successes` out of `trials` in two arms. Two-sided, it adds up all tables that are at most as likely
/// as the one found, as R's `fisher.test` and scipy do.
///
/// # Errors
/// If an arm has no trials, more successes than trials, or too many trials.
pub fn fisher(first: (u64, u64), second: (u64, u64)) -> Result<Fisher, SampleError> {
    check_count(first.0, first.1)?;
    check_count(second.0, second.1)?;
    let tables = Tables::with_margins(first.1, second.1, first.0 + second.0);
    let place = (first.0 - tables.fewest) as usize;
    Ok(Fisher {
        difference: first.0 as f64 / first.1 as f64 - second.0 as f64 / second.1 as f64,
        two_sided: tables.two_sided(place),
        greater: tables.probabilities[place..].iter().sum::<f64>().min(1.0),
        less: tables.probabilities[..=place].iter().sum::<f64>().min(1.0),
    })
}

/// All two-by-two tables with the same margins: by the first arm's successes, from `fewest` on.
pub(crate) struct Tables {
    pub(crate) fewest: u64,
    /// Hypergeometric probability of each.
    pub(crate) probabilities: Vec<f64>,
}

impl Tables {
    /// Two arms of so many trials, and so many successes in both together.
    pub(crate) fn with_margins(first: u64, second: u64, successes: u64) -> Self {
        let (fewest, most) = (successes.saturating_sub(second), successes.min(first));
        let all = ln_binomial(first + second, successes);
        let logarithm = |of_first: u64| ln_binomial(first, of_first) + ln_binomial(second, successes - of_first) - all;
        Self { fewest, probabilities: (fewest..=most).map(|of_first| logarithm(of_first).exp()).collect() }
    }

    /// Two-sided p value of the table at a place. Tables that are as likely on paper may differ by rounding, so a ten-millionth more
    /// counts as alike, as in R.
    pub(crate) fn two_sided(&self, place: usize) -> f64 {
        let limit = self.probabilities[place] * (1.0 + 1e-7);
        self.probabilities.iter().filter(|probability| **probability <= limit).sum::<f64>().min(1.0)
    }
}
