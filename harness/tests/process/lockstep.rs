//! Two workers side by side: where they part, and what is said of it.

use std::process::Output;

use harness::lockstep::{Comparison, Ending, LockstepRecord, Subject};
use harness::record::read_json;

use crate::support::{Bench, small_study};

/// Settings that a backend without a framework needs.
const SETTINGS: &str = r#"
padding = "front"
truncation = "front"
batching = "static"
masking = false
pooling = "last-step"
bias_vectors = "two"
gru_form = "reset-after"
kernel = "stock"
clip_stabiliser = 0.0
clip_form = "gradient"
weight_decay_form = "coupled"
adam = { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, epsilon_placement = "after-correction", repeated_words = "sum-then-square", bias_correction = "float64" }
scheduler = { factor = 0.1, patience = 10, threshold = 1e-4, threshold_mode = "relative", patience_rule = "after-patience", cooldown = 0, min_learning_rate = 0.0 }

[protocol.initializers]
embedding = { normal = { mean = 0.0, std = 1.0 } }
input-kernel = "glorot-uniform"
recurrent-kernel = "orthogonal"
input-bias = "hidden-uniform"
recurrent-bias = "hidden-uniform"
head-kernel = "glorot-uniform"
head-bias = "zeros"
"#;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A study whose settings are all given, and what comes after them.
fn study(backends: &[&str], cells: &[&str], rest: &str) -> String {
    format!("{}{SETTINGS}{rest}", small_study(backends, cells))
}

/// `study lockstep A B --study study.toml --out out` with workers of these manners.
fn lockstep(bench: &Bench, sides: [&str; 2], manners: &[&str], arguments: &[&str]) -> Output {
    let mut command = bench.study(manners);
    command.args(["lockstep", sides[0], sides[1], "--study", "study.toml", "--from", "reviews.json", "--out", "out"]);
    command.args(arguments).output().unwrap()
}

fn record(bench: &Bench) -> LockstepRecord {
    read_json(&bench.path("out/lockstep.json")).unwrap()
}

fn pair(record: &LockstepRecord) -> &Comparison {
    record.comparisons.iter().find(|own| own.subject == Subject::Pair).unwrap()
}

