//! Every training step of a run: `steps.parquet` with columns `epoch`, `loss`, `gradient_norm`, `clipped`, `update_norm`.

use std::path::Path;

use polars::prelude::{Column, DataFrame, ParquetWriter, PolarsError};

use serde::{Deserialize, Serialize};

use super::store::{RecordError, write_atomically};
use super::table::read_table;

/// Steps whose losses are averaged for a curve.
pub const STEPS_OF_A_MEAN: usize = 25;

/// One optimiser step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRecord {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Mean loss of the batch before the update, in nats.
    pub loss: f32,
    /// Global gradient norm before clipping.
    pub gradient_norm: f32,
    /// Whether clipping scaled the gradient.
    pub clipped: bool,
    /// Norm of the change of all weights, where the run asked for it.
    pub update_norm: Option<f32>,
}

/// Writes steps, atomically.
///
/// # Errors
/// If the file can't be written.
pub fn write_steps(path: &Path, steps: &[StepRecord]) -> Result<(), RecordError> {
    let columns = vec![
        Column::new("epoch".into(), steps.iter().map(|step| step.epoch).collect::<Vec<_>>()),
        Column::new("loss".into(), steps.iter().map(|step| step.loss).collect::<Vec<_>>()),
        Column::new("gradient_norm".into(), steps.iter().map(|step| step.gradient_norm).collect::<Vec<_>>()),
        Column::new("clipped".into(), steps.iter().map(|step| step.clipped).collect::<Vec<_>>()),
        Column::new("update_norm".into(), steps.iter().map(|step| step.update_norm).collect::<Vec<_>>()),
    ];
    let polars = |source: PolarsError| RecordError::Table { path: path.into(), source };
    let mut frame = DataFrame::new(steps.len(), columns).map_err(polars)?;
    write_atomically(path, |file| {
        ParquetWriter::new(file).finish(&mut frame).map_err(polars)?;
        Ok(())
    })
}

/// Reads what [`write_steps`] wrote.
///
/// # Errors
/// If the file can't be read, or lacks a column or a value.
pub fn read_steps(path: &Path) -> Result<Vec<StepRecord>, RecordError> {
    let polars = |source: PolarsError| RecordError::Table { path: path.into(), source };
    let missing = |column| move || RecordError::Value { path: path.into(), column };
    let frame = read_table(path)?;
    let epochs = frame.column("epoch").and_then(|column| column.u32().cloned()).map_err(polars)?;
    let losses = frame.column("loss").and_then(|column| column.f32().cloned()).map_err(polars)?;
    let norms = frame.column("gradient_norm").and_then(|column| column.f32().cloned()).map_err(polars)?;
    let clipped = frame.column("clipped").and_then(|column| column.bool().cloned()).map_err(polars)?;
    let updates = frame.column("update_norm").and_then(|column| column.f32().cloned()).map_err(polars)?;
    let mut steps = Vec::with_capacity(frame.height());
    for at in 0..frame.height() {
        steps.push(StepRecord {
            epoch: epochs.get(at).ok_or_else(missing("epoch"))?,
            loss: losses.get(at).ok_or_else(missing("loss"))?,
            gradient_norm: norms.get(at).ok_or_else(missing("gradient_norm"))?,
            clipped: clipped.get(at).ok_or_else(missing("clipped"))?,
            update_norm: updates.get(at),
        });
    }
    Ok(steps)
}

/// Mean losses of so many steps each, the last of fewer if they don't divide, `[ceil(steps / STEPS_OF_A_MEAN)]`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a few steps")]
pub fn mean_losses(steps: &[StepRecord]) -> Vec<f64> {
    let mean = |steps: &[StepRecord]| steps.iter().map(|step| f64::from(step.loss)).sum::<f64>() / steps.len() as f64;
    steps.chunks(STEPS_OF_A_MEAN).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(loss: f32) -> StepRecord {
        StepRecord { epoch: 1, loss, gradient_norm: 2.0, clipped: true, update_norm: None }
    }

    #[test]
    fn steps_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("steps.parquet");
        let steps = vec![step(0.5), StepRecord { epoch: 2, clipped: false, update_norm: Some(0.25), ..step(0.75) }];
        write_steps(&path, &steps).unwrap();
        assert_eq!(read_steps(&path).unwrap(), steps);
        write_steps(&path, &[]).unwrap();
        assert_eq!(read_steps(&path).unwrap(), []);
    }

    #[test]
    fn losses_are_averaged_over_25_steps() {
        let steps: Vec<_> = (0..30_u8).map(|at| step(f32::from(at))).collect();
        assert_eq!(mean_losses(&steps), [12.0, 27.0]);
    }
}
