//! Reports of arms with several seeds: what is said of an arm, and what is not.

use std::sync::OnceLock;

use harness::audit::{PrintedTable, audit};
use harness::contract::CellKind;
use harness::record::{BlockSpectrum, InputGradients, Observation, RowReach, StudyResults};
use harness::report::{self, JudgedClaims, Sources};
use harness::statistics::spectrum::Spectrum;
use tempfile::TempDir;

use super::{Report, fixture, mixed};

/// LSTM under both backends with eight seeds: 3 and 7 of 8 escape.
fn two_arms() -> &'static (TempDir, StudyResults, Report) {
    static ARMS: OnceLock<(TempDir, StudyResults, Report)> = OnceLock::new();
    ARMS.get_or_init(|| {
        let records = TempDir::new().unwrap();
        let plan = fixture::arms_plan(&[CellKind::Lstm], &["base"]);
        let results = fixture::delayed(fixture::study(plan, 2_000, records.path()));
        let report = Report::written(&results);
        (records, results, report)
    })
}

/// A row of a CSV file by column.
fn row(text: &str, place: usize) -> impl Fn(&str) -> String + use<> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let record = reader.records().nth(place).unwrap().unwrap();
    move |column| record[headers.iter().position(|header| header == column).unwrap()].to_owned()
}

#[test]
fn an_arm_is_a_row_and_its_level_is_of_the_runs_that_escaped() {
    let (_, results, report) = two_arms();
    let text = report.text("arms.csv");
    assert_eq!(text.lines().count(), 3);
    assert_eq!(report.text("results.csv").lines().count(), 17);
    let arm = row(&text, 0);
    assert_eq!([arm("backend"), arm("planned"), arm("completed"), arm("escaped")], ["libtorch", "8", "8", "3"]);
    assert_eq!(arm("alarms"), "5");
    let share: f64 = arm("escaped_share_lower").parse().unwrap();
    assert!((share - 0.085_233_4).abs() < 1e-6, "Clopper and Pearson's lower end of 3 of 8: {share}");
    let escaped = results.runs.iter().take(3).map(|run| run.record.as_ref().unwrap().test.unwrap().auc);
    let mean: f64 = arm("auc_mean").parse().unwrap();
    assert!((mean - escaped.sum::<f64>() / 3.0).abs() < 1e-12);
    assert!(arm("others_auc_most").parse::<f64>().unwrap() < 0.56);
}

#[test]
fn a_report_of_arms_is_in_the_order_of_a_replication_report() {
    let (_, results, report) = two_arms();
    let text = report.text("report.md");
    let titles: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let expected = [
        "Question",
        "Alarms",
        "Method",
        "Results",
        "Against the published figures",
        "What was easy and what was hard to reproduce",
        "Limits",
    ];
    assert_eq!(titles[..expected.len()], expected);

    let printed = PrintedTable::parse(include_str!("../../../reports/published.toml")).unwrap();
    let findings = audit(&printed).unwrap();
    let claims = JudgedClaims { judged: Vec::new(), texts: [].into(), arms: String::new(), studies: Vec::new() };
    let published = report::published().unwrap();
    let sources =
        Sources { published: Some(&published), claims: Some(&claims), audit: Some(&findings), ..Sources::default() };
    let out = TempDir::new().unwrap();
    report::write(results, &sources, out.path()).unwrap();
    let text = std::fs::read_to_string(out.path().join("report.md")).unwrap();
    let titles: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(titles[..4], ["Question", "Alarms", "Verdicts", "Method"]);
    let place = titles.iter().position(|title| *title == "Audit of the printed figures").unwrap();
    assert_eq!(titles[place + 1], "Limits");
    assert!(text.contains("### Which rows are possible"), "{text}");
    assert!(text.contains("No classifier has the printed figures of `keras-lstm`"), "{text}");
}

#[test]
fn what_is_said_of_arms_reads_well() {
    let text = two_arms().2.text("report.md");
    // What follows is about single settings and the machine, and other snapshots have it.
    insta::assert_snapshot!(text.split("\n## Parameters").next().unwrap());
}

#[test]
fn no_mean_is_taken_over_runs_at_chance_and_runs_that_learnt() {
    let text = two_arms().2.text("report.md");
    assert!(text.contains("regenerated, mean ± sd of the 3 that escaped of 8 seeds"), "{text}");
    assert!(text.contains("regenerated, mean ± sd of the 5 that did not escape of 8 seeds"), "{text}");
    // The published LSTMs are at chance, so that they are held against the runs at chance.
    assert!(text.contains("difference of the 5 that did not escape"), "{text}");
}

