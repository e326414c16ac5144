//! `study bench` through real workers, and what `study bench-peers` says where the real frameworks are missing.

use std::fs;
use std::process::{Command, Output};

use harness::bench::{BenchRecord, Factor, Measured, matmul_peak};
use harness::record::read_json;

use crate::executable::write_executable;
use crate::support::{Bench, small_study};

/// A study of the reference, which has no defaults of its own, with everything given and everything small.
const SMALL: &str = r#"
name = "small"
title = "A model that is measured in no time"
division = "native"
backends = ["reference"]
cells = ["rnn", "gru"]
seeds = [1]

[data]
vocabulary_size = 40

[protocol]
batch_size = 4
evaluation_batch_size = 6
max_length = 8
embedding_size = 3
hidden_size = 2
layers = 1
threads = 1
padding = "end"
truncation = "end"
batching = "static"
masking = false
pooling = "last-step"
bias_vectors = "two"
gru_form = "reset-after"
clip_stabiliser = 0.0
clip_form = "gradient"
weight_decay_form = "coupled"

[protocol.initializers]
embedding = "hidden-uniform"
input-kernel = "hidden-uniform"
recurrent-kernel = "orthogonal"
input-bias = "zeros"
recurrent-bias = "zeros"
head-kernel = "fan-in-uniform"
head-bias = "zeros"

[protocol.adam]
beta1 = 0.9
beta2 = 0.999
epsilon = 1e-8
epsilon_placement = "after-correction"
repeated_words = "sum-then-square"
bias_correction = "float64"

[protocol.scheduler]
kind = "none"
factor = 0.1
patience = 10
threshold = 1e-4
threshold_mode = "relative"
patience_rule = "after-patience"
cooldown = 0
min_learning_rate = 0.0
"#;

fn peak(bench: &Bench) {
    write_executable(&bench.path("peak"), "#!/bin/sh\necho 40\necho 50\n");
}

#[test]
fn the_reference_is_measured_and_the_report_is_a_function_of_the_record() {
    let bench = Bench::new(SMALL);
    peak(&bench);
    let arguments = ["bench", "--quick", "--study", "study.toml", "--peak", "./peak", "--out", "speed"];
    let output = bench.study(&[]).args(arguments).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(words.contains("gru kernel: 1 configurations (1 of 2 done"), "{words}");
    let files = String::from_utf8(output.stdout).unwrap();
    assert_eq!(files, "speed/bench.md\nspeed/bench.csv\nspeed/roofline.svg\nspeed/roofline.png\nspeed/roofline.pdf\n");

    let record: BenchRecord = read_json(&bench.path("speed/bench.json")).unwrap();
    assert_eq!(record.peaks[0].matmul_gflops, [40.0, 50.0, 40.0, 50.0], "before and after");
    for row in &record.measurements {
        let timing = row.timing().unwrap();
        assert!(timing.train.len() >= 3 && timing.predict.len() == 3, "{timing:?}");
        assert!(timing.train.iter().all(|sample| sample.compute_seconds > 0.0), "{timing:?}");
        assert!(timing.train.iter().all(|sample| sample.round_trip_seconds > sample.compute_seconds), "{timing:?}");
        assert_eq!((row.rows, row.time, row.evaluation_rows), (4, 8, 6));
    }

    let again = ["bench", "--report", "speed/bench.json", "--out", "again"];
    assert_eq!(bench.study(&[]).args(again).output().unwrap().status.code(), Some(0));
    for file in ["bench.md", "bench.csv", "roofline.svg", "roofline.png", "roofline.pdf"] {
        let read = |folder: &str| fs::read(bench.path(folder).join(file)).unwrap();
        assert!(read("speed") == read("again"), "{file} differs");
    }

    // Another setting: what was measured stays, unless it is told otherwise.
    let before = fs::read(bench.path("speed/bench.json")).unwrap();
    let other = [&arguments[..], &["--set", "hidden_size=3"]].concat();
    let output = bench.study(&[]).args(&other).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let files = String::from_utf8(output.stdout).unwrap();
    let own = files.lines().next().and_then(|line| line.strip_suffix("/bench.md")).unwrap();
    assert!(own.starts_with("speed/bench-") && bench.path(own).join("bench.json").is_file(), "{files}");
    assert!(fs::read(bench.path("speed/bench.json")).unwrap() == before);
    assert_eq!(bench.study(&[]).args(other).arg("--force").output().unwrap().status.code(), Some(0));
    assert!(fs::read(bench.path("speed/bench.json")).unwrap() != before);
}

