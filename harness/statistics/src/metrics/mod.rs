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
mod confusion;
mod delong;
mod error;
mod log_loss;
mod roc;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod law_tests;

use serde::{Deserialize, Serialize};

pub use auc::auc;
pub use confusion::Confusion;
pub use delong::{AucComparison, AucInterval, auc_interval, compare_aucs};
pub use error::MetricsError;
pub use log_loss::log_loss;
pub use roc::{RocPoint, roc_curve};

/// What [`evaluate`] found about one set of logits.
///
/// All ratios are shares in `0..=1`, never percentages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Share of rows predicted rightly.
    pub accuracy: f64,
    /// Share of the positive predictions that are right; 0 when nothing is predicted positive.
    pub precision: f64,
    /// Share of the positive rows that are predicted positive.
    pub recall: f64,
    /// Harmonic mean of precision and recall; 0 when no positive row is found.
    pub f1: f64,
    /// Area under the ROC curve, ties counted half (see [`auc`]).
    pub auc: f64,
    /// Mean binary cross-entropy in nats (see [`log_loss`]).
    pub log_loss: f64,
    /// The four counts that accuracy, precision, recall and F1 come from.
    pub confusion: Confusion,
    /// Number of rows predicted positive.
    pub predicted_positive: u64,
    /// Number of rows.
    pub examples: u64,
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
    let confusion = Confusion::count(logits, labels)?;
    Ok(Metrics {
        accuracy: confusion.accuracy(),
        precision: confusion.precision(),
        recall: confusion.recall(),
        f1: confusion.f1(),
        auc,
        log_loss,
        confusion,
        predicted_positive: confusion.predicted_positive(),
        examples: confusion.examples(),
    })
}
