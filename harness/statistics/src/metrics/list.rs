//! Every metric there is: what tables, files and comparisons show follows from this list.

use super::{Confusion, Metrics, MetricsError};

/// A figure of merit of one set of logits.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name in records, CSV and Parquet.
    pub key: &'static str,
    /// Its name in tables.
    pub title: &'static str,
    /// Its name in the head of a LaTeX table.
    pub latex: &'static str,
    /// Digits behind the point in tables.
    pub digits: usize,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// The least and the greatest value that it can have.
    pub range: (f64, f64),
    /// Which tables have a column for it; CSV and Parquet have one for every metric.
    pub shown: Shown,
    /// Where its value comes from.
    pub source: Source,
}

/// Tables in which a metric has a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The table of runs and the summary over seeds.
    Everywhere,
    /// The table of runs.
    Runs,
    /// Neither: it is for CSV and Parquet.
    Files,
}

/// What a metric is a function of.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// What every record holds: the confusion counts, AUC and log loss. A record that is older than the metric has it too.
    Record(fn(&Metrics) -> f64),
    /// Logits and labels, both `[examples]`. A record that is older than the metric lacks it.
    Predictions(fn(&[f32], &[u8]) -> Result<f64, MetricsError>),
}

/// Every metric, in the order of tables and files.
pub static METRICS: [Metric; COUNT] = [
    Metric {
        key: "accuracy",
        title: "accuracy",
        latex: "Acc.",
        digits: 4,
        higher_is_better: true,
        range: (0.0, 1.0),
        shown: Shown::Everywhere,
        source: Source::Record(|metrics| metrics.confusion.accuracy()),
    },
    Metric {
        key: "precision",
        title: "precision",
        latex: "Prec.",
        digits: 4,
        higher_is_better: true,
        range: (0.0, 1.0),
        shown: Shown::Runs,
        source: Source::Record(|metrics| metrics.confusion.precision()),
    },
    Metric {
        key: "recall",
        title: "recall",
        latex: "Recall",
        digits: 4,
        higher_is_better: true,
        range: (0.0, 1.0),
        shown: Shown::Runs,
        source: Source::Record(|metrics| metrics.confusion.recall()),
    },
    Metric {
        key: "f1",
        title: "F1",
        latex: "F1",
        digits: 4,
        higher_is_better: true,
        range: (0.0, 1.0),
        shown: Shown::Everywhere,
        source: Source::Record(|metrics| metrics.confusion.f1()),
    },
    Metric {
        key: "auc",
        title: "AUC",
        latex: "AUC",
        digits: 4,
        higher_is_better: true,
        range: (0.0, 1.0),
        shown: Shown::Everywhere,
        source: Source::Record(|metrics| metrics.auc),
    },
    Metric {
        key: "log_loss",
        title: "log loss",
        latex: "Log loss",
        digits: 4,
        higher_is_better: false,
        range: (0.0, f64::INFINITY),
        shown: Shown::Everywhere,
        source: Source::Record(|metrics| metrics.log_loss),
    },
    Metric {
        key: "mcc",
        title: "MCC",
        latex: "MCC",
        digits: 4,
        higher_is_better: true,
        range: (-1.0, 1.0),
        shown: Shown::Files,
        source: Source::Record(|metrics| matthews_correlation(&metrics.confusion)),
    },
];

pub(super) const COUNT: usize = 7;

/// The correlation of predicted and true class (Matthews, Biochimica et Biophysica Acta 405, 1975), in `-1..=1`: 0 for a classifier that always
/// gives the same answer, however unequal the classes.
fn matthews_correlation(confusion: &Confusion) -> f64 {
    let [tn, fp, fn_, tp] = [confusion.tn, confusion.fp, confusion.fn_, confusion.tp].map(|count| count as f64);
    let spread = ((tp + fp) * (tp + fn_)).sqrt() * ((tn + fp) * (tn + fn_)).sqrt();
    if spread == 0.0 { 0.0 } else { (tp * tn - fp * fn_) / spread }
}

impl Metric {
    /// The metric with a key.
    #[must_use]
    pub fn named(key: &str) -> Option<&'static Self> {
        METRICS.iter().find(|metric| metric.key == key)
    }

    /// Its value among these; `None` if they were taken from a record that is older than the metric.
    #[must_use]
    pub fn of(&self, metrics: &Metrics) -> Option<f64> {
        match self.source {
            Source::Record(of) => Some(of(metrics)),
            Source::Predictions(_) => {
                METRICS.iter().zip(&metrics.measured).find(|(own, _)| own.key == self.key).and_then(|(_, value)| *value)
            }
        }
    }

    /// A value of it as tables write it.
    #[must_use]
    pub fn text(&self, value: f64) -> String {
        format!("{value:.*}", self.digits)
    }
}
