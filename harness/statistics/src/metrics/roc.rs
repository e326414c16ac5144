//! The ROC curve as a list of points.

use serde::{Deserialize, Serialize};

use super::error::{MetricsError, check_both_classes};

/// One point of a ROC curve: the rates when every row scoring at least `threshold` is called positive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RocPoint {
    /// Share of the negative rows called positive.
    pub false_positive_rate: f64,
    /// Share of the positive rows called positive.
    pub true_positive_rate: f64,
    /// The least score called positive; infinite at the first point, where nothing is. (JSON has no
    /// infinity: there it reads `null`.)
    pub threshold: f64,
}

/// The ROC curve of `scores` `[examples]` against `labels` `[examples]`, from (0, 0) to (1, 1).
///
/// As scikit-learn's `roc_curve` gives it: one point a distinct score in falling order, after a
/// first one at an infinite threshold. With `drop_intermediate`, points that lie on the straight
/// line between their neighbours, with the same step on both sides, are left out; the curve's shape
/// and area stay the same.
///
/// # Errors
/// Fails when the two differ in length, when there are no rows, when a label is neither 0 nor 1,
/// when a score is not finite and when only one class is present.
pub fn roc_curve(scores: &[f32], labels: &[u8], drop_intermediate: bool) -> Result<Vec<RocPoint>, MetricsError> {
    let counts = check_both_classes(scores, labels)?;
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|a, b| scores[*b].total_cmp(&scores[*a]));

    let mut steps = Vec::new();
    let (mut false_positives, mut true_positives) = (0_u64, 0_u64);
    for group in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let positives = group.iter().filter(|row| labels[**row] == 1).count() as u64;
        true_positives += positives;
        false_positives += group.len() as u64 - positives;
        steps.push(Step { false_positives, true_positives, score: f64::from(scores[group[0]]) });
    }
    if drop_intermediate {
        steps = without_intermediate(&steps);
    }

    let origin = RocPoint { false_positive_rate: 0.0, true_positive_rate: 0.0, threshold: f64::INFINITY };
    let points = steps.iter().map(|step| RocPoint {
        false_positive_rate: step.false_positives as f64 / counts.negatives as f64,
        true_positive_rate: step.true_positives as f64 / counts.positives as f64,
        threshold: step.score,
    });
    Ok(std::iter::once(origin).chain(points).collect())
}

/// Rows called positive so far, down to one score.
#[derive(Debug, Clone, Copy)]
struct Step {
    false_positives: u64,
    true_positives: u64,
    score: f64,
}

/// Keeps the two ends and every step at which the counts change their pace.
fn without_intermediate(steps: &[Step]) -> Vec<Step> {
    if steps.len() <= 2 {
        return steps.to_vec();
    }
    let turns = steps.windows(3).filter(|window| {
        let [before, here, after] = window else {
            return false;
        };
        here.false_positives - before.false_positives != after.false_positives - here.false_positives
            || here.true_positives - before.true_positives != after.true_positives - here.true_positives
    });
    let inner = turns.map(|window| window[1]);
    steps[..1].iter().copied().chain(inner).chain(steps[steps.len() - 1..].iter().copied()).collect()
}
