//! What must hold for every interval, and hand arithmetic.

use proptest::prelude::*;

use super::{both_spreads, clopper_pearson, mean_interval};
use crate::error::{MOST_TRIALS, SampleError};
use crate::metrics::auc_interval;

/// `P(X >= successes)` of a binomial distribution, term by term.
fn at_least(successes: u64, trials: u64, share: f64) -> f64 {
    let choose = |k: u64| (1..=k).fold(1.0, |product, i| product * (trials - k + i) as f64 / i as f64);
    (successes..=trials).map(|k| choose(k) * share.powi(k as i32) * (1.0 - share).powi((trials - k) as i32)).sum()
}

proptest! {
    #[test]
    fn each_end_leaves_half_of_the_rest_beyond_what_was_found(
        trials in 1_u64..60, of in 0.0_f64..=1.0, confidence in 0.5_f64..0.999,
    ) {
        let successes = (of * trials as f64) as u64;
        let found = clopper_pearson(successes, trials, confidence).unwrap();
        let tail = (1.0 - confidence) / 2.0;
        prop_assert!(0.0 <= found.lower && found.lower <= found.share);
        prop_assert!(found.share <= found.upper && found.upper <= 1.0);
        if successes > 0 {
            prop_assert!((at_least(successes, trials, found.lower) - tail).abs() < 1e-9);
        }
        if successes < trials {
            prop_assert!((1.0 - at_least(successes + 1, trials, found.upper) - tail).abs() < 1e-9);
        }
    }

    #[test]
    fn failures_mirror_successes(trials in 1_u64..500, of in 0.0_f64..=1.0) {
        let successes = (of * trials as f64) as u64;
        let found = clopper_pearson(successes, trials, 0.95).unwrap();
        let mirrored = clopper_pearson(trials - successes, trials, 0.95).unwrap();
        prop_assert!((found.lower - (1.0 - mirrored.upper)).abs() < 1e-12);
        prop_assert!((found.upper - (1.0 - mirrored.lower)).abs() < 1e-12);
    }

    #[test]
    fn more_confidence_is_a_wider_interval_around_the_same_mean(samples in prop::collection::vec(-5.0_f64..5.0, 2..12)) {
        let narrow = mean_interval(&samples, 0.8).unwrap();
        let wide = mean_interval(&samples, 0.95).unwrap();
        prop_assert_eq!(narrow.mean, wide.mean);
        prop_assert!(wide.lower <= narrow.lower && narrow.upper <= wide.upper);
        prop_assert!((wide.upper + wide.lower - 2.0 * wide.mean).abs() < 1e-9);
    }

    #[test]
    fn a_shift_moves_an_interval_and_leaves_its_width(
        samples in prop::collection::vec(-5.0_f64..5.0, 2..12), shift in -3.0_f64..3.0,
    ) {
        let plain = mean_interval(&samples, 0.95).unwrap();
        let moved = mean_interval(&samples.iter().map(|value| value + shift).collect::<Vec<_>>(), 0.95).unwrap();
        prop_assert!((plain.lower + shift - moved.lower).abs() < 1e-9);
        prop_assert!((plain.upper + shift - moved.upper).abs() < 1e-9);
    }
}

#[test]
fn eight_of_eight_and_five_of_five_leave_room_below() {
    // Closed form: the share of which all n succeed with probability .025.
    assert!((clopper_pearson(8, 8, 0.95).unwrap().lower - 0.025_f64.powf(1.0 / 8.0)).abs() < 1e-12);
    assert!((clopper_pearson(5, 5, 0.95).unwrap().lower - 0.025_f64.powf(1.0 / 5.0)).abs() < 1e-12);
}

#[test]
fn both_spreads_add_as_by_hand() {
    // Mean .5; s^2 = (.01 + 0 + .01) / 2 = .01; s^2 / 3 = .01 / 3; mean of the variances .002; sqrt(.016 / 3).
    let found = both_spreads(&[0.4, 0.5, 0.6], &[0.001, 0.002, 0.003]).unwrap();
    assert!((found.mean - 0.5).abs() < 1e-15);
    assert!((found.seeds - 0.01 / 3.0).abs() < 1e-15);
    assert!((found.test_rows - 0.002).abs() < 1e-15);
    assert!((found.standard_error - (0.016_f64 / 3.0).sqrt()).abs() < 1e-15);
}

#[test]
fn with_equal_runs_only_the_test_rows_are_left() {
    let labels = [0, 0, 1, 1, 0, 1];
    let variance = auc_interval(&[0.1, 0.4, 0.35, 0.8, 0.2, 0.9], &labels).unwrap().variance;
    let found = both_spreads(&[0.875; 4], &[variance; 4]).unwrap();
    assert_eq!(found.seeds, 0.0);
    assert!((found.standard_error - variance.sqrt()).abs() < 1e-15);
}

#[test]
fn what_has_no_interval_is_refused() {
    assert_eq!(clopper_pearson(3, 2, 0.95), Err(SampleError::Count { successes: 3, trials: 2 }));
    assert!(clopper_pearson(0, 0, 0.95).is_err());
    assert!(clopper_pearson(0, MOST_TRIALS + 1, 0.95).is_err());
    for confidence in [0.0, 1.0, -0.5, f64::NAN] {
        assert!(clopper_pearson(1, 2, confidence).is_err());
        assert!(mean_interval(&[1.0, 2.0], confidence).is_err());
    }
    assert_eq!(mean_interval(&[1.0], 0.95), Err(SampleError::TooFew { found: 1, least: 2 }));
    assert!(matches!(mean_interval(&[1.0, f64::NAN], 0.95), Err(SampleError::NotFinite { place: 1, .. })));
    assert_eq!(both_spreads(&[1.0, 2.0], &[0.1]), Err(SampleError::LengthMismatch { first: 2, second: 1 }));
    assert!(both_spreads(&[1.0, 2.0], &[0.1, -0.1]).is_err());
    assert!(both_spreads(&[1.0], &[0.1]).is_err());
}
