//! The report of a lockstep, from synthetic records of known differences, and the plan behind a native one.

use std::collections::BTreeMap;
use std::fs;

use harness::contract::{
    BackendInfo, BiasVectors, Capabilities, CellKind, Device, EpsilonPlacement, GruForm, Kernel, NativeDefaults,
    RepeatedWords, WeightDecayForm,
};
use harness::lockstep::{
    ArmRecord, Comparison, Difference, Ending, InertSetting, LOCKSTEP_VERSION, LockstepRecord, Reading, SideRequest,
    SidesRequest, StepPair, Subject, TensorDifference, plan_lockstep, reading_steps,
};
use harness::lockstep::{lockstep_text, write_lockstep};
use harness::plan::knobs::find;
use harness::plan::{Division, Study};
use harness::record::{BackendRecord, Environment};
use harness::run::{Catalogue, Handle};
use tempfile::TempDir;

use super::defaults::{keras, pytorch};
use super::figures::labels;
use super::fixture;

const STEPS: u64 = 200;

/// A comparison whose loss difference grows by this power of ten over the steps from `from`, every third loss being equal.
fn comparison(cell: CellKind, subject: Subject, from: f64, decades: f64) -> Comparison {
    let at = |step: u64| from * libm::exp10(decades * step as f64 / STEPS as f64);
    let pair = |step: u64| StepPair {
        step,
        loss: [0.6, 0.6 * (1.0 - if step.is_multiple_of(3) { 0.0 } else { at(step) })],
        gradient_norm: [2.0, 2.0 * (1.0 + 3.0 * at(step))],
    };
    let reading = |step: u64| Reading {
        step,
        logits: Difference { distance: 8.0 * at(step), norm: 2.0, largest: at(step) },
        tensors: ["embedding.weight", "rnn.weight_hh_l0", "head.bias"]
            .into_iter()
            .zip([0.1, 2.0, 1.0])
            .map(|(name, scale)| TensorDifference {
                name: name.into(),
                difference: Difference { distance: scale * at(step), norm: 1.0, largest: at(step) },
            })
            .collect(),
    };
    let mut readings: Vec<_> = reading_steps(STEPS, None).into_iter().map(reading).collect();
    for tensor in &mut readings[0].tensors {
        tensor.difference.distance = 0.0;
    }
    let arm = |is_torch: bool| ArmRecord {
        name: if is_torch { "libtorch" } else { "tensorflow" }.into(),
        backend: BackendRecord { name: "any".into(), libraries: Vec::new() },
        protocol: fixture::protocol(is_torch, cell, "base"),
    };
    Comparison {
        cell,
        subject,
        identity: "00".repeat(32),
        arms: [arm(false), arm(true)],
        ending: Ending::Completed,
        steps: (1..=STEPS).map(pair).collect(),
        readings,
    }
}

fn record(division: &str, comparisons: Vec<Comparison>) -> LockstepRecord {
    LockstepRecord {
        version: LOCKSTEP_VERSION,
        division: division.into(),
        matched_to: (division == "matched").then(|| "tensorflow".into()),
        sides: ["tensorflow".into(), "libtorch".into()],
        dropout_switched_off: true,
        steps: STEPS,
        seed: 1,
        data_hash: "6f".repeat(32),
        environment: Environment {
            harness_version: "0.1.0".into(),
            git_commit: None,
            platform: "linux x86_64".into(),
            cpu: "Example CPU @ 2.50GHz".into(),
            cores: 2,
            memory_bytes: Some(25_769_803_776),
            threads: 1,
            jobs: 2,
            device: "cpu".into(),
            started_unix: 1_767_225_600,
            variables: BTreeMap::new(),
        },
        comparisons,
        inert: Vec::new(),
    }
}

/// All three cells: one parts no sooner than the floor, one sooner, and one diverges.
fn matched() -> LockstepRecord {
    let mut all = Vec::new();
    for cell in CellKind::ALL {
        let pair = if cell == CellKind::Lstm { (3e-6, 4.0) } else { (1e-7, 2.5) };
        all.push(comparison(cell, Subject::Pair, pair.0, pair.1));
        for side in [0, 1] {
            all.push(comparison(cell, Subject::Threads { side, threads: [1, 2] }, 2e-7, 2.0 + side as f64));
            all.push(comparison(cell, Subject::Rounding { side }, 4e-7, 1.5));
        }
    }
    let last = all.iter_mut().rfind(|own| own.subject == Subject::Pair).unwrap();
    last.ending = Ending::Diverged { arm: 1, step: 121, what: "the loss".into() };
    last.steps.truncate(120);
    last.readings.retain(|reading| reading.step <= 120);
    record("matched", all)
}

/// One cell with three settings switched, one of which is lost in the floor.
fn native() -> LockstepRecord {
    let switched = |keys: &[&str], values: [&str; 2]| Subject::Switched {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        values: values.map(str::to_owned),
    };
    let cell = CellKind::Gru;
    let kernels = ["initializers.embedding", "initializers.input-kernel"];
    let mut record = record(
        "native",
        vec![
            comparison(cell, Subject::Pair, 1e-1, 0.5),
            comparison(cell, Subject::Equal, 1e-7, 2.0),
            comparison(cell, switched(&["adam.epsilon"], ["1e-7", "1e-8"]), 2e-7, 2.0),
            comparison(cell, switched(&["bias_vectors"], ["\"one\"", "\"two\""]), 1e-6, 4.0),
            comparison(cell, switched(&["initializers.embedding"], ["U(±0.05)", "N(0, 1)"]), 5e-2, 0.7),
            comparison(cell, switched(&kernels, ["tensorflow", "libtorch"]), 6e-2, 0.7),
            comparison(cell, Subject::Threads { side: 0, threads: [1, 2] }, 1e-7, 1.0),
        ],
    );
    record.inert = vec![InertSetting {
        cell,
        key: "weight_decay_form".into(),
        values: ["\"decoupled\"".into(), "\"coupled\"".into()],
    }];
    record
}

