//! What must hold for every input: laws of ranking, agreement with slow definitions, and errors.

use proptest::prelude::*;

use super::{
    AucComparison, Confusion, METRICS, Metrics, MetricsError, auc, auc_interval, compare_aucs, evaluate, log_loss,
    roc_curve,
};

/// Scores on a coarse grid, so that ties are common, with both classes at least `least` times.
fn rows(least: usize) -> impl Strategy<Value = (Vec<f32>, Vec<u8>)> {
    (2 * least..60)
        .prop_flat_map(|count| {
            let scores = prop::collection::vec((-8_i8..=8).prop_map(|s| f32::from(s) / 4.0), count);
            (scores, prop::collection::vec(0_u8..=1, count))
        })
        .prop_map(move |(scores, mut labels)| {
            for row in 0..least {
                labels[2 * row] = 0;
                labels[2 * row + 1] = 1;
            }
            (scores, labels)
        })
}

/// AUC as it is defined: over all pairs, one for a win and a half for a tie.
fn auc_by_pairs(scores: &[f32], labels: &[u8]) -> f64 {
    let pairs = win_table(scores, labels);
    let all: Vec<f64> = pairs.concat();
    all.iter().sum::<f64>() / all.len() as f64
}

/// `[positive][negative]`: 1 where the positive row scores higher, 0.5 where they tie, else 0.
fn win_table(scores: &[f32], labels: &[u8]) -> Vec<Vec<f64>> {
    let of = |class: u8| -> Vec<f32> {
        let rows = scores.iter().zip(labels).filter(|(_, label)| **label == class);
        rows.map(|(score, _)| *score).collect()
    };
    let negatives = of(0);
    let against =
        |p: f32| negatives.iter().map(move |n| f64::from(u8::from(p > *n)) + 0.5 * f64::from(u8::from(p == *n)));
    of(1).into_iter().map(|p| against(p).collect()).collect()
}

/// DeLong's covariance of two AUCs straight from the 1988 paper, by the table of all pairs.
fn delong_by_pairs(first: &[f32], second: &[f32], labels: &[u8]) -> f64 {
    let tables = [win_table(first, labels), win_table(second, labels)];
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let by_positive = tables.each_ref().map(|t| t.iter().map(|row| mean(row)).collect::<Vec<_>>());
    let by_negative = tables
        .each_ref()
        .map(|t| (0..t[0].len()).map(|n| mean(&t.iter().map(|row| row[n]).collect::<Vec<_>>())).collect::<Vec<_>>());
    let covariance = |[a, b]: &[Vec<f64>; 2]| {
        let (mean_a, mean_b) = (mean(a), mean(b));
        let sum: f64 = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum();
        sum / (a.len() - 1) as f64 / a.len() as f64
    };
    covariance(&by_positive) + covariance(&by_negative)
}

