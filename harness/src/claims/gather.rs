//! From studies to evidence: what the records say, and nothing else.

use std::collections::BTreeMap;

use harness_statistics::metrics::auc_interval;

use super::evidence::{Evidence, RunEvidence, TestVariance};
use super::rules::{Arm, ClaimsFile, Measure};
use super::times::Timed;
use crate::record::{
    EpochRecord, Outcome, PredictionSplit, RecordError, RunRecord, RunResult, Scores, StepRecord, StudyResults,
    escape_epoch, read_predictions, read_steps,
};

/// A run has escaped when its validation AUC is at least this at the end of an epoch: twelve standard errors of chance on 5,000 reviews.
pub(crate) const ESCAPE_AUC: f64 = 0.60;

/// A gradient norm is a spike where it is so many times the median of the steps before it.
const SPIKE: f32 = 4.0;

/// Steps before a spike whose median it is compared with, and before and after which updates are averaged.
const AROUND: usize = 50;

/// What the runs of some studies say about the arms of a claims file. Of runs with one seed in two studies of one name, the first counts.
///
/// # Errors
/// If a file of a whole run can't be read.
pub(crate) fn gather<'s>(
    file: &ClaimsFile,
    studies: impl IntoIterator<Item = &'s StudyResults>,
) -> Result<Evidence, RecordError> {
    let mut evidence = Evidence::default();
    for study in studies {
        let name = &study.study.name;
        for (backend, defaults) in &study.study.native_defaults {
            for (group, initializer) in &defaults.initializers {
                let key = (name.clone(), backend.clone(), format!("initializers.{}", group.name()));
                evidence.defaults.insert(key, initializer.value.to_string());
            }
        }
        for run in study.runs.iter().chain(&study.earlier) {
            let Some(record) = run.record.as_ref().filter(|record| record.outcome == Outcome::Completed) else {
                continue;
            };
            let key = &run.planned.key;
            let arm =
                Arm { study: name.clone(), backend: key.backend.clone(), cell: key.cell, variant: key.variant.clone() };
            if !file.arms.values().any(|named| *named == arm) {
                continue;
            }
            let known = evidence.arms.entry(arm).or_default();
            if !known.iter().any(|other| other.seed == key.seed) {
                known.push(of_run(run, record)?);
            }
        }
    }
    evidence.arms.values_mut().for_each(|runs| runs.sort_by_key(|run| run.seed));
    Ok(evidence)
}

/// A completed run's evidence, its steps included.
fn of_run(run: &RunResult, record: &RunRecord) -> Result<RunEvidence, RecordError> {
    let scores = match record.test {
        Some(_) => {
            let predictions = read_predictions(&run.directory.join("predictions.parquet"))?;
            Some(Scores::of(&predictions, PredictionSplit::Test))
        }
        None => None,
    };
    let mut evidence = run_evidence(record, scores.as_ref());
    if record.files.contains_key("steps.parquet") {
        let steps = read_steps(&run.directory.join("steps.parquet"))?;
        if let Some(ratio) = update_after_spikes(&steps).filter(|ratio| ratio.is_finite()) {
            evidence.measures.insert(Measure::UpdateAfterSpike, ratio);
        }
    }
    Ok(evidence)
}

