//! Every number of a lockstep as CSV, a row a step and a row a tensor and reading.

use std::path::Path;

use super::name_of;
use crate::lockstep::{LockstepError, LockstepRecord};

const STEPS: [&str; 9] = [
    "cell",
    "compared",
    "step",
    "loss_a",
    "loss_b",
    "loss_relative",
    "gradient_norm_a",
    "gradient_norm_b",
    "gradient_norm_relative",
];
const WEIGHTS: [&str; 8] = ["cell", "compared", "step", "tensor", "distance", "norm", "relative", "largest"];

/// Writes losses and gradient norms.
///
/// # Errors
/// If the file can't be written.
pub(super) fn write_steps(record: &LockstepRecord, path: &Path) -> Result<(), LockstepError> {
    let rows = record.comparisons.iter().flat_map(|comparison| {
        let name = name_of(record, &comparison.subject);
        comparison.steps.iter().map(move |pair| {
            let ([loss_a, loss_b], [norm_a, norm_b]) = (pair.loss, pair.gradient_norm);
            let (cell, name) = (comparison.cell.to_string(), name.clone());
            let exact = |value: f64| format!("{value:e}");
            [
                vec![cell, name, pair.step.to_string(), exact(loss_a), exact(loss_b), rounded(pair.loss_difference())],
                vec![exact(norm_a), exact(norm_b), rounded(pair.norm_difference())],
            ]
            .concat()
        })
    });
    write(path, &STEPS, rows)
}

/// Writes the differences of weights and of the probe's logits, the latter as the tensor `logits`.
///
/// # Errors
/// If the file can't be written.
pub(super) fn write_weights(record: &LockstepRecord, path: &Path) -> Result<(), LockstepError> {
    let mut rows = Vec::new();
    for comparison in &record.comparisons {
        let name = name_of(record, &comparison.subject);
        for reading in &comparison.readings {
            let tensors = reading.tensors.iter().map(|tensor| (tensor.name.as_str(), &tensor.difference));
            for (tensor, own) in std::iter::once(("logits", &reading.logits)).chain(tensors) {
                let place = [comparison.cell.to_string(), name.clone(), reading.step.to_string(), tensor.to_owned()];
                let values = [own.distance, own.norm, own.relative(), own.largest].map(rounded);
                rows.push([place, values].concat());
            }
        }
    }
    write(path, &WEIGHTS, rows)
}

fn rounded(value: f64) -> String {
    format!("{value:.5e}")
}

fn write(path: &Path, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<(), LockstepError> {
    let io = |error: csv::Error| LockstepError::Io { path: path.into(), source: error.into() };
    let mut writer = csv::Writer::from_path(path).map_err(io)?;
    writer.write_record(header).map_err(io)?;
    for row in rows {
        writer.write_record(&row).map_err(io)?;
    }
    writer.flush().map_err(|source| LockstepError::Io { path: path.into(), source })
}
