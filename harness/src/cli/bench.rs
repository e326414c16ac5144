//! `study bench`: how fast the backends are, alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::args::{BenchArguments, Common};
use super::exit::{COMPLETED, CliError, FAILED, NOT_ALL_COMPLETED, print, say};
use super::measurement::keep_in;
use super::memory::estimate;
use crate::bench::{
    BENCH_VERSION, BenchEvent, BenchOptions, BenchRecord, Configuration, Extent, Measured, PeakRecord, base_study,
    configurations, copy_bandwidth, group_memory, matmul_peak, measure, write_bench,
};
use crate::plan::{Asked, Overrides, Study};
use crate::record::{BackendRecord, write_json};
use crate::run::{Catalogue, Machine, Memory, Registry, allowed_cores};

/// What is kept is `bench.json`.
const KIND: &str = "bench";

/// Measures and reports, or reports what was measured before.
pub(super) fn bench(arguments: &BenchArguments, common: &Common) -> Result<u8, CliError> {
    let record = match &arguments.keep.report {
        Some(file) => {
            let record = BenchRecord::read(file).map_err(|error| CliError::new("read the measurement", error))?;
            std::fs::create_dir_all(&arguments.keep.out)
                .map_err(|error| CliError::new(&format!("create {}", arguments.keep.out.display()), error))?;
            write_report(&record, &arguments.keep.out)?;
            record
        }
        None => {
            let start = Instant::now();
            let planned = planned(arguments, common)?;
            let asked = json!({ "study": planned.study.file, "set": arguments.set, "quick": arguments.quick });
            let kept = keep_in(&arguments.keep.out, KIND, &asked, arguments.keep.force)?;
            let record = measured(arguments, &planned, start)?;
            write_json(&kept.folder.join(format!("{KIND}.json")), &record)
                .map_err(|error| CliError::new("keep the measurement", error))?;
            write_report(&record, &kept.folder)?;
            record
        }
    };
    let failed = record.measurements.iter().filter(|row| matches!(row.measured, Measured::Failed { .. })).count();
    Ok(match failed {
        0 if record.unavailable.is_empty() => COMPLETED,
        all if all == record.measurements.len() => FAILED,
        _ => NOT_ALL_COMPLETED,
    })
}

fn write_report(record: &BenchRecord, out: &Path) -> Result<(), CliError> {
    let files = write_bench(record, out).map_err(|error| CliError::new("write the tables", error))?;
    print(&files.iter().map(|path| format!("{}\n", path.display())).collect::<String>())
}

/// What is to be measured, and with whom.
struct Planned {
    study: Study,
    catalogue: Catalogue,
    configurations: Vec<Configuration>,
    cores: usize,
}

fn planned(arguments: &BenchArguments, common: &Common) -> Result<Planned, CliError> {
    let plan = |error: &dyn std::fmt::Display| CliError::new("plan the measurement", error);
    let mut study = base_study(arguments.study.as_deref()).map_err(|error| plan(&error))?;
    if !arguments.names.is_empty() {
        study.file.backends.clone_from(&arguments.names);
    }
    let made_up = |key: &String| key.starts_with("data.") && key != "data.vocabulary_size";
    if let Some((key, _)) = arguments.set.iter().find(|(key, _)| made_up(key)) {
        return Err(plan(&format!(
            "{key} changes nothing: batches are made up, and of the data data.vocabulary_size alone matters"
        )));
    }
    let cores = allowed_cores().len();
    let overrides = Overrides { set: arguments.set.clone(), only: Vec::new(), cores, jobs: 1 };
    let extent = if arguments.quick { Extent::Quick } else { Extent::Full };
    let registry = Registry::new(common.backends.iter().cloned());
    let catalogue = Catalogue::ask(&registry, &study.file.backends);
    let configurations = configurations(&study, catalogue.asked(), &overrides, extent).map_err(|error| plan(&error))?;
    let memory = estimate(group_memory(&configurations, catalogue.asked()), 1, Memory::read())?;
    memory.and_then(|memory| memory.warning).iter().for_each(|warning| say(warning));
    Ok(Planned { study, catalogue, configurations, cores })
}

fn measured(arguments: &BenchArguments, planned: &Planned, start: Instant) -> Result<BenchRecord, CliError> {
    let Planned { study, catalogue, configurations: planned, cores } = planned;
    let asked = catalogue.asked();
    let mut peaks = peaks(planned, arguments.peak.as_deref())?;
    let options = BenchOptions {
        rounds: if arguments.quick { 3 } else { 4 },
        turn: Duration::from_millis(250),
        deadline: arguments.deadline,
    };
    let mut done = 0;
    let of = planned.len();
    let measurements = measure(planned, catalogue, &options, &mut |event| match event {
        BenchEvent::Group(first, count) => {
            say(&format!(
                "{} {}: {count} configurations ({done} of {of} done, {:.0} s gone)",
                first.cell,
                first.factor.name(),
                start.elapsed().as_secs_f64()
            ));
            done += count;
        }
        BenchEvent::Failed(configuration, reason) => {
            say(&format!("{} {} can't be measured: {reason}", configuration.backend, configuration.cell));
        }
    });
    // Once more at the end, so that a machine that has changed meanwhile shows.
    for peak in &mut peaks {
        let again = peak_of(peak.threads, arguments.peak.as_deref())?;
        peak.matmul_gflops.extend(again.matmul_gflops);
        peak.copy_gigabytes.extend(again.copy_gigabytes);
    }
    let device = planned.iter().find_map(|configuration| configuration.protocol.as_ref().ok()).map(|p| p.device);
    Ok(BenchRecord {
        version: BENCH_VERSION,
        environment: Machine::read().environment(
            *cores,
            1,
            &device.map_or_else(|| "cpu".into(), |device| device.to_string()),
        ),
        quick: arguments.quick,
        seconds: start.elapsed().as_secs_f64(),
        backends: backend_records(&study.file.backends, asked),
        unavailable: unavailable(asked),
        peaks,
        measurements,
    })
}

/// What the machine can do with each number of threads that is measured.
fn peaks(planned: &[Configuration], program: Option<&Path>) -> Result<Vec<PeakRecord>, CliError> {
    let threads: BTreeSet<usize> =
        planned.iter().filter_map(|configuration| Some(configuration.protocol.as_ref().ok()?.threads)).collect();
    if program.is_none() {
        say("no --peak: fractions of the matrix-product peak and the roofline are left out");
    }
    threads.into_iter().map(|threads| peak_of(threads, program)).collect()
}

fn peak_of(threads: usize, program: Option<&Path>) -> Result<PeakRecord, CliError> {
    let matmul_gflops = match program {
        None => Vec::new(),
        Some(program) => {
            matmul_peak(program, threads).map_err(|error| CliError::new("measure the machine's peak", error))?
        }
    };
    Ok(PeakRecord { threads, matmul_gflops, copy_gigabytes: copy_bandwidth(threads) })
}

/// The backends that could be asked, with their versions.
pub(super) fn backend_records(names: &[String], asked: &BTreeMap<String, Asked>) -> Vec<BackendRecord> {
    let known = names.iter().filter_map(|name| Some((name, asked.get(name)?.as_ref().ok()?)));
    known.map(|(name, info)| BackendRecord { name: name.clone(), libraries: info.libraries.clone() }).collect()
}

/// The backends that could not, with the reason.
fn unavailable(asked: &BTreeMap<String, Asked>) -> BTreeMap<String, String> {
    asked.iter().filter_map(|(name, answer)| Some((name.clone(), answer.as_ref().err()?.clone()))).collect()
}
