//! `study bench-peers --whole`: the plain scripts over real Keras and PyTorch, each from start to end.

use std::path::Path;

use serde_json::json;

use super::args::{BenchPeersArguments, Common};
use super::bench_peers::{Prepared, base_protocol, overrides, prepare, protocols, shape, threads_of};
use super::exit::{COMPLETED, CliError, NOT_ALL_COMPLETED, print, say};
use super::measurement::keep_in;
use crate::bench::peers::{Whole, WholeEvent, WholeRecord, WholeScript, run_whole, whole_scripts};
use crate::bench::{BENCH_VERSION, write_whole_runs};
use crate::record::{read_json, write_json};
use crate::run::Machine;

/// What is kept is `whole.json`.
const KIND: &str = "whole";

/// Runs what is not in the record yet, keeps each run as it ends, and reports.
pub(super) fn whole(arguments: &BenchPeersArguments, common: &Common) -> Result<u8, CliError> {
    if let Some(file) = &arguments.keep.report {
        let record = read_json(file).map_err(|error| CliError::new("read the whole runs", error))?;
        std::fs::create_dir_all(&arguments.keep.out)
            .map_err(|error| CliError::new(&format!("create {}", arguments.keep.out.display()), error))?;
        write_report(&record, &arguments.keep.out)?;
        return Ok(COMPLETED);
    }
    let Prepared { scripts, grids, frameworks, study, catalogue, data, arrays, cores } = prepare(arguments, common)?;
    let base = base_protocol(&study, catalogue.asked(), &overrides(arguments, cores, cores), &frameworks)?;
    let shape = shape(&data, &base);
    // Cells and frameworks say what is run now, not what is kept.
    let asked = json!({ "set": arguments.set, "data": data.summary.hash, "epochs": shape.epochs });
    let kept = keep_in(&arguments.keep.out, KIND, &asked, arguments.keep.force)?;
    let file = kept.folder.join(format!("{KIND}.json"));
    let known = (kept.same && file.exists()).then(|| read_json::<WholeRecord>(&file)).transpose();
    // What has ended is hours of work: a record that can't be read is told, not replaced.
    let known = known.map_err(|error| CliError::new("read the whole runs", error))?;
    let mut record =
        known.unwrap_or(WholeRecord { version: BENCH_VERSION, shape, runs: Vec::new(), grids: Vec::new() });
    for grid in grids {
        record.take(grid);
    }
    write_json(&file, &record).map_err(|error| CliError::new("keep the whole runs", error))?;

    let task = Whole {
        machine: &Machine::read(),
        device: base.device,
        arrays: &arrays,
        scripts: &scripts,
        vocabulary: data.summary.vocabulary_size,
        deadline: arguments.deadline,
    };
    let ways = threads_of(arguments, &[cores, 1]);
    let left: Vec<WholeScript> = whole_scripts(&study.file.cells, &frameworks, cores, &ways)
        .into_iter()
        .filter(|script| record.runs.iter().all(|run| run.script != *script))
        .collect();
    let (mut failed, mut lost) = (false, None);
    for threads in ways {
        let mut own = Vec::new();
        for script in left.iter().filter(|script| script.threads == threads) {
            let overrides = overrides(arguments, cores, script.threads);
            let protocols = protocols(&study, catalogue.asked(), &overrides, script.cell, &[script.framework])?;
            for (_, protocol) in protocols {
                match protocol {
                    Ok(protocol) => own.push((script.clone(), protocol)),
                    Err(reason) => {
                        failed = true;
                        say(&format!("{} can't be run: {reason}", words(script)));
                    }
                }
            }
        }
        run_whole(&task, own, &mut |event| {
            let (script, came) = match event {
                WholeEvent::Start(script) => {
                    say(&format!("{} started", words(&script)));
                    return true;
                }
                WholeEvent::Line(script, line) => {
                    say(&format!("{} {line}", words(&script)));
                    return true;
                }
                WholeEvent::End(script, came) => (script, came),
            };
            let run = match came {
                Ok(run) => run,
                Err(reason) => {
                    failed = true;
                    say(&format!("{} can't be measured: {reason}", words(&script)));
                    return true;
                }
            };
            say(&format!("{} took {:.0} s", words(&script), run.wall_seconds));
            record.runs.push(*run);
            match write_json(&file, &record) {
                Ok(()) => true,
                Err(error) => {
                    lost = Some(CliError::new("keep the whole runs", error));
                    false
                }
            }
        });
        if let Some(error) = lost {
            return Err(error);
        }
    }
    write_report(&record, &kept.folder)?;
    Ok(if failed { NOT_ALL_COMPLETED } else { COMPLETED })
}

fn write_report(record: &WholeRecord, out: &Path) -> Result<(), CliError> {
    let files = write_whole_runs(record, out).map_err(|error| CliError::new("write the tables", error))?;
    print(&files.iter().map(|path| format!("{}\n", path.display())).collect::<String>())
}

fn words(script: &WholeScript) -> String {
    format!("{}, {}, {} at once:", script.name, script.cell, script.at_once)
}
