//! Runs that earlier plans of the same directory asked for.

use crate::plan::differences;
use crate::record::{RunRecord, RunResult, StudyResults};
use crate::report::overview::{reason, standing};
use harness_statistics::metrics::{METRICS, Metric, Shown};
use harness_text::numbers::{NONE, utc_date};
use harness_text::{Align, Table};

/// Earlier runs that left something.
fn earlier(results: &StudyResults) -> impl Iterator<Item = &RunResult> {
    results.earlier.iter().filter(|run| run.record.is_some() || run.damaged.is_some())
}

/// How many there are.
pub(in crate::report) fn number(results: &StudyResults) -> usize {
    earlier(results).count()
}

/// What they came to and in what they differ from the plan's runs; `None` where there are none.
pub(in crate::report) fn also_here(results: &StudyResults) -> Option<String> {
    let metrics = || METRICS.iter().filter(|metric| metric.shown == Shown::Everywhere);
    let left = |name| (name, Align::Left);
    let headers = [left("run"), left("begun (UTC)"), left("other than the plan's (in brackets)")];
    let numbers = metrics().map(|metric| (metric.title, Align::Right));
    let mut table = Table::new(headers.into_iter().chain(numbers).chain([left("outcome"), left("directory")]));
    for run in earlier(results) {
        let record = run.record.as_ref();
        let value = |metric: &Metric| {
            let value = record.and_then(|record| metric.of(record.test.as_ref()?));
            value.map_or_else(|| NONE.to_owned(), |value| metric.text(value))
        };
        let mut row = vec![
            run.planned.key.to_string(),
            record.map_or_else(|| NONE.to_owned(), |record| utc_date(record.environment.started_unix)),
            record.map_or_else(|| NONE.to_owned(), |record| other(results, record)),
        ];
        row.extend(metrics().map(value));
        row.push(match reason(run) {
            Some(reason) => format!("**{}**: {reason}", standing(run)),
            None => standing(run).to_owned(),
        });
        row.push(format!("`{}`", run.planned.directory));
        table.push(row);
    }
    (!table.is_empty()).then(|| {
        format!(
            "Runs in this directory that the plan doesn't ask for: earlier calls did, with other settings, versions or points of the grid. They are in \
             no table or figure above.\n\n{}",
            table.to_markdown()
        )
    })
}

/// In what a run differs from the plan's run of the same backend and cell, of its variant and seed if there is one.
fn other(results: &StudyResults, record: &RunRecord) -> String {
    let same = |run: &&RunResult| {
        let key = &run.planned.key;
        key.backend == record.key.backend && key.cell == record.key.cell && run.record.is_some()
    };
    let closeness = |run: &&RunResult| {
        let key = &run.planned.key;
        (key.variant == record.key.variant, key.seed == record.key.seed)
    };
    // The first of the closest.
    let closest = results.runs.iter().rev().filter(same).max_by_key(closeness).and_then(|run| run.record.as_ref());
    let Some(planned) = closest else { return "no run of this backend and cell has ended".into() };
    let settings = differences(&record.protocol, &planned.protocol);
    let mut parts: Vec<_> =
        settings.iter().map(|other| format!("`{}` = {} ({})", other.key, other.first, other.second)).collect();
    for own in &record.backend.libraries {
        let other = planned.backend.libraries.iter().find(|other| other.name == own.name);
        if let Some(other) = other.filter(|other| other.version != own.version) {
            parts.push(format!("{} {} ({})", own.name, own.version, other.version));
        }
    }
    if record.numerics != planned.numerics {
        let version = |record: &RunRecord| format!("{}.{}", record.numerics.harness, record.numerics.backend);
        parts.push(format!("version of the numbers {} ({})", version(record), version(planned)));
    }
    if record.data_hash != planned.data_hash {
        parts.push("the data".into());
    }
    if record.key.seed != planned.key.seed {
        parts.push(format!("seed {} ({})", record.key.seed, planned.key.seed));
    }
    if parts.is_empty() { NONE.to_owned() } else { parts.join(", ") }
}
