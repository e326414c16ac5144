//! What can be said of an AUC when only its value and the numbers of rows are known.

use super::error::MetricsError;

/// Standard error of an AUC whose scores rank nothing, without ties: `sqrt((m + n + 1) / (12 m n))`, the exact null standard deviation of Mann and
/// Whitney's statistic over its pairs. H. B. Mann and D. R. Whitney, Annals of Mathematical Statistics 18 (1947), equation 5; D. Bamber, "The area
/// above the ordinal dominance graph and the area below the receiver operating characteristic graph", Journal of Mathematical Psychology 12 (1975).
/// With ties it is smaller.
///
/// # Errors
/// If a class has no rows.
pub fn null_auc_error(positives: u64, negatives: u64) -> Result<f64, MetricsError> {
    let (m, n) = both(positives, negatives)?;
    Ok(((m + n + 1.0) / (12.0 * m * n)).sqrt())
}

/// Variance of an AUC from its value alone: J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver operating
/// characteristic (ROC) curve", Radiology 143 (1982), equation 1 with their exponential approximation of the two probabilities in it.
///
/// # Errors
/// If a class has no rows, or the AUC is not in `0..=1`.
pub fn hanley_mcneil_variance(auc: f64, positives: u64, negatives: u64) -> Result<f64, MetricsError> {
    let (m, n) = both(positives, negatives)?;
    if !(0.0..=1.0).contains(&auc) {
        return Err(MetricsError::Auc { auc });
    }
    let square = auc * auc;
    let two_positives = auc / (2.0 - auc);
    let two_negatives = 2.0 * square / (1.0 + auc);
    Ok((auc * (1.0 - auc) + (m - 1.0) * (two_positives - square) + (n - 1.0) * (two_negatives - square)) / (m * n))
}

fn both(positives: u64, negatives: u64) -> Result<(f64, f64), MetricsError> {
    match (positives, negatives) {
        (0, rows) => Err(MetricsError::SingleClass { rows: rows as usize, label: 0 }),
        (rows, 0) => Err(MetricsError::SingleClass { rows: rows as usize, label: 1 }),
        (positives, negatives) => Ok((positives as f64, negatives as f64)),
    }
}
