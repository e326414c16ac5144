//! "No difference", shown rather than not refuted: two one-sided tests.
//!
//! Two arms are equivalent within a margin when a difference of `-margin` and one of `+margin` are both refused by a one-sided test. The p value is
//! the larger of the two. D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for assessing the
//! equivalence of average bioavailability", Journal of Pharmacokinetics and Biopharmaceutics 15 (1987).

use serde::{Deserialize, Serialize};

use crate::comparison::Difference;
use crate::comparison::permutation::permutation_test;
use crate::distributions::student_above;
use crate::error::{SampleError, check_positive, check_samples};
use crate::survival::{Observation, restricted_times};

#[cfg(test)]
mod law_tests;

/// What two one-sided tests say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivalence {
    /// Mean of the first arm less that of the second.
    pub difference: f64,
    /// The margin.
    pub margin: f64,
    /// One-sided p value against a difference of `-margin` or less.
    pub above_lower: f64,
    /// One-sided p value against a difference of `margin` or more.
    pub below_upper: f64,
    /// The larger of the two: equivalence is shown where it is small.
    pub p_value: f64,
}

/// Equivalence of two means within `margin`, by Welch's t.
///
/// # Errors
/// If an arm has fewer than two samples, one is not finite, neither arm has any spread, or the margin is not positive.
pub fn welch_equivalence(first: &[f64], second: &[f64], margin: f64) -> Result<Equivalence, SampleError> {
    check_positive("the margin", margin)?;
    let of = Difference::of(first, second)?;
    let above = |distance: f64| student_above(distance / of.standard_error, of.degrees_of_freedom);
    Ok(equivalence(of.difference, margin, above(of.difference + margin), above(margin - of.difference)))
}

/// Equivalence of two means within `margin`, by all splits: the first arm is shifted by the margin and then compared with the second. Exact if
/// the arms differ by a shift at most, and it needs no spread: sixteen runs with one value are equivalent within any margin.
///
/// # Errors
/// If an arm is empty, a sample is not finite, the margin is not positive, or there are more splits than [`crate::MOST_SPLITS`].
pub fn permuted_equivalence(first: &[f64], second: &[f64], margin: f64) -> Result<Equivalence, SampleError> {
    check_positive("the margin", margin)?;
    check_samples(first, 1)?;
    check_samples(second, 1)?;
    let largest = first.iter().chain(second).fold(margin, |most, value| most.max(value.abs()));
    let shifted = |by: f64| {
        let all: Vec<f64> = first.iter().map(|value| value + by).chain(second.iter().copied()).collect();
        let (first_number, second_number) = (first.len() as f64, second.len() as f64);
        permutation_test(first.len(), second.len(), 1e-12 * largest, |in_first| {
            let of_arm =
                |arm: bool| all.iter().zip(in_first).filter(move |(_, of)| **of == arm).map(|(value, _)| *value);
            Ok(of_arm(true).sum::<f64>() / first_number - of_arm(false).sum::<f64>() / second_number)
        })
    };
    let (above_lower, below_upper) = (shifted(margin)?, shifted(-margin)?);
    Ok(equivalence(above_lower.observed - margin, margin, above_lower.greater, below_upper.less))
}

/// Equivalence of two restricted means within `margin` ([`crate::survival::restricted_mean`]), by all splits of the times `min(time, horizon)`.
///
/// # Errors
/// Fails as [`permuted_equivalence`] does, if the horizon is not positive, and if a run is censored before the horizon.
pub fn restricted_mean_equivalence(
    first: &[Observation],
    second: &[Observation],
    horizon: f64,
    margin: f64,
) -> Result<Equivalence, SampleError> {
    check_positive("the horizon", horizon)?;
    permuted_equivalence(&restricted_times(first, horizon)?, &restricted_times(second, horizon)?, margin)
}

fn equivalence(difference: f64, margin: f64, above_lower: f64, below_upper: f64) -> Equivalence {
    Equivalence { difference, margin, above_lower, below_upper, p_value: above_lower.max(below_upper) }
}
