//! `study run-one`: a single resolved run, for whoever launches runs.

use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::process::{Signal, parent_process_death_signal, set_parent_process_death_signal};

use super::args::RunOneArguments;
use super::exit::{COMPLETED, CliError, INTERRUPTED, NOT_ALL_COMPLETED};
use super::run::interrupt_on_signals;
use crate::process::adopt_leftovers;
use crate::record::{Outcome, RunEvent, read_json};
use crate::run::{Job, run_one};

/// How often it is said how far a run is.
const OFTEN: Duration = Duration::from_millis(100);

/// A launcher's death ends this process like any signal from now on, not at once: what the worker has started in sessions of its own would be left.
fn outlive_the_launcher() -> Result<(), CliError> {
    let tied = parent_process_death_signal().is_ok_and(|signal| signal.is_some());
    let told = if tied { set_parent_process_death_signal(Some(Signal::TERM)) } else { Ok(()) };
    told.map_err(|error| CliError::new("be told when the launcher ends", error))
}

/// Makes the run and prints its events. A run that failed is a run that was made: its record says how.
pub(super) fn run_one_job(arguments: &RunOneArguments) -> Result<u8, CliError> {
    let interrupt = interrupt_on_signals()?;
    outlive_the_launcher()?;
    adopt_leftovers();
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