/// A document without the settings that both sides have alike, and so without what a later setting would add to it.
fn but_equal_settings(text: &str) -> String {
    let equal = |line: &&str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        matches!(cells.as_slice(), ["", name, one, other, ""] if find(name).is_some() && one == other)
    };
    text.lines().filter(|line| !equal(line)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_matched_lockstep_reads_well() {
    insta::assert_snapshot!(but_equal_settings(&lockstep_text(&matched())));
}

#[test]
fn a_native_lockstep_reads_well() {
    insta::assert_snapshot!(but_equal_settings(&lockstep_text(&native())));
}

#[test]
fn its_figures_have_a_line_for_every_comparison_and_are_the_same_every_time() {
    let directories = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let files = directories.each_ref().map(|directory| write_lockstep(&native(), directory.path()).unwrap());
    for (one, other) in files[0].iter().zip(&files[1]) {
        assert_eq!(fs::read(one).unwrap(), fs::read(other).unwrap(), "{}", one.display());
    }
    let svg = fs::read_to_string(directories[0].path().join("lockstep-settings.svg")).unwrap();
    insta::assert_snapshot!(labels(&svg).join("\n"));
    let svg = fs::read_to_string(directories[0].path().join("lockstep.svg")).unwrap();
    assert!(svg.contains("libtorch, settings of the first"), "{svg}");
}

#[test]
fn its_csv_has_every_step_and_reading() {
    let directory = TempDir::new().unwrap();
    let record = matched();
    write_lockstep(&record, directory.path()).unwrap();
    let rows = |name: &str| csv_rows(&directory.path().join(name));
    let steps: usize = record.comparisons.iter().map(|own| own.steps.len()).sum();
    assert_eq!(rows("lockstep.csv").len(), steps);
    let readings: usize = record.comparisons.iter().map(|own| own.readings.len() * 4).sum();
    assert_eq!(rows("lockstep-weights.csv").len(), readings);
}

fn csv_rows(path: &std::path::Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().skip(1).map(str::to_owned).collect()
}

/// Writes the reports where they can be looked at: `REPORT_GALLERY=dir cargo test -p harness --test report lockstep`.
#[test]
fn lockstep_gallery() {
    let Some(gallery) = std::env::var_os("REPORT_GALLERY").map(std::path::PathBuf::from) else { return };
    for (name, record) in [("lockstep-matched", matched()), ("lockstep-native", native())] {
        let directory = gallery.join(name);
        fs::create_dir_all(&directory).unwrap();
        write_lockstep(&record, &directory).unwrap();
    }
}

fn info(name: &str, defaults: NativeDefaults) -> BackendInfo {
    BackendInfo {
        name: name.into(),
        libraries: Vec::new(),
        numerics: 1,
        portable: Vec::new(),
        capabilities: Capabilities {
            cells: CellKind::ALL.into(),
            kernels: vec![Kernel::Stock],
            bias_vectors: vec![BiasVectors::One, BiasVectors::Two],
            gru_forms: vec![GruForm::ResetAfter],
            epsilon_placements: vec![EpsilonPlacement::Hat, EpsilonPlacement::AfterCorrection],
            repeated_words: vec![RepeatedWords::SumThenSquare, RepeatedWords::SquareThenSum],
            weight_decay_forms: vec![WeightDecayForm::Coupled, WeightDecayForm::Decoupled],
            masking: true,
            dropout: true,
            input_gradient_norms: true,
            devices: vec![Device::Cpu],
            ..Capabilities::default()
        },
        native_defaults: Some(defaults),
    }
}

#[test]
fn a_native_lockstep_switches_every_default_that_differs_and_matters() {
    let text =
        "name = \"any\"\ntitle = \"any\"\ndivision = \"native\"\nbackends = [\"a\"]\ncells = [\"rnn\"]\nseeds = [1]\n";
    let side = |backend: &str| SideRequest { backend: backend.into(), set: Vec::new() };
    let request = SidesRequest {
        study: Study::parse(text, "any.toml".as_ref()).unwrap(),
        variant: None,
        division: Division::Native,
        matched_to: None,
        sides: [side("keras"), side("pytorch")],
        set: Vec::new(),
        seed: 1,
    };
    let handle = |name: &str, defaults| (name.to_owned(), Handle { program: name.into(), info: info(name, defaults) });
    let catalogue: Catalogue = [handle("keras", keras()), handle("pytorch", pytorch())].into_iter().collect();
    let cells = [CellKind::Lstm, CellKind::Gru];
    let plan = plan_lockstep(&request, &cells, true, &catalogue, 30_000).unwrap();
    let lines = plan.subjects().map(|(cell, subject)| match subject {
        Subject::Switched { keys, values: [a, b] } => format!("{cell} {}: {a} -> {b}", keys.join(", ")),
        other => format!("{cell} {other:?}"),
    });
    let inert = plan.inert().iter().map(|own| format!("{} inert {}", own.cell, own.key));
    insta::assert_snapshot!(lines.chain(inert).collect::<Vec<_>>().join("\n"));
}
