//! The arms of a study: runs that differ in their seed alone, and what they came to together.
//!
//! A run sits at chance and then escapes, or does not. So an arm has two figures and never one mean over both kinds of runs: the share that escaped, and
//! the level among those.

use harness_drawing::Owner;
use harness_statistics::intervals::{MeanInterval, ShareInterval, clopper_pearson, mean_interval};
use harness_statistics::metrics::{Metric, Metrics, ReliabilityBin, reliability_curve};
use harness_statistics::samples::mean_and_deviation;
use harness_statistics::survival::{Observation, restricted_mean};

use super::overview::{Group, Overview};
use crate::claims::{RunEvidence, run_evidence};
use crate::diagnosis::{Diagnosis, diagnose_with};
use crate::record::{Outcome, RunRecord, RunResult, Scores};

/// The confidence of every interval of a report.
pub(super) const CONFIDENCE: f64 = 0.95;

/// What a figure says of an arm without a completed run: short, so that it fits into a panel.
pub(super) const NO_RESULT: &str = "no result";

/// Intervals of predicted probability in a reliability curve: tenths, as is usual.
const RELIABILITY_BINS: usize = 10;

/// The runs of an arm.
#[derive(Debug, Clone)]
pub(super) struct Arm<'a> {
    /// Its backend, cell and variant.
    pub(super) group: Group<'a>,
    /// The place of its backend among those of the study.
    pub(super) backend: usize,
    /// Its runs by seed.
    pub(super) runs: Vec<ArmRun<'a>>,
}

/// A run of an arm.
#[derive(Debug, Clone)]
pub(super) struct ArmRun<'a> {
    /// The run.
    pub(super) result: &'a RunResult,
    /// Its test scores, if it completed.
    pub(super) scores: Option<&'a Scores>,
    /// What it came to, if it completed.
    pub(super) evidence: Option<RunEvidence>,
    /// Its reliability curve, if it completed.
    pub(super) reliability: Vec<ReliabilityBin>,
    /// How it stands.
    pub(super) diagnosis: Diagnosis,
}

/// The mean of a figure over the escaped runs of an arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Level {
    /// Runs.
    pub(super) number: usize,
    /// Their mean.
    pub(super) mean: f64,
    /// Their sample standard deviation; `None` for one run.
    pub(super) deviation: Option<f64>,
    /// Student's interval of the mean over seeds; `None` for one run.
    pub(super) interval: Option<MeanInterval>,
}

/// Every arm of a study, in the order of [`Overview::groups`]. `scores` has an entry for each run.
pub(super) fn arms<'a>(overview: &Overview<'a>, scores: &'a [Option<Scores>]) -> Vec<Arm<'a>> {
    let run = |place: &usize| {
        let result: &'a RunResult = overview.results.runs.get(*place)?;
        let scores = scores.get(*place).and_then(Option::as_ref);
        let completed = result.record.as_ref().filter(|record| record.outcome == Outcome::Completed);
        let curve = scores.map(|own| reliability_curve(&own.logits, &own.labels, RELIABILITY_BINS));
        Some(ArmRun {
            result,
            scores,
            evidence: completed.map(|record| run_evidence(record, scores)),
            reliability: curve.and_then(Result::ok).unwrap_or_default(),
            diagnosis: diagnose_with(result, scores),
        })
    };
    let arm = |group: Group<'a>| {
        let mut runs: Vec<_> = group.runs.iter().filter_map(run).collect();
        runs.sort_by_key(|run| run.result.planned.key.seed);
        Arm { backend: overview.backends.iter().position(|name| *name == group.backend).unwrap_or(0), runs, group }
    };
    overview.groups().into_iter().map(arm).collect()
}

impl<'a> Arm<'a> {
    /// Its name among the others, e.g. `libtorch LSTM`, with its variant where the study has several.
    pub(super) fn name(&self, overview: &Overview<'_>) -> String {
        overview.arm_name(self.group.backend, self.group.cell, self.group.variant)
    }

    /// Whose lines are that stand for all of its runs.
    pub(super) fn owner(&self, overview: &Overview<'_>) -> Owner {
        Owner { group: self.name(overview), member: None }
    }

    /// Its runs that completed, each with what it came to.
    pub(super) fn completed(&self) -> impl Iterator<Item = (&ArmRun<'a>, &RunEvidence)> {
        self.runs.iter().filter_map(|run| Some((run, run.evidence.as_ref()?)))
    }

    /// What its completed runs came to.
    pub(super) fn evidence(&self) -> Vec<RunEvidence> {
        self.runs.iter().filter_map(|run| run.evidence.clone()).collect()
    }

    /// Its completed runs that escaped, or those that did not.
    pub(super) fn of_kind(&self, escaped: bool) -> impl Iterator<Item = (&ArmRun<'a>, &RunEvidence)> {
        self.completed().filter(move |(_, evidence)| evidence.escape_epoch.is_some() == escaped)
    }

    /// The share of its completed runs that escaped, with its Clopper-Pearson interval; `None` without a completed run.
    pub(super) fn escaped_share(&self) -> Option<ShareInterval> {
        let (hits, of) = (self.of_kind(true).count() as u64, self.completed().count() as u64);
        clopper_pearson(hits, of, CONFIDENCE).ok()
    }

    /// When its completed runs escaped; a run that did not is censored at its last epoch.
    pub(super) fn escapes(&self) -> Vec<Observation> {
        let observation = |(_, own): (_, &RunEvidence)| Observation {
            time: f64::from(own.escape_epoch.unwrap_or(own.horizon)),
            happened: own.escape_epoch.is_some(),
        };
        self.completed().map(observation).collect()
    }

    /// The mean escape epoch, restricted to the epochs that its runs could have had.
    pub(super) fn mean_escape(&self) -> Option<f64> {
        let horizon = self.completed().map(|(_, own)| own.horizon).min()?;
        restricted_mean(&self.escapes(), f64::from(horizon)).ok()
    }

    /// A figure of its escaped runs; `None` if none has it.
    pub(super) fn level(&self, of: impl Fn(&ArmRun<'_>) -> Option<f64>) -> Option<Level> {
        let values: Vec<f64> = self.of_kind(true).filter_map(|(run, _)| of(run)).collect();
        let (mean, deviation) = mean_and_deviation(&values)?;
        Some(Level { number: values.len(), mean, deviation, interval: mean_interval(&values, CONFIDENCE).ok() })
    }

    /// A metric of its escaped runs on the test split. What lies outside of the metric's range is cut off its interval.
    pub(super) fn metric(&self, metric: &Metric) -> Option<Level> {
        let mut level = self.level(|run| run.metric(metric))?;
        level.interval = level.interval.map(|interval| interval.within(metric.range));
        Some(level)
    }

    /// Its runs that give alarm.
    pub(super) fn alarms(&self) -> impl Iterator<Item = &ArmRun<'a>> {
        self.runs.iter().filter(|run| run.diagnosis.standing.is_alarm())
    }
}

impl<'a> ArmRun<'a> {
    /// Whose its lines in a figure are.
    pub(super) fn owner(&self, overview: &Overview<'_>) -> Owner {
        overview.owner(&self.result.planned.key)
    }

    /// Its record, if it has ended.
    pub(super) fn record(&self) -> Option<&'a RunRecord> {
        self.result.record.as_ref()
    }

    /// Its test metrics.
    pub(super) fn test(&self) -> Option<&'a Metrics> {
        self.record()?.test.as_ref()
    }

    /// One of them.
    pub(super) fn metric(&self, metric: &Metric) -> Option<f64> {
        metric.of(self.test()?)
    }
}
