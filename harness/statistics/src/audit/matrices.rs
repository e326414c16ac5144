//! Every confusion matrix that meets some conditions.

use serde::Serialize;

use super::condition::{Condition, Linear, Quantity};
use crate::metrics::Confusion;

/// The most rows of a test set.
pub const MOST_ROWS: u64 = 10_000_000;

/// The confusion matrices that meet all conditions; there is at least one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Matrices {
    /// How many.
    pub number: u64,
    /// The one with the fewest true positives and, of those, the fewest false positives.
    pub example: Confusion,
    /// Least and greatest number of positive predictions.
    pub predicted_positives: (u64, u64),
    /// Least and greatest number of right ones among them.
    pub true_positives: (u64, u64),
    /// Least and greatest number of wrong ones.
    pub false_positives: (u64, u64),
    /// Least and greatest accuracy.
    pub accuracy: (f64, f64),
    /// Least and greatest precision.
    pub precision: (f64, f64),
    /// Least and greatest recall.
    pub recall: (f64, f64),
    /// Least and greatest F1.
    pub f1: (f64, f64),
    /// Least lower and greatest upper bound of the AUC of any scores with such a matrix at one threshold; see [`super::auc_bounds`].
    pub auc: (f64, f64),
    /// The same for scores whose ROC curve is concave; `None` if none of the points lies on or above the diagonal.
    pub concave_auc: Option<(f64, f64)>,
}

/// Why matrices can't be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MatricesError {
    /// A class without rows, or too many rows.
    #[error("{positives} positives and {negatives} negatives: both must be there, and at most {MOST_ROWS} together")]
    Rows {
        /// Positive rows.
        positives: u64,
        /// Negative rows.
        negatives: u64,
    },
}

/// Every confusion matrix of so many positive and negative rows that meets all conditions, summed up; `None` if there is none. Without conditions
/// all matrices count.
///
/// # Errors
/// If a class has no rows, or both together have more than [`MOST_ROWS`].
pub fn matrices(conditions: &[Condition], positives: u64, negatives: u64) -> Result<Option<Matrices>, MatricesError> {
    let search = Search::new(conditions, positives, negatives)?;
    let mut found: Option<Matrices> = None;
    search.spans(&mut |tp, fewest, most| {
        let at = |fp: u64| Confusion { tn: negatives - fp, fp, fn_: positives - tp, tp };
        match &mut found {
            Some(found) => found.number += most - fewest + 1,
            None => found = Some(Matrices::of_one(at(fewest), most - fewest + 1)),
        }
        if let Some(found) = &mut found {
            // All that is summed up rises or falls with the false positives.
            found.include(at(fewest));
            found.include(at(most));
        }
        true
    });
    Ok(found)
}

impl Matrices {
    /// Least and greatest value of a quantity.
    #[must_use]
    pub fn range(&self, quantity: Quantity) -> (f64, f64) {
        let counts = |(least, most): (u64, u64)| (least as f64, most as f64);
        match quantity {
            Quantity::Accuracy => self.accuracy,
            Quantity::Precision => self.precision,
            Quantity::Recall => self.recall,
            Quantity::F1 => self.f1,
            Quantity::PredictedPositives => counts(self.predicted_positives),
            Quantity::TruePositives => counts(self.true_positives),
            Quantity::FalsePositives => counts(self.false_positives),
        }
    }

    fn of_one(example: Confusion, number: u64) -> Self {
        let nothing = (f64::INFINITY, f64::NEG_INFINITY);
        Self {
            number,
            example,
            predicted_positives: (u64::MAX, 0),
            true_positives: (u64::MAX, 0),
            false_positives: (u64::MAX, 0),
            accuracy: nothing,
            precision: nothing,
            recall: nothing,
            f1: nothing,
            auc: nothing,
            concave_auc: None,
        }
    }

    fn include(&mut self, matrix: Confusion) {
        let widened = |(least, most): (u64, u64), count: u64| (least.min(count), most.max(count));
        self.predicted_positives = widened(self.predicted_positives, matrix.predicted_positive());
        self.true_positives = widened(self.true_positives, matrix.tp);
        self.false_positives = widened(self.false_positives, matrix.fp);
        let shares = [matrix.accuracy(), matrix.precision(), matrix.recall(), matrix.f1()];
        let ranges = [&mut self.accuracy, &mut self.precision, &mut self.recall, &mut self.f1];
        for (range, share) in ranges.into_iter().zip(shares) {
            *range = (range.0.min(share), range.1.max(share));
        }
        let bounds = super::auc_bounds(&matrix);
        self.auc = (self.auc.0.min(bounds.any.0), self.auc.1.max(bounds.any.1));
        let so_far = self.concave_auc;
        let widened =
            |(low, high): (f64, f64)| so_far.map_or((low, high), |(least, most)| (least.min(low), most.max(high)));
        self.concave_auc = bounds.concave.map(widened).or(so_far);
    }
}

