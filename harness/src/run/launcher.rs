//! Starts single runs as processes of their own: whatever happens to one is its outcome and no one else's.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::interrupt::Interrupt;
use super::job::Job;
use super::one::publish_failure;
use super::worker::{LineProcess, NoLine};
use crate::record::{Outcome, RunEvent};

/// How long a run that was asked to stop is waited for.
const STOPPING: Duration = Duration::from_millis(1500);

/// A run that says nothing is waited for as long as it lives: what it waits for itself has its own deadlines.
const NO_LIMIT: Duration = Duration::MAX;

/// Carries out a run in a process of its own, which is told what to do by a file in the folder `resolved`; publishes it as failed if that ends
/// without having done so. Gives how it ended, `None` if it was interrupted.
pub(super) fn launch(
    job: &Job,
    resolved: &Path,
    cores: Option<&[usize]>,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(RunEvent),
) -> Option<Outcome> {
    let start = Instant::now();
    let (fate, last_words) = match start_run(job, resolved, cores, interrupt) {
        Err(reason) => (format!("could not be started: {reason}"), String::new()),
        Ok(mut process) => {
            let ended = follow(&mut process, tell);
            if interrupt.is_set() && ended.is_none() {
                process.process().kill();
                tell(RunEvent::Interrupted);
                return None;
            }
            let fate = process.end();
            let last_words = process.process().last_words();
            match ended {
                Some(RunEvent::Ended { outcome, test_accuracy, seconds }) => {
                    tell(RunEvent::Ended { outcome: outcome.clone(), test_accuracy, seconds });
                    return Some(outcome);
                }
                Some(RunEvent::Kept { outcome }) => return Some(outcome),
                _ => (fate, last_words),
            }
        }
    };
    let cause = last_words.lines().last().map_or_else(String::new, |line| format!(": {line}"));
    let reason = format!("the run's process {fate}{cause}");
    let seconds = start.elapsed().as_secs_f64();
    let failed = Outcome::Failed { reason: reason.clone(), last_words: last_words.clone() };
    let outcome = publish_failure(job, failed, seconds).unwrap_or_else(|error| {
        // The study goes on: this run is made again by the next command.
        Outcome::Failed { reason: format!("{reason}; this could not be recorded: {error}"), last_words }
    });
    tell(RunEvent::Ended { outcome: outcome.clone(), test_accuracy: None, seconds });
    Some(outcome)
}

/// Passes on what a run's process says, until it has ended; gives the event that says how the run did.
fn follow(process: &mut LineProcess, tell: &mut dyn FnMut(RunEvent)) -> Option<RunEvent> {
    let mut last = None;
    let mut until: Option<Instant> = None;
    loop {
        let limit = until.map_or(NO_LIMIT, |until| until.saturating_duration_since(Instant::now()));
        match process.read(limit) {
            Ok(line) => match serde_json::from_str(&line) {
                Ok(event @ RunEvent::Ended { .. }) => last = Some(event),
                // The launcher says itself that a run was interrupted, whether the run still could or not.
                Ok(RunEvent::Interrupted) => {}
                Ok(event) => {
                    if matches!(event, RunEvent::Kept { .. }) {
                        last = Some(event.clone());
                    }
                    tell(event);
                }
                // Whatever is no event comes from a library that prints.
                Err(_) => {}
            },
            Err(NoLine::Interrupted) => {
                process.process().signal(Signal::TERM);
                process.ignore_interrupt();
                until = Some(Instant::now() + STOPPING);
            }
            Err(NoLine::Ended | NoLine::Deadline) => return last,
        }
    }
}

/// Starts the process, once what it is told lies in a file.
fn start_run(
    job: &Job,
    resolved: &Path,
    cores: Option<&[usize]>,
    interrupt: &Interrupt,
) -> Result<LineProcess, String> {
    let file = job.write(resolved).map_err(|error| error.to_string())?;
    LineProcess::start(command(&file, cores), None, Some(interrupt.clone())).map_err(|error| error.to_string())
}

/// This program, told to carry out one run.
fn command(file: &Path, cores: Option<&[usize]>) -> Command {
    // By this name the system finds the program that runs, even if another was built in its place meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("study").arg("run-one").arg(file);
    if let Some(cores) = cores {
        let list: Vec<_> = cores.iter().map(ToString::to_string).collect();
        command.arg("--cores").arg(list.join(","));
    }
    command
}
