//! `study run-one`: a single resolved run, for whoever launches runs.

use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::args::RunOneArguments;
use super::exit::{COMPLETED, CliError, INTERRUPTED, NOT_ALL_COMPLETED};
use super::run::interrupt_on_signals;
use crate::record::{Outcome, RunEvent, read_json};
use crate::run::{Job, run_one};

/// How often it is said how far a run is.
const OFTEN: Duration = Duration::from_millis(100);

/// Makes the run and prints its events. A run that failed is a run that was made: its record says how.
pub(super) fn run_one_job(arguments: &RunOneArguments) -> Result<u8, CliError> {
    let interrupt = interrupt_on_signals()?;
    let job: Job = read_json(&arguments.job).map_err(|error| CliError::new("read the run", error))?;
    let cores = (!arguments.cores.is_empty()).then_some(arguments.cores.as_slice());
    let said = Cell::new(None::<Instant>);
    let tell = move |event: &RunEvent| {
        let now = Instant::now();
        if event.is_passing() && said.get().is_some_and(|before| now - before < OFTEN) {
            return;
        }
        said.set(Some(now));
        // A launcher that is gone has ended this process, or is content with the record.
        if let Ok(line) = serde_json::to_string(event) {
            let _ = writeln!(io::stdout(), "{line}");
        }
    };
    let outcome = run_one(&job, cores, &interrupt, &(Rc::new(tell) as _))
        .map_err(|error| CliError::new("make the run", error))?;
    Ok(match outcome {
        None => INTERRUPTED,
        Some(Outcome::Completed) => COMPLETED,
        Some(_) => NOT_ALL_COMPLETED,
    })
}
