//! Reports of synthetic studies: what people read, what programs read, and what a figure shows.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

mod arms;
mod bench;
mod browser;
mod defaults;
mod diagnosis;
mod figures;
mod fixture;
mod latex;
mod lockstep;
mod page;
mod processors;
mod records;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fixture::{Fate, Plan};
use harness::contract::{CellKind, GruForm};
use harness::record::{Outcome, StudyResults};
use harness::report::{self, Sources};
use tempfile::TempDir;

/// A report that several tests read.
pub(crate) struct Report {
    pub(crate) directory: TempDir,
    pub(crate) files: Vec<PathBuf>,
}

impl Report {
    /// The report of a study whose test split has so many reviews.
    pub(crate) fn of(plan: Plan, reviews: u32) -> Self {
        let records = TempDir::new().unwrap();
        Self::written(&fixture::study(plan, reviews, records.path()))
    }

    pub(crate) fn written(results: &StudyResults) -> Self {
        let directory = TempDir::new().unwrap();
        let published = report::published().unwrap();
        let sources = Sources { published: Some(&published), ..Sources::default() };
        let files = report::write(results, &sources, directory.path()).unwrap();
        Self { directory, files }
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap()
    }
}

/// The published grid with a diverged, a failed and a missing run, on a test split of the published size.
pub(crate) fn mixed() -> &'static Report {
    static MIXED: OnceLock<Report> = OnceLock::new();
    MIXED.get_or_init(|| Report::of(fixture::mixed_plan(), 25_000))
}

/// Two variants of three seeds each.
pub(crate) fn ablation() -> &'static Report {
    static ABLATION: OnceLock<Report> = OnceLock::new();
    ABLATION.get_or_init(|| Report::of(fixture::ablation_plan(), 2_000))
}

/// Writes reports where they can be looked at: `REPORT_GALLERY=dir cargo test -p harness --test report gallery`.
#[test]
fn gallery() {
    let Some(gallery) = std::env::var_os("REPORT_GALLERY").map(PathBuf::from) else { return };
    for (name, demonstration, plan) in [
        ("mixed", false, fixture::mixed_plan()),
        ("completed", false, fixture::completed_plan()),
        ("ablation", false, fixture::ablation_plan()),
        ("demonstration", true, fixture::completed_plan()),
    ] {
        let records = TempDir::new().unwrap();
        let mut results = fixture::study(plan, 25_000, records.path());
        results.study.demonstration = demonstration;
        let published = report::published().unwrap();
        let sources = Sources { published: Some(&published), ..Sources::default() };
        report::write(&results, &sources, &gallery.join(name)).unwrap();
    }
    let all = CellKind::ALL;
    let four = ["base", "front-padding", "end-orthogonal-clip", "masked"];
    let eight = ["base", "front", "masked", "end-clip", "end-orthogonal", "end-all", "gap-100", "keras-embedding"];
    for (name, cells, variants) in [
        ("arms-2", &all[1..2], &four[..1]),
        ("arms-8", &all[1..], &four[..2]),
        ("arms-24", &all[..], &four[..]),
        ("arms-48", &all[..], &eight[..]),
    ] {
        let records = TempDir::new().unwrap();
        let results = fixture::delayed(fixture::study(fixture::arms_plan(cells, variants), 4_000, records.path()));
        let published = report::published().unwrap();
        let sources = Sources { published: Some(&published), ..Sources::default() };
        report::write(&results, &sources, &gallery.join(name)).unwrap();
    }
    let speed = gallery.join("speed");
    fs::create_dir_all(&speed).unwrap();
    harness::bench::write_bench(&bench::measured(), &speed).unwrap();
    harness::bench::write_peers(&bench::compared(), &speed).unwrap();
}

