//! `study run`: every run that has not ended yet, then the report.

use std::path::Path;

use super::archive::unpack_into;
use super::args::{Common, Jobs, RunArguments};
use super::exit::{COMPLETED, CliError, INTERRUPTED, NOT_ALL_COMPLETED, print, print_json, say};
use super::memory::estimate;
use super::planned::Planned;
use super::progress::Display;
use super::report::{print_files, write_report};
use crate::plan::{plan_json, plan_text};
use crate::record::read_study;
use crate::report::current;
use crate::run::{Interrupt, Memory, allowed_cores, run_grid};
use crate::tensorboard::Live;

/// Runs a study.
pub(super) fn run(arguments: &RunArguments, common: &Common) -> Result<u8, CliError> {
    let cores = allowed_cores().len();
    let jobs = match arguments.jobs {
        Jobs::Auto => cores,
        Jobs::Count(count) => count,
    };
    let planned = Planned::new(&arguments.plan, common, cores, jobs)?;
    let (study, directory) = (&planned.study, planned.directory.as_path());
    let memory = estimate(planned.needs.clone(), jobs, Memory::read())?;
    if arguments.dry_run {
        let memory = memory.map(|memory| memory.line);
        if arguments.json {
            print_json(&plan_json(&planned.runs, &planned.settings, memory.as_deref()))?;
        } else {
            let memory = memory.map_or_else(String::new, |line| format!("\nmemory  {line}\n"));
            print(&(plan_text(&planned.runs, &planned.settings) + &memory))?;
        }
        return Ok(COMPLETED);
    }
    memory.and_then(|memory| memory.warning).iter().for_each(|warning| say(warning));
    let prepared = planned.prepare(&arguments.plan, common, jobs, || {
        let Some(archive) = &arguments.archive else { return Ok(()) };
        unpack_into(archive, directory, Some(&study.file.name)).map(drop)
    })?;
    let interrupt = interrupt_on_signals()?;
    let mut display = Display::new(&prepared.costs());
    let mut live = arguments.tensorboard.then(|| event_files(directory)).transpose()?;
    let summary = run_grid(&prepared, &interrupt, &mut |event| {
        display.show(&event);
        // Runs go on without.
        if let Err(error) = live.as_mut().map_or(Ok(()), |live| live.write(&event.key, &event.event)) {
            display.line(&format!("no more event files for TensorBoard: {error}"));
            live = None;
        }
    });
    display.finish();
    if summary.interrupted {
        say("stopped. Runs that had ended are kept; the same command does the rest.");
        return Ok(INTERRUPTED);
    }
    let report = directory.join("report");
    // Drawing every figure anew takes longer than looking at every run.
    match current(directory, &report) {
        Some(files) => print_files(&files)?,
        None => write_report(directory, &report)?,
    }
    if let Some(live) = &live {
        print(&format!("{}\n", live.folder().display()))?;
    }
    if study.file.demonstration {
        say("\nThis was a demonstration on part of the corpus; its figures stand for nothing.\n\
             The full study: study run grid --jobs auto");
    }
    Ok(if summary.not_completed == 0 { COMPLETED } else { NOT_ALL_COMPLETED })
}

/// Writes event files of the study in this directory, whose plan is there.
fn event_files(directory: &Path) -> Result<Live, CliError> {
    let study = read_study(directory).map_err(|error| CliError::new("read the plan", error))?;
    Ok(Live::new(directory, &study.map(|study| study.runs).unwrap_or_default()))
}

/// A latch that the first SIGINT, SIGTERM or SIGHUP sets; the second one ends the program at once.
pub(super) fn interrupt_on_signals() -> Result<Interrupt, CliError> {
    Interrupt::on_signals(INTERRUPTED).map_err(|error| CliError::new("listen for signals", error))
}
