//! `study bench-peers`: the backends beside plain scripts over real Keras and PyTorch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use harness_contract::CellKind;
use serde_json::json;

use super::args::{BenchPeersArguments, Common};
use super::bench::backend_records;
use super::bench_whole::whole;
use super::check::open;
use super::data::encoded_data;
use super::exit::{COMPLETED, CliError, NOT_ALL_COMPLETED, print, say};
use super::measurement::keep_in;
use super::places::data_directory;
use crate::bench::peers::{
    Comparing, EncodingRecord, EncodingTask, Framework, GridRecord, GridShape, PeerEvent, PeerMeasured, PeersRecord,
    Scripts, UNCOUNTED_STEPS, compare, compare_encoding, export, grid_record,
};
use crate::bench::{BENCH_VERSION, base_study, write_peers};
use crate::data::{EncodedData, Source, tokenizer_path};
use crate::plan::{Asked, Overrides, Protocol, Study, resolve, resolve_data};
use crate::record::{read_json, write_json};
use crate::run::{Catalogue, Machine, Registry, allowed_cores};

/// What is kept is `peers.json`.
const KIND: &str = "peers";

/// Compares and reports, or reports what was compared before.
pub(super) fn bench_peers(arguments: &BenchPeersArguments, common: &Common) -> Result<u8, CliError> {
    if arguments.whole {
        return whole(arguments, common);
    }
    let record = match &arguments.keep.report {
        Some(file) => {
            let record = read_json(file).map_err(|error| CliError::new("read the comparison", error))?;
            std::fs::create_dir_all(&arguments.keep.out)
                .map_err(|error| CliError::new(&format!("create {}", arguments.keep.out.display()), error))?;
            write_report(&record, &arguments.keep.out)?;
            record
        }
        None => compared(arguments, common)?,
    };
    let mut subjects = record.comparisons.iter().flat_map(|comparison| &comparison.subjects);
    let failed = subjects.any(|subject| matches!(subject.measured, PeerMeasured::Failed { .. }));
    Ok(if failed { NOT_ALL_COMPLETED } else { COMPLETED })
}

fn write_report(record: &PeersRecord, out: &Path) -> Result<(), CliError> {
    let files = write_peers(record, out).map_err(|error| CliError::new("write the tables", error))?;
    print(&files.iter().map(|path| format!("{}\n", path.display())).collect::<String>())
}

/// Compares, keeps what came of it, and reports.
fn compared(arguments: &BenchPeersArguments, common: &Common) -> Result<PeersRecord, CliError> {
    let start = Instant::now();
    if arguments.grid.len() > 1 {
        return Err(CliError::new("compare with the peers", "only --whole takes several grids; give one --grid"));
    }
    let Prepared { scripts, grids, frameworks, study, catalogue, data, arrays, cores } = &prepare(arguments, common)?;
    let (cores, answers) = (*cores, catalogue.asked());
    let overrides = |threads: usize| overrides(arguments, cores, threads);
    let doing = |error: &dyn std::fmt::Display| CliError::new("compare with the peers", error);

    let (rounds, steps, batches) = if arguments.quick { (2, 3, 1) } else { (5, 8, 2) };
    let base = &base_protocol(study, answers, &overrides(cores), frameworks)?;
    let comparing = Comparing {
        data,
        arrays,
        scripts,
        catalogue,
        rounds,
        steps,
        reviews: batches * base.evaluation_batch_size,
        deadline: arguments.deadline,
    };
    comparing.check(base.batch_size).map_err(|error| doing(&error))?;
    let asked = json!({
        "backends": study.file.backends,
        "cells": study.file.cells,
        "set": arguments.set,
        "threads": arguments.threads,
        "quick": arguments.quick,
        "encoding": !arguments.no_encoding,
    });
    let kept = keep_in(&arguments.keep.out, KIND, &asked, arguments.keep.force)?;
    let mut comparisons = Vec::new();
    let mut libraries = BTreeMap::new();
    for threads in threads_of(arguments, &[1, cores]) {
        for &cell in &study.file.cells {
            say(&format!("{cell}, {threads} threads ({:.0} s gone)", start.elapsed().as_secs_f64()));
            let protocols = protocols(study, answers, &overrides(threads), cell, frameworks)?;
            let comparison = compare(&comparing, cell, &protocols, threads, &mut libraries, &mut tell)
                .map_err(|error| doing(&error))?;
            comparisons.push(comparison);
        }
    }
    let encoding = match arguments.no_encoding {
        true => None,
        false => encoding(arguments, common, data, scripts, arrays, cores)?,
    };
    let record = PeersRecord {
        version: BENCH_VERSION,
        environment: Machine::read().environment(cores, 1, &base.device.to_string()),
        quick: arguments.quick,
        seconds: start.elapsed().as_secs_f64(),
        backends: backend_records(&study.file.backends, answers),
        libraries,
        rows: base.batch_size,
        time: base.max_length,
        evaluation_rows: base.evaluation_batch_size,
        steps_per_turn: steps,
        uncounted_steps: UNCOUNTED_STEPS,
        shape: shape(data, base),
        comparisons,
        encoding,
        grid: grids.first().cloned(),
    };
    write_json(&kept.folder.join(format!("{KIND}.json")), &record)
        .map_err(|error| CliError::new("keep the comparison", error))?;
    write_report(&record, &kept.folder)?;
    Ok(record)
}

