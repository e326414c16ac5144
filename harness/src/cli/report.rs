//! `study report`: tables and figures from a study's records.

use std::path::{Path, PathBuf};

use super::args::ReportArguments;
use super::exit::{COMPLETED, CliError, print, say};
use crate::record::{StudyResults, open_study};
use crate::report;

/// Writes a study's report and prints the files it consists of.
pub(super) fn report(arguments: &ReportArguments) -> Result<u8, CliError> {
    let out = arguments.out.clone().unwrap_or_else(|| place_beside(&arguments.study));
    write_report(&arguments.study, &out)?;
    Ok(COMPLETED)
}

/// Where the report of a study goes unless given: into its directory, or beside its archive.
fn place_beside(study: &Path) -> PathBuf {
    if !study.is_file() {
        return study.join("report");
    }
    let name = study.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.strip_suffix(".zst").unwrap_or(&name);
    study.with_file_name(format!("{}-report", stem.strip_suffix(".tar").unwrap_or(stem)))
}

/// Writes the report of the study in a directory or an archive into `out`, and prints the files' places.
pub(super) fn write_report(study: &Path, out: &Path) -> Result<(), CliError> {
    let study = open_study(study).map_err(|error| CliError::new("read the study's records", error))?;
    say_damaged(&study.results);
    let published = report::published().map_err(|error| CliError::new("read the published figures", error))?;
    let files = report::write(&study.results, Some(&published), out)
        .map_err(|error| CliError::new("write the report", error))?;
    let lines: String = files.iter().map(|path| format!("{}\n", path.display())).collect();
    print(&lines)
}

/// Names the runs of a study that can't be believed, which are left out of whatever is made of it.
pub(super) fn say_damaged(results: &StudyResults) {
    for run in results.runs.iter().chain(&results.earlier) {
        if let Some(reason) = &run.damaged {
            say(&format!("{} ({}) can't be believed: {reason}", run.planned.key, run.planned.directory));
        }
    }
}
