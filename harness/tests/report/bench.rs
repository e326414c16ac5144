//! Reports of synthetic benchmarks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use harness::bench::peers::{
    Comparison, EncodingRecord, Framework, GridRecord, GridRun, GridShape, PeerMeasured, PeerTiming, PeersRecord, Role,
    SubjectRecord, WholeRecord, WholeRun, WholeScript, grid_record,
};
use harness::bench::{BENCH_VERSION, BenchRecord, Factor, Measured, Measurement, PeakRecord, Sample, Timing};
use harness::bench::{write_bench, write_peers, write_whole_runs};
use harness::contract::{CellKind, Kernel, LibraryVersion, ModelSpec};
use harness::record::{BackendRecord, Environment, read_json};
use tempfile::TempDir;

use super::figures::labels;
use super::fixture;

const BACKENDS: [&str; 2] = ["tensorflow", "libtorch"];

fn backends() -> Vec<BackendRecord> {
    let record = |name: &str| BackendRecord {
        name: name.into(),
        libraries: vec![LibraryVersion { name: name.into(), version: "2.0".into() }],
    };
    BACKENDS.map(record).into()
}

/// Five samples around so many milliseconds; 0.15 ms more is the pipe.
fn samples(milliseconds: f64) -> Vec<Sample> {
    let sample = |factor: f64| Sample {
        compute_seconds: factor * milliseconds / 1e3,
        round_trip_seconds: factor * milliseconds / 1e3 + 1.5e-4,
    };
    [1.0, 0.98, 1.25, 1.02, 0.99].map(sample).into()
}

/// A step costs what a machine of 60 thousand million operations a second would take that also moves 8 thousand million bytes a second.
fn measurement(
    factor: Factor,
    backend: &str,
    cell: CellKind,
    change: impl Fn(&mut ModelSpec, &mut usize),
) -> Measurement {
    let protocol = fixture::protocol(backend == "libtorch", cell, "base");
    let (mut model, mut rows) = (protocol.model_spec(cell, 30_000, 1), 32);
    change(&mut model, &mut rows);
    let work = harness::bench::training_step(&model, rows, model.max_time).total();
    let slower = if model.kernel == Kernel::Stock { 2.0 } else { 1.0 } * if backend == "libtorch" { 0.8 } else { 1.0 };
    let milliseconds = slower * (work.operations as f64 / (30e6 * model.threads as f64) + work.bytes as f64 / 8e6);
    let timing = Timing {
        start_seconds: 1.25,
        peak_memory_bytes: Some(524_288_000),
        train: samples(milliseconds),
        predict: samples(2.0 * milliseconds),
    };
    Measurement {
        factor,
        backend: backend.into(),
        rows,
        time: model.max_time,
        evaluation_rows: 250,
        model,
        measured: Measured::Timed { timing },
    }
}

/// Everything measured, but one configuration that could not be.
pub(crate) fn measured() -> BenchRecord {
    let mut all = Vec::new();
    for cell in CellKind::ALL {
        for backend in BACKENDS {
            for kernel in [Kernel::Fused, Kernel::Stock] {
                for threads in [1, 2] {
                    all.push(measurement(Factor::Kernel, backend, cell, |model, _| {
                        (model.kernel, model.threads) = (kernel, threads);
                    }));
                }
            }
        }
        for backend in BACKENDS {
            let own = |model: &mut ModelSpec| (model.kernel, model.threads) = (Kernel::Fused, 2);
            for time in [100, 200, 400] {
                all.push(measurement(Factor::Length, backend, cell, |model, _| {
                    own(model);
                    model.max_time = time;
                }));
            }
            for hidden in [64, 128, 256] {
                all.push(measurement(Factor::Hidden, backend, cell, |model, _| {
                    own(model);
                    model.hidden_size = hidden;
                }));
            }
            for rows in [8, 32, 128] {
                all.push(measurement(Factor::Batch, backend, cell, |model, own_rows| {
                    own(model);
                    *own_rows = rows;
                }));
            }
            for words in [3_000, 30_000, 90_000] {
                all.push(measurement(Factor::Vocabulary, backend, cell, |model, _| {
                    own(model);
                    model.vocabulary_size = words;
                }));
            }
        }
    }
    if let Some(last) = all.last_mut() {
        last.measured = Measured::Failed { reason: "no answer to `train-batch` within 600 s".into() };
    }
    let peak = |threads: usize| PeakRecord {
        threads,
        matmul_gflops: [60.0, 61.0, 58.0].map(|speed| speed * threads as f64).into(),
        copy_gigabytes: [8.0, 8.5, 7.5].map(|speed| speed * (threads as f64).sqrt()).into(),
    };
    BenchRecord {
        version: BENCH_VERSION,
        environment: fixture::environment(1_767_225_600),
        quick: false,
        seconds: 540.0,
        backends: backends(),
        unavailable: BTreeMap::from([("keras".into(), "run `just oracles`".into())]),
        peaks: vec![peak(1), peak(2)],
        measurements: all,
    }
}

