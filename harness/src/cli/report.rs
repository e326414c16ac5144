//! `study report`: tables and figures from a study's records.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::args::ReportArguments;
use super::audit::findings;
use super::check::open;
use super::claims::judged;
use super::exit::{COMPLETED, CliError, NOT_ALL_COMPLETED, print, say};
use crate::record::{PlannedRun, StudyResults, draft_place, missing_runs};
use crate::report::{self, Sources};
use crate::run::holder_of_run;
use crate::tensorboard::write_study;

/// Writes a study's report and prints the files it consists of.
pub(super) fn report(arguments: &ReportArguments) -> Result<u8, CliError> {
    let out = arguments.out.clone().unwrap_or_else(|| place_beside(&arguments.study));
    let missing = arguments.wait.map(|most| wait_for_runs(&arguments.study, most)).transpose()?.unwrap_or_default();
    let study = open(&arguments.study)?;
    let others = arguments.beside.iter().map(|place| open(place)).collect::<Result<Vec<_>, _>>()?;
    let judging: Vec<_> = [&study].into_iter().chain(&others).map(|own| &own.results).collect();
    let claims = arguments.claims.as_deref().map(|file| judged(file, &judging)).transpose()?;
    let audit = arguments.audit.as_deref().map(findings).transpose()?;
    let claims = claims.map(|(_, judged)| judged);
    let sources = Sources { published: None, claims: claims.as_ref(), audit: audit.as_ref(), style: arguments.style };
    write(&study.results, sources, &out)?;
    if arguments.tensorboard {
        let beside = arguments.out.is_none() && arguments.study.is_dir();
        let folder = if beside { &arguments.study } else { &out }.join("tensorboard");
        write_study(&study.results, &folder).map_err(|error| CliError::new("write event files", error))?;
        print(&format!("{}\n", folder.display()))?;
    }
    missing.iter().for_each(|run| say(&absence(&arguments.study, run)));
    Ok(if missing.is_empty() { COMPLETED } else { NOT_ALL_COMPLETED })
}

/// How often it is looked for runs that are not there.
const OFTEN: Duration = Duration::from_secs(1);

/// Waits until every run of a plan that can be made has left its record, for so long at most; gives those that have not.
fn wait_for_runs(study: &Path, most: Duration) -> Result<Vec<PlannedRun>, CliError> {
    let start = Instant::now();
    loop {
        let missing = missing_runs(study).map_err(|error| CliError::new("look for the runs", error))?;
        let left = most.saturating_sub(start.elapsed());
        if missing.is_empty() || left.is_zero() {
            return Ok(missing);
        }
        sleep(OFTEN.min(left));
    }
}

/// What is known of a run that is not there.
fn absence(study: &Path, run: &PlannedRun) -> String {
    let place = study.join(&run.directory);
    let why = match holder_of_run(&place) {
        Some(holder) => format!("it is claimed by {holder}"),
        None if draft_place(&place).exists() => "it was begun, and whoever made it has ended".into(),
        None => "it was not begun".into(),
    };
    format!("missing: {}: {why}", run.key)
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
    write(&open(study)?.results, Sources::default(), out)
}

fn write(results: &StudyResults, sources: Sources<'_>, out: &Path) -> Result<(), CliError> {
    let published = report::published().map_err(|error| CliError::new("read the published figures", error))?;
    let sources = Sources { published: Some(&published), ..sources };
    let files = report::write(results, &sources, out).map_err(|error| CliError::new("write the report", error))?;
    print_files(&files)
}

/// Prints the places of files, a line each.
pub(super) fn print_files(files: &[PathBuf]) -> Result<(), CliError> {
    let lines: String = files.iter().map(|path| format!("{}\n", path.display())).collect();
    print(&lines)
}
