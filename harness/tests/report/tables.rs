//! What people and programs read in the tables.

use std::fs::File;

use harness::statistics::metrics::{METRICS, Metric};
use polars::prelude::{DataType, ParquetReader, SerReader};

use super::{Report, ablation, fixture, mixed};

#[test]
fn report_reads_well() {
    insta::assert_snapshot!(fixture::with_origins_alone(&mixed().text("report.md")));
}

#[test]
fn latex_has_a_row_for_every_run() {
    insta::assert_snapshot!(mixed().text("results.tex"));
}

#[test]
fn csv_has_every_run_and_column() {
    insta::assert_snapshot!(but_metrics(&mixed().text("results.csv")));
}

/// The columns that are not metrics. Numbers with many digits are cut to six, because the last ones depend on the platform's logarithm.
fn but_metrics(csv: &str) -> String {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let line = |row: &csv::StringRecord| {
        let cells = row.iter().zip(&headers).filter(|(_, header)| Metric::named(header).is_none());
        let cells = cells.map(|(cell, _)| match cell.parse::<f64>() {
            Ok(number) if cell.contains('.') => format!("{number:.6}"),
            _ => cell.to_owned(),
        });
        cells.collect::<Vec<_>>().join(" | ") + "\n"
    };
    let rows: Vec<String> = reader.records().map(|row| line(&row.unwrap())).collect();
    line(&headers) + &rows.concat()
}

#[test]
fn csv_and_parquet_have_every_metric_of_every_run() {
    let records = tempfile::TempDir::new().unwrap();
    let results = fixture::study(fixture::mixed_plan(), 2_000, records.path());
    let report = Report::written(&results);
    let text = report.text("results.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let file = File::open(report.directory.path().join("results.parquet")).unwrap();
    let frame = ParquetReader::new(file).finish().unwrap();
    for metric in &METRICS {
        let place = headers.iter().position(|header| header == metric.key).unwrap();
        let column = frame.column(metric.key).unwrap().f64().unwrap();
        for (number, run) in results.runs.iter().enumerate() {
            let expected = run.record.as_ref().and_then(|record| metric.of(record.test.as_ref()?));
            assert_eq!(rows[number][place].parse().ok(), expected, "{}", metric.key);
            assert_eq!(column.get(number), expected, "{}", metric.key);
        }
    }
}

#[test]
fn parquet_keeps_types_and_nulls() {
    let file = File::open(mixed().directory.path().join("results.parquet")).unwrap();
    let frame = ParquetReader::new(file).finish().unwrap();
    assert_eq!(frame.height(), 6);
    for (name, kind) in [
        ("backend", DataType::String),
        ("framework", DataType::String),
        ("seed", DataType::UInt64),
        ("accuracy", DataType::Float64),
        ("fn", DataType::UInt64),
        ("tested_epoch", DataType::UInt32),
        ("peak_memory_bytes", DataType::UInt64),
        ("train_seconds_per_epoch", DataType::Float64),
    ] {
        assert_eq!(*frame.column(name).unwrap().dtype(), kind, "{name}");
    }
    assert_eq!(frame.column("auc").unwrap().null_count(), 3);
    assert_eq!(frame.column("reason").unwrap().null_count(), 4);
    assert_eq!(frame.column("epochs").unwrap().null_count(), 1);
    let counts: Vec<u64> =
        ["tn", "fp", "fn", "tp"].map(|name| frame.column(name).unwrap().u64().unwrap().get(2).unwrap()).into();
    assert_eq!(counts.iter().sum::<u64>(), 25_000);
    let accuracy = frame.column("accuracy").unwrap().f64().unwrap().get(2).unwrap();
    assert_eq!(accuracy, (counts[0] + counts[3]) as f64 / 25_000.0);
}

#[test]
fn several_seeds_are_summarised_with_their_spread() {
    let text = ablation().text("report.md");
    let lines: Vec<_> = text.lines().filter(|line| line.contains(", n = 3 |")).collect();
    assert_eq!(
        lines.len(),
        10,
        "a row for each backend, cell and variant but the SimpleRNN of the study's own configuration: {lines:#?}"
    );
    assert!(
        lines.iter().all(|line| line.matches(", n = 3 |").count() == 4 && line.matches(" 3 of 3 |").count() == 2),
        "{lines:#?}"
    );
    assert!(text.contains("regenerated, mean ± sd of 3 of 3 seeds"), "{text}");
    // Only the study's own configuration is compared.
    let published = |line: &&str| line.starts_with("| PyTorch ") || line.starts_with("| Keras ");
    assert_eq!(text.lines().filter(published).count(), 6);
}

#[test]
fn variants_have_columns_of_their_own_in_the_protocol() {
    let text = ablation().text("report.md");
    let header = text.lines().find(|line| line.starts_with("| setting") && line.contains("libtorch, base")).unwrap();
    for column in ["libtorch, front-padding", "tensorflow, base", "tensorflow, front-padding"] {
        assert!(header.contains(column), "{header}");
    }
    // Keras has one bias vector, but two for the GRU: a column says which cells have which value.
    let row = text.lines().find(|line| line.starts_with("| `bias_vectors`")).unwrap();
    assert!(row.contains("one (SimpleRNN, LSTM); two (GRU)"), "{row}");
}

#[test]
fn names_and_reasons_cannot_break_a_table() {
    let records = tempfile::TempDir::new().unwrap();
    let mut results = fixture::study(fixture::mixed_plan(), 400, records.path());
    let failed = results.runs[4].record.as_mut().unwrap();
    failed.outcome = harness::record::Outcome::Failed {
        reason: "a|b\nc_d & <e> 5%".into(),
        last_words: "```\n## not a heading".into(),
    };
    let report = Report::written(&results);
    let text = report.text("report.md");
    assert!(text.contains("| **failed**: a\\|b c_d & &lt;e> 5%"), "{text}");
    assert!(text.contains("\n    ```\n    ## not a heading\n"), "{text}");
    assert!(report.text("results.tex").contains("a\\textbar{}b c\\_d \\& \\textless{}e\\textgreater{} 5\\%"));
}
