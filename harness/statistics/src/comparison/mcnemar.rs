//! McNemar's test: is one of two runs right on more rows of the same test set?

use serde::{Deserialize, Serialize};
use statrs::function::factorial::ln_binomial;

use crate::distributions::fair_coin_at_most;
use crate::metrics::{Confusion, MetricsError};

/// Rows on which exactly one of two runs is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discordant {
    /// Rows that only the first run predicts rightly.
    pub first_only: u64,
    /// Rows that only the second run predicts rightly.
    pub second_only: u64,
}

/// Two-sided p values of McNemar's test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McNemar {
    /// By the binomial distribution; never below the nominal level, often well above it.
    pub exact: f64,
    /// The exact p value less half the probability of what was found: closer to the nominal level.
    pub mid_p: f64,
}

impl Discordant {
    /// Counts rows `[examples]` of two runs' logits, which are right as in [`Confusion`].
    ///
    /// # Errors
    /// Fails as [`Confusion::count`] does for either run.
    pub fn count(first: &[f32], second: &[f32], labels: &[u8]) -> Result<Self, MetricsError> {
        Confusion::count(first, labels)?;
        Confusion::count(second, labels)?;
        let right = |logit: f32, label: u8| (logit > 0.0) == (label == 1);
        let mut found = Self { first_only: 0, second_only: 0 };
        for ((first, second), label) in first.iter().zip(second).zip(labels) {
            match (right(*first, *label), right(*second, *label)) {
                (true, false) => found.first_only += 1,
                (false, true) => found.second_only += 1,
                _ => {}
            }
        }
        Ok(found)
    }

    /// The test of Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    /// Psychometrika 12 (1947), exact and mid-p as in M. W. Fagerland, S. Lydersen and P. Laake, "The McNemar test for binary matched-pairs
    /// data", BMC Medical Research Methodology 13:91 (2013), equations 2 and 4. Without discordant rows both are 1.
    #[must_use]
    pub fn test(self) -> McNemar {
        let rows = self.first_only + self.second_only;
        if rows == 0 {
            return McNemar { exact: 1.0, mid_p: 1.0 };
        }
        let fewer = self.first_only.min(self.second_only);
        let point = (ln_binomial(rows, fewer) - rows as f64 * std::f64::consts::LN_2).exp();
        let exact = (2.0 * fair_coin_at_most(fewer, rows)).min(1.0);
        let mid_p = if self.first_only == self.second_only { 1.0 - point / 2.0 } else { exact - point };
        McNemar { exact, mid_p }
    }
}
