//! What the program says where it can't do what it is asked, and its exit codes.

use std::process::Output;

use crate::support::{Bench, small_study};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn refused(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "", "stdout carries data only");
    text(&output.stderr)
}

#[test]
fn a_backend_that_is_not_there_is_told_with_what_to_do() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    let output = bench.study(&[]).args(["backends", "nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output.stdout));
}

#[test]
fn a_backend_says_what_it_is_and_what_it_does_by_default() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    let output = bench.study(&["fake"]).args(["backends", "fake"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout).replace(&bench.path("").display().to_string(), "");
    insta::assert_snapshot!(shown);
}

/// Each of these answers only while another one is being asked.
#[test]
fn backends_are_asked_at_the_same_time_so_that_one_that_hangs_does_not_hold_up_the_others() {
    let bench = Bench::new("");
    let output = bench.study(&["meet-a", "meet-b"]).args(["backends", "meet-a", "meet-b"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("meet-a (") && said.contains("meet-b (") && !said.contains("unavailable"), "{said}");
}

#[test]
fn a_grid_whose_backend_is_not_there_reports_the_row_with_its_reason() {
    let bench = Bench::new(&small_study(&["fake", "nowhere"], &["rnn"]));
    let output = bench.run(&["fake"], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let report = std::fs::read_to_string(bench.path("runs/small/report/report.md")).unwrap();
    assert!(report.contains("no executable `study-backend-nowhere` was found"), "{report}");
}

#[test]
fn a_study_or_a_directory_that_is_not_there_is_told_by_name() {
    let bench = Bench::new("");
    let run = bench.study(&[]).args(["run", "nowhere.toml"]).output().unwrap();
    assert!(refused(&run, 1).contains("failed to read the study: nowhere.toml"));
    let report = bench.study(&[]).args(["report", "runs/nowhere"]).output().unwrap();
    assert!(refused(&report, 1).contains("runs/nowhere/study.json"));
}

#[test]
fn an_audit_prints_its_page_and_ends_well_whatever_it_finds() {
    let bench = Bench::new("");
    let published = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/published.toml");
    let page = bench.study(&[]).args(["audit", published]).output().unwrap();
    assert_eq!(page.status.code(), Some(0), "{}", text(&page.stderr));
    assert!(text(&page.stdout).contains("**1 of 6 rows is impossible**"), "{}", text(&page.stdout));
    assert!(text(&page.stderr).contains("not read, because an audit does not need it: claims, frameworks"));
    let data = bench.study(&[]).args(["audit", published, "--json"]).output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&data.stdout).unwrap();
    assert_eq!(found["rows"][1]["matrices"]["nearest"], serde_json::Value::Null);
    assert_eq!(found["rows"][5]["matrices"]["nearest"]["number"], 151);
    let missing = bench.study(&[]).args(["audit", "nowhere.toml"]).output().unwrap();
    assert!(refused(&missing, 1).contains("failed to read the printed table: nowhere.toml"));
}

#[test]
fn more_reviews_than_there_are_is_told_before_anything_is_trained() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    let output = bench.run(&["fake"], &["--set", "data.train=600"]).output().unwrap();
    assert!(
        refused(&output, 1).contains("failed to plan the study: splits of 600 + 20 + 40 reviews"),
        "{}",
        text(&output.stderr)
    );
    assert!(!bench.path("runs").exists());
}

#[test]
fn wrong_arguments_end_with_two() {
    let bench = Bench::new("");
    for arguments in
        [&["run"][..], &["run", "study.toml", "--jobs", "0"], &["run", "study.toml", "--set", "epochs"], &["fly"]]
    {
        refused(&bench.study(&[]).args(arguments).output().unwrap(), 2);
    }
}

/// The launcher of a real framework, in a folder without that framework.
#[test]
fn a_real_framework_that_is_not_installed_is_unavailable_and_says_what_to_run() {
    let bench = Bench::new(&small_study(&["fake", "keras"], &["rnn"]));
    let launcher = bench.path("study-backend-keras");
    let scripts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../backends/python");
    std::fs::copy(scripts.join("study-backend-keras"), &launcher).unwrap();
    let named = format!("keras={}", launcher.display());
    let missing = "the environment of the real frameworks is missing; run `just oracles`";

    let output = bench.study(&[]).args(["--backend", &named, "backends", "keras"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("unavailable: "), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains(missing), "{}", text(&output.stdout));

    let output = bench.run(&["fake"], &["--backend", &named]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(missing), "{}", text(&output.stderr));
    assert!(std::fs::read_to_string(bench.path("runs/small/report/report.md")).unwrap().contains(missing));

    let output = bench.study(&[]).args(["--backend", &named, "conform", "keras"]).output().unwrap();
    assert!(refused(&output, 1).contains(missing));
}

/// A bag of words is no recurrent network, and the suite says so over the pipe.
#[test]
fn a_backend_that_computes_something_else_does_not_conform() {
    let bench = Bench::new("");
    let output = bench.study(&["fake"]).args(["conform", "fake", "--only", "logits"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("FAIL"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("| logits"), "{}", text(&output.stdout));
}

#[test]
fn a_check_that_is_not_there_is_told_with_the_names_there_are() {
    let bench = Bench::new("");
    let output = bench.study(&["fake"]).args(["conform", "fake", "--only", "logit"]).output().unwrap();
    let said = refused(&output, 2);
    assert!(said.contains("weights-round-trip") && said.contains("training-undisturbed"), "{said}");
}

#[test]
fn a_worker_that_prints_or_dies_under_examination_is_told_with_its_last_words() {
    let bench = Bench::new("");
    let conform = |manner: &str| {
        let output = bench.study(&[manner]).args(["conform", manner, "--only", "training-repeats"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    let scribble = conform("scribble");
    assert!(scribble.contains("it begins with `this`: did something print to stdout?"), "{scribble}");
    let abort = conform("abort");
    assert!(abort.contains("was ended by signal 6 when asked `train-batch`: about to abort"), "{abort}");
    assert!(abort.lines().last().unwrap().contains("0 checks passed"), "the summary stands last: {abort}");
}

/// All of the suite: the executable that comes with the project must end with 0.
#[test]
fn the_reference_conforms_to_itself_over_the_pipe() {
    let bench = Bench::new("");
    let output = bench.study(&[]).args(["conform", "reference"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("by the worker, in frames"), "{}", text(&output.stdout));
}

#[test]
fn trainings_are_drawn_at_random_and_told_with_how_to_see_one_again() {
    let bench = Bench::new("");
    let output = bench.study(&[]).args(["conform", "reference", "--random", "3", "--seed", "5"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("3 of 3 random configurations pass"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("pass 7"), "{}", text(&output.stderr));

    let output = bench.study(&["fake"]).args(["conform", "fake", "--random", "3"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(
        text(&output.stderr).contains("again with: study conform fake --random 1 --seed"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn digests_are_the_same_in_every_process() {
    let bench = Bench::new("");
    let digests = || {
        let output = bench.study(&[]).args(["conform", "reference", "--digests"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let first = digests();
    assert_eq!(first.lines().count(), 6, "{first}");
    assert_eq!(first, digests());
}
