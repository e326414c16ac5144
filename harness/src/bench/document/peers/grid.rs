//! The whole grid: the scripts by extrapolation, ours as it was run; and what the harness adds to computing.

use harness_contract::CellKind;

use super::or_none;
use crate::bench::document::words::{memory, ratio};
use crate::bench::peers::{Framework, GridRecord, GridRun, PeersRecord, Role};
use harness_statistics::samples::Spread;
use harness_text::numbers::{count, percent, seconds, significant};
use harness_text::{Align, Table};

/// Whose time a row of the table is: that of the fastest with one of these roles, cell by cell.
const PLAIN: &[Role] = &[Role::Plain];
const FASTEST: &[Role] = &[Role::Plain, Role::Tuned];
const OURS: &[Role] = &[Role::Backend];

/// Seconds that the three runs of a framework would take in the whole grid, one after the other, by the medians of steps and reviews;
/// `None` unless every cell was measured.
fn extrapolated(record: &PeersRecord, framework: Framework, roles: &[Role], threads: usize) -> Option<f64> {
    let shape = record.shape;
    let median = |samples: &[f64]| Spread::of(samples.iter().copied()).map(|spread| spread.median);
    let mut total = 0.0;
    for cell in CellKind::ALL {
        let comparison = record.comparisons.iter().find(|own| own.cell == cell && own.threads == threads)?;
        let subjects = comparison.subjects.iter().filter(|own| own.framework == framework && roles.contains(&own.role));
        let seconds = subjects.filter_map(|own| {
            let timing = own.timing()?;
            let (step, review) = (median(&timing.step_seconds)?, median(&timing.review_seconds)?);
            let epoch = shape.steps as f64 * step + shape.validation as f64 * review;
            Some(f64::from(shape.epochs) * epoch + shape.test as f64 * review)
        });
        total += seconds.min_by(f64::total_cmp)?;
    }
    Some(total)
}

/// Seconds of both frameworks together.
fn both(record: &PeersRecord, roles: &[Role], threads: usize) -> Option<f64> {
    Framework::ALL.iter().map(|framework| extrapolated(record, *framework, roles, threads)).sum()
}

/// The threads that were measured, ascending.
fn threads(record: &PeersRecord) -> Vec<usize> {
    let mut all: Vec<usize> = record.comparisons.iter().map(|comparison| comparison.threads).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The measured grid over the plain scripts with the number of threads that is faster for them; `None` unless both are known and the
/// grid is the one that is extrapolated.
pub(super) fn ratio_to_scripts(record: &PeersRecord) -> Option<f64> {
    ratio_to(record, PLAIN)
}

fn ratio_to(record: &PeersRecord, roles: &[Role]) -> Option<f64> {
    let run = record.grid.as_ref()?;
    let whole = run.not_completed == 0
        && run.runs.len() == CellKind::ALL.len() * Framework::ALL.len()
        && run.runs.iter().all(|own| own.epochs == record.shape.epochs as usize);
    let scripts = threads(record).into_iter().filter_map(|threads| both(record, roles, threads));
    whole
        .then(|| scripts.fold(f64::INFINITY, f64::min))
        .filter(|fastest| fastest.is_finite())
        .map(|fastest| run.wall_seconds / fastest)
}

/// Extrapolated and measured times of the whole grid.
pub(super) fn whole(record: &PeersRecord) -> String {
    let mut table = Table::new([
        ("who", Align::Left),
        ("threads", Align::Right),
        ("Keras or TensorFlow, s", Align::Right),
        ("PyTorch or libtorch, s", Align::Right),
        ("together, s", Align::Right),
    ]);
    for (who, roles) in [
        ("plain scripts, one run after the other", PLAIN),
        ("the fastest script of each run", FASTEST),
        ("our backends, one run after the other", OURS),
    ] {
        for threads in threads(record) {
            let of = |framework| extrapolated(record, framework, roles, threads);
            let [keras, pytorch] = Framework::ALL.map(of);
            // Without every cell there is nothing to extrapolate.
            if keras.is_none() && pytorch.is_none() {
                continue;
            }
            let [keras, pytorch] = [keras, pytorch].map(|total| or_none(total.map(seconds)));
            table.push(vec![
                who.into(),
                threads.to_string(),
                keras,
                pytorch,
                or_none(both(record, roles, threads).map(seconds)),
            ]);
        }
    }
    if table.is_empty() {
        return String::new();
    }
    let shape = record.shape;
    let mut text = format!(
        "By the medians of steps and predictions: two frameworks, three cells, {} epochs of {} steps, {} reviews of validation after each, {} of test \
         at the end. Starting is left out.\n\n{}",
        shape.epochs,
        shape.steps,
        count(shape.validation as u64),
        count(shape.test as u64),
        table.to_markdown()
    );
    if let Some(run) = &record.grid {
        text.push_str(&format!(
            "\nThe study `{}` was run with {} runs at once: {} completed, {} not, {} s from the start of the first to the end of the last.",
            run.study,
            run.jobs,
            run.runs.len(),
            run.not_completed,
            seconds(run.wall_seconds)
        ));
        match (ratio_to_scripts(record), ratio_to(record, FASTEST)) {
            (Some(plain), Some(fastest)) => text.push_str(&format!(
                " That is {} of the plain scripts, and {} of the fastest ones, each with the number of threads that is faster for them.\n",
                ratio(plain),
                ratio(fastest)
            )),
            _ => {
                text.push_str(" It is not the grid above, or a part of that was not measured, so there is no ratio.\n")
            }
        }
    }
    text
}

/// The share of the epochs' wall time in which the worker did not compute.
fn lost(run: &GridRun) -> Option<f64> {
    (run.epoch_seconds > 0.0).then(|| 1.0 - run.compute_seconds / run.epoch_seconds)
}

/// The same over all runs.
pub(super) fn total_overhead(grid: &GridRecord) -> Option<f64> {
    let sum = |of: fn(&GridRun) -> f64| grid.runs.iter().map(of).sum::<f64>();
    let epochs = sum(|run| run.epoch_seconds);
    (epochs > 0.0).then(|| 1.0 - sum(|run| run.compute_seconds) / epochs)
}

/// What the harness adds, run by run.
pub(super) fn overhead(record: &PeersRecord) -> String {
    let Some(grid) = &record.grid else { return String::new() };
    let mut table = Table::new([
        ("run", Align::Left),
        ("threads", Align::Right),
        ("epochs, s", Align::Right),
        ("computing, s", Align::Right),
        ("else", Align::Right),
        ("whole run, s", Align::Right),
        ("first step, s", Align::Right),
        ("memory", Align::Right),
    ]);
    for run in &grid.runs {
        table.push(vec![
            run.name.clone(),
            run.threads.to_string(),
            seconds(run.epoch_seconds),
            seconds(run.compute_seconds),
            or_none(lost(run).map(percent)),
            seconds(run.wall_seconds),
            or_none(run.first_step_seconds.map(significant)),
            memory(run.peak_memory_bytes),
        ]);
    }
    let total = or_none(total_overhead(grid).map(percent));
    format!(
        "Training and validation of every epoch by the clock, and the seconds of it that the workers spent computing. Of all epochs together {total} is \
         something else.\n\n{}",
        table.to_markdown()
    )
}
