//! The results table: one row a run, typed columns, as a polars data frame.

use std::fs::File;
use std::path::Path;

use polars::prelude::{
    Column, CsvWriter, DataFrame, NamedFrom, ParquetCompression, ParquetWriter, PolarsError, SerWriter, Series,
};

use super::ReportError;
use super::overview::{Overview, mean_over_epochs, mean_over_steps, reason, standing};
use super::published::Published;
use crate::record::{EpochRecord, RunRecord, RunResult};
use harness_statistics::metrics::{METRICS, Metrics};

/// The table of every run of the plan, in its order. What a run does not have is null.
///
/// Seconds an epoch are means over the finished epochs; seconds of compute are their sum. `framework` is the
/// published study's name for what the backend stands for, null where it has none.
///
/// # Errors
/// If polars refuses the columns.
pub(super) fn results_frame(overview: &Overview<'_>, published: Option<&Published>) -> Result<DataFrame, ReportError> {
    let runs = &overview.results.runs;
    let rows = Rows { runs };
    let framework = |run: &RunResult| {
        published
            .and_then(|published| published.framework_of(&run.planned.key.backend))
            .map(|found| found.title.clone())
    };
    let plan = vec![
        rows.column("backend", |run| run.planned.key.backend.clone()),
        rows.column("framework", framework),
        rows.column("cell", |run| run.planned.key.cell.name()),
        rows.column("variant", |run| run.planned.key.variant.clone()),
        rows.column("seed", |run| run.planned.key.seed),
        rows.column("outcome", standing),
        rows.column("reason", reason),
    ];
    let metrics = METRICS.iter().map(|metric| rows.of_record(metric.key, |record| metric.of(record.test.as_ref()?)));
    let rest = vec![
        rows.of_test("tn", |test| test.confusion.tn),
        rows.of_test("fp", |test| test.confusion.fp),
        rows.of_test("fn", |test| test.confusion.fn_),
        rows.of_test("tp", |test| test.confusion.tp),
        rows.of_test("predicted_positive", |test| test.confusion.predicted_positive()),
        rows.of_test("test_examples", |test| test.confusion.examples()),
        rows.of_record("epochs", |record| Some(record.epochs.len() as u64)),
        rows.of_record("tested_epoch", |record| (record.tested_epoch > 0).then_some(record.tested_epoch)),
        rows.of_record("parameters_embedding", |record| Some(record.parameters.embedding)),
        rows.of_record("parameters_recurrent", |record| Some(record.parameters.recurrent)),
        rows.of_record("parameters_recurrent_formula", |record| Some(record.parameters.recurrent_formula)),
        rows.of_record("parameters_head", |record| Some(record.parameters.head)),
        rows.of_record("parameters_total", |record| Some(record.parameters.total)),
        rows.of_last_epoch("last_learning_rate", |epoch| epoch.learning_rate),
        rows.of_last_epoch("last_train_loss", |epoch| epoch.train_loss),
        rows.of_last_epoch("last_validation_loss", |epoch| epoch.validation.log_loss),
        rows.of_last_epoch("last_validation_accuracy", |epoch| epoch.validation.confusion.accuracy()),
        rows.of_last_epoch("last_validation_auc", |epoch| epoch.validation.auc),
        rows.of_record("gradient_norm_mean", |record| mean_over_steps(record, |epoch| epoch.gradient_norm_mean)),
        rows.of_record("gradient_norm_max", |record| {
            record.epochs.iter().map(|epoch| epoch.gradient_norm_max).reduce(f64::max)
        }),
        rows.of_record("clipped_share", |record| mean_over_steps(record, |epoch| epoch.clipped_share)),
        rows.of_record("padded_length_mean", |record| mean_over_steps(record, |epoch| epoch.padded_length_mean)),
        rows.of_record("padding_share", |record| mean_over_epochs(record, |epoch| epoch.padding_share)),
        rows.of_timing("train_seconds_per_epoch", |epoch| epoch.timing.train_seconds),
        rows.of_timing("evaluation_seconds_per_epoch", |epoch| epoch.timing.evaluation_seconds),
        rows.of_timing("train_compute_seconds_per_epoch", |epoch| epoch.timing.train_compute_seconds),
        rows.of_record("compute_seconds", |record| {
            let timings = || record.epochs.iter().map(|epoch| epoch.timing);
            let all = timings().map(|timing| timing.train_compute_seconds + timing.evaluation_compute_seconds);
            timings().next().map(|_| all.sum::<f64>())
        }),
        rows.of_timing("tokens_per_second", |epoch| epoch.timing.tokens_per_second),
        rows.of_record("first_step_seconds", |record| record.first_step_seconds),
        rows.of_record("wall_seconds", |record| Some(record.wall_seconds)),
        rows.of_record("peak_memory_bytes", |record| record.peak_memory_bytes),
        rows.of_record("threads", |record| u64::try_from(record.environment.threads).ok()),
        rows.of_record("jobs", |record| u64::try_from(record.environment.jobs).ok()),
        rows.column("fingerprint", |run| run.planned.fingerprint.clone()),
    ];
    let columns = plan.into_iter().chain(metrics).chain(rest).collect();
    DataFrame::new(runs.len(), columns).map_err(|source| ReportError::Table { what: "the results table", source })
}

