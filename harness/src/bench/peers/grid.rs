//! Where the time of a grid that was run went, from its records.

use super::record::{GridRecord, GridRun};
use crate::record::{Outcome, RunRecord, StudyResults};

/// The times of a study's runs; `None` if none has completed.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double")]
pub fn grid_record(results: &StudyResults) -> Option<GridRecord> {
    let completed: Vec<&RunRecord> = results
        .runs
        .iter()
        .filter_map(|run| run.record.as_ref())
        .filter(|record| record.outcome == Outcome::Completed)
        .collect();
    let first = completed.iter().map(|record| record.environment.started_unix).min()? as f64;
    let last = completed
        .iter()
        .map(|record| record.environment.started_unix as f64 + record.wall_seconds)
        .fold(first, f64::max);
    let cpu = completed.first().map(|record| record.environment.cpu.clone());
    Some(GridRecord {
        study: results.study.name.clone(),
        wall_seconds: last - first,
        jobs: completed.iter().map(|record| record.environment.jobs).max().unwrap_or(1),
        not_completed: results.runs.len() - completed.len(),
        cpu: cpu.filter(|cpu| completed.iter().all(|record| record.environment.cpu == *cpu)),
        runs: completed.into_iter().map(run).collect(),
    })
}

fn run(record: &RunRecord) -> GridRun {
    let timings = || record.epochs.iter().map(|epoch| epoch.timing);
    GridRun {
        name: record.key.to_string(),
        threads: record.environment.threads,
        epochs: record.epochs.len(),
        epoch_seconds: timings().map(|timing| timing.train_seconds + timing.evaluation_seconds).sum(),
        compute_seconds: timings().map(|timing| timing.train_compute_seconds + timing.evaluation_compute_seconds).sum(),
        wall_seconds: record.wall_seconds,
        first_step_seconds: record.first_step_seconds,
        peak_memory_bytes: record.peak_memory_bytes,
    }
}