#[test]
fn one_seed_claims_no_spread_over_seeds() {
    let text = mixed().text("report.md");
    assert!(
        text.contains("the spread over initial weights and orders of the examples is not known from one seed"),
        "{text}"
    );
    assert!(text.contains("the spread over seeds can't be had"), "{text}");
    let results = text.split("### By arm").nth(1).unwrap().split("## Limits").next().unwrap();
    assert!(!results.contains("0 ± ") && !results.contains("mean ± sd"), "{results}");
    let arm = row(&mixed().text("arms.csv"), 2);
    assert_eq!([arm("cell"), arm("auc_deviation"), arm("auc_lower")], ["gru", "", ""]);
    // A band is filled, and markers other than discs and squares are the only other polygons.
    assert!(!mixed().text("roc-panel.svg").contains("<polygon"), "one seed has no band");
    assert!(two_arms().2.text("roc-panel.svg").contains("<polygon"), "eight seeds have one");
}

#[test]
fn many_arms_stand_on_one_page_of_roc_curves() {
    let records = TempDir::new().unwrap();
    let variants = ["base", "front", "masked", "end-clip", "end-orthogonal", "end-all", "gap-100", "keras-embedding"];
    let report = Report::written(&fixture::study(fixture::arms_plan(&CellKind::ALL, &variants), 200, records.path()));
    let names: Vec<_> = report.files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert!(names.contains(&"roc-panel.svg") && !names.contains(&"roc-panel-1.svg"), "{names:?}");
    let svg = report.text("roc-panel.svg");
    let labels = super::figures::labels(&svg);
    for expected in variants.into_iter().chain(["SimpleRNN", "LSTM", "GRU", "libtorch", "tensorflow"]) {
        assert_eq!(labels.iter().filter(|label| **label == expected).count(), 1, "{expected}: {labels:?}");
    }
    for file in report.files.iter().filter(|file| file.extension().is_some_and(|own| own == "svg")) {
        let svg = std::fs::read_to_string(file).unwrap();
        let height: f64 = svg.split('"').nth(3).unwrap().trim_end_matches("pt").parse().unwrap();
        assert!(height <= 660.0, "{} is {height} pt high, more than a page holds", file.display());
    }
}

#[test]
fn variants_without_a_cell_in_common_share_a_row_each_named_over_its_panels() {
    let records = TempDir::new().unwrap();
    let variants = ["base", "outer", "clip", "gap-25", "gap-50", "orthogonal"];
    let plan =
        fixture::arms_plan(&CellKind::ALL, &variants).into_iter().filter(|(_, cell, variant, ..)| match *variant {
            "base" => true,
            "outer" => *cell != CellKind::Lstm,
            "clip" => *cell == CellKind::Lstm,
            "orthogonal" => *cell != CellKind::Rnn,
            _ => *cell == CellKind::Rnn,
        });
    let report = Report::written(&fixture::study(plan.collect(), 200, records.path()));
    let svg = report.text("roc-panel.svg");
    let places: Vec<(&str, &str, &str)> = svg
        .split("<text ")
        .skip(1)
        .filter_map(|rest| {
            let (attributes, text) = rest.split_once("</text>")?.0.split_once('>')?;
            let attribute = |name: &str| attributes.split_once(&format!("{name}=\""))?.1.split('"').next();
            Some((text.trim(), attribute("x")?, attribute("y")?))
        })
        .collect();
    let of = |name: &str| -> Vec<(&str, &str)> {
        places.iter().filter(|(text, ..)| *text == name).map(|(_, x, y)| (*x, *y)).collect()
    };
    let row = |name: &str| of(name)[0].1;
    assert_eq!((row("outer"), row("gap-25")), (row("clip"), row("orthogonal")));
    assert_ne!(of("gap-25")[0].0, of("orthogonal")[0].0, "over its own panels");
    let times = variants.map(|name| of(name).len());
    assert_eq!(times, [1, 2, 1, 1, 1, 1], "named again only beyond another's panel: {places:?}");
}

