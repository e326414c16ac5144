//! Area under the ROC curve by ranks.

use super::error::{MetricsError, check_both_classes};

/// Probability that a random positive row scores above a random negative one, a tie counting half:
/// the Mann-Whitney statistic divided by the number of pairs, which is the area under the ROC curve.
///
/// `scores` and `labels` are `[examples]`. Tied rows share their mean rank. The sum of ranks is kept
/// in whole numbers, so the only rounding is that of the last division. `-0.0` ties with `0.0`.
///
/// # Errors
/// Fails when the two differ in length, when there are no rows, when a label is neither 0 nor 1,
/// when a score is not finite and when only one class is present.
pub fn auc(scores: &[f32], labels: &[u8]) -> Result<f64, MetricsError> {
    let counts = check_both_classes(scores, labels)?;
    let doubled_ranks = doubled_midranks(scores);
    let doubled_sum: u128 =
        doubled_ranks.iter().zip(labels).filter(|(_, label)| **label == 1).map(|(rank, _)| u128::from(*rank)).sum();
    let positives = counts.positives as u128;
    let negatives = counts.negatives as u128;
    // Twice U = twice the positives' rank sum less the least it can be.
    let doubled_u = doubled_sum - positives * (positives + 1);
    Ok(doubled_u as f64 / (2 * positives * negatives) as f64)
}

/// Twice the rank of each score, counted from 1 in rising order, tied scores sharing the mean of
/// their ranks. Doubled, so that a mean of two whole ranks is still a whole number.
pub(super) fn doubled_midranks(scores: &[f32]) -> Vec<u64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let mut ranks = vec![0; scores.len()];
    let mut first = 0;
    // `total_cmp` puts -0.0 right before 0.0; `==` then makes them one group.
    for group in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        // The group holds ranks first+1 ..= first+len, whose doubled mean is their sum of ends.
        let doubled = (2 * first + 1 + group.len()) as u64;
        for row in group {
            ranks[*row] = doubled;
        }
        first += group.len();
    }
    ranks
}
