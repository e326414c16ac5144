//! Why a run is at chance, read from what it left behind.
//!
//! [`diagnose`] says how a run stands and, where that is an alarm, which [`Cause`] its records name. A cause is named by what was measured and by
//! nothing else; what was not recorded is said to be unknown. Which records a cause needs, and from where on it is one, stands in `signs.rs`.

mod page;
mod signs;
mod standing;

use serde::Serialize;

use crate::plan::RunKey;
use crate::record::{PredictionSplit, RecordError, RunRecord, RunResult, Scores, read_predictions};

pub use page::{details, overview};
pub use signs::{Cause, Sign};
pub use standing::{NEAR_CHANCE, RULE, Standing};

/// How a run stands, and why if that is an alarm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// The run.
    pub run: RunKey,
    /// How it stands.
    pub standing: Standing,
    /// What its records show of the causes of an alarm, the one that names it first. A run without alarm has none.
    pub signs: Vec<Sign>,
    /// What could not be looked at, because it was not recorded. A run without alarm has none.
    pub unknown: Vec<String>,
}

impl Diagnosis {
    /// The cause that is named; `None` for a run without alarm.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.signs.first().map(|sign| sign.cause)
    }
}

/// Looks at a run and reads its predictions if it has any.
///
/// # Errors
/// If the predictions of a run that completed can't be read.
pub fn diagnose(run: &RunResult) -> Result<Diagnosis, RecordError> {
    let scores = match &run.record {
        Some(record) if record.test.is_some() => {
            let predictions = read_predictions(&run.directory.join("predictions.parquet"))?;
            Some(Scores::of(&predictions, PredictionSplit::Test))
        }
        _ => None,
    };
    Ok(diagnose_with(run, scores.as_ref()))
}

/// Looks at a run whose test scores are known, if it has any.
#[must_use]
pub fn diagnose_with(run: &RunResult, scores: Option<&Scores>) -> Diagnosis {
    let key = run.planned.key.clone();
    let Some(record) = &run.record else {
        let how = match (&run.damaged, &run.planned.unavailable) {
            (Some(reason), _) | (None, Some(reason)) => reason.clone(),
            (None, None) => "not run yet".into(),
        };
        return Diagnosis { run: key, standing: Standing::NoResult { how }, signs: Vec::new(), unknown: Vec::new() };
    };
    diagnose_record(record, scores)
}

fn diagnose_record(record: &RunRecord, scores: Option<&Scores>) -> Diagnosis {
    let standing = Standing::of(record, scores);
    let (signs, unknown) = if standing.is_alarm() { signs::signs(record, scores) } else { (Vec::new(), Vec::new()) };
    Diagnosis { run: record.key.clone(), standing, signs, unknown }
}