#[test]
fn what_explains_a_failure_is_drawn_where_it_was_recorded() {
    let records = TempDir::new().unwrap();
    let mut results = fixture::study(fixture::completed_plan(), 200, records.path());
    let names = |report: &Report| -> Vec<String> {
        report.files.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    let without = names(&Report::written(&results));
    assert!(!without.iter().any(|name| name.contains("input-gradients") || name.contains("spectra")), "{without:?}");
    for record in results.runs.iter_mut().filter_map(|run| run.record.as_mut()) {
        let padded = if record.key.backend == "libtorch" { 227 } else { 0 };
        record.start = observation(padded, 1.0);
        for epoch in &mut record.epochs {
            epoch.observation = observation(padded, 1.0 + 0.05 * f64::from(epoch.epoch));
        }
    }
    let report = Report::written(&results);
    let with = names(&report);
    for name in ["input-gradients-first.svg", "input-gradients-last.svg", "recurrent-spectra.svg"] {
        assert!(with.contains(&name.to_owned()), "{with:?}");
    }
    let svg = report.text("input-gradients-last.svg");
    let labels = super::figures::labels(&svg);
    for expected in ["SimpleRNN", "step", "gradient norm", "10⁻¹⁸", "the last word stands here (median)"] {
        assert!(labels.contains(&expected), "{expected}: {labels:?}");
    }
    let svg = report.text("recurrent-spectra.svg");
    let labels = super::figures::labels(&svg);
    for expected in ["0", "10", "singular values", "spectral radius", "orthogonal"] {
        assert!(labels.contains(&expected), "{expected}: {labels:?}");
    }
    // Ten epochs and the initial weights: the largest singular value and the spectral radius of three cells.
    assert_eq!(super::figures::curves(&svg, super::figures::FIRST, 11, false), 6);
    assert!(report.text("report.md").contains("### Gradients and recurrent kernels"));
}

/// A gradient that fades by e in ten steps, and a block whose largest singular value is this.
fn observation(padded_after: u32, largest: f64) -> Observation {
    let mean_log: Vec<Option<f64>> = (0..400).map(|step| Some(-0.1 * f64::from(399 - step))).collect();
    let mean = mean_log.iter().map(|log| log.unwrap().exp()).collect();
    let row = RowReach { length: 400 - padded_after, padded_after, at_last_word: 1e-9, at_last_step: 1.0 };
    let spectrum = Spectrum { singular_values: vec![largest, 0.9], spectral_radius: largest };
    Observation {
        input_gradients: Some(InputGradients { mean, mean_log, rows: vec![row; 32] }),
        recurrent_spectrum: vec![BlockSpectrum { kernel: "rnn.weight_hh_l0".into(), gate: 0, spectrum }],
    }
}

/// The two arms of [`two_arms`] as a call for seed 8 alone leaves them: the other seeds are of earlier calls, the latest first.
fn narrowed(results: &StudyResults) -> StudyResults {
    let mut narrow = results.clone();
    narrow.earlier = narrow.runs.extract_if(.., |run| run.planned.key.seed != 8).collect();
    narrow.study.runs.retain(|run| run.key.seed == 8);
    narrow
}

#[test]
fn a_narrower_call_narrows_nothing_that_can_be_reported() {
    let (_, results, report) = two_arms();
    let narrow = narrowed(results);
    let text = Report::written(&narrow);
    assert_eq!(text.text("arms.csv"), report.text("arms.csv"));
    assert!(text.text("report.md").contains("16 completed; 14 of them by earlier calls with the same settings"));

    // Before the run of the call has ended, and where the plan has no run of an arm at all.
    let mut waiting = narrow.clone();
    waiting.runs.retain(|run| run.planned.key.backend == "libtorch");
    waiting.study.runs.retain(|run| run.key.backend == "libtorch");
    waiting.runs[0].record = None;
    let text = Report::written(&waiting).text("arms.csv");
    let (libtorch, tensorflow) = (row(&text, 0), row(&text, 1));
    assert_eq!([libtorch("planned"), libtorch("completed")], ["8", "7"]);
    assert_eq!([tensorflow("planned"), tensorflow("completed")], ["7", "7"]);
}

#[test]
fn runs_of_other_settings_are_no_seeds_of_an_arm() {
    let (_, results, _) = two_arms();
    let mut other = narrowed(results);
    for run in other.earlier.iter_mut().filter(|run| run.planned.key.seed < 4) {
        run.record.as_mut().unwrap().protocol.epochs = 3;
    }
    let text = Report::written(&other);
    let arm = row(&text.text("arms.csv"), 0);
    assert_eq!([arm("planned"), arm("completed")], ["5", "5"]);
    let also = text.text("report.md");
    let also = also.split("## Also here").nth(1).unwrap();
    assert_eq!(also.lines().filter(|line| line.contains("`epochs` = 3 (10)")).count(), 6, "{also}");

    // A plan that asks for a point again has changed the settings; what was made with the old ones is none of its runs, even before one has ended.
    let mut changed = narrowed(results);
    changed.earlier.extend(changed.runs.clone());
    changed.runs.iter_mut().for_each(|run| run.record = None);
    let arm = row(&Report::written(&changed).text("arms.csv"), 0);
    assert_eq!([arm("planned"), arm("completed")], ["1", "0"]);
}