/// Writes a table as CSV with every digit; what is missing is empty.
///
/// # Errors
/// If the file can't be written.
pub(super) fn write_csv(frame: &DataFrame, path: &Path) -> Result<(), ReportError> {
    let mut file = create(path)?;
    let written = CsvWriter::new(&mut file).include_header(true).finish(&mut frame.clone());
    written.map_err(|source| ReportError::Table { what: "a table as CSV", source })
}

/// Writes the table as Parquet.
///
/// # Errors
/// If the file can't be written.
pub(super) fn write_parquet(frame: &DataFrame, path: &Path) -> Result<(), ReportError> {
    let file = create(path)?;
    let writer = ParquetWriter::new(file).with_compression(ParquetCompression::Uncompressed);
    let written: Result<u64, PolarsError> = writer.finish(&mut frame.clone());
    written.map(|_| ()).map_err(|source| ReportError::Table { what: "results.parquet", source })
}

fn create(path: &Path) -> Result<File, ReportError> {
    File::create(path).map_err(|source| ReportError::Io { path: path.into(), source })
}

/// The rows, and the ways in which a column reads them.
struct Rows<'a> {
    runs: &'a [RunResult],
}

impl Rows<'_> {
    /// A column of something that the plan gives.
    fn column<T>(&self, name: &str, value: impl Fn(&RunResult) -> T) -> Column
    where
        Series: NamedFrom<Vec<T>, [T]>,
    {
        let values: Vec<T> = self.runs.iter().map(value).collect();
        Series::new(name.into(), values).into()
    }

    /// A column of something that a record gives.
    fn of_record<T>(&self, name: &str, value: impl Fn(&RunRecord) -> Option<T>) -> Column
    where
        Series: NamedFrom<Vec<Option<T>>, [Option<T>]>,
    {
        let values: Vec<Option<T>> = self.runs.iter().map(|run| run.record.as_ref().and_then(&value)).collect();
        Series::new(name.into(), values).into()
    }

    /// A column of a count on the test split.
    fn of_test<T>(&self, name: &str, value: impl Fn(&Metrics) -> T) -> Column
    where
        Series: NamedFrom<Vec<Option<T>>, [Option<T>]>,
    {
        self.of_record(name, |record| record.test.as_ref().map(&value))
    }

    /// A column of something of the last finished epoch.
    fn of_last_epoch(&self, name: &str, value: impl Fn(&EpochRecord) -> f64) -> Column {
        self.of_record(name, |record| record.epochs.last().map(&value))
    }

    /// A column of a mean over finished epochs.
    fn of_timing(&self, name: &str, value: impl Fn(&EpochRecord) -> f64) -> Column {
        self.of_record(name, |record| mean_over_epochs(record, &value))
    }
}