fn names(files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn files_come_in_a_fixed_order_and_all_exist() {
    let report = mixed();
    assert!(report.files.iter().all(|file| file.metadata().unwrap().len() > 0));
    assert_eq!(
        names(&report.files),
        [
            "report.md",
            "report.html",
            "results.csv",
            "arms.csv",
            "results.tex",
            "results.parquet",
            "arms.svg",
            "arms.png",
            "arms.pdf",
            "escape-curves.svg",
            "escape-curves.png",
            "escape-curves.pdf",
            "roc-panel.svg",
            "roc-panel.png",
            "roc-panel.pdf",
            "roc-rnn.svg",
            "roc-rnn.png",
            "roc-rnn.pdf",
            "roc-lstm.svg",
            "roc-lstm.png",
            "roc-lstm.pdf",
            "roc-gru.svg",
            "roc-gru.png",
            "roc-gru.pdf",
            "reliability.svg",
            "reliability.png",
            "reliability.pdf",
            "scores.svg",
            "scores.png",
            "scores.pdf",
            "learning-curves.svg",
            "learning-curves.png",
            "learning-curves.pdf",
            "gradient-norms.svg",
            "gradient-norms.png",
            "gradient-norms.pdf",
            "seconds-per-epoch.svg",
            "seconds-per-epoch.png",
            "seconds-per-epoch.pdf",
        ]
    );
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let records = TempDir::new().unwrap();
    let results = fixture::study(fixture::mixed_plan(), 2_000, records.path());
    let (first, second) = (Report::written(&results), Report::written(&results));
    assert_eq!(names(&first.files), names(&second.files));
    for (one, other) in first.files.iter().zip(&second.files) {
        assert!(fs::read(one).unwrap() == fs::read(other).unwrap(), "{} differs", one.display());
    }
}

#[test]
fn a_study_without_a_finished_run_still_has_a_report() {
    let plan = fixture::completed_plan().into_iter().map(|(backend, cell, variant, seed, _)| {
        let fate = if backend == "libtorch" {
            Fate::NotRunYet
        } else {
            Fate::Unavailable("`study-backend-tensorflow` is not there")
        };
        (backend, cell, variant, seed, fate)
    });
    let report = Report::of(plan.collect(), 100);
    assert_eq!(
        names(&report.files),
        ["report.md", "report.html", "results.csv", "arms.csv", "results.tex", "results.parquet"]
    );
    let text = report.text("report.md");
    assert!(text.contains("6 runs: 3 not run yet, 3 unsupported"), "{text}");
    assert!(text.contains("**unsupported**: `study-backend-tensorflow` is not there"), "{text}");
    assert!(!text.contains("![") && !text.contains("NaN"), "{text}");
}

#[test]
fn a_study_without_a_run_still_has_a_report() {
    let report = Report::of(Vec::new(), 100);
    assert!(report.text("report.md").contains("0 runs: none planned"));
}

#[test]
fn one_run_alone_is_drawn() {
    let plan = vec![("libtorch", CellKind::Gru, "base", 1, Fate::Completes { auc: 0.9 })];
    let report = Report::of(plan, 400);
    assert!(names(&report.files).contains(&"roc-gru.png".to_owned()));
}

#[test]
fn a_demonstration_says_so_and_gives_no_verdict() {
    let records = TempDir::new().unwrap();
    let mut results = fixture::study(fixture::completed_plan(), 2_000, records.path());
    results.study.demonstration = true;
    let report = Report::written(&results);
    let text = report.text("report.md");
    assert!(text.contains("> **This is a demonstration.**") && text.contains("> just study"), "{text}");
    assert!(text.contains("- test reviews: 25000 published, 2000 here (all compared runs)"), "{text}");
    assert!(!text.contains("reproduced:") && !text.contains("agree within"), "{text}");
    assert!(report.text("results.tex").contains("stand for nothing"));
    for file in report.files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "svg")) {
        assert!(fs::read_to_string(file).unwrap().contains("these figures stand for nothing"), "{}", file.display());
    }
}

#[test]
fn another_corpus_is_not_held_against_the_published_figures() {
    let records = TempDir::new().unwrap();
    let mut results = fixture::study(fixture::completed_plan(), 400, records.path());
    results.study.data.settings.corpus = "films".into();
    let text = Report::written(&results).text("report.md");
    assert!(
        text.contains("about the corpus `imdb` and this one about `films`, so there is nothing to compare"),
        "{text}"
    );
    assert!(!text.contains("not reproduced"), "{text}");
}