/// What both kinds of comparison begin with.
pub(super) struct Prepared {
    pub(super) scripts: Scripts,
    /// The grids that were named.
    pub(super) grids: Vec<GridRecord>,
    pub(super) frameworks: Vec<Framework>,
    pub(super) study: Study,
    pub(super) catalogue: Catalogue,
    pub(super) data: EncodedData,
    /// Where the scripts find the reviews.
    pub(super) arrays: PathBuf,
    pub(super) cores: usize,
}

/// Finds scripts and backends, and writes the reviews down for the scripts.
pub(super) fn prepare(arguments: &BenchPeersArguments, common: &Common) -> Result<Prepared, CliError> {
    let doing = |error: &dyn std::fmt::Display| CliError::new("compare with the peers", error);
    let scripts =
        Scripts::locate(arguments.python.as_deref(), arguments.scripts.as_deref()).map_err(|error| doing(&error))?;
    let mut grids = Vec::new();
    for directory in &arguments.grid {
        grids.extend(grid_record(&open(directory)?.results));
    }
    let frameworks = frameworks(&arguments.names)?;
    let mut study = base_study(None).map_err(|error| doing(&error))?;
    study.file.backends = frameworks.iter().map(|framework| framework.backend().to_owned()).collect();
    if !arguments.cell.is_empty() {
        study.file.cells.clone_from(&arguments.cell);
    }
    let cores = allowed_cores().len();
    let registry = Registry::new(common.backends.iter().cloned());
    let catalogue = Catalogue::ask(&registry, &study.file.backends);
    let settings = resolve_data(&study, &overrides(arguments, cores, cores)).map_err(|error| doing(&error))?;
    let data = encoded_data(&settings, &arguments.from, common)?;
    let arrays = data_directory(common.data_dir.as_deref())?.join("peers");
    export(&data, &arrays).map_err(|error| doing(&error))?;
    Ok(Prepared { scripts, grids, frameworks, study, catalogue, data, arrays, cores })
}

/// The numbers of threads that were asked for, or else these; each once.
pub(super) fn threads_of(arguments: &BenchPeersArguments, otherwise: &[usize]) -> Vec<usize> {
    let asked = if arguments.threads.is_empty() { otherwise } else { &arguments.threads };
    asked.iter().enumerate().filter(|(at, n)| !asked[..*at].contains(n)).map(|(_, n)| *n).collect()
}

/// Static batches, because steps of different lengths can't be compared.
pub(super) fn overrides(arguments: &BenchPeersArguments, cores: usize, threads: usize) -> Overrides {
    let own = [("batching".to_owned(), "static".to_owned())];
    let set = [&own[..], &arguments.set, &[("threads".to_owned(), threads.to_string())]].concat();
    Overrides { set, only: Vec::new(), cores, jobs: 1 }
}

