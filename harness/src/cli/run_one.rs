//! `study run-one`: a single resolved run, for whoever launches runs.

use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use rustix::process::{Signal, parent_process_death_signal, set_parent_process_death_signal};

use super::args::RunOneArguments;
use super::exit::{COMPLETED, CliError, GOES_ON, INTERRUPTED, NOT_ALL_COMPLETED, say};
use super::run::interrupt_on_signals;
use crate::process::adopt_leftovers;
use crate::record::{Outcome, RunEvent, read_json};
use crate::run::{Ending, Job, Lack, NOTICE, Terms, run_one};

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
    let until = arguments.until.map(|seconds| {
        let moment = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        moment.ok_or_else(|| CliError::new("use --until", "it is no moment that can be"))
    });
    let terms = Terms { cores, until: until.transpose()?, interrupt: &interrupt };
    let ending = run_one(&job, terms, &(Rc::new(tell) as _)).map_err(|error| CliError::new("make the run", error))?;
    Ok(match ending {
        Ending::Ended(Outcome::Completed) => COMPLETED,
        Ending::Ended(_) => NOT_ALL_COMPLETED,
        Ending::Interrupted { epochs } if epochs > 0 && arguments.until.is_some() => GOES_ON,
        Ending::Interrupted { .. } => INTERRUPTED,
        Ending::OutOfTime { epochs: 0, lack } => return Err(CliError::new("make the run", too_short(lack))),
        Ending::OutOfTime { epochs, lack } => {
            say(&format!("stopped after {epochs} more epochs, which are kept: {}", wanting(lack)));
            GOES_ON
        }
    })
}

/// Why the next thing was not begun.
fn wanting(lack: Lack) -> String {
    let left = lack.left.as_secs();
    let next = match lack.needs {
        Some(needs) => format!("what comes next takes some {} s", needs.as_secs().max(1)),
        None => "nothing can be begun".into(),
    };
    format!("{next}, and {left} s are left until {} s before the end", NOTICE.as_secs())
}

/// The same, where it would be so the next time too.
fn too_short(lack: Lack) -> String {
    format!("{}; give it more time", wanting(lack))
}
