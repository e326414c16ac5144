//! The test scores of finished runs, read once for all figures and held against their records.

use crate::record::{Outcome, PredictionSplit, RunResult, Scores, read_predictions};
use harness_statistics::metrics::{Confusion, auc};

use super::ReportError;

/// The test scores of a completed run; `None` for any other.
///
/// # Errors
/// If they can't be read, or don't give the metrics that the record states: then the two are not of the same run.
pub(super) fn test_scores(run: &RunResult) -> Result<Option<Scores>, ReportError> {
    let Some(record) = run.record.as_ref().filter(|record| record.outcome == Outcome::Completed) else {
        return Ok(None);
    };
    let Some(test) = record.test else {
        return Err(ReportError::NoTestMetrics { run: run.planned.key.to_string() });
    };
    let path = run.directory.join("predictions.parquet");
    let scores = Scores::of(&read_predictions(&path)?, PredictionSplit::Test);
    let measured = |source| ReportError::Metrics { run: run.planned.key.to_string(), source };
    let counts = Confusion::count(&scores.logits, &scores.labels).map_err(measured)?;
    let area = auc(&scores.logits, &scores.labels).map_err(measured)?;
    // Areas are sums of floats, whose last digit another build may round otherwise.
    if counts != test.confusion || (area - test.auc).abs() > 1e-9 {
        return Err(ReportError::Mismatch { path, run: run.planned.key.to_string() });
    }
    Ok(Some(scores))
}