#[test]
fn the_matched_division_is_not_held_against_the_published_figures() {
    let records = TempDir::new().unwrap();
    let mut results = fixture::study(fixture::completed_plan(), 400, records.path());
    results.study.division = "matched".into();
    let text = Report::written(&results).text("report.md");
    assert!(text.contains("nothing to compare") && !text.contains("| PyTorch "), "{text}");
}

/// Writes the report of a study in which the first of two runs can't be believed; the report says so for this reason, and has the other run.
fn reported_as_damaged(results: &StudyResults, reason: &str) {
    let report = Report::written(results);
    let text = report.text("report.md");
    let row = text.lines().find(|line| line.contains("**damaged**")).unwrap_or_default();
    assert!(row.starts_with("| libtorch") && row.contains(reason) && row.contains("makes it again"), "{text}");
    assert!(text.contains("2 runs: 1 damaged, 1 completed"), "{text}");
    assert!(report.text("results.csv").lines().nth(1).unwrap().contains("damaged"));
    assert!(report.directory.path().join("roc-panel.svg").is_file());
}

fn two_runs(directory: &Path) -> StudyResults {
    let gru = |backend| (backend, CellKind::Gru, "base", 1, Fate::Completes { auc: 0.9 });
    fixture::study(vec![gru("libtorch"), gru("tensorflow")], 400, directory)
}

#[test]
fn a_run_whose_predictions_are_missing_or_of_another_run_is_damaged() {
    let records = TempDir::new().unwrap();
    let mut results = two_runs(records.path());
    let record = results.runs[0].record.as_mut().unwrap();
    let test = record.test.as_mut().unwrap();
    test.auc += 0.001;
    reported_as_damaged(&results, "predictions.parquet does not give the test metrics in its record");

    let path = results.runs[0].directory.join("predictions.parquet");
    fs::remove_file(&path).unwrap();
    reported_as_damaged(&results, "predictions.parquet: No such file");
}

#[test]
fn a_run_whose_predictions_are_of_one_class_is_damaged() {
    let records = TempDir::new().unwrap();
    let results = two_runs(records.path());
    let path = results.runs[0].directory.join("predictions.parquet");
    let mut predictions = harness::record::read_predictions(&path).unwrap();
    predictions.retain(|row| row.label == 1);
    harness::record::write_predictions(&path, &predictions).unwrap();
    reported_as_damaged(&results, "predictions.parquet");
}

#[test]
fn a_completed_run_without_metrics_is_damaged() {
    let records = TempDir::new().unwrap();
    let mut results = two_runs(records.path());
    results.runs[0].record.as_mut().unwrap().test = None;
    reported_as_damaged(&results, "has no test metrics");
}

#[test]
fn a_run_that_timed_out_says_after_how_long() {
    let outcome = Outcome::TimedOut { request: "train_batch".into(), seconds: 600.0, last_words: "| a | b |".into() };
    let plan = vec![("libtorch", CellKind::Rnn, "base", 1, Fate::Ends { epochs: 2, outcome })];
    let text = Report::of(plan, 400).text("report.md");
    assert!(text.contains("| **timed out**: no answer to `train_batch` within 600 s |"), "{text}");
    assert!(text.contains("\n    | a | b |\n"), "last words are code: {text}");
}

