//! The results table as people read it, a row a run.

use harness_contract::CellKind;
use polars::prelude::{AnyValue, DataFrame};

use crate::record::StudyResults;
use crate::report::overview::{Overview, reason, standing};
use harness_statistics::metrics::{METRICS, Metric, Shown};
use harness_text::numbers::{self, NONE};
use harness_text::{Align, Table};

/// A column of numbers that people see.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct NumberColumn {
    /// Its name in the results frame.
    name: &'static str,
    /// Its header.
    header: &'static str,
    /// Its header in LaTeX.
    pub(in crate::report) latex: &'static str,
    /// How its values are written.
    written: Written,
}

#[derive(Debug, Clone, Copy)]
enum Written {
    Metric(&'static Metric),
    Count,
    Seconds,
}

/// The columns of numbers that people see: the metrics, then what else describes a run.
pub(in crate::report) fn number_columns() -> Vec<NumberColumn> {
    let shown = METRICS.iter().filter(|metric| metric.shown != Shown::Files);
    let of_metric = |metric: &'static Metric| NumberColumn {
        name: metric.key,
        header: metric.title,
        latex: metric.latex,
        written: Written::Metric(metric),
    };
    let others = [
        ("predicted_positive", "predicted positive", "Pred.\\ pos.", Written::Count),
        ("parameters_total", "parameters", "Parameters", Written::Count),
        ("train_seconds_per_epoch", "s/epoch", "s/epoch", Written::Seconds),
    ];
    let others = others.map(|(name, header, latex, written)| NumberColumn { name, header, latex, written });
    shown.map(of_metric).chain(others).collect()
}

/// One row of the table that people read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct ResultRow {
    /// Backend and cell; variant and seed where the study has several.
    pub(in crate::report) names: Vec<String>,
    /// A text for each of [`number_columns`].
    pub(in crate::report) numbers: Vec<String>,
    /// The outcome.
    pub(in crate::report) outcome: String,
    /// Why the run did not complete.
    pub(in crate::report) reason: Option<String>,
}

/// Headers of [`ResultRow::names`].
pub(in crate::report) fn name_headers(overview: &Overview<'_>) -> Vec<&'static str> {
    let mut headers = vec!["backend", "cell"];
    headers.extend(overview.has_variants().then_some("variant"));
    headers.extend(overview.has_seeds().then_some("seed"));
    headers
}

/// The rows of the results frame as people read them.
pub(in crate::report) fn result_rows(overview: &Overview<'_>, frame: &DataFrame) -> Vec<ResultRow> {
    let headers = name_headers(overview);
    let columns = number_columns();
    let row = |place| ResultRow {
        names: headers.iter().map(|name| named(name, &text(frame, name, place).unwrap_or_default())).collect(),
        numbers: columns.iter().map(|column| number(frame, column, place)).collect(),
        outcome: text(frame, "outcome", place).unwrap_or_default(),
        reason: text(frame, "reason", place),
    };
    (0..frame.height()).map(row).collect()
}

/// The results table in Markdown: one row a run, with the reason in the row of one that did not complete.
pub(in crate::report) fn results(overview: &Overview<'_>, frame: &DataFrame) -> String {
    let names = name_headers(overview).into_iter().map(|name| (name, Align::Left));
    let numbers = number_columns().into_iter().map(|column| (column.header, Align::Right));
    let mut table = Table::new(names.chain(numbers).chain([("outcome", Align::Left)]));
    for row in result_rows(overview, frame) {
        let outcome = match row.reason {
            Some(reason) => format!("**{}**: {reason}", row.outcome),
            None => row.outcome,
        };
        table.push(row.names.into_iter().chain(row.numbers).chain([outcome]).collect());
    }
    table.to_markdown()
}

/// What each variant is, in its own words; `None` where none of the plan's has a title.
pub(in crate::report) fn variant_titles(overview: &Overview<'_>) -> Option<String> {
    let titles = &overview.results.study.variant_titles;
    let mut table = Table::new([("variant", Align::Left), ("what it is", Align::Left)]);
    for variant in &overview.variants {
        if let Some(title) = titles.get(*variant) {
            table.push(vec![(*variant).to_owned(), title.clone()]);
        }
    }
    (!table.is_empty()).then(|| table.to_markdown())
}

/// The runs of a study with several seeds that have no result, and why; empty if there are none.
pub(in crate::report) fn without_result(overview: &Overview<'_>) -> String {
    let mut table = Table::new(["run", "outcome", "why"].map(|name| (name, Align::Left)));
    let mut waiting = 0_usize;
    for run in &overview.results.runs {
        match (standing(run), reason(run)) {
            ("completed", _) => {}
            (standing, Some(reason)) => {
                table.push(vec![overview.run_name(&run.planned.key), format!("**{standing}**"), reason]);
            }
            (_, None) => waiting += 1,
        }
    }
    let mut text = if table.is_empty() { String::new() } else { table.to_markdown() };
    if waiting > 0 {
        text.push_str(&format!(
            "\n{} not been run yet.\n",
            if waiting == 1 { "1 run has".into() } else { format!("{waiting} runs have") }
        ));
    }
    text.trim_start().to_owned()
}

/// How many runs ended how, e.g. `4 completed, 1 diverged, 1 not run yet`.
pub(in crate::report) fn tally(results: &StudyResults) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for run in &results.runs {
        let name = standing(run);
        match counts.iter_mut().find(|(seen, _)| *seen == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    let parts: Vec<_> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    parts.join(", ")
}

/// Cells are shown by the names that papers use.
fn named(header: &str, value: &str) -> String {
    let cell = CellKind::ALL.into_iter().find(|cell| header == "cell" && cell.name() == value);
    cell.map_or_else(|| value.to_owned(), |cell| cell.title().to_owned())
}

fn value<'f>(frame: &'f DataFrame, column: &str, row: usize) -> Option<AnyValue<'f>> {
    let value = frame.column(column).ok()?.get(row).ok()?;
    (!value.is_null()).then_some(value)
}

fn text(frame: &DataFrame, column: &str, row: usize) -> Option<String> {
    // A column of one row holds its text in another form than a longer one; `get_str` knows both.
    value(frame, column, row).map(|value| value.get_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn number(frame: &DataFrame, column: &NumberColumn, row: usize) -> String {
    let found = value(frame, column.name, row);
    let written = found.and_then(|value| match column.written {
        Written::Metric(metric) => value.extract::<f64>().map(|value| metric.text(value)),
        Written::Count => value.extract::<u64>().map(numbers::count),
        Written::Seconds => value.extract::<f64>().map(numbers::seconds),
    });
    written.unwrap_or_else(|| NONE.to_owned())
}
