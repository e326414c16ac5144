//! How sure an AUC is: DeLong's variance, a 95 % interval, and the paired test of two AUCs.
//!
//! The variance is that of E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas
//! under two or more correlated receiver operating characteristic curves: a nonparametric
//! approach", Biometrics 44 (1988), computed by ranks in `O(n log n)` as in X. Sun and W. Xu, "Fast
//! implementation of DeLong's algorithm for comparing the areas under correlated receiver
//! operating characteristic curves", IEEE Signal Processing Letters 21 (2014).
//!
//! It speaks of the sampling of test rows alone. How much a result changes with the training seed is
//! another question, which only runs with other seeds answer.

use serde::{Deserialize, Serialize};

use super::auc::{auc, doubled_midranks};
use super::error::{MetricsError, check_both_classes};

/// The 97.5 % quantile of the standard normal distribution, for two-sided 95 % intervals.
const NORMAL_975: f64 = 1.959_963_984_540_054;

/// An AUC with its uncertainty over the choice of test rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AucInterval {
    /// Area under the ROC curve.
    pub auc: f64,
    /// DeLong's estimate of its variance; 0 when the ranking is perfect.
    pub variance: f64,
    /// Lower end of the 95 % interval `auc ± 1.96 sqrt(variance)`, not below 0.
    pub lower: f64,
    /// Upper end of that interval, not above 1.
    pub upper: f64,
}

/// Two AUCs measured on the same rows, and whether they differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AucComparison {
    /// AUC of the first scores.
    pub first: f64,
    /// AUC of the second scores.
    pub second: f64,
    /// First less second.
    pub difference: f64,
    /// DeLong's estimate of the variance of the difference, which knows that the rows are shared.
    pub variance: f64,
    /// Lower end of the 95 % interval of the difference.
    pub lower: f64,
    /// Upper end of that interval.
    pub upper: f64,
    /// The difference in units of its standard error.
    pub z: f64,
    /// Two-sided probability of a `z` at least this far from zero if the AUCs were equal.
    pub p_value: f64,
}

/// The AUC of `scores` `[examples]` against `labels` `[examples]` with its 95 % interval.
///
/// # Errors
/// Fails as [`auc`] does, and when a class has fewer than two rows.
pub fn auc_interval(scores: &[f32], labels: &[u8]) -> Result<AucInterval, MetricsError> {
    let auc = auc(scores, labels)?;
    let variance = Placements::of(scores, labels)?.variance();
    let half_width = NORMAL_975 * variance.sqrt();
    Ok(AucInterval { auc, variance, lower: (auc - half_width).max(0.0), upper: (auc + half_width).min(1.0) })
}

/// DeLong's paired test: do two models' scores, both `[examples]` and of the same rows, differ in AUC?
///
/// Scores that rank alike give a difference of 0 with `p_value` 1.
///
/// # Errors
/// Fails as [`auc_interval`] does for either, and with [`MetricsError::NoVariance`] when the AUCs
/// differ although no row's contribution varies.
pub fn compare_aucs(first: &[f32], second: &[f32], labels: &[u8]) -> Result<AucComparison, MetricsError> {
    let (first_auc, second_auc) = (auc(first, labels)?, auc(second, labels)?);
    let difference = first_auc - second_auc;
    let contrast = Placements::of(first, labels)?.less(&Placements::of(second, labels)?);
    let variance = contrast.variance();
    let half_width = NORMAL_975 * variance.sqrt();
    let z = if variance > 0.0 {
        difference / variance.sqrt()
    } else if difference == 0.0 {
        0.0
    } else {
        return Err(MetricsError::NoVariance { difference });
    };
    Ok(AucComparison {
        first: first_auc,
        second: second_auc,
        difference,
        variance,
        lower: difference - half_width,
        upper: difference + half_width,
        z,
        p_value: libm::erfc(z.abs() / std::f64::consts::SQRT_2),
    })
}

/// For each row, the share of the other class that it outranks rightly, ties counting half: DeLong's
/// structural components, `V10` for positive rows and `V01` for negative ones.
struct Placements {
    positives: Vec<f64>,
    negatives: Vec<f64>,
}

impl Placements {
    /// Sun and Xu's equation: a row's rank among all less its rank within its own class counts the
    /// rows of the other class below it.
    fn of(scores: &[f32], labels: &[u8]) -> Result<Self, MetricsError> {
        let counts = check_both_classes(scores, labels)?;
        if counts.positives < 2 || counts.negatives < 2 {
            return Err(MetricsError::TooFewRows { positives: counts.positives, negatives: counts.negatives });
        }
        let overall = doubled_midranks(scores);
        let below = |class: u8| -> Vec<f64> {
            let rows: Vec<usize> = (0..labels.len()).filter(|r| labels[*r] == class).collect();
            let own: Vec<f32> = rows.iter().map(|row| scores[*row]).collect();
            let within = doubled_midranks(&own);
            let doubled = rows.iter().zip(within).map(|(row, own)| overall[*row] - own);
            doubled.map(|doubled| doubled as f64 / 2.0).collect()
        };
        let (positives, negatives) = (counts.positives as f64, counts.negatives as f64);
        Ok(Self {
            positives: below(1).iter().map(|b| b / negatives).collect(),
            negatives: below(0).iter().map(|b| 1.0 - b / positives).collect(),
        })
    }

    /// The components of a difference of two AUCs.
    fn less(&self, other: &Self) -> Self {
        let subtract = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
        Self {
            positives: subtract(&self.positives, &other.positives),
            negatives: subtract(&self.negatives, &other.negatives),
        }
    }

    /// Variance of the AUC: each class contributes its sample variance over its number of rows.
    fn variance(&self) -> f64 {
        let share = |values: &[f64]| sample_variance(values) / values.len() as f64;
        share(&self.positives) + share(&self.negatives)
    }
}

/// Sample variance with the `n - 1` divisor, in two passes.
fn sample_variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    squares / (values.len() - 1) as f64
}
