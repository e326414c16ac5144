//! How well a set of logits answers the question, in the figures the field reports.
//!
//! Every function takes one logit (or score) a row and one label a row, `0` for negative and `1`
//! for positive, both `[examples]`. Nothing here knows a framework: both are measured by the
//! same code.
//!
//! **Threshold.** A row is predicted positive when its logit is above zero, which is a probability
//! above one half. Keras' `BinaryAccuracy` and the usual PyTorch loop compare the same way
//! (`p > 0.5`), so a logit of exactly zero is a negative prediction.
//!
//! **Ranking.** AUC and the ROC curve rank the logits themselves. Their probabilities would give
//! the same order on paper, but the sigmoid rounds all large logits to 1 and so makes ties that
//! the model did not make.

mod auc;
mod calibration;
mod confusion;
mod delong;
mod error;
mod json;
mod list;
mod log_loss;
mod printed_auc;
mod roc;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod law_tests;

pub use auc::auc;
pub use calibration::{MOST_BINS, ReliabilityBin, expected_calibration_error, reliability_curve};
pub use confusion::Confusion;
pub use delong::{AucComparison, AucInterval, auc_interval, compare_aucs};
pub use error::MetricsError;
pub use list::{METRICS, Metric, Shown, Source};
pub use log_loss::log_loss;
pub use printed_auc::{hanley_mcneil_variance, null_auc_error};
pub use roc::{RocPoint, roc_curve};

/// What [`evaluate`] found about one set of logits.
///
/// All ratios are shares in `0..=1`, never percentages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metrics {
    /// How many rows of each class were predicted as which.
    pub confusion: Confusion,
    /// Area under the ROC curve, ties counted half (see [`auc`]).
    pub auc: f64,
    /// Mean binary cross-entropy in nats (see [`log_loss`]).
    pub log_loss: f64,
    /// What metrics of [`Source::Predictions`] found, in the order of [`METRICS`].
    measured: [Option<f64>; list::COUNT],
}

impl Metrics {
    /// Metrics of which no more is known than these three.
    #[must_use]
    pub const fn new(confusion: Confusion, auc: f64, log_loss: f64) -> Self {
        Self { confusion, auc, log_loss, measured: [None; list::COUNT] }
    }

    /// Whether every metric of [`METRICS`] is known. One that is not can be had by [`evaluate`] from the predictions.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        METRICS.iter().all(|metric| metric.of(self).is_some())
    }
}

/// Measures `logits` `[examples]` against `labels` `[examples]` (0 or 1).
///
/// # Errors
/// Fails when the two differ in length, when there are no rows, when a label is neither 0 nor 1,
/// when a logit is not finite, and when only one class is present: AUC does not exist then, and a
/// made-up 0.5 would be taken for a measurement.
pub fn evaluate(logits: &[f32], labels: &[u8]) -> Result<Metrics, MetricsError> {
    let auc = auc(logits, labels)?;
    let log_loss = log_loss(logits, labels)?;
    let mut found = Metrics::new(Confusion::count(logits, labels)?, auc, log_loss);
    for (metric, value) in METRICS.iter().zip(&mut found.measured) {
        if let Source::Predictions(of) = metric.source {
            *value = Some(of(logits, labels)?);
        }
    }
    Ok(found)
}
