//! Against scipy, scikit-learn, lifelines and statsmodels, on the cases that the recipes in `tests/golden/` wrote.

use serde::Deserialize;

use crate::comparison::permutation::permutation_test;
use crate::comparison::{Discordant, fisher, permuted_welch, superiority, welch};
use crate::equivalence::welch_equivalence;
use crate::intervals::{clopper_pearson, mean_interval};
use crate::metrics::{expected_calibration_error, null_auc_error, reliability_curve};
use crate::multiplicity::holm;
use crate::survival::{Observation, compare_restricted_means, kaplan_meier, restricted_mean};

#[derive(Deserialize)]
struct Scipy {
    shares: Vec<Share>,
    fisher: Vec<FisherCase>,
    arms: Vec<Arms>,
    mcnemar: Vec<McNemarCase>,
    null_auc: Vec<NullAuc>,
    reliability: Vec<Reliability>,
}

#[derive(Deserialize)]
struct Share {
    successes: u64,
    trials: u64,
    confidence: f64,
    interval: [f64; 2],
}

#[derive(Deserialize)]
struct FisherCase {
    first: (u64, u64),
    second: (u64, u64),
    two_sided: f64,
    greater: f64,
    less: f64,
}

#[derive(Deserialize)]
struct Arms {
    name: String,
    first: Vec<f64>,
    second: Vec<f64>,
    mean_interval: Option<[f64; 2]>,
    t: f64,
    degrees: f64,
    p_value: f64,
    difference_interval: [f64; 2],
    superiority: f64,
    welch_two_sided: f64,
    welch_greater: f64,
    welch_less: f64,
    means_two_sided: f64,
    means_greater: f64,
    means_less: f64,
}

#[derive(Deserialize)]
struct McNemarCase {
    discordant: [u64; 2],
    exact: f64,
    mid_p: Option<f64>,
}

#[derive(Deserialize)]
struct NullAuc {
    positives: u64,
    negatives: u64,
    error: f64,
}

#[derive(Deserialize)]
struct Reliability {
    name: String,
    logits: Vec<f64>,
    labels: Vec<u8>,
    bins: usize,
    rows: Vec<u64>,
    positive: Vec<f64>,
    predicted: Vec<f64>,
    error: f64,
}

#[derive(Deserialize)]
struct Lifelines {
    cases: Vec<Curve>,
    comparisons: Vec<Comparison>,
}

#[derive(Deserialize)]
struct Curve {
    name: String,
    times: Vec<f64>,
    happened: Vec<bool>,
    horizon: f64,
    steps: Vec<(f64, usize, usize, usize, f64)>,
    restricted_mean: f64,
}

#[derive(Deserialize)]
struct Comparison {
    name: String,
    first: Vec<Option<f64>>,
    second: Vec<Option<f64>>,
    last: f64,
    means: [f64; 2],
    p_value: f64,
    splits: u64,
}

#[derive(Deserialize)]
struct Statsmodels {
    mcnemar: Vec<McNemarCase>,
    equivalence: Vec<EquivalenceCase>,
    holm: Vec<HolmCase>,
}

#[derive(Deserialize)]
struct EquivalenceCase {
    first: Vec<f64>,
    second: Vec<f64>,
    margin: f64,
    p_value: f64,
    above_lower: f64,
    below_upper: f64,
}

#[derive(Deserialize)]
struct HolmCase {
    p_values: Vec<f64>,
    adjusted: Vec<f64>,
}

fn scipy() -> Scipy {
    serde_json::from_str(include_str!("../tests/golden/scipy/scipy.json")).unwrap()
}

fn lifelines() -> Lifelines {
    serde_json::from_str(include_str!("../tests/golden/lifelines/lifelines.json")).unwrap()
}

fn statsmodels() -> Statsmodels {
    serde_json::from_str(include_str!("../tests/golden/statsmodels/statsmodels.json")).unwrap()
}

/// Within a billionth of itself: small p values count as much as large ones.
#[track_caller]
fn assert_close(what: &str, ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs() + 1e-14, "{what}: {ours}, expected {theirs}");
}

#[test]
fn share_intervals_are_scipys() {
    let cases = scipy().shares;
    assert!(cases.len() >= 10);
    for case in cases {
        let found = clopper_pearson(case.successes, case.trials, case.confidence).unwrap();
        // statrs gives quantiles to so many places, not to so many digits; a share is never smaller than 1e-6 here.
        for (ours, theirs) in [found.lower, found.upper].into_iter().zip(case.interval) {
            assert!((ours - theirs).abs() < 1e-9, "{} of {}: {ours}, expected {theirs}", case.successes, case.trials);
        }
    }
}

#[test]
fn fishers_test_is_scipys() {
    let cases = scipy().fisher;
    assert!(cases.len() >= 11);
    for case in cases {
        let found = fisher(case.first, case.second).unwrap();
        let what = format!("{:?} and {:?}", case.first, case.second);
        assert_close(&what, found.two_sided, case.two_sided);
        assert_close(&what, found.greater, case.greater);
        assert_close(&what, found.less, case.less);
    }
}

#[test]
fn means_and_welchs_test_are_scipys() {
    for case in scipy().arms {
        let found = welch(&case.first, &case.second, 0.95).unwrap();
        assert_close(&case.name, found.t, case.t);
        assert_close(&case.name, found.degrees_of_freedom, case.degrees);
        assert_close(&case.name, found.p_value, case.p_value);
        assert_close(&case.name, found.lower, case.difference_interval[0]);
        assert_close(&case.name, found.upper, case.difference_interval[1]);
        assert_close(&case.name, superiority(&case.first, &case.second).unwrap(), case.superiority);
        if let Some([lower, upper]) = case.mean_interval {
            let mean = mean_interval(&case.first, 0.95).unwrap();
            assert_close(&case.name, mean.lower, lower);
            assert_close(&case.name, mean.upper, upper);
        }
    }
}