#[test]
fn the_reference_never_parts_from_itself() {
    let bench = Bench::new(&study(&["reference"], &["rnn", "lstm", "gru"], ""));
    let output = lockstep(&bench, ["reference", "reference"], &[], &["--steps", "20", "--division", "matched"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let record = record(&bench);
    assert_eq!(record.comparisons.len(), 3);
    for own in &record.comparisons {
        assert_eq!((own.ending.clone(), own.steps.len()), (Ending::Completed, 20));
        assert!(own.steps.iter().all(|pair| pair.loss_difference() == 0.0 && pair.norm_difference() == 0.0));
        assert!(own.steps[0].loss[0] != own.steps[19].loss[0], "it learns");
        assert_eq!(own.weights_part(0.0), None);
        assert!(own.readings.iter().all(|reading| reading.logits.distance == 0.0 && reading.logits.norm > 0.0));
    }
    // An epoch has eight batches, so the walk went through several.
    assert!(record.comparisons[0].steps.iter().all(|pair| pair.loss[0].is_finite()));
}

#[test]
fn a_backend_that_drifts_is_caught_at_its_step_and_by_its_tensor() {
    let bench = Bench::new(&small_study(&["fake", "drift"], &["rnn"]));
    let output = lockstep(&bench, ["fake", "drift"], &["fake", "drift"], &["--steps", "6", "--division", "matched"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let record = record(&bench);
    let part = pair(&record).weights_part(1e-2).unwrap();
    assert_eq!((part.below, part.step, part.tensor.name.as_str()), (Some(3), 4, "head.bias"));
    assert!(text(&output.stdout).contains("4: `head.bias`"), "{}", text(&output.stdout));
    for name in ["report.md", "lockstep.csv", "lockstep-weights.csv", "lockstep.svg", "lockstep.png"] {
        assert!(bench.path("out").join(name).is_file(), "{name}");
    }
}

#[test]
fn libtorch_parts_from_the_reference_no_sooner_than_from_itself() {
    let bench = Bench::new(&study(&["libtorch", "reference"], &["rnn", "lstm", "gru"], ""));
    let arguments = ["--steps", "30", "--division", "matched", "--floor"];
    let output = lockstep(&bench, ["libtorch", "reference"], &[], &arguments);
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stderr), text(&output.stdout));
    let record = record(&bench);
    for own in record.comparisons.iter().filter(|own| own.subject == Subject::Pair) {
        assert_eq!(own.loss_parts(1e-4), None, "{}", own.cell);
        // Float32 against float64: they are not the same numbers.
        assert!(own.running_loss_difference().last().unwrap().1 > 0.0, "{}", own.cell);
    }
    // Each side with another number of threads and from weights moved by one rounding.
    assert_eq!(record.comparisons.len(), 3 * 5);
    let rounding = |own: &&Comparison| matches!(own.subject, Subject::Rounding { side: 1 });
    let floor = record.comparisons.iter().find(rounding).unwrap();
    assert!(floor.running_loss_difference().last().unwrap().1 > 0.0, "the rounding is felt in float64");
}

#[test]
fn native_settings_are_switched_one_at_a_time_and_the_first_to_matter_is_named() {
    let other = "\n[backend.other]\npadding = \"end\"\nweight_decay_form = \"decoupled\"\n\
                 adam = { epsilon = 1e-7 }\n";
    let bench = Bench::new(&study(&["reference", "other"], &["lstm"], other));
    let reference = std::path::Path::new(env!("CARGO_BIN_EXE_study")).with_file_name("study-backend-reference");
    let other = format!("other={}", reference.display());
    let output = lockstep(&bench, ["reference", "other"], &[], &["--steps", "12", "--backend", &other]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let record = record(&bench);
    let subjects: Vec<_> = record.comparisons.iter().map(|own| own.subject.clone()).collect();
    let switched =
        |key: &str, a: &str, b: &str| Subject::Switched { keys: vec![key.into()], values: [a.into(), b.into()] };
    let expected = [
        Subject::Pair,
        Subject::Equal,
        switched("adam.epsilon", "1e-8", "1e-7"),
        switched("padding", "\"front\"", "\"end\""),
    ];
    assert_eq!(subjects, expected);
    assert_eq!(record.inert.iter().map(|own| own.key.as_str()).collect::<Vec<_>>(), ["weight_decay_form"]);
    let equal = &record.comparisons[1];
    assert!(equal.steps.iter().all(|pair| pair.loss_difference() == 0.0), "equal settings, equal numbers");
    let padding = &record.comparisons[3];
    assert_eq!(padding.loss_parts(1e-4), Some(1));
    assert_eq!(padding.weights_part(0.0).unwrap().step, 1, "the same reviews and weights, padded otherwise");
    let report = text(&output.stdout);
    assert!(report.contains("**The first difference is made by `padding`**, at step 1"), "{report}");
}

#[test]
fn a_matched_lockstep_whose_sides_differ_says_in_what() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    let sides = ["--division", "matched", "--set-b", "clip_norm=5.0"];
    let output = lockstep(&bench, ["fake", "fake"], &["fake"], &sides);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    insta::assert_snapshot!(text(&output.stderr));
}

#[test]
fn sides_of_different_sizes_are_not_compared() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    let output = lockstep(&bench, ["fake", "fake"], &["fake"], &["--set-b", "hidden_size=3"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("for rnn, hidden_size differs between the sides"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_backend_that_dies_or_can_not_do_it_is_a_row_with_its_reason() {
    let bench = Bench::new(&small_study(&["fake", "abort"], &["rnn", "gru"]));
    let output = lockstep(&bench, ["fake", "abort"], &["fake", "abort"], &["--steps", "6", "--division", "matched"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let report = text(&output.stdout);
    assert!(report.contains("abort: failed, the backend's process was ended by signal 6"), "{report}");
    assert!(report.contains("fake: unsupported, cell = gru is not supported"), "{report}");
    assert_eq!(record(&bench).comparisons[0].steps.len(), 3, "the steps before stand");
}

#[test]
fn what_was_walked_is_not_walked_again() {
    let bench = Bench::new(&small_study(&["fake", "drift"], &["rnn"]));
    let walk = || {
        let arguments = ["--steps", "6", "--division", "matched"];
        let output = lockstep(&bench, ["fake", "drift"], &["fake", "drift"], &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        (text(&output.stderr), std::fs::read(bench.path("out/lockstep.csv")).unwrap())
    };
    let (_, first) = walk();
    let (said, second) = walk();
    assert!(said.contains("had ended"), "{said}");
    assert_eq!(first, second);
}

#[test]
fn a_lockstep_of_other_settings_gets_a_folder_of_its_own_and_one_of_other_cells_is_added() {
    let bench = Bench::new(&study(&["reference"], &["rnn", "lstm"], ""));
    let walk = |arguments: &[&str]| {
        let all = [&["--division", "matched", "--set", "threads=1"], arguments].concat();
        let output = lockstep(&bench, ["reference", "reference"], &[], &all);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    walk(&["--steps", "4", "--cell", "rnn", "--floor"]);
    let rnn = std::fs::read(bench.path("out/lockstep.json")).unwrap();
    // Another cell, and no floor: what is there stays.
    walk(&["--steps", "4", "--cell", "lstm"]);
    let both = record(&bench);
    let of = |cell| both.comparisons.iter().filter(|own| own.cell.name() == cell).count();
    assert_eq!((of("rnn"), of("lstm")), (3, 1));
    assert_eq!(both.comparisons[..3], serde_json::from_slice::<LockstepRecord>(&rnn).unwrap().comparisons);
    assert!(walk(&["--steps", "4", "--cell", "rnn"]).contains("had ended"));
    assert_eq!(record(&bench).comparisons, both.comparisons);
    // Other settings go beside it, the same each time.
    let measured = || bench.bytes_below("out");
    let kept = measured();
    for arguments in [["--steps", "5"].as_slice(), &["--steps", "4", "--set", "learning_rate=0.5"]] {
        let said = walk(arguments);
        assert!(said.contains("out holds a measurement of other settings, which stays"), "{said}");
        assert!(walk(arguments).contains("had ended"));
    }
    let now = measured();
    assert!(kept.iter().all(|file| now.contains(file)), "nothing that was there is changed");
    let folders = std::fs::read_dir(bench.path("out")).unwrap().flatten().filter(|own| own.path().is_dir()).count();
    assert_eq!(folders, 2);
    // Unless it is told to.
    walk(&["--steps", "5", "--force"]);
    assert_eq!(record(&bench).steps, 5);
}

#[test]
fn a_record_of_another_kind_is_not_written_over() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    std::fs::create_dir(bench.path("out")).unwrap();
    std::fs::write(bench.path("out/lockstep.json"), "{}").unwrap();
    let output = lockstep(&bench, ["fake", "fake"], &["fake"], &["--steps", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = lockstep(&bench, ["fake", "fake"], &["fake"], &["--steps", "2", "--force"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("delete the file"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_to_string(bench.path("out/lockstep.json")).unwrap(), "{}");
}
