//! What must hold for every survival curve, and what is refused.

use proptest::prelude::*;

use super::{Observation, compare_restricted_means, kaplan_meier, restricted_mean};
use crate::error::SampleError;

fn at(time: f64) -> Observation {
    Observation { time, happened: true }
}

fn censored(time: f64) -> Observation {
    Observation { time, happened: false }
}

/// Epochs of escape out of ten; those that never escape are censored at the last epoch.
fn one_censoring_time(most: usize) -> impl Strategy<Value = Vec<Observation>> {
    let one = (1_u8..=12).prop_map(|epoch| if epoch <= 10 { at(f64::from(epoch)) } else { censored(10.0) });
    prop::collection::vec(one, 1..=most)
}

proptest! {
    #[test]
    fn with_one_censoring_time_the_curve_is_one_less_the_share_that_happened(runs in one_censoring_time(12)) {
        for step in kaplan_meier(&runs).unwrap() {
            let happened = runs.iter().filter(|run| run.happened && run.time <= step.time).count();
            prop_assert!((step.surviving - (1.0 - happened as f64 / runs.len() as f64)).abs() < 1e-12);
        }
    }

    #[test]
    fn the_restricted_mean_is_the_mean_of_the_restricted_times(runs in one_censoring_time(12), horizon in 1.0_f64..10.0) {
        let mean = runs.iter().map(|run| run.time.min(horizon)).sum::<f64>() / runs.len() as f64;
        prop_assert!((restricted_mean(&runs, horizon).unwrap() - mean).abs() < 1e-9);
    }

    #[test]
    fn a_curve_falls_from_one_and_counts_every_run(
        runs in prop::collection::vec((1_u8..20, any::<bool>()), 1..30),
    ) {
        let runs: Vec<_> = runs.iter().map(|(time, happened)| Observation { time: f64::from(*time), happened: *happened }).collect();
        let steps = kaplan_meier(&runs).unwrap();
        prop_assert_eq!(steps[0].at_risk, runs.len());
        prop_assert_eq!(steps.iter().map(|step| step.events + step.censored).sum::<usize>(), runs.len());
        prop_assert!(steps.iter().all(|step| (0.0..=1.0).contains(&step.surviving)));
        prop_assert!(steps.is_sorted_by(|a, b| a.time < b.time && a.surviving >= b.surviving));
    }

    #[test]
    fn swapping_arms_turns_the_difference_around(first in one_censoring_time(5), second in one_censoring_time(5)) {
        let found = compare_restricted_means(&first, &second, 10.0).unwrap();
        let swapped = compare_restricted_means(&second, &first, 10.0).unwrap();
        prop_assert!((found.difference.observed + swapped.difference.observed).abs() < 1e-12);
        prop_assert_eq!(found.difference.p_value, swapped.difference.p_value);
        prop_assert!((found.first - found.second - found.difference.observed).abs() < 1e-9);
    }
}

#[test]
fn both_ways_of_splitting_agree_where_both_apply() {
    // One run is censored before the horizon, but its time is also that of an event in every split.
    let first = [at(2.0), at(3.0), at(9.0), at(12.0)];
    let second = [at(4.0), at(6.0), censored(10.0), at(13.0)];
    let plain = compare_restricted_means(&first, &second, 10.0).unwrap();
    let early = [at(4.0), at(6.0), censored(9.5), at(13.0)];
    let with_censoring = compare_restricted_means(&first, &early, 10.0);
    // A split whose last observation is the censored one has no mean up to the horizon.
    assert_eq!(with_censoring, Err(SampleError::BeyondObservation { last: 9.5, horizon: 10.0 }));
    let to_nine = compare_restricted_means(&first, &early, 9.0).unwrap();
    assert_eq!(to_nine.difference.splits, plain.difference.splits);
}

#[test]
fn eight_early_against_eight_that_never_escape_have_the_smallest_p() {
    let found = compare_restricted_means(&[at(2.0); 8], &[censored(10.0); 8], 10.0).unwrap();
    assert_eq!((found.first, found.second, found.difference.observed), (2.0, 10.0, -8.0));
    assert_eq!((found.difference.p_value, found.difference.splits), (2.0 / 12870.0, 12870));
}

#[test]
fn what_has_no_curve_or_no_mean_is_refused() {
    assert!(kaplan_meier(&[]).is_err());
    for time in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(kaplan_meier(&[at(1.0), at(time)]).is_err());
        assert!(restricted_mean(&[at(1.0)], time).is_err());
    }
    let error = restricted_mean(&[at(1.0), censored(4.0)], 10.0).unwrap_err();
    assert_eq!(error, SampleError::BeyondObservation { last: 4.0, horizon: 10.0 });
    // After the last event nobody is left, so the curve is zero up to any horizon.
    assert_eq!(restricted_mean(&[at(1.0), at(3.0)], 10.0), Ok(2.0));
    assert!(compare_restricted_means(&[at(1.0); 13], &[at(1.0); 13], 10.0).is_err());
}
