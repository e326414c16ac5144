//! What another run of a configuration would give, and whether a published figure lies inside.

use crate::report::arms::{Arm, ArmRun, CONFIDENCE};
use crate::report::published::{Published, PublishedResult};
use harness_statistics::intervals::{both_spreads, student_critical};
use harness_statistics::metrics::{Metric, hanley_mcneil_variance};
use harness_statistics::samples::mean_and_deviation;
use harness_text::listed;

/// The 97.5 % quantile of the normal distribution.
pub(in crate::report) const TWO_SIDED_95: f64 = 1.959_963_984_540_054;

/// The completed runs of an arm that a published figure is held against: those that escaped, or those that did not. Where an arm has both, those whose
/// mean AUC is nearer to the published one: a mean over both describes no run.
pub(super) struct Kind<'k, 'a> {
    escaped: bool,
    pub(super) runs: Vec<&'k ArmRun<'a>>,
}

/// Both kinds of runs of an arm, those that it has.
pub(super) fn kinds<'k, 'a>(arm: &'k Arm<'a>) -> Vec<Kind<'k, 'a>> {
    let kind = |escaped| Kind { escaped, runs: arm.of_kind(escaped).map(|(run, _)| run).collect() };
    [kind(true), kind(false)].into_iter().filter(|kind| !kind.runs.is_empty()).collect()
}

/// The kind that a published result is held against.
pub(super) fn nearest<'k, 'a>(row: &PublishedResult, arm: &'k Arm<'a>) -> Option<Kind<'k, 'a>> {
    let then = row.figures.get("auc").copied().unwrap_or(0.5);
    let distance = |kind: &Kind<'_, '_>| {
        let areas: Vec<f64> = kind.runs.iter().filter_map(|run| Some(run.test()?.auc)).collect();
        mean_and_deviation(&areas).map_or(f64::INFINITY, |(mean, _)| (mean - then).abs())
    };
    kinds(arm).into_iter().min_by(|one, other| distance(one).total_cmp(&distance(other)))
}

impl Kind<'_, '_> {
    /// ` of the 3 that did not escape`, where the arm has others too.
    pub(super) fn words(&self, arm: &Arm<'_>) -> String {
        let number = self.runs.len();
        match (number == arm.completed().count(), self.escaped) {
            (true, _) => String::new(),
            (false, true) => format!(" of the {number} that escaped"),
            (false, false) => format!(" of the {number} that did not escape"),
        }
    }

    /// A metric of each of its runs.
    pub(super) fn values(&self, metric: &Metric) -> Vec<f64> {
        self.runs.iter().filter_map(|run| run.metric(metric)).collect()
    }
}

/// The figures that decide whether a published result is reproduced, with their keys. A classifier that answers almost always "positive" and one
/// that answers almost always "negative" have the same accuracy and the same AUC, so recall is one of them.
pub(super) const COMPARED: [(&str, &str); 3] = [("accuracy", "accuracy"), ("recall", "recall"), ("AUC", "auc")];

/// For each figure of [`COMPARED`], what was published and what the configuration gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Agreement {
    pub(super) figures: [Prediction; COMPARED.len()],
}

/// What another run would give, and what was published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prediction {
    pub(super) published: f64,
    mean: f64,
    half_width: f64,
}

impl Agreement {
    /// `None` without a completed run, or where the study did not print a figure.
    pub(super) fn of<'k, 'a>(
        row: &PublishedResult,
        arm: &'k Arm<'a>,
        published: &Published,
    ) -> Option<(Kind<'k, 'a>, Self)> {
        let kind = nearest(row, arm)?;
        let mut figures = [Prediction { published: 0.0, mean: 0.0, half_width: 0.0 }; COMPARED.len()];
        for ((_, key), figure) in COMPARED.iter().zip(&mut figures) {
            *figure = Prediction::of(key, *row.figures.get(*key)?, &kind, published)?;
        }
        Some((kind, Self { figures }))
    }

    /// The names of the figures that lie inside, or of those that don't.
    pub(super) fn names(&self, inside: bool) -> Vec<&'static str> {
        let named = COMPARED.into_iter().zip(&self.figures);
        named.filter(|(_, figure)| figure.holds() == inside).map(|((name, _), _)| name).collect()
    }

    /// Which figures lie inside and which outside, in words.
    pub(super) fn verdict(&self) -> String {
        match (self.names(true).as_slice(), self.names(false).as_slice()) {
            (all, []) => format!("{} inside", listed(all)),
            ([], all) => format!("**{} outside**", listed(all)),
            (some, others) => format!("{} inside; **{} outside**", listed(some), listed(others)),
        }
    }
}

impl Prediction {
    fn of(key: &str, then: f64, kind: &Kind<'_, '_>, published: &Published) -> Option<Self> {
        let (values, variances): (Vec<f64>, Vec<f64>) =
            kind.runs.iter().filter_map(|run| figure_and_variance(key, run)).unzip();
        let (then_rows, then_positives) = (published.data.test, published.data.test_positives);
        let then_variance = match key {
            "auc" => hanley_mcneil_variance(then, then_positives, then_rows.checked_sub(then_positives)?).ok()?,
            "recall" => share_variance(then, then_positives),
            _ => share_variance(then, then_rows),
        };
        let (mean, variance, critical) = match (values.as_slice(), variances.as_slice()) {
            ([], _) | (_, []) => return None,
            ([only], [variance]) => (*only, *variance, TWO_SIDED_95),
            _ => {
                let own = both_spreads(&values, &variances).ok()?;
                let number = values.len() as f64;
                // One more seed varies by the seeds' own variance, and the mean that it is held against by an n-th of it.
                (own.mean, own.seeds * (number + 1.0) + own.test_rows, student_critical(CONFIDENCE, number - 1.0))
            }
        };
        Some(Self { published: then, mean, half_width: critical * (variance + then_variance).sqrt() })
    }

    fn holds(&self) -> bool {
        (self.published - self.mean).abs() <= self.half_width
    }

    /// The interval, as far as a share can lie in it.
    pub(super) fn bounds(&self) -> (f64, f64) {
        ((self.mean - self.half_width).max(0.0), (self.mean + self.half_width).min(1.0))
    }
}

/// A figure of a run, and its variance over test reviews.
fn figure_and_variance(key: &str, run: &ArmRun<'_>) -> Option<(f64, f64)> {
    let test = run.test()?;
    let variance = run.evidence.as_ref()?.test_variance?;
    Some(match key {
        "auc" => (test.auc, variance.auc),
        "recall" => {
            let recall = test.confusion.recall();
            (recall, share_variance(recall, test.confusion.tp + test.confusion.fn_))
        }
        _ => (test.confusion.accuracy(), variance.accuracy),
    })
}

/// Variance of a share of `number` rows.
fn share_variance(share: f64, number: u64) -> f64 {
    share * (1.0 - share) / number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn almost_all_positive_is_not_almost_all_negative() {
        let figure = |difference: f64| Prediction { published: 0.5, mean: 0.5 + difference, half_width: 0.01 };
        let found = Agreement { figures: [figure(0.002), figure(0.075 - 0.939), figure(-0.006)] };
        assert_eq!(found.verdict(), "accuracy and AUC inside; **recall outside**");
        assert_eq!(found.names(false), ["recall"]);
    }
}
