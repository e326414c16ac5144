//! What one operating point says of the AUC.

use serde::Serialize;

use crate::metrics::Confusion;

/// Least and greatest AUC of scores that have a given confusion matrix at one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AucBounds {
    /// Of any scores. The curve rises, and it goes through the point.
    pub any: (f64, f64),
    /// Of scores whose ROC curve is concave, as it is when a higher score always means a higher probability of being positive. No such curve goes
    /// through a point below the diagonal.
    pub concave: Option<(f64, f64)>,
}

/// The bounds that the point `(fpr, tpr)` of a matrix with rows in both classes sets.
///
/// Any rising curve through it has an area from `tpr (1 - fpr)` to `1 - fpr (1 - tpr)`. A concave one has at least `(1 + tpr - fpr) / 2`, the area under
/// the two lines through the point (S. B. Cantor and M. W. Kattan, "Determining the area under the ROC curve for a binary diagnostic test",
/// Medical Decision Making 20, 2000), and at most the area under one straight line through the point, cut off at 1, the best line taken (I. Pollack and D. A. Norman, "A
/// non-parametric analysis of recognition experiments", Psychonomic Science 1, 1964; J. Zhang and S. T. Mueller, "A note on ROC analysis and
/// non-parametric estimate of sensitivity", Psychometrika 70, 2005).
#[must_use]
pub fn auc_bounds(matrix: &Confusion) -> AucBounds {
    let tpr = matrix.tp as f64 / (matrix.tp + matrix.fn_) as f64;
    let fpr = matrix.fp as f64 / (matrix.fp + matrix.tn) as f64;
    let any = (tpr * (1.0 - fpr), 1.0 - fpr * (1.0 - tpr));
    // Whole numbers, so that a point on the diagonal lies on it.
    let below = u128::from(matrix.tp) * u128::from(matrix.tn) < u128::from(matrix.fp) * u128::from(matrix.fn_);
    let lower = (1.0 + tpr - fpr) / 2.0;
    AucBounds { any, concave: (!below).then(|| (lower, concave_upper(tpr, fpr).max(lower))) }
}

/// The area under the line through the point with slope `s`, cut off at 1, is `1 - (1 - tpr + s fpr)^2 / (2 s)`. Its best slope is `(1 - tpr) / fpr`, as far
/// as that line passes neither below `(0, 0)` nor below `(1, 1)`.
fn concave_upper(tpr: f64, fpr: f64) -> f64 {
    let miss = 1.0 - tpr;
    if fpr == 0.0 || miss == 0.0 {
        return 1.0;
    }
    let slope = (miss / fpr).min(tpr / fpr).max(miss / (1.0 - fpr));
    1.0 - (miss + slope * fpr).powi(2) / (2.0 * slope)
}
