//! `study lockstep`: two backends step by step on the same batches, and where they part.

use std::path::Path;

use harness_contract::CellKind;
use serde_json::json;

use super::args::{Common, LockstepArguments};
use super::data::encoded_data;
use super::exit::{COMPLETED, CliError, INTERRUPTED, NOT_ALL_COMPLETED, print, print_json, say};
use super::lockstep_progress::Display;
use super::measurement::{Kept, keep_in};
use super::memory::estimate;
use super::run::interrupt_on_signals;
use crate::lockstep::{
    Comparison, Ending, InertSetting, LOCKSTEP_VERSION, LockstepError, LockstepEvent, LockstepRecord, SideRequest,
    SidesRequest, WalkOptions, lockstep_text, plan_lockstep, reading_steps, walk_all, write_lockstep,
};
use crate::plan::{Division, Overrides, Study, resolve_data};
use crate::record::{read_json, write_json};
use crate::run::{Catalogue, Machine, Memory, Registry};

/// What is kept is `lockstep.json`.
const KIND: &str = "lockstep";

/// What is compared where no study is named: the published model on the whole corpus.
const PUBLISHED: &str = r#"
name = "lockstep"
title = "The published model"
division = "matched"
backends = ["a"]
cells = ["rnn", "lstm", "gru"]
seeds = [1]
"#;

impl From<LockstepError> for CliError {
    fn from(error: LockstepError) -> Self {
        Self::new("compare the two", error)
    }
}

/// Walks both backends and prints the report. A side that parts is no failure; a comparison that did not complete is.
pub(super) fn lockstep(arguments: &LockstepArguments, common: &Common) -> Result<u8, CliError> {
    let request = request(arguments)?;
    let registry = Registry::new(common.backends.iter().cloned());
    let catalogue = Catalogue::ask(&registry, &request.backends());
    let overrides = Overrides { set: request.set.clone(), ..Overrides::default() };
    let settings = resolve_data(&request.study, &overrides).map_err(|error| CliError::new("settle the data", error))?;
    let cells: Vec<CellKind> =
        if arguments.cell.is_empty() { request.study.file.cells.clone() } else { arguments.cell.clone() };
    let plan = plan_lockstep(&request, &cells, arguments.floor, &catalogue, settings.vocabulary_size)?;
    let reviews = settings.sizes().map(|(_, size)| size).iter().sum();
    let memory = estimate(plan.memory(reviews), 1, Memory::read())?;
    memory.and_then(|memory| memory.warning).iter().for_each(|warning| say(warning));
    let data = encoded_data(&settings, &arguments.from, common)?;
    let kept = kept(arguments, &request, &data.summary.hash)?;
    let file = kept.as_ref().map(|kept| kept.folder.join(format!("{KIND}.json")));
    // Of other settings nothing is taken over.
    let before = earlier(file.as_deref())?;
    let (earlier, inert) = if kept.as_ref().is_some_and(|kept| kept.same) { before } else { Default::default() };
    let mut record = LockstepRecord {
        version: LOCKSTEP_VERSION,
        division: match request.division {
            Division::Native => "native".into(),
            Division::Matched => "matched".into(),
        },
        matched_to: request.model(catalogue.asked()),
        sides: request.names(),
        dropout_switched_off: request.switches_dropout_off(),
        steps: arguments.steps,
        seed: arguments.seed,
        data_hash: data.summary.hash.clone(),
        // Both sides compute at once; each comparison has its own threads.
        environment: Machine::read().environment(1, 2, "cpu"),
        comparisons: Vec::new(),
        inert,
    };
    let interrupt = interrupt_on_signals()?;
    let readings = reading_steps(arguments.steps, arguments.weights_every);
    let options = WalkOptions { data: &data, readings: &readings, deadline: arguments.deadline, interrupt: &interrupt };
    let mut display = Display::new(plan.len(), arguments.steps);
    let mut tell = |event: LockstepEvent<'_>| -> Result<(), CliError> {
        display.show(&event);
        match (event, &file) {
            (LockstepEvent::Ended(record), Some(file)) => keep(file, record),
            _ => Ok(()),
        }
    };
    let all = walk_all(&plan, &options, &mut record, earlier, &mut tell)?;
    display.finish();
    if let Some(file) = &file {
        keep(file, &record)?;
    }
    if !all {
        let again = if file.is_some() { "; the same command does the rest" } else { "" };
        say(&format!("stopped{again}"));
        return Ok(INTERRUPTED);
    }
    if arguments.json { print_json(&record) } else { print(&lockstep_text(&record)) }?;
    if let Some(kept) = &kept {
        let files = write_lockstep(&record, &kept.folder).map_err(|error| CliError::new("write the report", error))?;
        files.iter().for_each(|path| say(&format!("written {}", path.display())));
    }
    let completed = record.comparisons.iter().all(|own| own.ending == Ending::Completed);
    Ok(if completed { COMPLETED } else { NOT_ALL_COMPLETED })
}

fn request(arguments: &LockstepArguments) -> Result<SidesRequest, CliError> {
    let study = match &arguments.study {
        Some(path) => Study::find(path),
        None => Study::parse(PUBLISHED, Path::new("the published study")),
    }
    .map_err(|error| CliError::new("read the study", error))?;
    let side = |backend: &String, set: &[(String, String)]| SideRequest { backend: backend.clone(), set: set.to_vec() };
    Ok(SidesRequest {
        variant: arguments.variant.clone(),
        division: arguments.division.unwrap_or(study.file.division),
        matched_to: arguments.matched_to.clone().or_else(|| study.file.matched_to.clone()),
        sides: [side(&arguments.a, &arguments.set_a), side(&arguments.b, &arguments.set_b)],
        set: arguments.set.clone(),
        seed: arguments.seed,
        study,
    })
}

/// Where the record is kept. Cells and floors are no part of what is asked: a call for others adds to what is there.
fn kept(arguments: &LockstepArguments, request: &SidesRequest, data: &str) -> Result<Option<Kept>, CliError> {
    let Some(out) = &arguments.out else { return Ok(None) };
    let mut study = request.study.file.clone();
    study.cells.clear();
    let sides = request.sides.each_ref().map(|side| json!({ "backend": side.backend, "set": side.set }));
    let asked = json!({
        "sides": sides,
        "study": study,
        "variant": request.variant,
        "division": request.division,
        "matched_to": request.matched_to,
        "set": request.set,
        "seed": request.seed,
        "steps": arguments.steps,
        "weights_every": arguments.weights_every,
        "data": data,
    });
    keep_in(out, KIND, &asked, arguments.force).map(Some)
}

/// What an earlier command with the same settings left: comparisons, and what was inert in them.
fn earlier(file: Option<&Path>) -> Result<(Vec<Comparison>, Vec<InertSetting>), CliError> {
    match file.filter(|file| file.exists()) {
        None => Ok((Vec::new(), Vec::new())),
        Some(file) => {
            read_json::<LockstepRecord>(file).map(|record| (record.comparisons, record.inert)).map_err(|error| {
                CliError::new(
                    "read what was compared before",
                    format!("{error}; delete the file to compare everything anew"),
                )
            })
        }
    }
}

fn keep(file: &Path, record: &LockstepRecord) -> Result<(), CliError> {
    write_json(file, record).map_err(|error| CliError::new("write the record", error))
}
