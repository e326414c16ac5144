//! `study list`, `show` and `diff`: looking at what there is.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::args::{DiffArguments, ListArguments, RUNS, ShowArguments};
use super::check::open;
use super::exit::{COMPLETED, CliError, print, print_json, say};
use crate::look::{
    Looked, difference, is_study, run_lines, run_page, runs_table, studies_below, studies_table, study_of,
};

/// Lists the studies in a folder, or the runs of a study.
pub(super) fn list(arguments: &ListArguments) -> Result<u8, CliError> {
    let place = &arguments.place;
    if is_study(place) {
        let lines = run_lines(&open(place)?.results);
        return write(arguments.json, &lines, || runs_table(&lines));
    }
    let studies = match studies_below(place) {
        // Where no study was ever run there is no folder of runs.
        Err(error) if error.kind() == io::ErrorKind::NotFound && place == Path::new(RUNS) => Vec::new(),
        found => found.map_err(|error| CliError::new("list studies", format!("{}: {error}", place.display())))?,
    };
    if studies.is_empty() {
        say(&format!(
            "no study in {}; `study run grid` makes one (a study is a directory with a study.json)",
            place.display()
        ));
    }
    write(arguments.json, &studies, || studies_table(&studies))
}

/// Shows a run.
pub(super) fn show(arguments: &ShowArguments) -> Result<u8, CliError> {
    let doing = "show the run";
    let looked = look_at(&arguments.run, doing)?;
    let Some(run) = looked.run() else {
        let names: Vec<_> = looked.study().runs.iter().map(|run| run.planned.key.to_string()).collect();
        let reason = format!("{} is a study; name one of its runs: {}", arguments.run.display(), names.join(", "));
        return Err(CliError::new(doing, reason));
    };
    write(arguments.json, &run.record, || run_page(run))
}

/// Compares two runs or two studies.
pub(super) fn diff(arguments: &DiffArguments) -> Result<u8, CliError> {
    let (a, b) = (look_at(&arguments.a, "compare")?, look_at(&arguments.b, "compare")?);
    if a.run().is_some() != b.run().is_some() {
        return Err(CliError::new("compare", "one is a run and the other a study; give two of a kind"));
    }
    let found = difference(&a, &b).map_err(|error| CliError::new("compare", error))?;
    write(arguments.json, &found, || found.page())
}

fn look_at(path: &Path, doing: &str) -> Result<Looked, CliError> {
    let home = study_of(path).map_err(|error| CliError::new(doing, error))?;
    Looked::at(path, home, open(home)?).map_err(|error| CliError::new(doing, error))
}

/// Prints JSON, or text.
fn write<T: Serialize>(json: bool, value: &T, text: impl FnOnce() -> String) -> Result<u8, CliError> {
    if json { print_json(value) } else { print(&text()) }?;
    Ok(COMPLETED)
}
