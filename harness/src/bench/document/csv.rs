//! The tables of benchmarks as CSV, with every digit.

use std::path::Path;

use crate::bench::peers::{PeerMeasured, PeersRecord};
use crate::bench::{BenchError, BenchRecord, Measured, Sample, prediction, training_step};
use harness_statistics::samples::Spread;

/// One row a configuration.
pub(super) fn write_measurements(record: &BenchRecord, path: &Path) -> Result<(), BenchError> {
    let mut rows = vec![
        [
            "factor",
            "value",
            "cell",
            "backend",
            "kernel",
            "threads",
            "rows",
            "time",
            "hidden_size",
            "vocabulary_size",
            "evaluation_rows",
            "train_compute_ms_min",
            "train_compute_ms_median",
            "train_compute_ms_max",
            "train_round_trip_ms_median",
            "predict_compute_ms_min",
            "predict_compute_ms_median",
            "predict_compute_ms_max",
            "train_operations",
            "train_bytes",
            "predict_operations",
            "predict_bytes",
            "start_seconds",
            "peak_memory_bytes",
            "failure",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for row in &record.measurements {
        let model = &row.model;
        let work = training_step(model, row.rows, row.time).total();
        let predicted = prediction(model, row.evaluation_rows, row.time);
        let timing = row.timing();
        let spread = |samples: fn(&crate::bench::Timing) -> &Vec<Sample>, of: fn(&Sample) -> f64| {
            timing.and_then(|timing| Spread::of(samples(timing).iter().map(of))).map(|spread| spread.times(1e3))
        };
        let train = spread(|timing| &timing.train, |sample| sample.compute_seconds);
        let round_trip = spread(|timing| &timing.train, |sample| sample.round_trip_seconds);
        let predict = spread(|timing| &timing.predict, |sample| sample.compute_seconds);
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let three = |spread: Option<Spread>| {
            [spread.map(|s| s.min), spread.map(|s| s.median), spread.map(|s| s.max)].map(number)
        };
        let mut cells = vec![
            row.factor.name().to_owned(),
            row.value().to_string(),
            model.cell.to_string(),
            row.backend.clone(),
            model.kernel.to_string(),
            model.threads.to_string(),
            row.rows.to_string(),
            row.time.to_string(),
            model.hidden_size.to_string(),
            model.vocabulary_size.to_string(),
            row.evaluation_rows.to_string(),
        ];
        cells.extend(three(train));
        cells.push(number(round_trip.map(|spread| spread.median)));
        cells.extend(three(predict));
        cells.extend([work.operations, work.bytes, predicted.operations, predicted.bytes].map(|n| n.to_string()));
        cells.push(number(timing.map(|timing| timing.start_seconds)));
        cells.push(timing.and_then(|timing| timing.peak_memory_bytes).map_or_else(String::new, |n| n.to_string()));
        cells.push(match &row.measured {
            Measured::Timed { .. } => String::new(),
            Measured::Failed { reason } => reason.clone(),
        });
        rows.push(cells);
    }
    write(path, &rows)
}

/// One row for each that took part, cell and number of threads.
pub(super) fn write_subjects(record: &PeersRecord, path: &Path) -> Result<(), BenchError> {
    let mut rows = vec![
        [
            "cell",
            "threads",
            "name",
            "framework",
            "role",
            "step_ms_min",
            "step_ms_median",
            "step_ms_max",
            "review_ms_min",
            "review_ms_median",
            "review_ms_max",
            "start_seconds",
            "peak_memory_bytes",
            "failure",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for comparison in &record.comparisons {
        for subject in &comparison.subjects {
            let timing = subject.timing();
            let three = |samples: Option<&Vec<f64>>| {
                let spread = samples.and_then(|samples| Spread::of(samples.iter().map(|seconds| 1e3 * seconds)));
                let parts = [spread.map(|s| s.min), spread.map(|s| s.median), spread.map(|s| s.max)];
                parts.map(|value| value.map_or_else(String::new, |value| value.to_string()))
            };
            let mut cells = vec![
                comparison.cell.to_string(),
                comparison.threads.to_string(),
                subject.name.clone(),
                format!("{:?}", subject.framework).to_lowercase(),
                format!("{:?}", subject.role).to_lowercase(),
            ];
            cells.extend(three(timing.map(|timing| &timing.step_seconds)));
            cells.extend(three(timing.map(|timing| &timing.review_seconds)));
            cells.push(timing.map_or_else(String::new, |timing| timing.start_seconds.to_string()));
            cells.push(timing.and_then(|timing| timing.peak_memory_bytes).map_or_else(String::new, |n| n.to_string()));
            cells.push(match &subject.measured {
                PeerMeasured::Timed { .. } => String::new(),
                PeerMeasured::Failed { reason } => reason.clone(),
            });
            rows.push(cells);
        }
    }
    write(path, &rows)
}

fn write(path: &Path, rows: &[Vec<String>]) -> Result<(), BenchError> {
    let io = |error: csv::Error| BenchError::Io { path: path.into(), source: error.into() };
    let mut writer = csv::Writer::from_path(path).map_err(io)?;
    for row in rows {
        writer.write_record(row).map_err(io)?;
    }
    writer.flush().map_err(|source| BenchError::Io { path: path.into(), source })
}