#[test]
fn the_full_form_varies_one_thing_at_a_time() {
    let bench = Bench::new(SMALL);
    let output = bench.study(&[]).args(["bench", "--study", "study.toml", "--out", "speed"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let record: BenchRecord = read_json(&bench.path("speed/bench.json")).unwrap();
    let values = |factor| -> Vec<usize> {
        record.measurements.iter().filter(|row| row.factor == factor).map(harness::bench::Measurement::value).collect()
    };
    assert_eq!(values(Factor::Length), [2, 4, 6, 8, 2, 4, 6, 8]);
    assert_eq!(values(Factor::Hidden), [2, 4, 8, 2, 4, 8]);
    assert_eq!(values(Factor::Batch), [1, 4, 16, 1, 4, 16]);
    assert_eq!(values(Factor::Vocabulary), [4, 40, 120, 4, 40, 120]);
    assert!(bench.path("speed/growth.svg").exists() && !bench.path("speed/roofline.svg").exists());
}

#[test]
fn what_can_not_be_measured_is_a_row_with_its_reason() {
    let bench = Bench::new(SMALL);
    let arguments = ["bench", "--quick", "--study", "study.toml", "--set", "device=cuda:0", "--out", "speed"];
    let output = bench.study(&[]).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let record: BenchRecord = read_json(&bench.path("speed/bench.json")).unwrap();
    assert!(
        record
            .measurements
            .iter()
            .all(|row| matches!(&row.measured, Measured::Failed { reason } if reason.contains("cuda:0")))
    );
    let text = fs::read_to_string(bench.path("speed/bench.md")).unwrap();
    assert!(text.contains("## Not measured") && text.contains("cuda:0"), "{text}");
}

#[test]
fn a_backend_that_is_not_there_is_reported_and_the_others_are_measured() {
    let bench = Bench::new(SMALL);
    let arguments = ["bench", "reference", "nowhere", "--quick", "--study", "study.toml", "--out", "speed"];
    let output = bench.study(&[]).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(bench.path("speed/bench.md")).unwrap();
    assert!(text.contains("no executable `study-backend-nowhere` was found"), "{text}");
}

#[test]
fn without_the_real_frameworks_the_comparison_says_what_to_run() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    let output = bench.study(&[]).args(["bench-peers", "--python", "nowhere/python"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("there is no Python at nowhere/python; run `just oracles`"), "{words}");
}

/// A peer that takes no time to start: it speaks the protocol of `chunks.py` and is told by its script's name.
const PEER: &str = r#"#!/bin/sh
case "$1" in *tokenizers_encode.py) echo '{"tokens": 7, "train_seconds": 0.25, "encode_seconds": 0.5}'; exit ;; esac
case "$*" in *--jit*) echo "no compiler" >&2; exit 5 ;; esac
echo '{"ready": {"stand-in": "1.0"}}'
while read -r work count; do
    case "$work" in train) echo '{"seconds": 0.5, "loss": 0.7}' ;; *) echo '{"seconds": 0.25}' ;; esac
done
"#;

/// `study bench-peers` on the SimpleRNN, with the fake worker for both backends and this script for every peer's.
fn beside_stand_ins(bench: &Bench, peer: &str) -> Command {
    write_executable(&bench.path("python"), peer);
    let _ = fs::create_dir(bench.path("scripts"));
    let fake = bench.path("study-backend-fake");
    let mut command = bench.study(&["fake"]);
    for name in ["tensorflow", "libtorch"] {
        command.arg("--backend").arg(format!("{name}={}", fake.display()));
    }
    command.args(["bench-peers", "--cell", "rnn", "--from", "reviews.json"]);
    for setting in [
        "data.train=60",
        "data.validation=20",
        "data.test=40",
        "data.vocabulary_size=40",
        "batch_size=5",
        "evaluation_batch_size=5",
        "max_length=12",
        "embedding_size=3",
        "hidden_size=2",
        "dropout.rate=0.2",
    ] {
        command.args(["--set", setting]);
    }
    command.args(["--python", "./python", "--scripts", "scripts", "--out", "speed"]);
    command
}

