//! The confusion counts and the ratios that come from them.

use serde::{Deserialize, Serialize};

use super::error::{MetricsError, check_rows};

/// How many rows of each class were predicted as which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confusion {
    /// Negative rows predicted negative.
    pub tn: u64,
    /// Negative rows predicted positive.
    pub fp: u64,
    /// Positive rows predicted negative.
    #[serde(rename = "fn")]
    pub fn_: u64,
    /// Positive rows predicted positive.
    pub tp: u64,
}

impl Confusion {
    /// Counts `logits` `[examples]` against `labels` `[examples]`; a logit above zero is a positive
    /// prediction. One class alone is fine here.
    ///
    /// # Errors
    /// Fails when the two differ in length, when there are no rows, when a label is neither 0 nor
    /// 1 and when a logit is not finite.
    pub fn count(logits: &[f32], labels: &[u8]) -> Result<Self, MetricsError> {
        check_rows(logits, labels)?;
        let mut counts = Self::default();
        for (logit, label) in logits.iter().zip(labels) {
            let cell = match (*logit > 0.0, *label == 1) {
                (false, false) => &mut counts.tn,
                (true, false) => &mut counts.fp,
                (false, true) => &mut counts.fn_,
                (true, true) => &mut counts.tp,
            };
            *cell += 1;
        }
        Ok(counts)
    }

    /// Number of rows counted.
    #[must_use]
    pub fn examples(&self) -> u64 {
        self.tn + self.fp + self.fn_ + self.tp
    }

    /// Number of rows predicted positive.
    #[must_use]
    pub fn predicted_positive(&self) -> u64 {
        self.fp + self.tp
    }

    /// Share of rows predicted rightly; 0 when there are none.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        share(self.tn + self.tp, self.examples())
    }

    /// Share of positive predictions that are right; 0 when there are none.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.tp, self.predicted_positive())
    }

    /// Share of positive rows predicted positive; 0 when there are none.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.tp, self.tp + self.fn_)
    }

    /// Harmonic mean of precision and recall, `2 tp / (2 tp + fp + fn)`; 0 when `tp` is.
    #[must_use]
    pub fn f1(&self) -> f64 {
        share(2 * self.tp, 2 * self.tp + self.fp + self.fn_)
    }
}

/// `part / whole`, and 0 where the whole is empty, which is scikit-learn's `zero_division=0`.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
