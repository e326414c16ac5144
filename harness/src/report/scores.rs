//! The test scores of finished runs, read once for all figures and held against their records.

use crate::record::{Outcome, PREDICTIONS, PredictionSplit, RunResult, Scores, StudyResults, read_predictions};
use harness_statistics::metrics::{Confusion, auc};

/// The scores of each run of the plan, `None` for one that did not complete, and the study as it is to be reported: a run whose scores can't be had, or
/// don't give the metrics that its record states, is a damaged one.
pub(super) fn believed(results: &StudyResults) -> (StudyResults, Vec<Option<Scores>>) {
    let mut results = results.clone();
    let mut scores = Vec::with_capacity(results.runs.len());
    for run in &mut results.runs {
        scores.push(test_scores(run).unwrap_or_else(|reason| {
            run.record = None;
            run.damaged = Some(reason);
            None
        }));
    }
    (results, scores)
}

/// The test scores of a completed run; `None` for any other. Fails with the reason if the predictions and the record are not of the same run.
fn test_scores(run: &RunResult) -> Result<Option<Scores>, String> {
    let Some(record) = run.record.as_ref().filter(|record| record.outcome == Outcome::Completed) else {
        return Ok(None);
    };
    let test = record.test.ok_or("its record says that it completed but has no test metrics")?;
    let predictions = read_predictions(&run.directory.join(PREDICTIONS)).map_err(|error| error.of_file())?;
    let scores = Scores::of(&predictions, PredictionSplit::Test);
    let measured = |error| format!("{PREDICTIONS}: {error}");
    let counts = Confusion::count(&scores.logits, &scores.labels).map_err(measured)?;
    let area = auc(&scores.logits, &scores.labels).map_err(measured)?;
    // Areas are sums of floats, whose last digit another build may round otherwise.
    if counts != test.confusion || (area - test.auc).abs() > 1e-9 {
        return Err(format!("{PREDICTIONS} does not give the test metrics in its record"));
    }
    Ok(Some(scores))
}