proptest! {
    #[test]
    fn auc_equals_the_count_over_all_pairs((scores, labels) in rows(1)) {
        prop_assert!((auc(&scores, &labels).unwrap() - auc_by_pairs(&scores, &labels)).abs() < 1e-12);
    }

    #[test]
    fn auc_is_unchanged_by_rising_maps((scores, labels) in rows(1), scale in 0.5_f32..8.0, shift in -3.0_f32..3.0) {
        // Scores lie 0.25 apart, so neither map can merge two of them.
        let line: Vec<f32> = scores.iter().map(|s| s * scale + shift).collect();
        let cubed: Vec<f32> = scores.iter().map(|s| s.powi(3) + s).collect();
        let plain = auc(&scores, &labels).unwrap();
        prop_assert_eq!(plain, auc(&line, &labels).unwrap());
        prop_assert_eq!(plain, auc(&cubed, &labels).unwrap());
    }

    #[test]
    fn auc_of_flipped_labels_or_of_negated_scores_is_the_complement((scores, labels) in rows(1)) {
        let flipped: Vec<u8> = labels.iter().map(|label| 1 - label).collect();
        let negated: Vec<f32> = scores.iter().map(|score| -score).collect();
        let plain = auc(&scores, &labels).unwrap();
        prop_assert!((plain + auc(&scores, &flipped).unwrap() - 1.0).abs() < 1e-12);
        prop_assert!((plain + auc(&negated, &labels).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn area_under_the_roc_curve_by_trapezoids_is_the_auc((scores, labels) in rows(1), drop: bool) {
        let curve = roc_curve(&scores, &labels, drop).unwrap();
        let area: f64 = curve
            .windows(2)
            .map(|p| {
                let width = p[1].false_positive_rate - p[0].false_positive_rate;
                width * (p[1].true_positive_rate + p[0].true_positive_rate) / 2.0
            })
            .sum();
        prop_assert!((area - auc(&scores, &labels).unwrap()).abs() < 1e-12);
    }

    #[test]
    fn roc_curve_rises_from_corner_to_corner_with_falling_thresholds((scores, labels) in rows(1), drop: bool) {
        let curve = roc_curve(&scores, &labels, drop).unwrap();
        let (first, last) = (curve[0], curve[curve.len() - 1]);
        prop_assert_eq!((first.false_positive_rate, first.true_positive_rate), (0.0, 0.0));
        prop_assert_eq!((last.false_positive_rate, last.true_positive_rate), (1.0, 1.0));
        for pair in curve.windows(2) {
            prop_assert!(pair[0].threshold > pair[1].threshold);
            prop_assert!(pair[0].false_positive_rate <= pair[1].false_positive_rate);
            prop_assert!(pair[0].true_positive_rate <= pair[1].true_positive_rate);
        }
    }

    #[test]
    fn confusion_counts_add_up((scores, labels) in rows(1)) {
        let found = evaluate(&scores, &labels).unwrap();
        let Confusion { tn, fp, fn_, tp } = found.confusion;
        let positives = labels.iter().filter(|label| **label == 1).count() as u64;
        prop_assert_eq!(tn + fp + fn_ + tp, labels.len() as u64);
        prop_assert_eq!(tp + fn_, positives);
        prop_assert_eq!(tp + fp, scores.iter().filter(|score| **score > 0.0).count() as u64);
        prop_assert!((found.confusion.accuracy() - (tn + tp) as f64 / labels.len() as f64).abs() < 1e-15);
    }

    #[test]
    fn order_of_the_rows_changes_no_metric((scores, labels) in rows(1)) {
        let (back_scores, back_labels): (Vec<f32>, Vec<u8>) =
            scores.iter().copied().zip(labels.iter().copied()).rev().unzip();
        let (there, back) = (evaluate(&scores, &labels).unwrap(), evaluate(&back_scores, &back_labels).unwrap());
        prop_assert_eq!(there.auc, back.auc);
        prop_assert_eq!(there.confusion, back.confusion);
        prop_assert!((there.log_loss - back.log_loss).abs() < 1e-12);
    }

    #[test]
    fn delong_by_ranks_equals_delong_by_pairs((scores, labels) in rows(2)) {
        let found = auc_interval(&scores, &labels).unwrap();
        prop_assert!((found.variance - delong_by_pairs(&scores, &scores, &labels)).abs() < 1e-12);
        prop_assert!(found.lower <= found.auc && found.auc <= found.upper);
        prop_assert!(found.lower >= 0.0 && found.upper <= 1.0);
    }

    #[test]
    fn paired_variance_is_that_of_a_difference_of_correlated_aucs(
        (first, labels) in rows(2), noise in prop::collection::vec(-4_i8..=4, 60)
    ) {
        let second: Vec<f32> = first.iter().zip(&noise).map(|(s, n)| s + f32::from(*n) / 4.0).collect();
        let covariance = |a: &[f32], b: &[f32]| delong_by_pairs(a, b, &labels);
        let expected = covariance(&first, &first) + covariance(&second, &second) - 2.0 * covariance(&first, &second);
        match compare_aucs(&first, &second, &labels) {
            Ok(found) => {
                prop_assert!((found.variance - expected).abs() < 1e-12);
                let difference = auc_by_pairs(&first, &labels) - auc_by_pairs(&second, &labels);
                prop_assert!((found.difference - difference).abs() < 1e-12);
                prop_assert!((0.0..=1.0).contains(&found.p_value));
            }
            Err(error) => {
                prop_assert!(matches!(error, MetricsError::NoVariance { .. }), "{}", error);
                prop_assert!(expected.abs() < 1e-12);
            }
        }
    }
}

#[test]
fn delong_by_hand_on_the_textbook_scores() {
    // Positives 0.35 and 0.8, negatives 0.1 and 0.4: wins 1, 0 and 1, 1, so AUC 3/4.
    // V10 = 1/2, 1 with sample variance 1/8; V01 = 1, 1/2 likewise. Variance 1/8/2 + 1/8/2 = 1/8.
    let found = auc_interval(&[0.1, 0.4, 0.35, 0.8], &[0, 0, 1, 1]).unwrap();
    assert_eq!((found.auc, found.variance), (0.75, 0.125));
    assert_eq!(found.upper, 1.0, "the interval is cut at 1");
    assert!((found.lower - (0.75 - 1.959_963_984_540_054 * 0.125_f64.sqrt())).abs() < 1e-15);
}

#[test]
fn p_value_is_the_two_sided_normal_tail() {
    // Eight rows on which the two rankings differ; the tail is checked against tabulated quantiles
    // through z itself: |z| = 1.959964 has p 0.05, so p falls on the right side of 0.05.
    let labels = [0, 0, 0, 0, 1, 1, 1, 1];
    let good = [0.0, 1.0, 2.0, 4.5, 4.0, 5.0, 6.0, 7.0];
    let poor = [0.0, 5.0, 2.0, 7.0, 1.0, 4.0, 3.0, 6.0];
    let AucComparison { z, p_value, .. } = compare_aucs(&good, &poor, &labels).unwrap();
    assert!(z > 0.0);
    assert_eq!(p_value < 0.05, z > 1.959_963_984_540_054);
    let swapped = compare_aucs(&poor, &good, &labels).unwrap();
    assert_eq!((swapped.z, swapped.p_value), (-z, p_value));
    // Abramowitz and Stegun, table 26.1: P(|Z| > 1) = 0.317310507862914.
    assert!((libm::erfc(1.0 / 2.0_f64.sqrt()) - 0.317_310_507_862_914).abs() < 1e-15);
}

#[test]
fn equal_rankings_do_not_differ() {
    let found = compare_aucs(&[0.0, 1.0, 2.0, 3.0], &[0.0, 10.0, 20.0, 30.0], &[0, 1, 0, 1]).unwrap();
    assert_eq!((found.difference, found.z, found.p_value), (0.0, 0.0, 1.0));
}

#[test]
fn perfect_against_backwards_has_no_test() {
    let error = compare_aucs(&[0.0, 1.0, 2.0, 3.0], &[3.0, 2.0, 1.0, 0.0], &[0, 0, 1, 1]).unwrap_err();
    assert_eq!(error, MetricsError::NoVariance { difference: 1.0 });
}

#[test]
fn variance_needs_two_rows_of_each_class() {
    let error = auc_interval(&[0.0, 1.0, 2.0], &[0, 0, 1]).unwrap_err();
    assert_eq!(error, MetricsError::TooFewRows { positives: 1, negatives: 2 });
}

#[test]
fn one_class_alone_is_an_error_not_one_half() {
    for label in [0, 1] {
        let error = evaluate(&[0.5, -0.5, 1.0], &[label; 3]).unwrap_err();
        assert_eq!(error, MetricsError::SingleClass { rows: 3, label });
        assert_eq!(roc_curve(&[0.5, -0.5, 1.0], &[label; 3], true).unwrap_err(), error);
    }
}

#[test]
fn inputs_that_cannot_be_measured_are_named() {
    assert_eq!(evaluate(&[], &[]).unwrap_err(), MetricsError::Empty);
    let mismatch = MetricsError::LengthMismatch { scores: 1, labels: 2 };
    assert_eq!(evaluate(&[0.0], &[0, 1]).unwrap_err(), mismatch);
    assert_eq!(evaluate(&[0.0, 1.0], &[0, 2]).unwrap_err(), MetricsError::Label { row: 1, label: 2 });
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = evaluate(&[0.0, bad], &[0, 1]).unwrap_err();
        assert!(matches!(error, MetricsError::NotFinite { row: 1, .. }), "{error}");
        assert!(matches!(log_loss(&[bad], &[0]).unwrap_err(), MetricsError::NotFinite { row: 0, .. }));
    }
}

#[test]
fn signed_zeros_tie() {
    assert_eq!(auc(&[-0.0, 0.0], &[0, 1]).unwrap(), 0.5);
    assert_eq!(roc_curve(&[-0.0, 0.0], &[0, 1], false).unwrap().len(), 2);
}

#[test]
fn log_loss_of_huge_logits_is_finite_and_exact() {
    assert_eq!(log_loss(&[f32::MAX, -f32::MAX], &[1, 0]).unwrap(), 0.0);
    assert_eq!(log_loss(&[1e4], &[0]).unwrap(), 1e4);
    // A confident right answer still costs a little: ln(1 + e^-50) is e^-50 to 16 digits.
    let loss = log_loss(&[50.0], &[1]).unwrap();
    assert!((loss / (-50.0_f64).exp() - 1.0).abs() < 1e-12);
}

#[test]
fn metrics_survive_json() {
    let found = evaluate(&[0.3, -0.7, 0.1, 2.0], &[0, 0, 1, 1]).unwrap();
    assert!(found.is_complete());
    let text = serde_json::to_string(&found).unwrap();
    assert!(text.contains("\"fn\":0"), "{text}");
    assert_eq!(serde_json::from_str::<Metrics>(&text).unwrap(), found);
}

#[test]
fn metrics_of_other_builds_are_read() {
    // As version 0.1.0 wrote them, and one that is not known yet.
    let text = r#"{"accuracy":0.5,"precision":0.5,"recall":0.5,"f1":0.5,"auc":0.75,"log_loss":0.5,"later":[1],
        "confusion":{"tn":1,"fp":1,"fn":1,"tp":1},"predicted_positive":2,"examples":4}"#;
    let found: Metrics = serde_json::from_str(text).unwrap();
    assert_eq!(found, Metrics::new(Confusion { tn: 1, fp: 1, fn_: 1, tp: 1 }, 0.75, 0.5));
    let error = serde_json::from_str::<Metrics>(&text.replace("\"auc\"", "\"area\"")).unwrap_err().to_string();
    assert!(error.contains("missing field `auc`"), "{error}");
}

#[test]
fn every_metric_prefers_right_answers() {
    let labels = [0, 0, 0, 1, 1, 1];
    let right = evaluate(&[-2.0, -1.0, -3.0, 1.0, 2.0, 3.0], &labels).unwrap();
    let wrong = evaluate(&[2.0, -1.0, 3.0, 1.0, -2.0, -3.0], &labels).unwrap();
    for metric in &METRICS {
        let (right, wrong) = (metric.of(&right).unwrap(), metric.of(&wrong).unwrap());
        assert_eq!(right > wrong, metric.higher_is_better, "{}: {right} and {wrong}", metric.title);
        assert!(right != wrong, "{}", metric.title);
    }
}
