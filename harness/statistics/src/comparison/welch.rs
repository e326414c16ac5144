//! Welch's t, by Student's distribution and by all splits.

use serde::{Deserialize, Serialize};

use super::permutation::{PermutationTest, permutation_test};
use crate::distributions::{student_critical, student_two_sided};
use crate::error::{SampleError, check_probability, check_samples};
use crate::intervals::mean_and_variance;

/// Two means with Welch's test of their difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Welch {
    /// Mean of the first arm less that of the second.
    pub difference: f64,
    /// `sqrt(s1^2 / n1 + s2^2 / n2)`.
    pub standard_error: f64,
    /// Welch and Satterthwaite's degrees of freedom.
    pub degrees_of_freedom: f64,
    /// The difference in standard errors.
    pub t: f64,
    /// Two-sided.
    pub p_value: f64,
    /// Lower end of the difference's interval.
    pub lower: f64,
    /// Upper end of it.
    pub upper: f64,
}

/// The test and the interval of B. L. Welch, "The generalization of 'Student's' problem when several different population variances are
/// involved", Biometrika 34 (1947), for means of arms whose variances may differ. Samples are taken to be normally distributed.
///
/// # Errors
/// If an arm has fewer than two samples, one is not finite, neither arm has any spread, or the confidence is not strictly between 0 and 1.
pub fn welch(first: &[f64], second: &[f64], confidence: f64) -> Result<Welch, SampleError> {
    check_probability(confidence)?;
    let of = Difference::of(first, second)?;
    let t = of.difference / of.standard_error;
    let half_width = student_critical(confidence, of.degrees_of_freedom) * of.standard_error;
    Ok(Welch {
        difference: of.difference,
        standard_error: of.standard_error,
        degrees_of_freedom: of.degrees_of_freedom,
        t,
        p_value: student_two_sided(t, of.degrees_of_freedom),
        lower: of.difference - half_width,
        upper: of.difference + half_width,
    })
}

/// The difference of two means and what Welch's method says of its precision.
pub(crate) struct Difference {
    pub(crate) difference: f64,
    pub(crate) standard_error: f64,
    pub(crate) degrees_of_freedom: f64,
}

impl Difference {
    pub(crate) fn of(first: &[f64], second: &[f64]) -> Result<Self, SampleError> {
        check_samples(first, 2)?;
        check_samples(second, 2)?;
        let (first_mean, first_variance) = mean_and_variance(first)?;
        let (second_mean, second_variance) = mean_and_variance(second)?;
        let (first_number, second_number) = (first.len() as f64, second.len() as f64);
        let (a, b) = (first_variance / first_number, second_variance / second_number);
        if a + b == 0.0 {
            return Err(SampleError::NoSpread);
        }
        Ok(Self {
            difference: first_mean - second_mean,
            standard_error: (a + b).sqrt(),
            // By shares of the variance, so that tiny variances don't underflow when they are squared.
            degrees_of_freedom: {
                let (a, b) = (a / (a + b), b / (a + b));
                1.0 / (a * a / (first_number - 1.0) + b * b / (second_number - 1.0))
            },
        })
    }
}

/// Welch's t with its exact permutation distribution: it asks for no normal distribution, and for arms whose variances differ it stays
/// close to its level where a permuted difference of means doesn't (A. Janssen, "Studentized permutation tests for non-i.i.d. hypotheses and
/// the generalized Behrens-Fisher problem", Statistics & Probability Letters 36, 1997).
///
/// A split in which neither arm has any spread counts as infinitely far from zero, or as zero where the means are equal too.
///
/// # Errors
/// If an arm has fewer than two samples, one is not finite, or there are more splits than [`crate::MOST_SPLITS`].
pub fn permuted_welch(first: &[f64], second: &[f64]) -> Result<PermutationTest, SampleError> {
    /// Of a number without unit: t statistics closer than this are equal.
    const TOLERANCE: f64 = 1e-9;
    check_samples(first, 2)?;
    check_samples(second, 2)?;
    let all: Vec<f64> = first.iter().chain(second).copied().collect();
    permutation_test(first.len(), second.len(), TOLERANCE, |in_first| Ok(split_t(&all, in_first)))
}

/// Welch's t of one split. An arm's spread below the rounding of its values counts as none.
fn split_t(all: &[f64], in_first: &[bool]) -> f64 {
    let moments = |arm: bool| {
        let of_arm = || all.iter().zip(in_first).filter(move |(_, of)| **of == arm).map(|(value, _)| *value);
        let number = of_arm().count() as f64;
        let mean = of_arm().sum::<f64>() / number;
        let variance = of_arm().map(|value| (value - mean).powi(2)).sum::<f64>() / (number - 1.0);
        let rounding = 4.0 * f64::EPSILON * of_arm().fold(0.0_f64, |most, value| most.max(value.abs()));
        let variance = if variance.sqrt() <= rounding { 0.0 } else { variance };
        (mean, variance / number, rounding)
    };
    let (first, second) = (moments(true), moments(false));
    let difference = first.0 - second.0;
    let error = (first.1 + second.1).sqrt();
    if error > 0.0 {
        difference / error
    } else if difference.abs() <= first.2.max(second.2) {
        0.0
    } else {
        difference.signum() * f64::INFINITY
    }
}
