//! Lists of studies, and of a study's runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use harness_statistics::metrics::Metric;
use harness_text::numbers::{self, NONE};
use harness_text::{Align, Table};
use serde::Serialize;

use super::place::is_study;
use crate::record::{Outcome, RunRecord, RunResult, StudyResults, load_study};
use crate::report::standing;

/// How many folders deep studies are looked for.
const DEPTH: usize = 4;

/// A study in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct StudyLine {
    /// Its directory.
    pub(crate) directory: PathBuf,
    /// Its name; `None` if its `study.json` can't be read.
    pub(crate) study: Option<String>,
    /// Why it can't be read.
    pub(crate) unreadable: Option<String>,
    /// Runs of its plan.
    pub(crate) planned: usize,
    /// Those that completed.
    pub(crate) completed: usize,
    /// Those that ended otherwise.
    pub(crate) ended: usize,
    /// Those whose records can't be believed.
    pub(crate) damaged: usize,
    /// Runs of earlier plans that have ended.
    pub(crate) earlier: usize,
    /// When its latest run began, in seconds since 1970-01-01 UTC.
    pub(crate) latest_unix: Option<u64>,
    /// The size of everything in it.
    pub(crate) bytes: u64,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RunLine {
    /// Its name, e.g. `libtorch-gru-base-s1`.
    pub(crate) run: String,
    /// How it stands.
    pub(crate) standing: &'static str,
    /// Whether the plan has it, or only an earlier one.
    pub(crate) planned: bool,
    /// Finished epochs.
    pub(crate) epochs: Option<usize>,
    /// Accuracy on the test split.
    pub(crate) accuracy: Option<f64>,
    /// Area under the ROC curve on the test split.
    pub(crate) auc: Option<f64>,
    /// When it began, in seconds since 1970-01-01 UTC.
    pub(crate) started_unix: Option<u64>,
    /// How long it took, in seconds.
    pub(crate) wall_seconds: Option<f64>,
    /// The size of its files.
    pub(crate) bytes: u64,
    /// Its directory.
    pub(crate) directory: PathBuf,
}

/// Every study in a folder and the folders below it, by place.
///
/// # Errors
/// If the folder can't be read. One below that can't be read is passed over.
pub(crate) fn studies_below(root: &Path) -> io::Result<Vec<StudyLine>> {
    let mut found = Vec::new();
    look_below(root, DEPTH, &mut found)?;
    found.sort_by(|one: &StudyLine, other| one.directory.cmp(&other.directory));
    Ok(found)
}

fn look_below(folder: &Path, depth: usize, found: &mut Vec<StudyLine>) -> io::Result<()> {
    if is_study(folder) {
        found.push(study_line(folder));
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if depth > 0 && entry.file_type()?.is_dir() {
            let _unreadable = look_below(&entry.path(), depth - 1, found);
        }
    }
    Ok(())
}

fn study_line(directory: &Path) -> StudyLine {
    let bytes = size(directory);
    let nothing = StudyLine {
        directory: directory.into(),
        study: None,
        unreadable: None,
        planned: 0,
        completed: 0,
        ended: 0,
        damaged: 0,
        earlier: 0,
        latest_unix: None,
        bytes,
    };
    let results = match load_study(directory) {
        Ok(results) => results,
        Err(error) => return StudyLine { unreadable: Some(error.to_string()), ..nothing },
    };
    let completed = |run: &&RunResult| run.record.as_ref().is_some_and(|own| own.outcome == Outcome::Completed);
    let records = || results.runs.iter().chain(&results.earlier).filter_map(|run| run.record.as_ref());
    let completed = results.runs.iter().filter(completed).count();
    StudyLine {
        study: Some(results.study.name.clone()),
        planned: results.runs.len(),
        completed,
        ended: results.runs.iter().filter(|run| run.record.is_some()).count() - completed,
        damaged: results.runs.iter().filter(|run| run.damaged.is_some()).count(),
        earlier: results.earlier.iter().filter(|run| run.record.is_some()).count(),
        latest_unix: records().map(|record| record.environment.started_unix).max(),
        ..nothing
    }
}

/// The runs of a study: those of its plan, then those of earlier ones that left anything.
pub(crate) fn run_lines(results: &StudyResults) -> Vec<RunLine> {
    let line = |run: &RunResult, planned: bool| {
        let record = run.record.as_ref();
        let test = |key: &str| Metric::named(key)?.of(record?.test.as_ref()?);
        RunLine {
            run: run.planned.key.to_string(),
            standing: standing(run),
            planned,
            epochs: record.map(|record| record.epochs.len()),
            accuracy: test("accuracy"),
            auc: test("auc"),
            started_unix: record.map(|record| record.environment.started_unix),
            wall_seconds: record.map(|record: &RunRecord| record.wall_seconds),
            bytes: size(&run.directory),
            directory: run.directory.clone(),
        }
    };
    let earlier = results.earlier.iter().filter(|run| run.record.is_some() || run.damaged.is_some());
    results.runs.iter().map(|run| line(run, true)).chain(earlier.map(|run| line(run, false))).collect()
}

/// Studies as a table, with their age now.
pub(crate) fn studies_table(studies: &[StudyLine]) -> String {
    let mut table = Table::new([
        ("directory", Align::Left),
        ("study", Align::Left),
        ("runs", Align::Right),
        ("completed", Align::Right),
        ("ended otherwise", Align::Right),
        ("damaged", Align::Right),
        ("of earlier plans", Align::Right),
        ("latest run began", Align::Right),
        ("size", Align::Right),
    ]);
    for line in studies {
        let name = match (&line.study, &line.unreadable) {
            (Some(name), _) => name.clone(),
            (None, reason) => format!("can't be read: {}", reason.as_deref().unwrap_or(NONE)),
        };
        let counts = [line.planned, line.completed, line.ended, line.damaged, line.earlier];
        let mut row = vec![line.directory.display().to_string(), name];
        row.extend(counts.map(|count| numbers::count(count as u64)));
        row.extend([age(line.latest_unix), numbers::bytes(line.bytes)]);
        table.push(row);
    }
    table.to_terminal()
}

/// Runs as a table, with their age now.
pub(crate) fn runs_table(runs: &[RunLine]) -> String {
    let mut table = Table::new([
        ("run", Align::Left),
        ("standing", Align::Left),
        ("epochs", Align::Right),
        ("accuracy", Align::Right),
        ("AUC", Align::Right),
        ("began", Align::Right),
        ("seconds", Align::Right),
        ("size", Align::Right),
        ("directory", Align::Left),
    ]);
    let metric = |value: Option<f64>| value.map_or_else(|| NONE.into(), numbers::metric);
    for line in runs {
        let plan = if line.planned { "" } else { ", of an earlier plan" };
        table.push(vec![
            line.run.clone(),
            format!("{}{plan}", line.standing),
            line.epochs.map_or_else(|| NONE.into(), |epochs| epochs.to_string()),
            metric(line.accuracy),
            metric(line.auc),
            age(line.started_unix),
            line.wall_seconds.map_or_else(|| NONE.into(), numbers::seconds),
            numbers::bytes(line.bytes),
            line.directory.display().to_string(),
        ]);
    }
    table.to_terminal()
}

/// How long ago something was, e.g. `3 h ago`.
fn age(unix: Option<u64>) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    unix.map_or_else(|| NONE.into(), |then| format!("{} ago", numbers::rough_time(now.saturating_sub(then) as f64)))
}

/// The bytes of every plain file in a folder and below; what can't be read counts nothing.
pub(crate) fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |about| about.len()),
        _ => 0,
    };
    entries.map(of).sum()
}
