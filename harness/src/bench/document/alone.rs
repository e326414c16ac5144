//! `bench.md`: the backends alone.

use harness_contract::CellKind;

use super::growth::{Series, series};
use super::words::{QUICK, environment, memory, spread};
use crate::bench::{BenchRecord, Factor, Measured, Measurement, Sample, Timing, prediction, training_step};
use harness_drawing::Drawing;
use harness_statistics::samples::Spread;
use harness_text::numbers::{self, NONE, percent, significant};
use harness_text::{Align, Table};

/// The whole document.
pub(super) fn document(record: &BenchRecord, drawings: &[Drawing]) -> String {
    let mut text = String::from("# Speed of the backends\n\n");
    if record.quick {
        text.push_str(QUICK);
    }
    text.push_str(&format!(
        "Training steps and predictions of the study's model through the workers, in turns, {:.0} s in all. Times are medians with the least and the \
         greatest sample behind them, of the seconds that the backend itself computes. Reviews are full rows of invented words with the \
         frequencies of running text, so that no step is padding.\n",
        record.seconds
    ));
    section(&mut text, "Training steps and predictions", &steps(record));
    section(&mut text, "Against the machine", &machine(record, drawings));
    section(&mut text, "How cost grows", &growth(record, drawings));
    section(&mut text, "Not measured", &failures(record));
    section(&mut text, "Environment", &environment(&record.environment, &record.backends, &[]));
    text
}

fn section(text: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        text.push_str(&format!("\n## {title}\n\n{}\n", body.trim_end()));
    }
}

/// Milliseconds of some samples.
pub(super) fn milliseconds(samples: &[Sample], of: fn(&Sample) -> f64) -> Option<Spread> {
    Spread::of(samples.iter().map(of)).map(|spread| spread.times(1e3))
}

fn compute(sample: &Sample) -> f64 {
    sample.compute_seconds
}

fn steps(record: &BenchRecord) -> String {
    let own: Vec<(&Measurement, &Timing)> = record
        .measurements
        .iter()
        .filter(|row| row.factor == Factor::Kernel)
        .filter_map(|row| Some((row, row.timing()?)))
        .collect();
    let Some((first, _)) = own.first() else { return String::new() };
    let mut table = Table::new([
        ("cell", Align::Left),
        ("backend", Align::Left),
        ("kernel", Align::Left),
        ("threads", Align::Right),
        ("step, ms", Align::Right),
        ("tokens/s", Align::Right),
        ("of peak", Align::Right),
        ("pipe, µs", Align::Right),
        ("prediction, ms", Align::Right),
        ("reviews/s", Align::Right),
        ("start, s", Align::Right),
        ("memory", Align::Right),
    ]);
    for (row, timing) in &own {
        let train = milliseconds(&timing.train, compute);
        let predict = milliseconds(&timing.predict, compute);
        // What is not computing: frames, the pipe, waking up.
        let pipe = Spread::of(timing.train.iter().map(|sample| sample.round_trip_seconds - sample.compute_seconds));
        let a_second = |count: usize, spread: Option<Spread>| {
            spread.map_or_else(|| NONE.to_owned(), |spread| numbers::count((1e3 * count as f64 / spread.median) as u64))
        };
        table.push(vec![
            row.model.cell.title().into(),
            row.backend.clone(),
            row.model.kernel.to_string(),
            row.model.threads.to_string(),
            spread(train, significant),
            a_second(row.rows * row.time, train),
            fraction_of_peak(record, row, train).map_or_else(|| NONE.to_owned(), percent),
            pipe.map_or_else(|| NONE.to_owned(), |pipe| significant(1e6 * pipe.median)),
            spread(predict, significant),
            a_second(row.evaluation_rows, predict),
            significant(timing.start_seconds),
            memory(timing.peak_memory_bytes),
        ]);
    }
    format!(
        "A step is on {} rows of {} tokens, a prediction on {} rows. *Of peak* is the operations that a step needs, over its median and over \
         the operations a second of a large matrix product with as many threads. *Pipe* is the median of what a request takes beside computing. \
         *Start* is from the worker's start to the end of its first step.\n\n{}",
        first.rows,
        first.time,
        first.evaluation_rows,
        table.to_markdown()
    )
}

/// The share of the measured matrix-product peak that a step reaches.
fn fraction_of_peak(record: &BenchRecord, row: &Measurement, train: Option<Spread>) -> Option<f64> {
    let peak = record.peaks.iter().find(|peak| peak.threads == row.model.threads)?;
    let peak = Spread::of(peak.matmul_gflops.iter().copied())?.median;
    let work = training_step(&row.model, row.rows, row.time).total();
    Some(work.operations as f64 / (train?.median / 1e3) / (peak * 1e9))
}

