//! The tests that rules name, on the runs of two arms.

use harness_statistics::comparison::welch;
use harness_statistics::detectable::smallest_permutation_p;
use harness_statistics::equivalence::permuted_equivalence;
use harness_statistics::intervals::{both_spreads, clopper_pearson, student_critical};
use harness_statistics::multiplicity;
use harness_statistics::survival::{Observation, compare_restricted_means};

use super::evidence::RunEvidence;
use super::rules::Measure;

/// Two arms' escape epochs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Comparison {
    /// The first restricted mean less the second, in epochs.
    pub difference: f64,
    /// Both restricted means.
    pub means: [f64; 2],
    /// Runs of each arm.
    pub n: [usize; 2],
    /// Two-sided, of the exact permutation test.
    pub p_value: f64,
    /// The smallest p value that so many runs can give.
    pub least_p: f64,
}

/// A difference with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Difference {
    /// The first mean less the second.
    pub difference: f64,
    /// The interval's lower end.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
}

/// How much later the first arm escapes, restricted to the epochs that every run could have had. `None` where nothing can be said.
#[must_use]
pub(crate) fn later(first: &[RunEvidence], second: &[RunEvidence]) -> Option<Comparison> {
    let horizon = first.iter().chain(second).map(|run| run.horizon).min()?;
    let observed = |runs: &[RunEvidence]| -> Vec<Observation> {
        let observation = |run: &RunEvidence| match run.escape_epoch.filter(|epoch| *epoch <= horizon) {
            Some(epoch) => Observation { time: f64::from(epoch), happened: true },
            None => Observation { time: f64::from(horizon), happened: false },
        };
        runs.iter().map(observation).collect()
    };
    let means = compare_restricted_means(&observed(first), &observed(second), f64::from(horizon)).ok()?;
    Some(Comparison {
        difference: means.first - means.second,
        means: [means.first, means.second],
        n: [first.len(), second.len()],
        p_value: means.difference.p_value,
        least_p: smallest_permutation_p(first.len(), second.len()).ok()?,
    })
}

/// Adjusted p values of a family.
pub(super) fn holm(p_values: &[f64]) -> Vec<f64> {
    multiplicity::holm(p_values).unwrap_or_else(|_| vec![1.0; p_values.len()])
}

/// The p value of two one-sided exact permutation tests that two arms differ by less than a margin.
pub(super) fn equivalence(first: &[f64], second: &[f64], margin: f64) -> Option<f64> {
    permuted_equivalence(first, second, margin).ok().map(|found| found.p_value)
}

/// How far the first arm lies ahead, with an interval over seeds (Welch's degrees of freedom, or those of the smaller arm where no arm has any
/// spread) and test reviews, whose variances add.
#[must_use]
pub(crate) fn ahead(first: &[RunEvidence], second: &[RunEvidence], measure: Measure, level: f64) -> Option<Difference> {
    let arm = |runs: &[RunEvidence]| -> Option<(Vec<f64>, Vec<f64>)> {
        runs.iter()
            .map(|run| {
                let variance = run.test_variance?;
                let variance = if measure == Measure::Auc { variance.auc } else { variance.accuracy };
                Some((*run.measures.get(&measure)?, variance))
            })
            .collect::<Option<Vec<_>>>()
            .map(|pairs| pairs.into_iter().unzip())
    };
    let ((a, a_variances), (b, b_variances)) = (arm(first)?, arm(second)?);
    let (one, other) = (both_spreads(&a, &a_variances).ok()?, both_spreads(&b, &b_variances).ok()?);
    #[expect(clippy::cast_precision_loss, reason = "counts of runs")]
    let degrees =
        welch(&a, &b, 1.0 - level).map_or_else(|_| (a.len().min(b.len()) - 1) as f64, |welch| welch.degrees_of_freedom);
    let difference = one.mean - other.mean;
    let half = student_critical(1.0 - level, degrees) * one.standard_error.hypot(other.standard_error);
    Some(Difference { difference, lower: difference - half, upper: difference + half })
}

/// The Clopper-Pearson interval of a share.
pub(super) fn share_interval(hits: usize, of: usize, level: f64) -> Option<(f64, f64)> {
    clopper_pearson(hits as u64, of as u64, 1.0 - level).ok().map(|share| (share.lower, share.upper))
}

/// `3 of 8 runs of ARM [0.09, 0.76]`.
pub(super) fn share_text(hits: usize, of: usize, arm: &str, level: f64) -> String {
    match share_interval(hits, of, level) {
        Some((lower, upper)) => format!("{hits} of {of} runs of {arm} [{lower:.2}, {upper:.2}]"),
        None => format!("no run of {arm} yet, so none"),
    }
}

/// A p value as a sentence has it.
pub(super) fn p_text(p: f64) -> String {
    if p < 1e-4 { "below 0.0001".into() } else { format!("{p:.4}") }
}
