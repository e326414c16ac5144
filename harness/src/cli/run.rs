//! `study run`: every run that has not ended yet, then the report.

use std::path::{Path, PathBuf};

use super::archive::unpack_into;
use super::args::{Common, Jobs, RunArguments};
use super::data::{descriptor, encoded_data};
use super::exit::{COMPLETED, CliError, INTERRUPTED, NOT_ALL_COMPLETED, print, print_json, say};
use super::memory::{estimate, needs};
use super::places::data_directory;
use super::progress::Display;
use super::report::write_report;
use crate::plan::{Overrides, Study, plan_json, plan_text, resolve, resolve_data};
use crate::record::read_study;
use crate::run::{
    Catalogue, Circumstances, Interrupt, Memory, Registry, Surroundings, allowed_cores, prepare, run_grid,
};
use crate::tensorboard::Live;

/// Runs a study.
pub(super) fn run(arguments: &RunArguments, common: &Common) -> Result<u8, CliError> {
    let study = Study::find(&arguments.study).map_err(|error| CliError::new("read the study", error))?;
    let directory = arguments.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(&study.file.name));
    let data_dir = data_directory(common.data_dir.as_deref())?;
    check_paths(&directory, &data_dir, common)?;
    let cores = allowed_cores().len();
    let jobs = match arguments.jobs {
        Jobs::Auto => cores,
        Jobs::Count(count) => count,
    };
    let overrides = Overrides { set: arguments.set.clone(), only: arguments.only.clone(), cores, jobs };
    let registry = Registry::new(common.backends.iter().cloned());
    let catalogue = Catalogue::ask(&registry, &study.file.backends);
    let runs =
        resolve(&study, catalogue.asked(), &overrides).map_err(|error| CliError::new("plan the study", error))?;
    let settings = resolve_data(&study, &overrides).map_err(|error| CliError::new("plan the study", error))?;
    let corpus = descriptor(&settings, common)?;
    settings.check_against(&corpus).map_err(|error| CliError::new("plan the study", error))?;
    let reviews = settings.sizes().map(|(_, size)| size).iter().sum();
    let needs = needs(&runs, catalogue.asked(), settings.vocabulary_size, reviews);
    let memory = estimate(needs, jobs, Memory::read())?;
    if arguments.dry_run {
        let memory = memory.map(|memory| memory.line);
        if arguments.json {
            print_json(&plan_json(&runs, &settings, memory.as_deref()))?;
        } else {
            let memory = memory.map_or_else(String::new, |line| format!("\nmemory  {line}\n"));
            print(&(plan_text(&runs, &settings) + &memory))?;
        }
        return Ok(COMPLETED);
    }
    memory.and_then(|memory| memory.warning).iter().for_each(|warning| say(warning));
    for (name, reason) in catalogue.asked().iter().filter_map(|(name, answer)| Some((name, answer.as_ref().err()?))) {
        say(&format!("backend {name} can't be started: {reason}"));
    }
    let data = encoded_data(&settings, &arguments.from, common)?;
    if let Some(archive) = &arguments.archive {
        unpack_into(archive, &directory, Some(&study.file.name))?;
    }
    let circumstances = Circumstances { jobs, deadline_seconds: arguments.deadline.as_secs_f64() };
    let surroundings = Surroundings {
        catalogue: &catalogue,
        data: &data.summary,
        data_dir: &data_dir,
        directory: &directory,
        circumstances,
    };
    let prepared = prepare(&study, &runs, &surroundings).map_err(|error| CliError::new("set up the grid", error))?;
    // Each run reads them itself.
    drop(data);
    let interrupt = interrupt_on_signals()?;
    let mut display = Display::new(&prepared.costs());
    let mut live = arguments.tensorboard.then(|| event_files(&directory)).transpose()?;
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
    write_report(&directory, &directory.join("report"))?;
    if let Some(live) = &live {
        print(&format!("{}\n", live.folder().display()))?;
    }
    if study.file.demonstration {
        say("\nThis was a demonstration on part of the corpus; its figures stand for nothing.\n\
             The full study: study run grid --jobs auto");
    }
    Ok(if summary.not_completed == 0 { COMPLETED } else { NOT_ALL_COMPLETED })
}

/// Refuses places that a run's file can't name: those that are no UTF-8.
fn check_paths(directory: &Path, data_dir: &Path, common: &Common) -> Result<(), CliError> {
    let named = common.backends.iter().map(|(_, program)| ("--backend", program.as_path()));
    for (what, path) in [("--out", directory), ("--data-dir", data_dir)].into_iter().chain(named) {
        let absolute = std::path::absolute(path).map_err(|error| CliError::new(&format!("use {what}"), error))?;
        if absolute.to_str().is_none() {
            let reason = format!("{} is no UTF-8, and records have to name it", absolute.display());
            return Err(CliError::new(&format!("use {what}"), reason));
        }
    }
    Ok(())
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
