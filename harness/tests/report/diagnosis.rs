//! Planted records, a cause each, and what is said of them.

use std::fmt::Write as _;

use harness::contract::CellKind;
use harness::diagnosis::{Cause, Diagnosis, details, diagnose, diagnose_with, overview};
use harness::record::{
    InputGradients, Observation, Outcome, RowReach, RunRecord, RunResult, Scores, StudyResults, read_predictions,
    write_predictions,
};
use harness::statistics::metrics::evaluate;
use tempfile::TempDir;

use super::fixture::{Fate, study};

const REVIEWS: u32 = 4_000;

/// A run that completed with about this AUC.
fn completed(auc: f64) -> (TempDir, StudyResults) {
    let records = TempDir::new().unwrap();
    let plan = vec![("libtorch", CellKind::Lstm, "base", 1, Fate::Completes { auc })];
    let results = study(plan, REVIEWS, records.path());
    (records, results)
}

/// Gradients of 32 reviews, each with so many padded steps behind it, whose norm falls to `reach` over them.
fn gradients(padded_after: u32, reach: f64) -> InputGradients {
    let row = RowReach { length: 400 - padded_after, padded_after, at_last_word: 1e-3 * reach, at_last_step: 1e-3 };
    InputGradients { mean: vec![1e-3; 400], mean_log: vec![None; 400], rows: vec![row; 32] }
}

/// A run at chance of which nothing else is wrong: its scores spread, both classes are predicted, the gradient reaches.
fn at_chance() -> (TempDir, RunResult) {
    let (records, results) = completed(0.5);
    let mut run = results.runs.into_iter().next().unwrap();
    rescored(&mut run, |_, at| ((at * 7_919 % 2_003) as f32 - 1_001.0) / 1_000.0);
    for epoch in &mut run.record.as_mut().unwrap().epochs {
        epoch.observation.input_gradients = Some(gradients(200, 0.01));
    }
    (records, run)
}

fn record(run: &mut RunResult) -> &mut RunRecord {
    run.record.as_mut().unwrap()
}

/// Gives every review another logit, by its old one and its place.
fn rescored(run: &mut RunResult, logit: impl Fn(f32, usize) -> f32) {
    let path = run.directory.join("predictions.parquet");
    let mut predictions = read_predictions(&path).unwrap();
    for (at, own) in predictions.iter_mut().enumerate() {
        own.logit = logit(own.logit, at / 2);
    }
    write_predictions(&path, &predictions).unwrap();
    let (logits, labels): (Vec<_>, Vec<_>) = predictions.iter().map(|own| (own.logit, own.label)).unzip();
    record(run).test = Some(evaluate(&logits, &labels).unwrap());
}

fn planted(plant: impl FnOnce(&mut RunResult)) -> Diagnosis {
    let (_records, mut run) = at_chance();
    plant(&mut run);
    diagnose(&run).unwrap()
}

fn causes(found: &Diagnosis) -> Vec<Cause> {
    found.signs.iter().map(|sign| sign.cause).collect()
}

#[test]
fn a_healthy_run_gives_no_alarm() {
    let (_records, results) = completed(0.93);
    let found = diagnose(&results.runs[0]).unwrap();
    assert!(!found.standing.is_alarm() && found.signs.is_empty() && found.unknown.is_empty(), "{found:?}");
    // Not even where something is odd that would be a cause at chance.
    let mut run = results.runs[0].clone();
    for epoch in &mut record(&mut run).epochs {
        epoch.clipped_share = 1.0;
        epoch.observation.input_gradients = Some(gradients(200, 1e-30));
    }
    assert_eq!(diagnose(&run).unwrap().cause(), None);
}