#[test]
fn runs_of_earlier_plans_stand_under_also_here_with_what_is_other_and_damaged_ones_are_named() {
    let records = TempDir::new().unwrap();
    let mut results = fixture::study(fixture::completed_plan(), 400, records.path());
    let mut shorter = results.runs[0].clone();
    shorter.planned.directory = "runs/shorter".into();
    let record = shorter.record.as_mut().unwrap();
    record.protocol.epochs = 3;
    record.numerics.backend += 1;
    let mut damaged = results.runs[1].clone();
    (damaged.record, damaged.damaged) = (None, Some("record.json can't be read: it is of version 7.0".into()));
    let mut never = results.runs[2].clone();
    never.record = None;
    let before = Report::written(&results).text("report.md");
    results.earlier = vec![shorter, damaged, never];
    let text = Report::written(&results).text("report.md");
    let (plan, also) = text.split_once("## Also here").unwrap();
    let told = "; 2 more of earlier calls stand under \"Also here\"";
    assert!(plan.contains(told), "{plan}");
    let row = also.lines().find(|line| line.contains("`runs/shorter`")).unwrap();
    assert!(row.contains("`epochs` = 3 (10), version of the numbers"), "{row}");
    assert!(row.contains("| completed"), "{row}");
    let row = also.lines().find(|line| line.contains("**damaged**")).unwrap();
    assert!(row.contains("of version 7.0; `study run` makes it again"), "{row}");
    assert_eq!(also.lines().filter(|line| line.starts_with("| ")).count(), 4, "{also}");
    // Tables and figures are the plan's alone.
    assert_eq!(plan.replace(told, "").trim(), before.trim());
}

#[test]
fn variants_are_shown_with_their_titles() {
    let records = TempDir::new().unwrap();
    let mut results = fixture::study(fixture::ablation_plan(), 200, records.path());
    results.study.variant_titles.insert("front-padding".into(), "as base, padded in front | of the text".into());
    let text = Report::written(&results).text("report.md");
    assert!(text.contains("| front-padding | as base, padded in front \\| of the text |"), "{text}");
}

#[test]
fn a_variant_is_held_against_the_one_that_the_study_names_with_the_settings_that_differ() {
    let records = TempDir::new().unwrap();
    let mut results = fixture::study(fixture::ablation_plan(), 200, records.path());
    for run in results.runs.iter_mut().filter(|run| run.planned.key.variant == "front-padding") {
        let protocol = &mut run.record.as_mut().unwrap().protocol;
        // It is no part of a run that has no GRU.
        protocol.gru_form = match protocol.gru_form {
            GruForm::ResetBefore => GruForm::ResetAfter,
            GruForm::ResetAfter => GruForm::ResetBefore,
        };
    }
    let rows = |results: &StudyResults| -> Vec<String> {
        let text = Report::written(results).text("report.md");
        let (_, own) = text.split_once("### Differences between arms").unwrap();
        let (own, _) = own.split_once("\n### ").unwrap();
        own.lines().filter(|line| line.starts_with("| libtorch ")).map(str::to_owned).collect()
    };
    // Nothing said: the study's own configuration.
    let of = |rows: &[String], start: &str| rows.iter().find(|row| row.starts_with(start)).cloned();
    let found = rows(&results);
    let row = of(&found, "| libtorch SimpleRNN: front-padding − base").unwrap();
    assert!(row.contains("| `padding` "), "{row}");
    let row = of(&found, "| libtorch GRU: front-padding − base").unwrap();
    assert!(row.contains("| `gru_form`, `padding` "), "{row}");
    results.study.variant_against.insert("base".into(), "front-padding".into());
    let found = rows(&results);
    assert!(of(&found, "| libtorch SimpleRNN: base − front-padding").is_some(), "{found:?}");
    assert!(of(&found, "| libtorch SimpleRNN: front-padding").is_none(), "{found:?}");
}

#[test]
fn figures_of_an_earlier_report_that_are_not_drawn_again_are_removed_and_nothing_else_is() {
    let (records, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let results = fixture::study(fixture::completed_plan(), 400, records.path());
    let write = |results: &StudyResults| report::write(results, &Sources::default(), out.path()).unwrap();
    write(&results);
    for name in ["roc-mine.png", "notes.md"] {
        fs::write(out.path().join(name), "mine").unwrap();
    }
    let names = || {
        let mut names: Vec<_> = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert!(names().iter().any(|name| name == "roc-rnn.svg"));
    let mut fewer = results;
    fewer.runs.retain(|run| run.planned.key.cell == CellKind::Gru);
    let mut expected: Vec<_> = write(&fewer).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    expected.extend(["roc-mine.png".into(), "notes.md".into()]);
    expected.sort();
    assert_eq!(names(), expected);
    assert!(!expected.iter().any(|name| name == "roc-rnn.svg"));
}
