//! `study report`: tables and figures from a study's records.

use std::path::Path;

use super::args::ReportArguments;
use super::audit::findings;
use super::claims::judged;
use super::exit::{COMPLETED, CliError, print};
use crate::record::{StudyResults, load_study};
use crate::report::{self, Sources};

/// Writes a study's report and prints the files it consists of.
pub(super) fn report(arguments: &ReportArguments) -> Result<u8, CliError> {
    let out = arguments.out.clone().unwrap_or_else(|| arguments.directory.join("report"));
    let results = read(&arguments.directory)?;
    let claims = arguments.claims.as_deref().map(|file| judged(file, std::slice::from_ref(&results))).transpose()?;
    let audit = arguments.audit.as_deref().map(findings).transpose()?;
    let claims = claims.map(|(_, judged)| judged);
    let sources = Sources { published: None, claims: claims.as_ref(), audit: audit.as_ref() };
    write(&results, sources, &out)?;
    Ok(COMPLETED)
}

/// Writes the report of the study in `directory` into `out`, and prints the files' places.
pub(super) fn write_report(directory: &Path, out: &Path) -> Result<(), CliError> {
    write(&read(directory)?, Sources::default(), out)
}

fn read(directory: &Path) -> Result<StudyResults, CliError> {
    load_study(directory).map_err(|error| CliError::new("read the study's records", error))
}

fn write(results: &StudyResults, sources: Sources<'_>, out: &Path) -> Result<(), CliError> {
    let published = report::published().map_err(|error| CliError::new("read the published figures", error))?;
    let sources = Sources { published: Some(&published), ..sources };
    let files = report::write(results, &sources, out).map_err(|error| CliError::new("write the report", error))?;
    let lines: String = files.iter().map(|path| format!("{}\n", path.display())).collect();
    print(&lines)
}