/// Three cells with one and two threads, a grid that was run, and a peer that could not be.
pub(crate) fn compared() -> PeersRecord {
    let subject = |name: &str, framework, role, milliseconds: f64| {
        let times = |factor: f64| [1.0, 1.1, 0.9].map(|round| factor * round * milliseconds / 1e3).to_vec();
        let timing = PeerTiming {
            start_seconds: milliseconds / 20.0,
            peak_memory_bytes: Some((milliseconds * 1e7) as u64),
            step_seconds: times(1.0),
            review_seconds: times(0.01),
        };
        SubjectRecord { name: name.into(), framework, role, measured: PeerMeasured::Timed { timing } }
    };
    let mut comparisons = Vec::new();
    for threads in [1, 2] {
        for (place, cell) in CellKind::ALL.into_iter().enumerate() {
            let base = (50.0 + 10.0 * place as f64) / threads as f64;
            let mut subjects = vec![
                subject("tensorflow", Framework::Keras, Role::Backend, 0.4 * base),
                subject("keras", Framework::Keras, Role::Plain, base),
                subject("keras, jit_compile", Framework::Keras, Role::Tuned, 2.0 * base),
                subject("libtorch", Framework::Pytorch, Role::Backend, 0.3 * base),
                subject("pytorch", Framework::Pytorch, Role::Plain, base),
            ];
            subjects.push(SubjectRecord {
                name: "pytorch, fused Adam, compiled".into(),
                framework: Framework::Pytorch,
                role: Role::Tuned,
                measured: PeerMeasured::Failed { reason: "it exited with code 1 at its start: no compiler".into() },
            });
            comparisons.push(Comparison { cell, threads, subjects });
        }
    }
    let records = TempDir::new().unwrap();
    let grid = grid_record(&fixture::study(fixture::completed_plan(), 100, records.path()));
    PeersRecord {
        version: BENCH_VERSION,
        environment: fixture::environment(1_767_225_600),
        quick: false,
        seconds: 700.0,
        backends: backends(),
        libraries: BTreeMap::from([("keras".into(), "3.15.1".into()), ("torch".into(), "2.13.0".into())]),
        rows: 32,
        time: 400,
        evaluation_rows: 250,
        steps_per_turn: 8,
        uncounted_steps: 1,
        shape: GridShape { epochs: 10, steps: 625, validation: 5_000, test: 25_000 },
        comparisons,
        encoding: Some(EncodingRecord {
            reviews: 50_000,
            threads: 2,
            tokens: 11_500_000,
            peer_tokens: 11_500_000,
            seconds: vec![4.0, 4.2, 3.9],
            peer_seconds: vec![8.0, 8.4, 8.2],
            peer_encoding_seconds: vec![6.0, 6.3, 6.1],
        }),
        grid,
    }
}

fn written(write: impl Fn(&Path)) -> TempDir {
    let directory = TempDir::new().unwrap();
    write(directory.path());
    directory
}

fn text(directory: &TempDir, name: &str) -> String {
    fs::read_to_string(directory.path().join(name)).unwrap()
}

