//! What must hold for every test of equivalence, and what is refused.

use proptest::prelude::*;

use super::{permuted_equivalence, restricted_mean_equivalence, welch_equivalence};
use crate::error::SampleError;
use crate::survival::Observation;

fn arm(most: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-4.0_f64..4.0, 2..=most)
}

proptest! {
    #[test]
    fn a_wider_margin_is_easier_and_arms_may_be_swapped(first in arm(9), second in arm(9), margin in 0.1_f64..3.0) {
        let narrow = welch_equivalence(&first, &second, margin).unwrap();
        let wide = welch_equivalence(&first, &second, 2.0 * margin).unwrap();
        prop_assert!(wide.p_value <= narrow.p_value);
        let swapped = welch_equivalence(&second, &first, margin).unwrap();
        prop_assert!((narrow.above_lower - swapped.below_upper).abs() < 1e-9);
        // Nothing beyond the margin is shown to be within it.
        prop_assert!(narrow.difference.abs() < margin || narrow.p_value >= 0.5 - 1e-9);
    }

    #[test]
    fn splits_say_the_same_of_a_wider_margin(first in arm(4), second in arm(4), margin in 0.1_f64..3.0) {
        let narrow = permuted_equivalence(&first, &second, margin).unwrap();
        let wide = permuted_equivalence(&first, &second, 3.0 * margin).unwrap();
        prop_assert!(wide.p_value <= narrow.p_value + 1e-12);
        let swapped = permuted_equivalence(&second, &first, margin).unwrap();
        prop_assert!((narrow.above_lower - swapped.below_upper).abs() < 1e-12);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        prop_assert!((narrow.difference - (mean(&first) - mean(&second))).abs() < 1e-9);
    }
}

#[test]
fn runs_that_escape_at_the_same_epoch_are_equivalent_and_runs_two_epochs_apart_are_not() {
    let all_at = |time: f64| [Observation { time, happened: true }; 8];
    let same = restricted_mean_equivalence(&all_at(2.0), &all_at(2.0), 10.0, 1.0).unwrap();
    assert_eq!((same.difference, same.p_value), (0.0, 1.0 / 12870.0));
    let apart = restricted_mean_equivalence(&all_at(2.0), &all_at(4.0), 10.0, 1.0).unwrap();
    assert_eq!((apart.difference, apart.p_value), (-2.0, 1.0));
    // Exactly at the margin nothing is shown.
    let at_margin = restricted_mean_equivalence(&all_at(2.0), &all_at(3.0), 10.0, 1.0).unwrap();
    assert_eq!(at_margin.p_value, 1.0);
}

#[test]
fn what_can_not_be_equivalent_is_refused() {
    for margin in [0.0, -1.0, f64::NAN] {
        assert!(welch_equivalence(&[1.0, 2.0], &[1.0, 3.0], margin).is_err());
        assert!(permuted_equivalence(&[1.0, 2.0], &[1.0, 3.0], margin).is_err());
    }
    assert_eq!(welch_equivalence(&[1.0; 3], &[1.0; 3], 0.1), Err(SampleError::NoSpread));
    let early = [Observation { time: 3.0, happened: false }];
    let error = restricted_mean_equivalence(&early, &early, 10.0, 1.0).unwrap_err();
    assert_eq!(error, SampleError::BeyondObservation { last: 3.0, horizon: 10.0 });
}
