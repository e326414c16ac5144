//! `study report`: tables and figures from a study's records.

use std::path::Path;

use super::args::ReportArguments;
use super::exit::{COMPLETED, CliError, print};
use crate::record::load_study;
use crate::report;

/// Writes a study's report and prints the files it consists of.
pub(super) fn report(arguments: &ReportArguments) -> Result<u8, CliError> {
    let out = arguments.out.clone().unwrap_or_else(|| arguments.directory.join("report"));
    write_report(&arguments.directory, &out)?;
    Ok(COMPLETED)
}

/// Writes the report of the study in `directory` into `out`, and prints the files' places.
pub(super) fn write_report(directory: &Path, out: &Path) -> Result<(), CliError> {
    let results = load_study(directory).map_err(|error| CliError::new("read the study's records", error))?;
    let published = report::published().map_err(|error| CliError::new("read the published figures", error))?;
    let files =
        report::write(&results, Some(&published), out).map_err(|error| CliError::new("write the report", error))?;
    let lines: String = files.iter().map(|path| format!("{}\n", path.display())).collect();
    print(&lines)
}
