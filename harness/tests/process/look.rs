//! Looking at what there is: lists, one run's page, differences, and removing what no plan has.

use std::fs;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::support::{Bench, small_study};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn shown(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "", "stdout carries data only");
    text(&output.stderr)
}

/// A finished study of two cells.
fn finished() -> Bench {
    let bench = Bench::new(&small_study(&["fake"], &["rnn", "lstm"]));
    shown(&bench.run(&["fake"], &[]).output().unwrap());
    bench
}

#[test]
fn where_no_study_was_run_the_list_is_empty_and_says_how_to_run_one() {
    let bench = Bench::new(&small_study(&["fake"], &["rnn"]));
    let output = bench.study(&[]).arg("list").output().unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success() && said.contains("no study in runs; `study run grid` makes one"), "{said}");
    assert!(!bench.study(&[]).args(["list", "elsewhere"]).output().unwrap().status.success());
}

#[test]
fn studies_in_a_folder_are_listed_with_their_runs_states_and_sizes() {
    let bench = finished();
    fs::create_dir_all(bench.path("runs/broken")).unwrap();
    fs::write(bench.path("runs/broken/study.json"), "{").unwrap();
    let table = shown(&bench.study(&[]).arg("list").output().unwrap());
    let row = table.lines().find(|line| line.contains("runs/small")).unwrap();
    assert!(row.contains("| small ") && row.contains(" s ago"), "{table}");
    assert!(table.lines().any(|line| line.contains("runs/broken") && line.contains("can't be read")), "{table}");

    let json = shown(&bench.study(&[]).args(["list", "runs", "--json"]).output().unwrap());
    let studies: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(studies[1]["study"], "small");
    assert_eq!((&studies[1]["planned"], &studies[1]["completed"]), (&2.into(), &2.into()));
    assert!(studies[1]["bytes"].as_u64().unwrap() > 1000);
}

#[test]
fn runs_of_a_study_are_listed_and_those_of_an_earlier_plan_stay() {
    let bench = finished();
    fs::write(bench.path("study.toml"), small_study(&["fake"], &["lstm"])).unwrap();
    shown(&bench.run(&["fake"], &[]).output().unwrap());
    let table = shown(&bench.study(&[]).args(["list", "runs/small"]).output().unwrap());
    let row = |name: &str| table.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{table}"));
    assert!(row("fake-lstm-base-s1").contains("| completed "), "{table}");
    assert!(row("fake-rnn-base-s1").contains("completed, of an earlier plan"), "{table}");
}

#[test]
fn a_run_is_shown_by_its_name_or_by_its_directory() {
    let bench = finished();
    let by_name = shown(&bench.study(&[]).args(["show", "runs/small/fake-rnn-base-s1"]).output().unwrap());
    for part in ["# fake-rnn-base-s1: completed", "| accuracy", "| fingerprint", "| learning_rate", "| 2 "] {
        assert!(by_name.contains(part), "no {part} in {by_name}");
    }
    let directory = bench.results().runs[0].planned.directory.clone();
    let by_directory = shown(&bench.study(&[]).args(["show", &format!("runs/small/{directory}")]).output().unwrap());
    assert_eq!(by_name, by_directory);
    let json = shown(&bench.study(&[]).args(["show", "runs/small/fake-rnn-base-s1", "--json"]).output().unwrap());
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["outcome"]["outcome"], "completed");

    let unknown = refused(&bench.study(&[]).args(["show", "runs/small/fake-gru-base-s1"]).output().unwrap());
    assert!(unknown.contains("has no run `fake-gru-base-s1`") && unknown.contains("fake-lstm-base-s1"), "{unknown}");
    let nowhere = refused(&bench.study(&[]).args(["show", "nowhere/at/all"]).output().unwrap());
    assert!(nowhere.contains("is no study and lies in none"), "{nowhere}");
}

#[test]
fn two_studies_differ_in_what_was_changed_and_in_figures_with_their_uncertainty() {
    let bench = finished();
    let other = ["--set", "learning_rate=0.0005", "--out", "runs/other"];
    shown(&bench.run(&["fake"], &other).output().unwrap());
    let page = shown(&bench.study(&[]).args(["diff", "runs/small", "runs/other"]).output().unwrap());
    let settings = page.split("## Figures").next().unwrap();
    let rows: Vec<_> = settings.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.iter().any(|row| row.starts_with("| learning_rate") && row.contains("0.0005")), "{page}");
    assert_eq!(rows.len(), 2, "a line under the header and the one setting that differs: {page}");
    assert!(page.contains("| fake-rnn-base ") && page.contains("McNemar"), "{page}");

    let runs = ["diff", "runs/small/fake-rnn-base-s1", "runs/small/fake-lstm-base-s1", "--json"];
    let found: Value = serde_json::from_str(&shown(&bench.study(&[]).args(runs).output().unwrap())).unwrap();
    assert_eq!(found["settings"][0]["name"], "cell");
    assert_eq!(found["arms"][0]["first_runs"], 1);

    let unlike = ["diff", "runs/small", "runs/small/fake-rnn-base-s1"];
    let unlike = refused(&bench.study(&[]).args(unlike).output().unwrap());
    assert!(unlike.contains("one is a run and the other a study"), "{unlike}");
}

