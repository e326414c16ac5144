//! `study diagnose`: why runs are at chance.

use super::args::DiagnoseArguments;
use super::check::open;
use super::exit::{COMPLETED, CliError, print, print_json};
use crate::diagnosis::{Diagnosis, details, diagnose as diagnosed, overview};
use crate::record::RunResult;

/// Prints how each run of a study stands, with a cause for each alarm; or the same of one run. An alarm is a finding and no failure.
pub(super) fn diagnose(arguments: &DiagnoseArguments) -> Result<u8, CliError> {
    let study = open(&arguments.study)?;
    let results = &study.results;
    let of = |run: &RunResult| diagnosed(run).map_err(|error| CliError::new("read a run's predictions", error));
    let all = || results.runs.iter().chain(&results.earlier);
    match &arguments.run {
        None => {
            let found = all().map(of).collect::<Result<Vec<Diagnosis>, _>>()?;
            if arguments.json { print_json(&found) } else { print(&overview(&results.study.title, &found)) }
        }
        Some(name) => {
            let run = all().find(|run| {
                run.planned.key.to_string() == *name || run.planned.directory.rsplit('/').next() == Some(name)
            });
            let Some(run) = run else {
                let known: Vec<_> = all().map(|run| run.planned.key.to_string()).collect();
                let reason = format!("no run is named `{name}`; there are {}", known.join(", "));
                return Err(CliError::new("diagnose a run", reason));
            };
            let found = of(run)?;
            if arguments.json { print_json(&found) } else { print(&details(&found)) }
        }
    }?;
    Ok(COMPLETED)
}
