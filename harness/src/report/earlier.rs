//! Runs of earlier calls that belong to the arms of a report: a narrower call narrows what is run, not what can be reported.

use crate::plan::differences;
use crate::record::{RunRecord, RunResult, StudyResults};

/// The study with every run of an earlier call that is a point of the grid which the plan does not have, made with the settings of the other runs of its
/// arm. What was made otherwise stays among the earlier runs.
///
/// The settings of an arm are those of the plan's own runs that have ended. Where none has, they are those of the latest earlier run, unless an earlier
/// run stands in the place of one that the plan asks for again: then the settings have changed.
pub(super) fn with_earlier_points(results: &StudyResults) -> StudyResults {
    let mut together = results.clone();
    together.earlier.clear();
    for run in &results.earlier {
        let planned = together.runs.iter().any(|own| own.planned.key == run.planned.key);
        let belongs = run.record.as_ref().is_some_and(|record| match settings_of_arm(results, run) {
            Some(settings) => same_settings(record, settings),
            None => false,
        });
        if belongs && !planned { together.runs.push(run.clone()) } else { together.earlier.push(run.clone()) }
    }
    together
}

/// A run that has the settings of an arm; `None` where they are not known.
fn settings_of_arm<'r>(results: &'r StudyResults, of: &RunResult) -> Option<&'r RunRecord> {
    let same_arm = |run: &&RunResult| {
        let (one, other) = (&run.planned.key, &of.planned.key);
        (&one.backend, one.cell, &one.variant) == (&other.backend, other.cell, &other.variant)
    };
    let ended = results.runs.iter().filter(same_arm).find_map(|run| run.record.as_ref());
    let asked_again = || {
        let mut earlier = results.earlier.iter().filter(same_arm);
        earlier.any(|run| results.runs.iter().any(|own| own.planned.key == run.planned.key))
    };
    if ended.is_some() || asked_again() {
        return ended;
    }
    results.earlier.iter().filter(same_arm).find_map(|run| run.record.as_ref())
}

fn same_settings(one: &RunRecord, other: &RunRecord) -> bool {
    differences(&one.protocol, &other.protocol).is_empty()
        && one.backend.libraries == other.backend.libraries
        && one.numerics == other.numerics
        && one.data_hash == other.data_hash
}
