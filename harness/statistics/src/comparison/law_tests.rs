//! What must hold for every comparison, agreement with slow definitions, and what is refused.

use proptest::prelude::*;

use super::{Discordant, fisher, permuted_welch, superiority, welch};
use crate::error::{MOST_TRIALS, SampleError};

/// Two arms of values on a coarse grid, so that ties are common.
fn arms(least: usize, most: usize) -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    let arm = move || prop::collection::vec((-8_i8..=8).prop_map(|value| f64::from(value) / 4.0), least..=most);
    (arm(), arm())
}

/// Successes and trials of an arm.
fn share() -> impl Strategy<Value = (u64, u64)> {
    (1_u64..20).prop_flat_map(|trials| (0..=trials, Just(trials)))
}

proptest! {
    #[test]
    fn fishers_sides_mirror_each_other((first, second) in (share(), share())) {
        let found = fisher(first, second).unwrap();
        let swapped = fisher(second, first).unwrap();
        prop_assert!((found.two_sided - swapped.two_sided).abs() < 1e-9);
        prop_assert!((found.greater - swapped.less).abs() < 1e-9);
        prop_assert!((found.difference + swapped.difference).abs() < 1e-12);
        // Both one-sided values count the table itself, so together they make at least 1.
        prop_assert!(found.greater + found.less >= 1.0 - 1e-9);
        prop_assert!(found.two_sided >= found.greater.min(found.less) - 1e-9);
    }

    #[test]
    fn fishers_tables_have_probability_one_together((first, second) in (share(), share())) {
        let tables = super::Tables::with_margins(first.1, second.1, first.0 + second.0);
        prop_assert!((tables.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn superiority_is_the_share_of_pairs((first, second) in arms(1, 9)) {
        let pairs = first.iter().flat_map(|a| second.iter().map(move |b| (a, b)));
        let wins: f64 = pairs.map(|(a, b)| if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 }).sum();
        let found = superiority(&first, &second).unwrap();
        prop_assert!((found - wins / (first.len() * second.len()) as f64).abs() < 1e-12);
        prop_assert!((found + superiority(&second, &first).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn swapping_arms_turns_welchs_test_around((first, second) in arms(2, 9)) {
        match (welch(&first, &second, 0.95), welch(&second, &first, 0.95)) {
            (Ok(found), Ok(swapped)) => {
                prop_assert!((found.t + swapped.t).abs() < 1e-9);
                prop_assert!((found.p_value - swapped.p_value).abs() < 1e-12);
                prop_assert!((found.lower + swapped.upper).abs() < 1e-9);
                // The interval and the test say the same.
                let outside = found.lower > 0.0 || found.upper < 0.0;
                prop_assert!(outside == (found.p_value < 0.05) || (found.p_value - 0.05).abs() < 1e-9);
            }
            (first, second) => prop_assert_eq!(first, second),
        }
    }

    #[test]
    fn a_permutation_test_counts_the_split_found_and_knows_no_unit((first, second) in arms(2, 5), shift in -4_i8..4) {
        let found = permuted_welch(&first, &second).unwrap();
        prop_assert!(found.p_value >= 2.0_f64.min(found.splits as f64) / found.splits as f64);
        prop_assert!(found.greater + found.less >= 1.0);
        let other = |values: &[f64]| values.iter().map(|value| 2.0 * value + f64::from(shift)).collect::<Vec<_>>();
        let scaled = permuted_welch(&other(&first), &other(&second)).unwrap();
        prop_assert_eq!((found.greater, found.less, found.splits), (scaled.greater, scaled.less, scaled.splits));
        let swapped = permuted_welch(&second, &first).unwrap();
        prop_assert_eq!((found.greater, found.less), (swapped.less, swapped.greater));
    }

    #[test]
    fn mid_p_lies_below_exact_p(first_only in 0_u64..300, second_only in 0_u64..300) {
        let found = Discordant { first_only, second_only }.test();
        let swapped = Discordant { first_only: second_only, second_only: first_only }.test();
        prop_assert_eq!(found, swapped);
        prop_assert!(0.0 < found.mid_p && found.mid_p <= found.exact && found.exact <= 1.0);
    }
}

#[test]
fn mcnemar_is_as_published_for_the_airway_example() {
    // Fagerland, Lydersen and Laake (2013), table 1: 1 and 7 discordant children; exact .0703, mid-p .0391.
    let found = Discordant { first_only: 1, second_only: 7 }.test();
    assert!((found.exact - 18.0 / 256.0).abs() < 1e-12);
    assert!((found.mid_p - 10.0 / 256.0).abs() < 1e-12);
    assert_eq!(Discordant { first_only: 0, second_only: 0 }.test().exact, 1.0);
}

#[test]
fn discordant_rows_are_counted_by_what_is_right() {
    let (first, second) = ([1.0, -1.0, 1.0, -1.0, 0.0], [1.0, 1.0, -1.0, -1.0, 2.0]);
    let found = Discordant::count(&first, &second, &[1, 1, 1, 0, 1]).unwrap();
    assert_eq!(found, Discordant { first_only: 1, second_only: 2 });
    assert!(Discordant::count(&first, &second[..4], &[1, 1, 1, 0, 1]).is_err());
}

#[test]
fn arms_without_any_spread_are_told_apart_by_splits_alone() {
    let (ones, twos) = ([1.0; 8], [2.0; 8]);
    assert_eq!(welch(&ones, &twos, 0.95), Err(SampleError::NoSpread));
    let found = permuted_welch(&ones, &twos).unwrap();
    assert_eq!((found.p_value, found.splits), (2.0 / 12870.0, 12870));
    assert_eq!(permuted_welch(&ones, &ones).unwrap().p_value, 1.0);
}

#[test]
fn what_can_not_be_compared_is_refused() {
    assert!(fisher((3, 2), (1, 2)).is_err());
    assert!(fisher((1, 2), (0, 0)).is_err());
    assert!(fisher((1, MOST_TRIALS + 1), (0, 1)).is_err());
    assert_eq!(welch(&[1.0], &[1.0, 2.0], 0.95), Err(SampleError::TooFew { found: 1, least: 2 }));
    assert!(welch(&[1.0, 2.0], &[1.0, f64::INFINITY], 0.95).is_err());
    assert!(superiority(&[], &[1.0]).is_err());
    let many = vec![0.0; 13];
    assert_eq!(permuted_welch(&many, &many), Err(SampleError::TooManySplits { first: 13, second: 13 }));
    let huge = vec![0.0; 5000];
    assert!(matches!(permuted_welch(&huge, &huge), Err(SampleError::TooManySplits { .. })));
}