/// The settings of the first backend that can be asked.
pub(super) fn base_protocol(
    study: &Study,
    asked: &BTreeMap<String, Asked>,
    overrides: &Overrides,
    frameworks: &[Framework],
) -> Result<Protocol, CliError> {
    let mut reasons = Vec::new();
    for (_, protocol) in protocols(study, asked, overrides, study.file.cells[0], frameworks)? {
        match protocol {
            Ok(protocol) => return Ok(protocol),
            Err(reason) => reasons.push(reason),
        }
    }
    Err(CliError::new("compare with the peers", format!("no backend can be started: {}", reasons.join("; "))))
}

/// What a run of these settings consists of.
pub(super) fn shape(data: &EncodedData, protocol: &Protocol) -> GridShape {
    GridShape {
        epochs: protocol.epochs,
        steps: data.train.len().div_ceil(protocol.batch_size),
        validation: data.validation.len(),
        test: data.test.len(),
    }
}

fn tell(event: PeerEvent<'_>) {
    match event {
        PeerEvent::Start(name) => say(&format!("  starting {name}")),
        PeerEvent::Round(round) => say(&format!("  round {round}")),
        PeerEvent::Failed(name, reason) => say(&format!("  {name} can't be measured: {reason}")),
    }
}

/// The frameworks behind these backends.
fn frameworks(names: &[String]) -> Result<Vec<Framework>, CliError> {
    if names.is_empty() {
        return Ok(Framework::ALL.to_vec());
    }
    let of = |name: &String| Framework::ALL.into_iter().find(|framework| framework.backend() == name);
    let unknown = |name: &String| {
        let known = Framework::ALL.map(Framework::backend).join(" and ");
        CliError::new("compare with the peers", format!("`{name}` has no peer; those that have are {known}"))
    };
    names.iter().map(|name| of(name).ok_or_else(|| unknown(name))).collect()
}

/// Those of each framework, or why there are none.
type Protocols = Vec<(Framework, Result<Protocol, String>)>;

/// The settings of the backend behind each framework.
pub(super) fn protocols(
    study: &Study,
    asked: &BTreeMap<String, Asked>,
    overrides: &Overrides,
    cell: CellKind,
    frameworks: &[Framework],
) -> Result<Protocols, CliError> {
    let runs = resolve(study, asked, overrides).map_err(|error| CliError::new("compare with the peers", error))?;
    let protocol = |framework: &Framework| {
        let run = runs.iter().find(|run| run.key.cell == cell && run.key.backend == framework.backend())?;
        Some((*framework, run.settings.as_ref().map(|settings| settings.protocol.clone()).map_err(Clone::clone)))
    };
    Ok(frameworks.iter().filter_map(protocol).collect())
}

/// Times the encoding of the corpus; `None` where the corpus is not the package's file, which the script reads.
fn encoding(
    arguments: &BenchPeersArguments,
    common: &Common,
    data: &EncodedData,
    scripts: &Scripts,
    arrays: &Path,
    threads: usize,
) -> Result<Option<EncodingRecord>, CliError> {
    let data_dir = data_directory(common.data_dir.as_deref())?;
    let corpus = match &arguments.from {
        Source::Named(path) => path.clone(),
        Source::Default => data_dir.join("downloads").join("reviews.json"),
    };
    if !corpus.is_file() || corpus.extension().is_none_or(|extension| extension != "json") {
        say("encoding is left out: it needs the corpus as the package's reviews.json");
        return Ok(None);
    }
    say("encoding the corpus");
    let data_settings = arguments.set.iter().filter(|(key, _)| key.starts_with("data."));
    let mut own: Vec<String> =
        data_settings.flat_map(|(key, value)| ["--set".into(), format!("{key}={value}")]).collect();
    if let Some(sources) = &common.sources {
        own.extend(["--sources".into(), sources.display().to_string()]);
    }
    let task = EncodingTask {
        corpus,
        tokenizer: tokenizer_path(&data_dir, &data.summary),
        arrays,
        arguments: own,
        data,
        threads,
        rounds: if arguments.quick { 1 } else { 3 },
    };
    compare_encoding(&task, scripts).map(Some).map_err(|error| CliError::new("time the encoding", error))
}