/// The matrices of one test set as points `(tp, fp)` in a polygon.
pub(super) struct Search {
    positives: u64,
    negatives: u64,
    /// All that must not be negative, the bounds of both counts among them.
    inequalities: Vec<Linear>,
    /// Where a precision is demanded, no positive prediction at all is a case of its own: whether it meets everything.
    nothing_predicted: Option<bool>,
}

impl Search {
    pub(super) fn new(conditions: &[Condition], positives: u64, negatives: u64) -> Result<Self, MatricesError> {
        if positives == 0 || negatives == 0 || positives.saturating_add(negatives) > MOST_ROWS {
            return Err(MatricesError::Rows { positives, negatives });
        }
        let counts = [
            Linear::new(0, 1, 0),
            Linear::new(i128::from(positives), -1, 0),
            Linear::new(0, 0, 1),
            Linear::new(i128::from(negatives), 0, -1),
        ];
        let demanded = conditions.iter().flat_map(|condition| condition.inequalities(positives, negatives));
        let is_precision = |condition: &&Condition| condition.quantity == Quantity::Precision;
        let nothing_predicted = conditions.iter().any(|condition| is_precision(&condition)).then(|| {
            conditions.iter().all(|condition| match condition.quantity {
                // 0 of 0, which counts as 0.
                Quantity::Precision => condition.interval.contains(0, 1),
                _ => condition.inequalities(positives, negatives).iter().all(|inequality| inequality.at(0, 0) >= 0),
            })
        });
        Ok(Self { positives, negatives, inequalities: counts.into_iter().chain(demanded).collect(), nothing_predicted })
    }

    /// Calls `visit` with true positives and the least and greatest number of false positives, both included, in rising order, until it
    /// returns false. Says how many numbers of true positives were looked at.
    pub(super) fn spans(&self, visit: &mut dyn FnMut(u64, u64, u64) -> bool) -> u64 {
        if self.nothing_predicted == Some(true) && !visit(0, 0, 0) {
            return 1;
        }
        let Some((first, last)) = self.true_positives() else { return 1 };
        for tp in first..=last {
            if let Some((fewest, most)) = self.false_positives(tp)
                && !visit(tp, fewest, most)
            {
                return tp - first + 1;
            }
        }
        last - first + 1
    }

    /// The true positives that some real number of false positives goes with: false positives are eliminated from each pair of an
    /// inequality that bounds them from below and one that bounds them from above (Fourier and Motzkin).
    fn true_positives(&self) -> Option<(u64, u64)> {
        let (mut least, mut most) = (0_i128, i128::from(self.positives));
        let mut bound = |constant: i128, slope: i128| {
            match slope.signum() {
                1 => least = least.max(-floor(constant, slope)),
                -1 => most = most.min(floor(constant, -slope)),
                _ if constant < 0 => most = -1,
                _ => {}
            };
        };
        for lower in &self.inequalities {
            if lower.false_positives == 0 {
                bound(lower.constant, lower.true_positives);
            }
            for upper in self.inequalities.iter().filter(|upper| lower.false_positives > 0 && upper.false_positives < 0)
            {
                let sum = upper.times(lower.false_positives).plus(lower.times(-upper.false_positives));
                bound(sum.constant, sum.true_positives);
            }
        }
        (least <= most).then_some((least as u64, most as u64))
    }

    /// The least and the greatest number of false positives that go with so many true ones.
    fn false_positives(&self, tp: u64) -> Option<(u64, u64)> {
        let some_prediction = self.nothing_predicted.is_some() && tp == 0;
        let (mut least, mut most) = (i128::from(some_prediction), i128::from(self.negatives));
        for inequality in &self.inequalities {
            let constant = inequality.at(tp, 0);
            match inequality.false_positives.signum() {
                1 => least = least.max(-floor(constant, inequality.false_positives)),
                -1 => most = most.min(floor(constant, -inequality.false_positives)),
                _ if constant < 0 => return None,
                _ => {}
            }
        }
        (least <= most).then_some((least as u64, most as u64))
    }
}

/// The greatest whole number that is at most `numerator / denominator`, for a positive denominator.
fn floor(numerator: i128, denominator: i128) -> i128 {
    numerator.div_euclid(denominator)
}
