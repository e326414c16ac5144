//! `study check`: whether every run of a study is as it was written. An archive is looked through in a process of its own: the reader of its tables may end the
//! process that calls it, on a table that was made to do that.

use std::fmt::Display;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde_json::json;

use super::args::CheckArguments;
use super::exit::{COMPLETED, CliError, NOT_ALL_COMPLETED, print, print_json, say};
use crate::process::ChildProcess;
use crate::record::{
    self, OpenStudy, Outcome, PREDICTIONS, RunResult, STEPS, StudyResults, read_predictions, read_steps,
};

/// The most memory, in bytes of address space, and the most processor time, in seconds, that looking through an archive may take.
const MOST_MEMORY: u64 = 16 << 30;
const MOST_SECONDS: u64 = 600;

/// How long that is waited for, on a machine that has other things to do.
const LONGEST: Duration = Duration::from_secs(3600);

/// Prints how each run stands.
pub(super) fn check(arguments: &CheckArguments) -> Result<u8, CliError> {
    let place = &arguments.study;
    if place.is_file() && !arguments.here {
        let status = looked_through(place, Said::All { json: arguments.json })?;
        return status.code().and_then(|code| u8::try_from(code).ok()).ok_or_else(|| ended(place, status));
    }
    if arguments.here {
        for (resource, most) in [(Resource::As, MOST_MEMORY), (Resource::Cpu, MOST_SECONDS), (Resource::Core, 0)] {
            let limit = Rlimit { current: Some(most), maximum: Some(most) };
            setrlimit(resource, limit)
                .map_err(|error| CliError::new("limit what reading an archive may take", error))?;
        }
    }
    let study = record::open_study(place).map_err(doing)?;
    let StudyResults { runs, earlier, .. } = &study.results;
    let mut damaged = 0;
    let mut text = String::new();
    let mut rows = Vec::new();
    for run in runs.iter().chain(earlier) {
        let reason = run.damaged.clone().or_else(|| unreadable(run));
        damaged += usize::from(reason.is_some());
        let state = match (&reason, &run.record) {
            (Some(reason), _) => format!("damaged: {reason}"),
            (None, Some(record)) => format!("whole, {}", record.outcome.name()),
            (None, None) => "not there".to_owned(),
        };
        rows.push(json!({
            "run": run.planned.key.to_string(),
            "directory": run.planned.directory,
            "damaged": reason,
            "outcome": run.record.as_ref().map(|record| record.outcome.name()),
        }));
        text.push_str(&format!("{}  {state}\n", run.planned.key));
    }
    if arguments.json { print_json(&rows) } else { print(&text) }?;
    Ok(if damaged == 0 { COMPLETED } else { NOT_ALL_COMPLETED })
}

/// Reads a study from its directory, or from an archive that another process has looked through before. Names the runs that can't be believed.
pub(super) fn open(place: &Path) -> Result<OpenStudy, CliError> {
    look_through(place)?;
    let study = record::open_study(place).map_err(doing)?;
    for run in study.results.runs.iter().chain(&study.results.earlier) {
        if let Some(reason) = &run.damaged {
            say(&format!("{} ({}) can't be believed: {reason}", run.planned.key, run.planned.directory));
        }
    }
    Ok(study)
}

/// Refuses an archive that ends the process which reads it. What else is wrong with it is found by whoever opens it next.
pub(super) fn look_through(place: &Path) -> Result<(), CliError> {
    if !place.is_file() {
        return Ok(());
    }
    let status = looked_through(place, Said::Nothing)?;
    if status.code().is_some() { Ok(()) } else { Err(ended(place, status)) }
}

/// What the process that looks through an archive says.
enum Said {
    Nothing,
    All { json: bool },
}

/// Looks through an archive in a process of its own.
fn looked_through(place: &Path, said: Said) -> Result<ExitStatus, CliError> {
    let program = std::env::current_exe().map_err(|error| CliError::new("find this program", error))?;
    let mut command = Command::new(program);
    command.args(["check", "--here"]);
    let into: Box<dyn Write + Send> = match said {
        Said::Nothing => Box::new(io::sink()),
        Said::All { json } => {
            command.args(json.then_some("--json"));
            Box::new(io::stdout())
        }
    };
    command.arg("--").arg(place);
    let doing = |error| CliError::new("look through the archive", error);
    let mut process = ChildProcess::start(command, None, None).map_err(doing)?;
    let ended = process.follow(into, LONGEST).map_err(doing)?;
    let words = process.last_words();
    if matches!(said, Said::All { .. }) && !words.is_empty() {
        say(&words);
    }
    ended.ok_or_else(|| doing(io::ErrorKind::TimedOut.into()))
}

fn ended(place: &Path, status: ExitStatus) -> CliError {
    let signal = status.signal().map_or_else(String::new, |signal| format!(" by signal {signal}"));
    doing(format_args!("{}: reading its tables ended the program that did{signal}; get another copy", place.display()))
}

fn doing(error: impl Display) -> CliError {
    CliError::new("read the study's records", error)
}

/// What is wrong with the tables of a whole run.
fn unreadable(run: &RunResult) -> Option<String> {
    let record = run.record.as_ref()?;
    let steps = run.directory.join(STEPS);
    let read = match record.outcome {
        Outcome::Completed => read_predictions(&run.directory.join(PREDICTIONS)).map(drop),
        _ => Ok(()),
    };
    // Records of the first format have no steps.
    let read = read.and_then(|()| if steps.exists() { read_steps(&steps).map(drop) } else { Ok(()) });
    read.err().map(|error| error.of_file())
}
