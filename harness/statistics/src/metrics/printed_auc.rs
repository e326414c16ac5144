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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_signal_both_variances_are_that_of_the_rank_sum() {
        // At 1/2 both of Hanley and McNeil's probabilities are 1/3.
        for (positives, negatives) in [(30, 50), (1, 1), (12_500, 12_500)] {
            let null = null_auc_error(positives, negatives).unwrap();
            let found = hanley_mcneil_variance(0.5, positives, negatives).unwrap();
            assert!((found - null * null).abs() < 1e-15);
        }
        assert!((null_auc_error(12_500, 12_500).unwrap() - 0.003_65).abs() < 5e-6);
    }

    #[test]
    fn a_perfect_ranking_has_no_variance() {
        assert!(hanley_mcneil_variance(1.0, 30, 50).unwrap().abs() < 1e-15);
    }

    #[test]
    fn what_is_no_auc_or_has_one_class_is_refused() {
        assert!(null_auc_error(0, 5).is_err() && null_auc_error(5, 0).is_err());
        assert!(hanley_mcneil_variance(1.5, 5, 5).is_err());
    }
}