#[test]
fn exact_permutation_tests_are_scipys() {
    let cases = scipy().arms;
    assert!(cases.len() >= 6);
    for case in cases {
        let welch = permuted_welch(&case.first, &case.second).unwrap();
        assert_close(&case.name, welch.p_value, case.welch_two_sided);
        assert_close(&case.name, welch.greater, case.welch_greater);
        assert_close(&case.name, welch.less, case.welch_less);
        let all = [case.first.as_slice(), &case.second].concat();
        let means = permutation_test(case.first.len(), case.second.len(), 1e-12, |in_first| {
            let mean = |arm: bool| {
                let of_arm: Vec<f64> =
                    all.iter().zip(in_first).filter(|(_, of)| **of == arm).map(|(v, _)| *v).collect();
                of_arm.iter().sum::<f64>() / of_arm.len() as f64
            };
            Ok(mean(true) - mean(false))
        })
        .unwrap();
        assert_close(&case.name, means.p_value, case.means_two_sided);
        assert_close(&case.name, means.greater, case.means_greater);
        assert_close(&case.name, means.less, case.means_less);
    }
}

#[test]
fn mcnemars_test_is_scipys_and_statsmodels() {
    let cases: Vec<_> = scipy().mcnemar.into_iter().chain(statsmodels().mcnemar).collect();
    assert!(cases.len() >= 13);
    for case in cases {
        let found = Discordant { first_only: case.discordant[0], second_only: case.discordant[1] }.test();
        let what = format!("{:?}", case.discordant);
        assert_close(&what, found.exact, case.exact);
        if let Some(mid_p) = case.mid_p {
            assert_close(&what, found.mid_p, mid_p);
        }
    }
}

#[test]
fn the_null_error_of_an_auc_is_that_over_all_rankings() {
    for case in scipy().null_auc {
        assert_close("null", null_auc_error(case.positives, case.negatives).unwrap(), case.error);
    }
}

#[test]
fn reliability_curves_are_scikit_learns() {
    for case in scipy().reliability {
        let logits: Vec<f32> = case.logits.iter().map(|logit| *logit as f32).collect();
        let curve = reliability_curve(&logits, &case.labels, case.bins).unwrap();
        assert_eq!(curve.iter().map(|bin| bin.rows).collect::<Vec<_>>(), case.rows, "{}", case.name);
        for ((bin, positive), predicted) in curve.iter().zip(&case.positive).zip(&case.predicted) {
            assert_close(&case.name, bin.positive, *positive);
            assert_close(&case.name, bin.predicted, *predicted);
        }
        assert_close(&case.name, expected_calibration_error(&curve), case.error);
    }
}

#[test]
fn survival_curves_and_restricted_means_are_those_of_lifelines() {
    let cases = lifelines().cases;
    assert!(cases.len() >= 5);
    for case in cases {
        let runs = case.times.iter().zip(&case.happened);
        let runs: Vec<_> = runs.map(|(time, happened)| Observation { time: *time, happened: *happened }).collect();
        let found = kaplan_meier(&runs).unwrap();
        assert_eq!(found.len(), case.steps.len(), "{}", case.name);
        for (ours, theirs) in found.iter().zip(&case.steps) {
            let counts = (ours.time, ours.at_risk, ours.events, ours.censored);
            assert_eq!(counts, (theirs.0, theirs.1, theirs.2, theirs.3), "{}", case.name);
            assert_close(&case.name, ours.surviving, theirs.4);
        }
        assert_close(&case.name, restricted_mean(&runs, case.horizon).unwrap(), case.restricted_mean);
    }
}

#[test]
fn the_exact_test_of_restricted_means_is_scipys() {
    let cases = lifelines().comparisons;
    assert!(cases.len() >= 4);
    for case in cases {
        let arm = |epochs: &[Option<f64>]| -> Vec<Observation> {
            let one = |epoch: &Option<f64>| Observation { time: epoch.unwrap_or(case.last), happened: epoch.is_some() };
            epochs.iter().map(one).collect()
        };
        let found = compare_restricted_means(&arm(&case.first), &arm(&case.second), case.last).unwrap();
        assert_close(&case.name, found.first, case.means[0]);
        assert_close(&case.name, found.second, case.means[1]);
        assert_close(&case.name, found.difference.p_value, case.p_value);
        assert_eq!(found.difference.splits, case.splits, "{}", case.name);
    }
}

#[test]
fn two_one_sided_tests_are_those_of_statsmodels() {
    let cases = statsmodels().equivalence;
    assert!(cases.len() >= 4);
    for case in cases {
        let found = welch_equivalence(&case.first, &case.second, case.margin).unwrap();
        assert_close("above the lower", found.above_lower, case.above_lower);
        assert_close("below the upper", found.below_upper, case.below_upper);
        assert_close("both", found.p_value, case.p_value);
    }
}

#[test]
fn holms_adjusted_values_are_those_of_statsmodels() {
    let cases = statsmodels().holm;
    assert!(cases.len() >= 5);
    for case in cases {
        for (ours, theirs) in holm(&case.p_values).unwrap().iter().zip(&case.adjusted) {
            assert_close("adjusted", *ours, *theirs);
        }
    }
}