#[test]
fn a_benchmark_reads_well_and_its_figures_say_what_they_show() {
    let directory = written(|path| drop(write_bench(&measured(), path).unwrap()));
    insta::assert_snapshot!(text(&directory, "bench.md"));
    insta::assert_snapshot!(labels(&text(&directory, "roofline.svg")).join("\n"));
    insta::assert_snapshot!(labels(&text(&directory, "growth.svg")).join("\n"));
}

#[test]
fn the_published_measurement_still_gives_the_published_tables_and_figures() {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/performance");
    let second = published.join("amd-epyc");
    let directory = TempDir::new().unwrap();
    let into = directory.path();
    let compared = |folder: &Path| read_json::<PeersRecord>(&folder.join("peers.json")).unwrap();
    let whole = read_json(&second.join("whole.json")).unwrap();
    let same = |folder: &Path, files: Vec<PathBuf>| {
        for file in files {
            let there = folder.join(file.file_name().unwrap());
            assert!(fs::read(&file).unwrap() == fs::read(&there).unwrap(), "{} differs", there.display());
        }
    };
    same(&published, write_bench(&BenchRecord::read(&published.join("bench.json")).unwrap(), into).unwrap());
    same(&published, write_peers(&compared(&published), into).unwrap());
    same(&second, write_peers(&compared(&second), into).unwrap());
    same(&second, write_whole_runs(&whole, into).unwrap());
}

#[test]
fn every_configuration_is_a_row_of_the_csv() {
    let directory = written(|path| drop(write_bench(&measured(), path).unwrap()));
    let table = text(&directory, "bench.csv");
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), measured().measurements.len());
    let of =
        |row: &csv::StringRecord, name: &str| row[columns.iter().position(|column| column == name).unwrap()].to_owned();
    let median: f64 = of(&rows[0], "train_compute_ms_median").parse().unwrap();
    let round_trip: f64 = of(&rows[0], "train_round_trip_ms_median").parse().unwrap();
    assert!((round_trip - median - 0.15).abs() < 1e-9);
    let last = rows.last().unwrap();
    assert_eq!(
        (of(last, "failure"), of(last, "train_compute_ms_median")),
        ("no answer to `train-batch` within 600 s".into(), String::new())
    );
}

#[test]
fn a_benchmark_without_a_peak_has_no_roofline_and_one_that_varied_nothing_no_growth() {
    let mut record = measured();
    record.peaks.iter_mut().for_each(|peak| peak.matmul_gflops.clear());
    record.measurements.retain(|row| row.factor == Factor::Kernel);
    let directory = written(|path| assert_eq!(write_bench(&record, path).unwrap().len(), 2));
    let written = text(&directory, "bench.md");
    assert!(!written.contains("![") && !written.contains("How cost grows") && !written.contains("NaN"), "{written}");
}

#[test]
fn a_comparison_reads_well() {
    let directory = written(|path| drop(write_peers(&compared(), path).unwrap()));
    insta::assert_snapshot!(text(&directory, "peers.md"));
}

#[test]
fn a_grid_that_is_not_whole_has_no_ratio() {
    let mut record = compared();
    let whole = written(|path| drop(write_peers(&record, path).unwrap()));
    assert!(text(&whole, "peers.md").contains("whole grid / the two scripts"));
    record.grid.as_mut().unwrap().not_completed = 1;
    let part = written(|path| drop(write_peers(&record, path).unwrap()));
    assert!(text(&part, "peers.md").contains("so there is no ratio"));
    assert!(!text(&part, "peers.md").contains("whole grid / the two scripts"));
}

