//! What of a run goes into its event file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use harness_contract::CellKind;
use harness_statistics::metrics::{METRICS, Metrics};
use toml::Value;

use super::event_file::{EventFile, Histogram, Setting};
use crate::plan::{Protocol, RunKey, flat};
use crate::record::{
    EpochRecord, Outcome, PREDICTIONS, PredictionSplit, RecordError, RunRecord, RunResult, STEPS, Scores, StudyResults,
    read_predictions, read_steps,
};

/// Bins of a histogram of scores.
const BINS: usize = 50;

/// An event file that can't be written.
#[derive(Debug, thiserror::Error)]
pub enum TensorBoardError {
    /// A run's tables can't be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The file can't be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl TensorBoardError {
    pub(super) fn of(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.into(), source }
    }
}

/// Writes an event file for every run of a study that has ended, in a folder of the run's name below `folder`; gives the folders.
///
/// # Errors
/// If a run's tables can't be read or a file can't be written.
pub fn write_study(study: &StudyResults, folder: &Path) -> Result<Vec<PathBuf>, TensorBoardError> {
    let mut written = Vec::new();
    for run in &study.runs {
        if let Some(record) = &run.record {
            written.push(write_run(run, record, folder)?);
        }
    }
    Ok(written)
}

/// Writes the event file of a run from its records, in place of what lies in its folder; gives the folder.
///
/// # Errors
/// If its tables can't be read or the file can't be written.
pub fn write_run(run: &RunResult, record: &RunRecord, folder: &Path) -> Result<PathBuf, TensorBoardError> {
    let own = folder.join(record.key.to_string());
    fs::create_dir_all(&own).map_err(TensorBoardError::of(&own))?;
    let began = seconds(record.environment.started_unix);
    let end = began + record.wall_seconds;
    // Later than the file that a run at work leaves, so that a TensorBoard that watches goes on to it.
    let name = file_name(end.max(began + 1.0), &record.fingerprint);
    let partial = own.join(".partial");
    let mut file = EventFile::create(&partial, began).map_err(TensorBoardError::of(&partial))?;
    fill(&mut file, run, record, [began, end])?.map_err(TensorBoardError::of(&partial))?;
    for old in fs::read_dir(&own).map_err(TensorBoardError::of(&own))?.flatten() {
        if old.file_name().to_string_lossy().starts_with(PREFIX) {
            fs::remove_file(old.path()).map_err(TensorBoardError::of(&old.path()))?;
        }
    }
    let path = own.join(name);
    fs::rename(&partial, &path).map_err(TensorBoardError::of(&path))?;
    Ok(own)
}

/// How the names of event files begin, by which TensorBoard knows them.
const PREFIX: &str = "events.out.tfevents.";

/// The name of an event file.
pub(super) fn file_name(wall: f64, fingerprint: &str) -> String {
    format!("{PREFIX}{wall:010.0}.study-{}", fingerprint.get(..12).unwrap_or(fingerprint))
}

/// Writes all of a run. The outer error is of its tables, the inner one of the file.
fn fill(
    file: &mut EventFile,
    run: &RunResult,
    record: &RunRecord,
    [began, end]: [f64; 2],
) -> Result<io::Result<()>, TensorBoardError> {
    let place = run.directory.join(STEPS);
    // Records of the first format have no steps.
    let steps = if place.exists() { read_steps(&place)? } else { Vec::new() };
    let predictions = match record.outcome {
        Outcome::Completed => read_predictions(&run.directory.join(PREDICTIONS))?,
        _ => Vec::new(),
    };
    let mut write = || -> io::Result<()> {
        file.settings(began, &group(&record.key), &settings(&record.key, &record.protocol))?;
        // Only ends of epochs have a time; steps are spread evenly between them.
        let mut wall = began;
        let mut done = 0;
        for epoch in &record.epochs {
            let seconds = epoch.timing.train_seconds;
            let own: Vec<_> = steps.iter().filter(|step| step.epoch == epoch.epoch).collect();
            for (index, step) in own.iter().enumerate() {
                let share = share(index + 1, own.len());
                let values = step_scalars(f64::from(step.loss), f64::from(step.gradient_norm), epoch.learning_rate);
                file.scalars(wall + seconds * share, done + index as u64 + 1, &values)?;
            }
            done += epoch.steps;
            wall += seconds + epoch.timing.evaluation_seconds;
            file.scalars(wall, done, &epoch_scalars(epoch))?;
        }
        if let Some(test) = &record.test {
            file.scalars(end, done, &metric_scalars("test", test))?;
        }
        for split in [PredictionSplit::Validation, PredictionSplit::Test] {
            let scores = Scores::of(&predictions, split);
            for (label, class) in [(0, "negative"), (1, "positive")] {
                let own = scores.logits.iter().zip(&scores.labels).filter(|(_, own)| **own == label);
                let probabilities: Vec<f64> = own.map(|(logit, _)| 1.0 / (1.0 + (-f64::from(*logit)).exp())).collect();
                if !probabilities.is_empty() {
                    file.histogram(end, done, &format!("scores/{}/{class}", split.name()), &histogram(&probabilities))?;
                }
            }
        }
        file.end(end, record.outcome == Outcome::Completed)?;
        file.flush()
    };
    Ok(write())
}

