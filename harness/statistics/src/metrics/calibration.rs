//! Do probabilities mean what they say?

use serde::{Deserialize, Serialize};

use super::error::{MetricsError, check_rows};

/// The most bins of a reliability curve.
pub const MOST_BINS: usize = 10_000;

/// Rows whose predicted probability falls into one interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliabilityBin {
    /// Lower end of the interval, which belongs to the bin below; 0 belongs to the first.
    pub lower: f64,
    /// Upper end, which belongs to this bin.
    pub upper: f64,
    /// Rows in it, at least one.
    pub rows: u64,
    /// Mean predicted probability of these rows.
    pub predicted: f64,
    /// Share of these rows that are positive.
    pub positive: f64,
}

/// The reliability curve over so many intervals of equal width; intervals without rows are left out. `logits` and `labels` are `[examples]`.
/// M. H. DeGroot and S. E. Fienberg, "The comparison and evaluation of forecasters", The Statistician 32 (1983).
///
/// # Errors
/// Fails when the two differ in length, when there are no rows, when a label is neither 0 nor 1, when a logit is not finite, and when there
/// are no bins or more than [`MOST_BINS`].
pub fn reliability_curve(logits: &[f32], labels: &[u8], bins: usize) -> Result<Vec<ReliabilityBin>, MetricsError> {
    check_rows(logits, labels)?;
    if bins == 0 || bins > MOST_BINS {
        return Err(MetricsError::Bins { bins });
    }
    let edge = |bin: usize| bin as f64 / bins as f64;
    let inner: Vec<f64> = (1..bins).map(edge).collect();
    let mut sums = vec![(0_u64, 0.0_f64, 0_u64); bins];
    for (logit, label) in logits.iter().zip(labels) {
        let probability = 1.0 / (1.0 + (-f64::from(*logit)).exp());
        let (rows, predicted, positive) = &mut sums[inner.partition_point(|edge| *edge < probability)];
        *rows += 1;
        *predicted += probability;
        *positive += u64::from(*label);
    }
    let filled = sums.into_iter().enumerate().filter(|(_, (rows, ..))| *rows > 0);
    let bin = |(bin, (rows, predicted, positive)): (usize, (u64, f64, u64))| ReliabilityBin {
        lower: edge(bin),
        upper: edge(bin + 1),
        rows,
        predicted: predicted / rows as f64,
        positive: positive as f64 / rows as f64,
    };
    Ok(filled.map(bin).collect())
}

/// Expected calibration error of a reliability curve: the mean over rows of the distance between a bin's predicted and its observed share. 0 for a
/// curve without bins. M. P. Naeini, G. F. Cooper and M. Hauskrecht, AAAI 2015; C. Guo et al., "On calibration of modern neural networks", ICML
/// 2017, equation 3, with the probability of "positive" in place of the confidence in the predicted class.
#[must_use]
pub fn expected_calibration_error(curve: &[ReliabilityBin]) -> f64 {
    let rows: u64 = curve.iter().map(|bin| bin.rows).sum();
    let error: f64 = curve.iter().map(|bin| bin.rows as f64 * (bin.positive - bin.predicted).abs()).sum();
    if rows == 0 { 0.0 } else { error / rows as f64 }
}