#[test]
fn every_cause_is_named_where_its_records_are_planted() {
    let found: Vec<(Cause, Diagnosis)> = vec![
        (Cause::NoneOfThese, planted(|_| {})),
        (Cause::OneClass, planted(|run| rescored(run, |logit, _| logit.abs() + 0.1))),
        (Cause::NoSpread, planted(|run| rescored(run, |logit, _| logit / 100.0))),
        (
            Cause::ClippedThroughout,
            planted(|run| record(run).epochs.iter_mut().for_each(|epoch| epoch.clipped_share = 0.97)),
        ),
        (Cause::Saturated, planted(|run| rescored(run, |logit, _| logit * 100.0))),
        (
            Cause::LearningRateGone,
            planted(|run| {
                for epoch in &mut record(run).epochs {
                    epoch.learning_rate = if epoch.epoch < 4 { 1e-3 } else { 1e-5 };
                }
            }),
        ),
        (
            Cause::NoReach,
            planted(|run| {
                for epoch in &mut record(run).epochs {
                    epoch.observation.input_gradients = Some(gradients(227, 1e-9 * f64::from(epoch.epoch)));
                }
            }),
        ),
        (
            Cause::NotFinite,
            planted(|run| {
                let record = record(run);
                record.outcome = Outcome::Diverged { epoch: 3, step: 17, what: "the training loss".into() };
                record.test = None;
                record.epochs.truncate(2);
            }),
        ),
    ];
    let mut text = String::new();
    for (cause, found) in &found {
        assert!(found.standing.is_alarm(), "{found:?}");
        assert_eq!(causes(found), [*cause], "{found:?}");
        writeln!(text, "{}", details(found)).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn what_stops_learning_is_named_before_what_that_looks_like() {
    let found = planted(|run| {
        rescored(run, |logit, _| 0.2 + logit / 1_000.0);
        for epoch in &mut record(run).epochs {
            epoch.observation.input_gradients = Some(gradients(227, 1e-12));
        }
    });
    assert_eq!(causes(&found), [Cause::NoReach, Cause::NoSpread, Cause::OneClass]);
}

#[test]
fn a_gradient_that_reached_once_is_no_cause() {
    let found = planted(|run| {
        for epoch in &mut record(run).epochs {
            let reach = if epoch.epoch == 5 { 1e-3 } else { 1e-12 };
            epoch.observation.input_gradients = Some(gradients(227, reach));
        }
    });
    assert_eq!(causes(&found), [Cause::NoneOfThese]);
}

#[test]
fn saturation_shows_in_the_gradients_too() {
    let dead = planted(|run| {
        for epoch in &mut record(run).epochs {
            let mut gradients = gradients(0, 1.0);
            gradients.rows.iter_mut().take(20).for_each(|row| (row.at_last_word, row.at_last_step) = (0.0, 0.0));
            epoch.observation.input_gradients = Some(gradients);
        }
    });
    assert_eq!(causes(&dead), [Cause::Saturated]);
    let vanished = |loss: f64| {
        planted(move |run| {
            let last = record(run).epochs.last_mut().unwrap();
            (last.gradient_norm_mean, last.train_loss) = (1e-9, loss);
        })
    };
    assert_eq!(causes(&vanished(0.7)), [Cause::Saturated]);
    assert_eq!(
        causes(&vanished(0.01)),
        [Cause::NoneOfThese],
        "a model that learnt its reviews by heart has no gradient either"
    );
}

#[test]
fn a_run_that_fell_back_to_chance_gives_alarm_and_one_that_never_escaped_does() {
    let fallen = planted(|run| record(run).epochs[1].validation.auc = 0.71);
    assert_eq!(fallen.standing.name(), "back at chance");
    let (_records, results) = completed(0.57);
    let mut run = results.runs[0].clone();
    record(&mut run).epochs.iter_mut().for_each(|epoch| epoch.validation.auc = 0.59);
    let found = diagnose(&run).unwrap();
    assert_eq!(found.standing.name(), "not escaped");
    assert!(
        found.standing.is_alarm() && found.standing.to_string().contains("at most 0.5900 in 10 epochs"),
        "{found:?}"
    );
}

#[test]
fn what_was_not_recorded_is_not_known() {
    let found = planted(|run| {
        for epoch in &mut record(run).epochs {
            epoch.observation = Observation::default();
        }
    });
    assert_eq!(causes(&found), [Cause::NoneOfThese]);
    let [unknown] = found.unknown.as_slice() else { panic!("{found:?}") };
    assert!(unknown.contains("`input_gradient_norms` was off") && unknown.contains("191 padded steps"), "{unknown}");
}

#[test]
fn a_study_is_an_overview_with_details_of_its_alarms() {
    let records = TempDir::new().unwrap();
    let results = study(super::fixture::mixed_plan(), 2_000, records.path());
    let found: Vec<_> = results.runs.iter().map(|run| diagnose(run).unwrap()).collect();
    insta::assert_snapshot!(overview(&results.study.title, &found));
    assert_eq!(found[5].standing.to_string(), "not run yet");
}

#[test]
fn odd_records_are_diagnosed_without_a_number_that_is_none() {
    let (_records, mut run) = at_chance();
    record(&mut run).epochs.clear();
    let none = Scores { logits: Vec::new(), labels: Vec::new() };
    let text = details(&diagnose_with(&run, Some(&none)));
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}
