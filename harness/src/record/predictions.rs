//! Predictions of a run: `predictions.parquet` with columns `split`, `row_id`, `label`, `logit`.

use std::path::Path;

use polars::prelude::{Column, DataFrame, ParquetWriter, PolarsError};

use serde::{Deserialize, Serialize};

use super::store::RecordError;
use super::table::read_table;

/// Which split a prediction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PredictionSplit {
    /// The validation split.
    Validation,
    /// The test split.
    Test,
}

impl PredictionSplit {
    /// The name in the file: `validation` or `test`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// One prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Its split.
    pub split: PredictionSplit,
    /// The review's place in the corpus, counted from 0.
    pub row_id: u32,
    /// The true label, 0 or 1.
    pub label: u8,
    /// The model's logit.
    pub logit: f32,
}

/// The predictions of one split, without the reviews' places.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// A logit a review, `[reviews]`.
    pub logits: Vec<f32>,
    /// Its true label, 0 or 1, `[reviews]`.
    pub labels: Vec<u8>,
}

impl Scores {
    /// Those of a split, in the order in which they stand.
    #[must_use]
    pub fn of(predictions: &[Prediction], split: PredictionSplit) -> Self {
        let own = predictions.iter().filter(|prediction| prediction.split == split);
        let (logits, labels) = own.map(|prediction| (prediction.logit, prediction.label)).unzip();
        Self { logits, labels }
    }
}

/// Writes predictions, atomically.
///
/// # Errors
/// If the file can't be written.
pub fn write_predictions(path: &Path, predictions: &[Prediction]) -> Result<(), RecordError> {
    let column = |name: &str, values: Vec<u32>| Column::new(name.into(), values);
    let columns = vec![
        Column::new("split".into(), predictions.iter().map(|row| row.split.name()).collect::<Vec<_>>()),
        column("row_id", predictions.iter().map(|row| row.row_id).collect()),
        column("label", predictions.iter().map(|row| u32::from(row.label)).collect()),
        Column::new("logit".into(), predictions.iter().map(|row| row.logit).collect::<Vec<_>>()),
    ];
    let polars = |source: PolarsError| RecordError::Table { path: path.into(), source };
    let mut frame = DataFrame::new(predictions.len(), columns).map_err(polars)?;
    super::store::write_atomically(path, |file| {
        ParquetWriter::new(file).finish(&mut frame).map_err(polars)?;
        Ok(())
    })
}

/// Reads what [`write_predictions`] wrote, in the same order.
///
/// # Errors
/// If the file can't be read, or lacks a column.
pub fn read_predictions(path: &Path) -> Result<Vec<Prediction>, RecordError> {
    let polars = |source: PolarsError| RecordError::Table { path: path.into(), source };
    let frame = read_table(path)?;
    let splits = frame.column("split").and_then(|column| column.str().cloned()).map_err(polars)?;
    let rows = frame.column("row_id").and_then(|column| column.u32().cloned()).map_err(polars)?;
    let labels = frame.column("label").and_then(|column| column.u32().cloned()).map_err(polars)?;
    let logits = frame.column("logit").and_then(|column| column.f32().cloned()).map_err(polars)?;
    let mut predictions = Vec::with_capacity(frame.height());
    for (((split, row_id), label), logit) in splits.iter().zip(rows.iter()).zip(labels.iter()).zip(logits.iter()) {
        let split = match split {
            Some("validation") => PredictionSplit::Validation,
            Some("test") => PredictionSplit::Test,
            _ => return Err(RecordError::Value { path: path.into(), column: "split" }),
        };
        let row_id = row_id.ok_or_else(|| RecordError::Value { path: path.into(), column: "row_id" })?;
        let label = label
            .and_then(|label| u8::try_from(label).ok())
            .filter(|label| *label <= 1)
            .ok_or_else(|| RecordError::Value { path: path.into(), column: "label" })?;
        let logit = logit.ok_or_else(|| RecordError::Value { path: path.into(), column: "logit" })?;
        predictions.push(Prediction { split, row_id, label, logit });
    }
    Ok(predictions)
}