#[test]
fn backends_and_peers_take_turns_and_a_peer_that_dies_is_a_row_with_its_last_words() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    let mut command = beside_stand_ins(&bench, PEER);
    command.args(["--quick", "--threads", "1"]);
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(words.contains("no compiler"), "{words}");
    let text = fs::read_to_string(bench.path("speed/peers.md")).unwrap();
    assert!(text.contains("| keras, jit_compile | it exited with code 5 at its start: no compiler |"), "{text}");
    assert!(text.contains("**They disagree**"), "{text}");
    assert!(text.contains("stand-in 1.0"), "{text}");
    let csv = fs::read_to_string(bench.path("speed/peers.csv")).unwrap();
    // Half a second for three steps, a quarter for five reviews.
    assert!(csv.contains("rnn,1,pytorch,pytorch,plain,166.6"), "{csv}");
    assert!(csv.contains(",50,50,50,"), "{csv}");
}

/// A peer that is run as a script of its own, and says whose it is in a file. Keras can't be loaded while `broken` is there.
const WHOLE_PEER: &str = r#"#!/bin/sh
echo "$*" >> called
case "$1" in *keras_fit.py) [ -e broken ] && { echo "no such module" >&2; exit 1; } ;; esac
for epoch in 1 2; do echo "epoch $epoch: loss 0.6931, validation loss 0.6931, accuracy 0.5000, $epoch.5 s"; done
echo "test loss 0.6931, accuracy 0.5000"
"#;

/// `study bench-peers --whole` of two epochs beside those scripts.
fn whole_runs(bench: &Bench) -> Output {
    beside_stand_ins(bench, WHOLE_PEER).args(["--whole", "--set", "epochs=2"]).output().unwrap()
}

#[test]
fn whole_runs_of_scripts_are_kept_as_they_end_and_what_failed_is_done_by_the_same_command() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    fs::write(bench.path("broken"), "").unwrap();
    let output = whole_runs(&bench);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(words.contains("it exited with code 1 after 0 epochs, before its test: no such module"), "{words}");
    let calls = || fs::read_to_string(bench.path("called")).unwrap();
    let text = || fs::read_to_string(bench.path("speed/whole.md")).unwrap();
    assert!(text().contains("| SimpleRNN | pytorch, fused Adam |") && !text().contains("| keras "), "{}", text());
    assert!(
        calls().contains("--epochs 2") && !calls().contains("--chunks") && !calls().contains("--jit"),
        "{}",
        calls()
    );
    let before = calls().lines().count();

    fs::remove_file(bench.path("broken")).unwrap();
    assert_eq!(whole_runs(&bench).status.code(), Some(0));
    let text = text();
    assert!(text.contains("| keras ") && text.contains(" 1.50 |   2.00 | 2.50 |"), "{text}");
    let again: Vec<_> = calls().lines().skip(before).map(str::to_owned).collect();
    assert!(!again.is_empty() && again.iter().all(|call| call.contains("keras_fit.py")), "only Keras again: {again:?}");
}

#[test]
fn whole_runs_that_cannot_be_read_are_told_and_neither_replaced_nor_made_again() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    assert_eq!(whole_runs(&bench).status.code(), Some(0));
    let (record, called) = (bench.path("speed/whole.json"), bench.path("called"));
    let mut cut = fs::read(&record).unwrap();
    cut.truncate(cut.len() / 2);
    fs::write(&record, &cut).unwrap();
    let before = fs::read(&called).unwrap();

    let output = whole_runs(&bench);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("failed to read the whole runs") && words.contains("whole.json"), "{words}");
    assert!(fs::read(&record).unwrap() == cut && fs::read(&called).unwrap() == before);
}

/// What comes of a script in place of the program that measures the peak.
fn peak_of(script: &str) -> Result<Vec<f64>, String> {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("peak");
    write_executable(&program, &format!("#!/bin/sh\n{script}\n"));
    let place = program.display().to_string();
    matmul_peak(&program, 3).map_err(|error| error.to_string().replace(&place, "PROGRAM"))
}

#[test]
fn a_peak_is_what_the_program_prints_for_the_threads() {
    assert_eq!(peak_of("echo ${1}0.5; echo 31"), Ok(vec![30.5, 31.0]));
}

#[test]
fn a_program_that_fails_or_prints_something_else_is_told() {
    assert_eq!(peak_of("echo no library >&2; exit 4"), Err("PROGRAM: exit status: 4: no library".into()));
    let wrong = "PROGRAM: it should print a positive number a line, and printed";
    assert_eq!(peak_of("echo fast"), Err(format!("{wrong} \"fast\"")));
    assert_eq!(peak_of("true"), Err(format!("{wrong} \"\"")));
    assert_eq!(peak_of("echo -1"), Err(format!("{wrong} \"-1\"")));
}