fn machine(record: &BenchRecord, drawings: &[Drawing]) -> String {
    let mut text = String::new();
    if !record.peaks.is_empty() {
        let mut table = Table::new([
            ("threads", Align::Right),
            ("matrix product, 10⁹ operations/s", Align::Right),
            ("copying, 10⁹ bytes/s", Align::Right),
        ]);
        for peak in &record.peaks {
            table.push(vec![
                peak.threads.to_string(),
                spread(Spread::of(peak.matmul_gflops.iter().copied()), significant),
                spread(Spread::of(peak.copy_gigabytes.iter().copied()), significant),
            ]);
        }
        text.push_str("What the machine does at most, measured before and after everything else:\n\n");
        text.push_str(&table.to_markdown());
    }
    let mut table = Table::new([
        ("cell", Align::Left),
        ("part", Align::Left),
        ("10⁹ operations", Align::Right),
        ("MB", Align::Right),
        ("operations/byte", Align::Right),
    ]);
    for cell in CellKind::ALL {
        let Some(row) = record.measurements.iter().find(|row| row.factor == Factor::Kernel && row.model.cell == cell)
        else {
            continue;
        };
        let step = training_step(&row.model, row.rows, row.time);
        let predicted = prediction(&row.model, row.evaluation_rows, row.time);
        for (part, work) in [
            ("forward", step.forward),
            ("backward", step.backward),
            ("optimiser", step.optimiser),
            ("training step", step.total()),
            ("prediction", predicted),
        ] {
            table.push(vec![
                cell.title().into(),
                part.into(),
                significant(work.operations as f64 / 1e9),
                significant(work.bytes as f64 / 1e6),
                significant(work.intensity()),
            ]);
        }
    }
    if !table.is_empty() {
        text.push_str(
            "\nWhat a step has to compute and to move at least, counted from the model (`harness/src/bench/counts.rs` says how), with the \
             first backend's settings:\n\n",
        );
        text.push_str(&table.to_markdown());
    }
    text.push_str(&figure(drawings, "roofline"));
    text
}

fn figure(drawings: &[Drawing], name: &str) -> String {
    let own = drawings.iter().filter(|drawing| drawing.name == name);
    own.map(|drawing| format!("\n![{0}]({1}.png)\n\n*{0}*\n", drawing.caption, drawing.name)).collect()
}

fn growth(record: &BenchRecord, drawings: &[Drawing]) -> String {
    let mut text = String::new();
    for factor in Factor::NUMERIC {
        let all = series(record, factor);
        let mut values: Vec<f64> = all.iter().flat_map(|series| &series.points).map(|(value, _)| *value).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        if values.len() < 2 {
            continue;
        }
        let mut columns = vec![("cell".to_owned(), Align::Left), ("backend".to_owned(), Align::Left)];
        columns.extend(values.iter().map(|value| (numbers::count(*value as u64), Align::Right)));
        columns.push(("exponent".to_owned(), Align::Right));
        let mut table = Table::new(columns);
        for series in &all {
            let mut row = vec![series.cell.title().to_owned(), series.backend.clone()];
            for value in &values {
                let point = series.points.iter().find(|(own, _)| own == value);
                row.push(point.map_or_else(|| NONE.to_owned(), |(_, cost)| significant(cost.median)));
            }
            row.push(series.exponent().map_or_else(|| NONE.to_owned(), power));
            table.push(row);
        }
        let exponents: Vec<f64> = all.iter().filter_map(Series::exponent).collect();
        let range = Spread::of(exponents).map_or_else(String::new, |range| {
            format!(
                " A step's cost grows with its power {} in the middle, {} to {}.",
                power(range.median),
                power(range.min),
                power(range.max)
            )
        });
        text.push_str(&format!("**{}**, milliseconds a step.{range}\n\n{}\n", title(factor), table.to_markdown()));
    }
    if text.is_empty() {
        return text;
    }
    format!(
        "One thing at a time is changed around the study's model, and all values of a cell are measured in turns. The exponent is that of \
         the least-squares power law: 1 is proportional, 0 is no growth.\n\n{text}{}",
        figure(drawings, "growth")
    )
}

/// An exponent with two digits; one that rounds to 0 has no sign.
fn power(exponent: f64) -> String {
    format!("{:.2}", (exponent * 100.0).round() / 100.0 + 0.0).replace('-', "−")
}

/// What a factor is called in a heading.
fn title(factor: Factor) -> &'static str {
    match factor {
        Factor::Kernel => "Kernel and threads",
        Factor::Length => "Steps of a row",
        Factor::Hidden => "Units of a layer",
        Factor::Batch => "Rows of a batch",
        Factor::Vocabulary => "Words of the vocabulary",
    }
}

fn failures(record: &BenchRecord) -> String {
    let mut table = Table::new([("backend", Align::Left), ("configuration", Align::Left), ("reason", Align::Left)]);
    for (backend, reason) in &record.unavailable {
        table.push(vec![backend.clone(), "all".into(), reason.clone()]);
    }
    for row in &record.measurements {
        if let Measured::Failed { reason } = &row.measured {
            let model = &row.model;
            let what = format!(
                "{}, {}, {} threads, {} rows of {}, {} units, {} words",
                model.cell.title(),
                model.kernel,
                model.threads,
                row.rows,
                row.time,
                model.hidden_size,
                model.vocabulary_size
            );
            table.push(vec![row.backend.clone(), what, reason.clone()]);
        }
    }
    if table.is_empty() { String::new() } else { table.to_markdown() }
}
