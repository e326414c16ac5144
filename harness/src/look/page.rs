//! One run on a page: how it ended, what it gave, how it learnt, and what it was.

use harness_statistics::metrics::METRICS;
use harness_text::numbers::{self, NONE, counted};
use harness_text::{Align, Table, plain, plain_lines};

use crate::plan::{flat, value_text};
use crate::record::{RunRecord, RunResult};
use crate::report::{reason, standing};

/// The page of a run, as Markdown.
pub(crate) fn run_page(run: &RunResult) -> String {
    let mut text = format!("# {}: {}\n\n", run.planned.key, standing(run));
    if let Some(reason) = reason(run) {
        text.push_str(&format!("{}\n\n", plain(&reason)));
    }
    let Some(record) = &run.record else {
        text.push_str(&format!("It would lie in {}.\n", run.directory.display()));
        return text;
    };
    if !record.outcome.last_words().is_empty() {
        let words = plain_lines(record.outcome.last_words());
        text.push_str(&format!("The last that its worker wrote:\n\n```\n{}\n```\n\n", words.trim_end()));
    }
    text.push_str(&circumstances(run, record));
    if let Some(test) = &record.test {
        let mut table = Table::new([("test split", Align::Left), ("value", Align::Right)]);
        let mut row = |name: &str, value: String| table.push(vec![name.to_owned(), value]);
        for metric in &METRICS {
            row(metric.title, metric.of(test).map_or_else(|| NONE.into(), |value| metric.text(value)));
        }
        let counts = &test.confusion;
        for (name, count) in [
            ("true negatives", counts.tn),
            ("false positives", counts.fp),
            ("false negatives", counts.fn_),
            ("true positives", counts.tp),
        ] {
            row(name, numbers::count(count));
        }
        text.push_str(&format!("\n{}", table.to_terminal()));
    }
    text.push_str(&format!("\n{}", epochs(record)));
    text.push_str(&format!("\n{}", settings(record)));
    text
}

fn circumstances(run: &RunResult, record: &RunRecord) -> String {
    let own = &record.environment;
    let libraries: Vec<_> =
        record.backend.libraries.iter().map(|own| format!("{} {}", plain(&own.name), plain(&own.version))).collect();
    let variables = own.assignments();
    let lines = [
        ("study", plain(&record.study).into_owned()),
        ("directory", run.directory.display().to_string()),
        ("began", format!("{}, by study {}", numbers::utc_date(own.started_unix), plain(&own.harness_version))),
        (
            "took",
            format!("{} s, {} s to the end of the first step", numbers::seconds(record.wall_seconds), {
                record.first_step_seconds.map_or_else(|| NONE.into(), numbers::seconds)
            }),
        ),
        ("machine", format!("{}, {} cores, device {}", plain(&own.cpu), own.cores, plain(&own.device))),
        ("threads", format!("{}, with {} at once", own.threads, counted(own.jobs, "run"))),
        ("variables", if variables.is_empty() { NONE.into() } else { variables.join(" ") }),
        ("memory", record.peak_memory_bytes.map_or_else(|| NONE.into(), numbers::bytes)),
        ("libraries", libraries.join(", ")),
        ("weights", numbers::count(record.parameters.total)),
        ("tested", format!("the weights after epoch {}", record.tested_epoch)),
        ("fingerprint", record.fingerprint.clone()),
        ("data", record.data_hash.clone()),
    ];
    let mut table = Table::new([("what", Align::Left), ("", Align::Left)]);
    for (name, value) in lines {
        table.push(vec![name.to_owned(), value]);
    }
    table.to_terminal()
}

fn epochs(record: &RunRecord) -> String {
    let mut table = Table::new(
        [
            "epoch",
            "learning rate",
            "training loss",
            "validation loss",
            "validation accuracy",
            "validation AUC",
            "gradient norm",
            "clipped",
            "seconds",
        ]
        .map(|name| (name, Align::Right)),
    );
    for epoch in &record.epochs {
        table.push(vec![
            epoch.epoch.to_string(),
            numbers::significant(epoch.learning_rate),
            numbers::metric(epoch.train_loss),
            numbers::metric(epoch.validation.log_loss),
            numbers::metric(epoch.validation.confusion.accuracy()),
            numbers::metric(epoch.validation.auc),
            numbers::significant(epoch.gradient_norm_mean),
            numbers::percent(epoch.clipped_share),
            numbers::seconds(epoch.timing.train_seconds + epoch.timing.evaluation_seconds),
        ]);
    }
    table.to_terminal()
}

fn settings(record: &RunRecord) -> String {
    let mut table = Table::new([("setting", Align::Left), ("value", Align::Left), ("from", Align::Left)]);
    for (name, value) in flat(&record.protocol) {
        let origin = record.origins.get(&name).map_or_else(|| NONE.into(), |origin| plain(origin).into_owned());
        table.push(vec![name, value_text(&value), origin]);
    }
    table.to_terminal()
}