/// Every script in both ways, and a grid of the backends for each; two at once are faster, and the tuned scripts of LSTM are not.
fn run_whole() -> WholeRecord {
    let environment =
        |threads: usize, jobs: usize| Environment { threads, jobs, ..fixture::environment(1_767_225_600) };
    let mut runs = Vec::new();
    let mut grids = Vec::new();
    for (at_once, threads, factor) in [(1, 2, 1.0), (2, 1, 1.5)] {
        let mut ours = Vec::new();
        for (place, cell) in CellKind::ALL.into_iter().enumerate() {
            let base = factor * (40.0 + 20.0 * place as f64);
            let tuned = if cell == CellKind::Lstm { 1.1 } else { 0.5 };
            for (name, framework, role, share) in [
                ("keras", Framework::Keras, Role::Plain, 1.0),
                ("pytorch", Framework::Pytorch, Role::Plain, 2.0),
                ("pytorch, fused Adam", Framework::Pytorch, Role::Tuned, 2.0 * tuned),
            ] {
                runs.push(WholeRun {
                    script: WholeScript { cell, name: name.into(), framework, role, at_once, threads },
                    environment: environment(threads, at_once),
                    epoch_seconds: [1.0, 0.9, 0.95].map(|epoch| epoch * share * base).to_vec(),
                    wall_seconds: 3.0 * share * base,
                    peak_memory_bytes: Some(1 << 30),
                });
            }
            for backend in BACKENDS {
                let seconds = 0.9 * base;
                ours.push(GridRun {
                    name: format!("{backend}-{cell}-s1"),
                    threads,
                    epochs: 3,
                    epoch_seconds: seconds,
                    compute_seconds: 0.99 * seconds,
                    wall_seconds: seconds,
                    first_step_seconds: Some(1.0),
                    peak_memory_bytes: None,
                });
            }
        }
        let total: f64 = ours.iter().map(|run| run.wall_seconds).sum();
        grids.push(GridRecord {
            study: "grid".into(),
            wall_seconds: total / at_once as f64,
            jobs: at_once,
            cpu: Some(environment(threads, at_once).cpu),
            runs: ours,
            not_completed: 0,
        });
    }
    let shape = GridShape { epochs: 3, steps: 625, validation: 5_000, test: 25_000 };
    WholeRecord { version: BENCH_VERSION, shape, runs, grids }
}

#[test]
fn whole_runs_read_well() {
    let directory = written(|path| drop(write_whole_runs(&run_whole(), path).unwrap()));
    insta::assert_snapshot!(text(&directory, "whole.md"));
}

#[test]
fn whole_runs_are_held_against_a_grid_of_the_same_processor_and_way_alone() {
    let ratios = |change: &dyn Fn(&mut WholeRecord)| {
        let mut record = run_whole();
        change(&mut record);
        let directory = written(|path| drop(write_whole_runs(&record, path).unwrap()));
        let text = text(&directory, "whole.md");
        (text.matches(" 0.30 |").count(), text.contains("in the fastest way measured"))
    };
    // A run of Keras takes three epochs and ours nine tenths of one: 0.30; the tuned one of two cells does, too.
    assert_eq!(ratios(&|_| {}), (10, true));
    assert_eq!(ratios(&|record| record.grids.truncate(1)), (5, true));
    assert_eq!(
        ratios(&|record| record.grids.iter_mut().for_each(|grid| grid.cpu = Some("another".into()))),
        (0, false)
    );
    assert_eq!(ratios(&|record| record.grids.iter_mut().for_each(|grid| grid.not_completed = 1)), (0, false));
    // Runs with unlike numbers of threads are no way, and have their time all the same.
    assert_eq!(ratios(&|record| record.grids.iter_mut().for_each(|grid| grid.runs[0].threads = 7)), (0, true));
}

#[test]
fn a_grid_takes_the_place_of_one_in_its_way_on_its_processor() {
    let mut record = run_whole();
    let another = GridRecord { cpu: Some("another".into()), ..record.grids[0].clone() };
    record.take(another);
    let newer = GridRecord { wall_seconds: 7.0, ..record.grids.iter().find(|grid| grid.jobs == 2).unwrap().clone() };
    record.take(newer.clone());
    assert_eq!(record.grids.iter().map(|grid| grid.jobs).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(record.grids[2], newer);
}

#[test]
fn records_survive_their_file() {
    let (bench, peers) = (measured(), compared());
    let back: BenchRecord = serde_json::from_str(&serde_json::to_string(&bench).unwrap()).unwrap();
    assert_eq!(back, bench);
    let back: PeersRecord = serde_json::from_str(&serde_json::to_string(&peers).unwrap()).unwrap();
    assert_eq!(back, peers);
}
