//! Every metric against scikit-learn, on the cases that `tests/golden/metrics/make_cases.py` wrote, and DeLong against pROC (`tests/golden/proc/`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Confusion, METRICS, auc_interval, compare_aucs, evaluate, log_loss::row_loss, roc_curve};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    logits: Vec<f64>,
    labels: Vec<u8>,
    /// By the key of the metric.
    metrics: BTreeMap<String, f64>,
    log_loss_clipped: f64,
    confusion: [u64; 4],
    roc_full: Vec<(f64, f64, Option<f64>)>,
    roc_dropped: Vec<(f64, f64, Option<f64>)>,
}

impl Case {
    fn logits(&self) -> Vec<f32> {
        self.logits.iter().map(|logit| *logit as f32).collect()
    }
}

fn cases() -> Vec<Case> {
    let text = include_str!("../../tests/golden/metrics/cases.json");
    let golden: Golden = serde_json::from_str(text).unwrap();
    assert!(golden.cases.len() >= 18, "the golden file lost cases");
    golden.cases
}

#[track_caller]
fn assert_close(case: &str, what: &str, ours: f64, theirs: f64) {
    let allowed = 1e-12 * theirs.abs().max(1.0);
    assert!((ours - theirs).abs() <= allowed, "{case}: {what} is {ours}, scikit-learn says {theirs}");
}

#[test]
fn every_metric_equals_scikit_learns() {
    for case in cases() {
        let found = evaluate(&case.logits(), &case.labels).unwrap();
        let [tn, fp, fn_, tp] = case.confusion;
        assert_eq!(found.confusion, Confusion { tn, fp, fn_, tp }, "{}", case.name);
        assert_eq!(found.confusion.predicted_positive(), fp + tp, "{}", case.name);
        assert_eq!(found.confusion.examples(), case.labels.len() as u64, "{}", case.name);
        assert_eq!(case.metrics.len(), METRICS.len(), "{}: every metric has its golden value", case.name);
        for metric in &METRICS {
            assert_close(&case.name, metric.title, metric.of(&found).unwrap(), case.metrics[metric.key]);
        }
    }
}

#[test]
fn log_loss_equals_scikit_learns_once_its_clipping_is_applied() {
    let ceiling = -f64::EPSILON.ln();
    let mut clipped_cases = 0;
    for case in cases() {
        let rows = case.logits().into_iter().zip(&case.labels);
        let losses: Vec<f64> = rows.map(|(z, y)| row_loss(f64::from(z), *y == 1)).collect();
        clipped_cases += usize::from(losses.iter().any(|loss| *loss > ceiling));
        let floor = -(-f64::EPSILON).ln_1p();
        let clipped: f64 = losses.iter().map(|loss| loss.clamp(floor, ceiling)).sum();
        assert_close(&case.name, "clipped log loss", clipped / losses.len() as f64, case.log_loss_clipped);
    }
    assert_eq!(clipped_cases, 1, "only the case of extreme logits is meant to be clipped");
}

#[test]
fn roc_curves_equal_scikit_learns_point_by_point() {
    for case in cases() {
        for (drop, theirs) in [(false, &case.roc_full), (true, &case.roc_dropped)] {
            let ours = roc_curve(&case.logits(), &case.labels, drop).unwrap();
            assert_eq!(ours.len(), theirs.len(), "{}: dropping {drop}", case.name);
            for (ours, (fpr, tpr, threshold)) in ours.iter().zip(theirs) {
                assert_close(&case.name, "false positive rate", ours.false_positive_rate, *fpr);
                assert_close(&case.name, "true positive rate", ours.true_positive_rate, *tpr);
                assert_eq!(ours.threshold, threshold.unwrap_or(f64::INFINITY), "{}", case.name);
            }
        }
    }
}

#[derive(Deserialize)]
struct Proc {
    labels: Vec<u8>,
    ranks: BTreeMap<String, Vec<f32>>,
    aucs: BTreeMap<String, f64>,
    variances: BTreeMap<String, f64>,
    interval_of_ndka: [f64; 2],
    comparisons: Vec<ProcComparison>,
}

#[derive(Deserialize)]
struct ProcComparison {
    first: String,
    second: String,
    z: f64,
    p_value: f64,
    lower: f64,
    upper: f64,
}

#[test]
fn delongs_intervals_and_comparisons_are_those_that_proc_publishes() {
    let golden: Proc = serde_json::from_str(include_str!("../../tests/golden/proc/proc.json")).unwrap();
    assert_eq!((golden.labels.len(), golden.aucs.len(), golden.comparisons.len()), (113, 3, 3));
    for (marker, ranks) in &golden.ranks {
        let found = auc_interval(ranks, &golden.labels).unwrap();
        assert_close(marker, "AUC", found.auc, golden.aucs[marker]);
        assert_close(marker, "variance", found.variance, golden.variances[marker]);
        if marker == "ndka" {
            assert_close(marker, "lower end", found.lower, golden.interval_of_ndka[0]);
            assert_close(marker, "upper end", found.upper, golden.interval_of_ndka[1]);
        }
    }
    for case in golden.comparisons {
        let (first, second) = (&golden.ranks[&case.first], &golden.ranks[&case.second]);
        let found = compare_aucs(first, second, &golden.labels).unwrap();
        let name = format!("{} and {}", case.first, case.second);
        assert_close(&name, "z", found.z, case.z);
        assert_close(&name, "p value", found.p_value, case.p_value);
        assert_close(&name, "lower end", found.lower, case.lower);
        assert_close(&name, "upper end", found.upper, case.upper);
    }
}
