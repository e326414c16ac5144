//! Study files: what is wrong with them, and what they resolve to.

use std::path::Path;

use harness::plan::Study;

use crate::support::{Bench, small_study};

fn refusal(text: &str) -> String {
    Study::parse(text, Path::new("study.toml")).unwrap_err().to_string()
}

/// What `study run --dry-run` says of a study that can't be.
fn refused_plan(study: &str, arguments: &[&str]) -> String {
    let bench = Bench::new(study);
    let output = bench.run(&["fake", "slow"], &[&["--dry-run"], arguments].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_what_is_allowed() {
    let study = small_study(&["fake"], &["rnn"]).replace("epochs = 2", "epoch = 2");
    insta::assert_snapshot!(refusal(&study));
}

#[test]
fn a_wrong_type_is_told_with_its_line() {
    let study = small_study(&["fake"], &["rnn"]).replace("epochs = 2", "epochs = \"two\"");
    insta::assert_snapshot!(refusal(&study));
}

#[test]
fn an_unknown_word_is_told_with_what_is_allowed() {
    let study = format!("{}padding = \"left\"\n", small_study(&["fake"], &["rnn"]));
    insta::assert_snapshot!(refusal(&study));
}

#[test]
fn an_axis_that_is_empty_or_repeats_itself_is_refused() {
    insta::assert_snapshot!(refusal(&small_study(&[], &["rnn"])));
    insta::assert_snapshot!(refusal(&small_study(&["fake", "fake"], &["rnn"])));
}

#[test]
fn settings_for_a_backend_that_is_not_in_the_grid_are_refused() {
    let study = format!("{}\n[backend.libtorch]\nclip_norm = 5.0\n", small_study(&["fake"], &["rnn"]));
    insta::assert_snapshot!(refusal(&study));
}

#[test]
fn a_value_that_can_not_be_is_told_with_its_line() {
    let study = small_study(&["fake"], &["rnn"]).replace("hidden_size = 2", "hidden_size = 0");
    insta::assert_snapshot!(refused_plan(&study, &[]));
    insta::assert_snapshot!(refused_plan(&small_study(&["fake"], &["rnn"]), &["--set", "dropout.rate=1.5"]));
}

#[test]
fn a_matched_study_whose_backends_differ_says_in_what() {
    let study = small_study(&["fake", "slow"], &["rnn"]).replace("native", "matched");
    let study = format!("{study}\n[backend.slow]\nclip_norm = 5.0\nadam = {{ epsilon = 1e-8 }}\n");
    insta::assert_snapshot!(refused_plan(&study, &[]));
}

#[test]
fn a_part_of_no_run_s_name_is_told_with_the_names_there_are() {
    insta::assert_snapshot!(refused_plan(&small_study(&["fake"], &["rnn"]), &["--only", "transformer"]));
}

#[test]
fn a_dry_run_shows_every_setting_with_where_it_came_from() {
    let study = format!(
        "{}\n[backend.slow]\nclip_norm = 5.0\n\n[[variant]]\nname = \"front\"\n[variant.protocol]\npadding = \"front\"\n\n[[variant]]\nname = \"end\"\nbackends = [\"fake\"]\n",
        small_study(&["fake", "slow"], &["rnn"])
    );
    let bench = Bench::new(&study);
    let output = bench.run(&["fake", "slow"], &["--dry-run", "--set", "learning_rate=0.01"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!bench.path("runs").exists());
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
}

#[test]
fn the_shipped_studies_can_be_read() {
    let studies = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/studies")).unwrap();
    let mut read = 0;
    for path in studies.flatten().map(|entry| entry.path()) {
        Study::read(&path).unwrap_or_else(|error| panic!("{error}"));
        read += 1;
    }
    assert!(read >= 2);
}