#[test]
fn cleaning_removes_what_no_plan_has_and_only_when_it_is_told_to() {
    let bench = finished();
    // What a run that a plan names goes on from is none.
    let plan = harness::record::load_study(&bench.path("runs/small")).unwrap();
    let place = bench.path("runs/small").join(&plan.runs[0].planned.directory);
    let draft = harness::record::draft_place(&place);
    fs::create_dir_all(&draft).unwrap();
    fs::write(draft.join("state.json"), "{}").unwrap();
    let before = bench.bytes_below("runs/small/runs");
    for leftover in [".partial-fake-rnn-base-s1-1", "set-aside-1-fake-rnn-base-s1-1"] {
        fs::create_dir_all(bench.path(&format!("runs/small/runs/{leftover}"))).unwrap();
        fs::write(bench.path(&format!("runs/small/runs/{leftover}/weights")), "12345").unwrap();
    }
    let asked = bench.study(&[]).args(["clean", "runs/small"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(asked.status.code(), Some(1));
    assert!(text(&asked.stderr).contains("give --yes"), "{}", text(&asked.stderr));
    assert!(bench.path("runs/small/runs/.partial-fake-rnn-base-s1-1").exists());

    let list = shown(&bench.study(&[]).args(["clean", "runs/small", "--yes"]).output().unwrap());
    assert_eq!(list.lines().count(), 2, "{list}");
    assert_eq!(bench.bytes_below("runs/small/runs"), before);
    let again = bench.study(&[]).args(["clean", "runs/small", "--yes"]).output().unwrap();
    assert!(text(&again.stderr).contains("nothing to remove"), "{}", text(&again.stderr));
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    let bench = finished();
    for arguments in
        [&["list", "runs/small"][..], &["run", "study.toml", "--from", "reviews.json"], &["knobs", "--page"]]
    {
        let mut child =
            bench.study(&["fake"]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("pipe"), "{}", text(&output.stderr));
    }
}

#[test]
fn help_is_in_groups_and_completions_and_the_manual_name_every_command() {
    let bench = Bench::new("");
    let help = shown(&bench.study(&[]).arg("--help").output().unwrap());
    let places: Vec<_> =
        ["Run:", "Look:", "Judge:", "Measure:", "Extend:", "Options:"].map(|title| help.find(title).unwrap()).into();
    assert!(places.is_sorted(), "{help}");
    for shell in ["bash", "zsh", "fish"] {
        let script = shown(&bench.study(&[]).args(["completions", shell]).output().unwrap());
        assert!(script.contains("bench-peers") && script.contains("lockstep"), "{shell}: {script}");
    }
    let page = shown(&bench.study(&[]).arg("manual").output().unwrap());
    assert!(page.contains(".TH study 1") && page.contains("lockstep") && page.contains("\\-\\-set\\-a"), "{page}");
}

#[test]
fn every_command_that_prints_a_table_prints_json_too() {
    let bench = finished();
    shown(&bench.study(&[]).args(["pack", "runs/small", "small.tar.zst"]).output().unwrap());
    std::fs::create_dir(bench.path("runs/small/runs/left-over")).unwrap();
    let run = "fake-rnn-base-s1";
    let data = "data --study study.toml --from reviews.json";
    let lockstep = "lockstep fake fake --study study.toml --from reviews.json --steps 2 --cell rnn";
    for (command, place, value) in [
        ("backends fake", "/fake/info/name", "fake"),
        (data, "/corpus/source", "reviews.json (given by path)"),
        ("run study.toml --dry-run", "/runs/0/runs/0", run),
        ("check runs/small", "/0/run", run),
        ("check small.tar.zst", "/1/outcome", "completed"),
        ("list runs", "/0/study", "small"),
        ("list runs/small", "/0/run", run),
        ("show runs/small/fake-rnn-base-s1", "/key/backend", "fake"),
        ("diagnose runs/small", "/0/run/backend", "fake"),
        ("knobs fake", "/0/name", "epochs"),
        (lockstep, "/comparisons/0/cell", "rnn"),
        ("conform reference --only training-repeats", "/backend", "reference"),
        ("clean runs/small --yes", "/0/directory", "runs/small/runs/left-over"),
    ] {
        let output = bench.study(&["fake"]).args(command.split(' ')).arg("--json").output().unwrap();
        let json: serde_json::Value = serde_json::from_str(&shown(&output)).unwrap();
        assert_eq!(json.pointer(place), Some(&value.into()), "{command}: {json:#}");
    }
}