/// What is shown of a step.
pub(super) fn step_scalars(loss: f64, gradient_norm: f64, learning_rate: f64) -> Vec<(String, f64)> {
    [("step/loss", loss), ("step/gradient_norm", gradient_norm), ("step/learning_rate", learning_rate)]
        .map(|(tag, value)| (tag.to_owned(), value))
        .into()
}

/// What is shown of an epoch.
pub(super) fn epoch_scalars(epoch: &EpochRecord) -> Vec<(String, f64)> {
    let mut all: Vec<(String, f64)> = [
        ("epoch/train_loss", epoch.train_loss),
        ("epoch/learning_rate", epoch.learning_rate),
        ("epoch/gradient_norm_mean", epoch.gradient_norm_mean),
        ("epoch/gradient_norm_max", epoch.gradient_norm_max),
        ("epoch/clipped_share", epoch.clipped_share),
        ("epoch/seconds", epoch.timing.train_seconds + epoch.timing.evaluation_seconds),
    ]
    .map(|(tag, value)| (tag.to_owned(), value))
    .into();
    all.extend(metric_scalars("validation", &epoch.validation));
    all
}

/// Every metric that these have, by its key.
fn metric_scalars(split: &str, metrics: &Metrics) -> Vec<(String, f64)> {
    METRICS.iter().filter_map(|metric| Some((format!("{split}/{}", metric.key), metric.of(metrics)?))).collect()
}

/// The seeds of a point of the grid are repetitions of each other.
pub(super) fn group(key: &RunKey) -> String {
    format!("{}-{}-{}", key.backend, key.cell, key.variant)
}

/// Where a run stands in its grid, and every setting of it.
pub(super) fn settings(key: &RunKey, protocol: &Protocol) -> Vec<(String, Setting)> {
    let cell: CellKind = key.cell;
    #[expect(clippy::cast_precision_loss, reason = "shown, and no more")]
    let seed = key.seed as f64;
    let mut all = vec![
        ("backend".to_owned(), Setting::Text(key.backend.clone())),
        ("cell".to_owned(), Setting::Text(cell.name().to_owned())),
        ("variant".to_owned(), Setting::Text(key.variant.clone())),
        ("seed".to_owned(), Setting::Number(seed)),
    ];
    all.extend(flat(protocol).into_iter().map(|(name, value)| (name, setting(&value))));
    all
}

#[expect(clippy::cast_precision_loss, reason = "shown, and no more")]
fn setting(value: &Value) -> Setting {
    match value {
        Value::Integer(number) => Setting::Number(*number as f64),
        Value::Float(number) => Setting::Number(*number),
        Value::Boolean(on) => Setting::Switch(*on),
        Value::String(text) => Setting::Text(text.clone()),
        other => Setting::Text(other.to_string()),
    }
}

/// Probabilities in bins of one width over `0..=1`.
fn histogram(probabilities: &[f64]) -> Histogram {
    let mut counts = [0_u32; BINS];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number in 0..=BINS")]
    let bin = |probability: f64| ((probability * BINS as f64) as usize).min(BINS - 1);
    probabilities.iter().for_each(|probability| counts[bin(*probability)] += 1);
    Histogram {
        least: probabilities.iter().copied().fold(1.0, f64::min),
        most: probabilities.iter().copied().fold(0.0, f64::max),
        sum: probabilities.iter().sum(),
        sum_of_squares: probabilities.iter().map(|probability| probability * probability).sum(),
        buckets: counts.iter().enumerate().map(|(bin, count)| (share(bin + 1, BINS), f64::from(*count))).collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(part: usize, of: usize) -> f64 {
    part as f64 / of.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
fn seconds(unix: u64) -> f64 {
    unix as f64
}
