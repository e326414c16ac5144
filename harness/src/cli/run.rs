//! `study run`: every run that has not ended yet, then the report.

use std::path::PathBuf;

use super::archive::unpack_into;
use super::args::{Common, Jobs, RunArguments};
use super::data::{descriptor, encoded_data};
use super::exit::{COMPLETED, CliError, INTERRUPTED, NOT_ALL_COMPLETED, print, say};
use super::progress::Display;
use super::report::write_report;
use crate::plan::{Overrides, Study, plan_text, resolve, resolve_data};
use crate::run::{Catalogue, Circumstances, Interrupt, Registry, Surroundings, allowed_cores, prepare, run_grid};

/// Runs a study.
pub(super) fn run(arguments: &RunArguments, common: &Common) -> Result<u8, CliError> {
    let study = Study::read(&arguments.study).map_err(|error| CliError::new("read the study", error))?;
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
    if arguments.dry_run {
        print(&plan_text(&runs, &settings))?;
        return Ok(COMPLETED);
    }
    for (name, reason) in catalogue.asked().iter().filter_map(|(name, answer)| Some((name, answer.as_ref().err()?))) {
        say(&format!("backend {name} can't be started: {reason}"));
    }
    let data = encoded_data(&settings, &arguments.from, common)?;
    let directory = arguments.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(&study.file.name));
    if let Some(archive) = &arguments.archive {
        unpack_into(archive, &directory, Some(&study.file.name))?;
    }
    let circumstances = Circumstances { jobs, deadline_seconds: arguments.deadline.as_secs_f64() };
    let surroundings = Surroundings {
        catalogue: &catalogue,
        data: &data.summary,
        data_dir: &common.data_dir,
        directory: &directory,
        circumstances,
    };
    let prepared = prepare(&study, &runs, &surroundings).map_err(|error| CliError::new("set up the grid", error))?;
    // Each run reads them itself.
    drop(data);
    let interrupt = interrupt_on_signals()?;
    let mut display = Display::new(&prepared.costs());
    let summary = run_grid(&prepared, &interrupt, &mut |event| display.show(&event));
    display.finish();
    if summary.interrupted {
        say("stopped. Runs that had ended are kept; the same command does the rest.");
        return Ok(INTERRUPTED);
    }
    write_report(&directory, &directory.join("report"))?;
    if study.file.demonstration {
        say("\nThis was a demonstration on part of the corpus; its figures stand for nothing.\n\
             The full study: study run harness/studies/grid.toml --jobs auto (or `just study`)");
    }
    Ok(if summary.not_completed == 0 { COMPLETED } else { NOT_ALL_COMPLETED })
}

/// A latch that the first SIGINT, SIGTERM or SIGHUP sets; the second one ends the program at once.
pub(super) fn interrupt_on_signals() -> Result<Interrupt, CliError> {
    Interrupt::on_signals(INTERRUPTED).map_err(|error| CliError::new("listen for signals", error))
}