/// What the record and the test scores of a completed run say. What only its steps could say is left out.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of reviews and epochs")]
pub(crate) fn run_evidence(record: &RunRecord, scores: Option<&Scores>) -> RunEvidence {
    let escape_epoch = escape_epoch(&record.epochs, ESCAPE_AUC);
    let horizon = record.protocol.epochs;
    let mut measures = BTreeMap::new();
    let mut put = |measure, value: Option<f64>| {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            measures.insert(measure, value);
        }
    };
    put(Measure::EscapeEpoch, Some(f64::from(escape_epoch.unwrap_or(horizon))));
    put(Measure::RecurrentWeights, Some(record.parameters.recurrent_formula as f64));
    let mean = |value: fn(&EpochRecord) -> f64| {
        let sum: f64 = record.epochs.iter().map(value).sum();
        (!record.epochs.is_empty()).then(|| sum / record.epochs.len() as f64)
    };
    put(Measure::PaddedLength, mean(|epoch| epoch.padded_length_mean));
    put(Measure::TrainSeconds, mean(|epoch| epoch.timing.train_seconds));
    let gradients = |epoch: Option<&EpochRecord>| epoch.and_then(|epoch| epoch.observation.input_gradients.clone());
    put(Measure::ReachFirst, gradients(record.epochs.first()).and_then(|own| own.reach()));
    put(Measure::ReachLast, gradients(record.epochs.last()).and_then(|own| own.reach()));
    put(Measure::GradientSlope, gradients(record.epochs.last()).and_then(|own| own.slope()).map(f64::abs));
    put(Measure::SpectrumFactor, spectrum_factor(record));
    let mut evidence = RunEvidence {
        seed: record.key.seed,
        escape_epoch,
        horizon,
        measures,
        timed: Timed::of(record),
        auc_interval: None,
        test_variance: None,
    };
    if let Some(test) = &record.test {
        let mut put = |measure, value: f64| evidence.measures.insert(measure, value);
        let confusion = &test.confusion;
        let examples = confusion.examples() as f64;
        put(Measure::Accuracy, confusion.accuracy());
        put(Measure::Auc, test.auc);
        put(Measure::Precision, confusion.precision());
        put(Measure::Recall, confusion.recall());
        put(Measure::PositiveShare, confusion.predicted_positive() as f64 / examples);
        if let Some(interval) = scores.and_then(|own| auc_interval(&own.logits, &own.labels).ok()) {
            evidence.auc_interval = Some((interval.lower, interval.upper));
            let accuracy = confusion.accuracy() * (1.0 - confusion.accuracy()) / examples;
            evidence.test_variance = Some(TestVariance { accuracy, auc: interval.variance });
        }
    }
    evidence
}

/// The largest factor by which a singular value lay off 1, over all blocks, before the first epoch and after each.
fn spectrum_factor(record: &RunRecord) -> Option<f64> {
    let seen = std::iter::once(&record.start).chain(record.epochs.iter().map(|epoch| &epoch.observation));
    let values = seen.flat_map(|seen| &seen.recurrent_spectrum).flat_map(|block| &block.spectrum.singular_values);
    let off = |value: &f64| if *value >= 1.0 { *value } else { 1.0 / value };
    values.map(off).fold(None, |most: Option<f64>, off| Some(most.map_or(off, |most| most.max(off))))
}

/// The median over spikes of the mean update norm of the steps after it over that of the steps before. `None` without update norms or spikes.
fn update_after_spikes(steps: &[StepRecord]) -> Option<f64> {
    let mean = |steps: &[StepRecord]| -> Option<f64> {
        let norms: Option<Vec<f64>> = steps.iter().map(|step| step.update_norm.map(f64::from)).collect();
        #[expect(clippy::cast_precision_loss, reason = "a few steps")]
        norms.map(|norms| norms.iter().sum::<f64>() / norms.len() as f64)
    };
    let mut ratios = Vec::new();
    let mut at = AROUND;
    while at + AROUND < steps.len() {
        let mut before: Vec<f32> = steps[at - AROUND..at].iter().map(|step| step.gradient_norm).collect();
        before.sort_by(f32::total_cmp);
        if steps[at].gradient_norm < SPIKE * before[AROUND / 2] {
            at += 1;
            continue;
        }
        let (earlier, later) = (mean(&steps[at - AROUND..at])?, mean(&steps[at + 1..=at + AROUND])?);
        if earlier > 0.0 {
            ratios.push(later / earlier);
        }
        // The steps after a spike are no baseline for another.
        at += 2 * AROUND;
    }
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(norms: impl IntoIterator<Item = (f32, f32)>) -> Vec<StepRecord> {
        let step = |(gradient_norm, update): (f32, f32)| StepRecord {
            epoch: 1,
            loss: 0.7,
            gradient_norm,
            clipped: false,
            update_norm: Some(update),
        };
        norms.into_iter().map(step).collect()
    }

    #[test]
    fn updates_after_a_spike_are_compared_with_those_before() {
        let calm = || std::iter::repeat_n((1.0, 2.0), 60);
        let after = std::iter::repeat_n((1.0, 3.0), 60);
        let spiked = steps(calm().chain([(5.0, 9.0)]).chain(after));
        assert_eq!(update_after_spikes(&spiked), Some(1.5));
        assert_eq!(update_after_spikes(&steps(calm().chain(calm()).chain(calm()))), None);
    }
}
