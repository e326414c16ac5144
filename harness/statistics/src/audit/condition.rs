//! What a figure or a sentence demands of a confusion matrix: inequalities that are linear in true and false positives.

use serde::{Deserialize, Serialize};

/// A number that follows from a confusion matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Share of rows predicted rightly.
    Accuracy,
    /// Share of the positive predictions that are right; 0 without any, as scikit-learn has it.
    Precision,
    /// Share of the positive rows that are found.
    Recall,
    /// Harmonic mean of precision and recall; 0 where no positive row is found.
    F1,
    /// Number of positive predictions.
    PredictedPositives,
    /// Number of positive predictions that are right.
    TruePositives,
    /// Number of positive predictions that are wrong.
    FalsePositives,
}

/// Values between `low / scale` and `high / scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub(super) low: i64,
    pub(super) high: i64,
    pub(super) scale: i64,
    pub(super) low_open: bool,
    pub(super) high_open: bool,
}

/// A quantity must lie in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// The quantity.
    pub quantity: Quantity,
    /// Where it must lie.
    pub interval: Interval,
}

/// `constant + true_positives * tp + false_positives * fp`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear {
    pub(super) constant: i128,
    pub(super) true_positives: i128,
    pub(super) false_positives: i128,
}

impl Quantity {
    /// The quantities that are shares, in the order of tables.
    pub const SHARES: [Self; 4] = [Self::Accuracy, Self::Precision, Self::Recall, Self::F1];

    /// Its name in a sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::F1 => "F1",
            Self::PredictedPositives => "positive predictions",
            Self::TruePositives => "right positive predictions",
            Self::FalsePositives => "wrong positive predictions",
        }
    }

    /// Whether it is a share and not a count.
    #[must_use]
    pub fn is_share(self) -> bool {
        Self::SHARES.contains(&self)
    }

    /// Numerator and denominator.
    pub(super) fn ratio(self, positives: u64, negatives: u64) -> (Linear, Linear) {
        let (p, n) = (i128::from(positives), i128::from(negatives));
        let one = Linear::new(1, 0, 0);
        match self {
            Self::Accuracy => (Linear::new(n, 1, -1), Linear::new(p + n, 0, 0)),
            Self::Precision => (Linear::new(0, 1, 0), Linear::new(0, 1, 1)),
            Self::Recall => (Linear::new(0, 1, 0), Linear::new(p, 0, 0)),
            Self::F1 => (Linear::new(0, 2, 0), Linear::new(p, 1, 1)),
            Self::PredictedPositives => (Linear::new(0, 1, 1), one),
            Self::TruePositives => (Linear::new(0, 1, 0), one),
            Self::FalsePositives => (Linear::new(0, 0, 1), one),
        }
    }
}

impl Interval {
    /// Counts from `least` to `most`, both included.
    #[must_use]
    pub fn counts(least: u32, most: u32) -> Self {
        Self { low: i64::from(least), high: i64::from(most), scale: 1, low_open: false, high_open: false }
    }

    /// Lower end.
    #[must_use]
    pub fn lower(&self) -> f64 {
        self.low as f64 / self.scale as f64
    }

    /// Upper end.
    #[must_use]
    pub fn upper(&self) -> f64 {
        self.high as f64 / self.scale as f64
    }

    /// Whether the ratio of two whole numbers lies in it.
    pub(super) fn contains(&self, numerator: i128, denominator: i128) -> bool {
        let above_low = i128::from(self.scale) * numerator - i128::from(self.low) * denominator;
        let below_high = i128::from(self.high) * denominator - i128::from(self.scale) * numerator;
        above_low >= i128::from(self.low_open) && below_high >= i128::from(self.high_open)
    }
}

impl Condition {
    /// What must not be negative. Whole numbers that must exceed zero are at least 1.
    pub(super) fn inequalities(&self, positives: u64, negatives: u64) -> [Linear; 2] {
        let (numerator, denominator) = self.quantity.ratio(positives, negatives);
        let Interval { low, high, scale, low_open, high_open } = self.interval;
        let (low, high, scale) = (i128::from(low), i128::from(high), i128::from(scale));
        [
            numerator.times(scale).plus(denominator.times(-low)).less(i128::from(low_open)),
            denominator.times(high).plus(numerator.times(-scale)).less(i128::from(high_open)),
        ]
    }
}

impl Linear {
    pub(super) fn new(constant: i128, true_positives: i128, false_positives: i128) -> Self {
        Self { constant, true_positives, false_positives }
    }

    pub(super) fn at(self, tp: u64, fp: u64) -> i128 {
        self.constant + self.true_positives * i128::from(tp) + self.false_positives * i128::from(fp)
    }

    pub(super) fn times(self, factor: i128) -> Self {
        Self::new(self.constant * factor, self.true_positives * factor, self.false_positives * factor)
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self::new(
            self.constant + other.constant,
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
        )
    }

    fn less(self, constant: i128) -> Self {
        Self::new(self.constant - constant, self.true_positives, self.false_positives)
    }
}
