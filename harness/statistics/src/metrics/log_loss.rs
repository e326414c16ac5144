//! Binary cross-entropy straight from logits.

use super::error::{MetricsError, check_rows};

/// Mean binary cross-entropy of `logits` `[examples]` against `labels` `[examples]`, in nats.
///
/// A row costs `ln(1 + exp(-z))` when it is positive and `ln(1 + exp(z))` when it is negative,
/// computed in `f64` as `max(-z, 0) + ln(1 + exp(-|z|))`, which neither overflows nor loses the
/// small losses of confident rows.
///
/// scikit-learn's `log_loss` takes probabilities and clips them to `[2.2e-16, 1 - 2.2e-16]`, since
/// a probability can round to 0 or 1. This function has no need to and does not: the two agree as
/// long as every logit lies within ±36, and beyond that a wrong row costs its full `|z|` here
/// and 36.04 there.
///
/// # Errors
/// Fails when the two differ in length, when there are no rows, when a label is neither 0 nor 1 and
/// when a logit is not finite. One class alone is fine.
pub fn log_loss(logits: &[f32], labels: &[u8]) -> Result<f64, MetricsError> {
    check_rows(logits, labels)?;
    let total: f64 = logits.iter().zip(labels).map(|(logit, label)| row_loss(f64::from(*logit), *label == 1)).sum();
    Ok(total / logits.len() as f64)
}

/// The loss of one row.
pub(super) fn row_loss(logit: f64, positive: bool) -> f64 {
    let wrongness = if positive { -logit } else { logit };
    wrongness.max(0.0) + (-wrongness.abs()).exp().ln_1p()
}
