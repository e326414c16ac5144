//! Why a metric can't be computed, and the one place where inputs are checked.

/// Why a metric does not exist for the given rows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricsError {
    /// There is nothing to measure.
    #[error("no rows to measure")]
    Empty,
    /// The two inputs don't belong to the same rows.
    #[error("{scores} scores for {labels} labels: every row needs one of each")]
    LengthMismatch {
        /// Number of scores given.
        scores: usize,
        /// Number of labels given.
        labels: usize,
    },
    /// A label is neither 0 nor 1.
    #[error("label {label} at row {row} is neither 0 nor 1")]
    Label {
        /// Position of the row, counted from 0.
        row: usize,
        /// The label found there.
        label: u8,
    },
    /// A score is infinite or not a number, as after a diverged training.
    #[error("score {score} at row {row} is not finite")]
    NotFinite {
        /// Position of the row, counted from 0.
        row: usize,
        /// The score found there.
        score: f32,
    },
    /// Only one class is present, so that ranking it against the other has no meaning.
    #[error("all {rows} rows have label {label}: ranking needs both classes")]
    SingleClass {
        /// Number of rows.
        rows: usize,
        /// The only label there is.
        label: u8,
    },
    /// A sample variance needs two members of each class.
    #[error("{positives} positive and {negatives} negative rows: the variance of an AUC needs two of each")]
    TooFewRows {
        /// Number of positive rows.
        positives: usize,
        /// Number of negative rows.
        negatives: usize,
    },
    /// Two AUCs differ while their difference has no estimated variance, as when one model ranks
    /// perfectly and the other exactly backwards.
    #[error("the AUCs differ by {difference} but their estimated variance is zero: no test exists")]
    NoVariance {
        /// Difference of the two AUCs.
        difference: f64,
    },
    /// No bins, or more than are computed.
    #[error("{bins} bins: a reliability curve has 1 to {most}", most = super::calibration::MOST_BINS)]
    Bins {
        /// The number asked for.
        bins: usize,
    },
    /// What is given as an AUC is none.
    #[error("an AUC of {auc} does not exist: it is a probability")]
    Auc {
        /// The value given.
        auc: f64,
    },
}

/// Rows per class, known to be both above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClassCounts {
    pub(super) positives: usize,
    pub(super) negatives: usize,
}

/// Checks that every row has one finite score and one label out of 0 and 1.
pub(super) fn check_rows(scores: &[f32], labels: &[u8]) -> Result<(), MetricsError> {
    if scores.len() != labels.len() {
        return Err(MetricsError::LengthMismatch { scores: scores.len(), labels: labels.len() });
    }
    if scores.is_empty() {
        return Err(MetricsError::Empty);
    }
    if let Some((row, &label)) = labels.iter().enumerate().find(|(_, label)| **label > 1) {
        return Err(MetricsError::Label { row, label });
    }
    if let Some((row, &score)) = scores.iter().enumerate().find(|(_, s)| !s.is_finite()) {
        return Err(MetricsError::NotFinite { row, score });
    }
    Ok(())
}

/// Checks rows as [`check_rows`] does, and that both classes are present.
pub(super) fn check_both_classes(scores: &[f32], labels: &[u8]) -> Result<ClassCounts, MetricsError> {
    check_rows(scores, labels)?;
    let positives = labels.iter().filter(|label| **label == 1).count();
    let negatives = labels.len() - positives;
    if positives == 0 || negatives == 0 {
        return Err(MetricsError::SingleClass { rows: labels.len(), label: u8::from(negatives == 0) });
    }
    Ok(ClassCounts { positives, negatives })
}
