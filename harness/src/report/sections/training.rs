//! How training went and what it cost, one row an arm.

use crate::record::{EpochRecord, RunRecord};
use crate::report::arms::Arm;
use crate::report::overview::{Overview, mean_over_epochs, mean_over_steps, standing};
use crate::report::processors::UNLIKE;
use crate::report::sections::arms::range_text;
use harness_statistics::samples::Spread;
use harness_text::numbers::{self, NONE};
use harness_text::{Align, Table};

/// A column: its header, what a record says, and how it is written.
type Column = (&'static str, fn(&RunRecord) -> Option<f64>, fn(f64) -> String);

/// Losses, gradients and padding.
pub(in crate::report) fn training(overview: &Overview<'_>, arms: &[Arm<'_>]) -> String {
    const COLUMNS: [Column; 12] = [
        ("epochs", |record| Some(record.epochs.len() as f64), whole),
        ("tested epoch", |record| (record.tested_epoch > 0).then(|| f64::from(record.tested_epoch)), whole),
        ("train loss", |record| last(record, |epoch| epoch.train_loss), numbers::metric),
        ("validation loss", |record| last(record, |epoch| epoch.validation.log_loss), numbers::metric),
        ("validation accuracy", |record| last(record, |epoch| epoch.validation.confusion.accuracy()), numbers::metric),
        ("validation AUC", |record| last(record, |epoch| epoch.validation.auc), numbers::metric),
        ("learning rate", |record| last(record, |epoch| epoch.learning_rate), |rate| rate.to_string()),
        (
            "gradient norm, mean",
            |record| mean_over_steps(record, |epoch| epoch.gradient_norm_mean),
            numbers::significant,
        ),
        (
            "max",
            |record| record.epochs.iter().map(|epoch| epoch.gradient_norm_max).reduce(f64::max),
            numbers::significant,
        ),
        ("clipped steps", |record| mean_over_steps(record, |epoch| epoch.clipped_share), numbers::percent),
        (
            "padded length",
            |record| mean_over_steps(record, |epoch| epoch.padded_length_mean),
            |length| format!("{length:.1}"),
        ),
        ("padding", |record| mean_over_epochs(record, |epoch| epoch.padding_share), numbers::percent),
    ];
    format!(
        "Losses, validation figures and the learning rate are those of the last finished epoch; gradient norms (before \
         clipping), clipped steps, padded length and padding are over all of them.{}\n\n{}",
        over_seeds(overview),
        table(overview, arms, &COLUMNS, Marked::No)
    )
}

/// Time and memory.
pub(in crate::report) fn cost(overview: &Overview<'_>, arms: &[Arm<'_>]) -> String {
    const COLUMNS: [Column; 9] = [
        ("s/epoch", |record| mean_over_epochs(record, |epoch| epoch.timing.train_seconds), numbers::seconds),
        (
            "of it compute",
            |record| mean_over_epochs(record, |epoch| epoch.timing.train_compute_seconds),
            numbers::seconds,
        ),
        ("validation s", |record| mean_over_epochs(record, |epoch| epoch.timing.evaluation_seconds), numbers::seconds),
        ("tokens/s", |record| mean_over_epochs(record, |epoch| epoch.timing.tokens_per_second), numbers::significant),
        ("first step s", |record| record.first_step_seconds, numbers::seconds),
        ("whole run s", |record| Some(record.wall_seconds), numbers::seconds),
        (
            "peak memory",
            |record| record.peak_memory_bytes.map(|bytes| bytes as f64),
            |bytes| numbers::bytes(bytes as u64),
        ),
        ("threads", |record| Some(record.environment.threads as f64), whole),
        ("runs at once", |record| Some(record.environment.jobs as f64), whole),
    ];
    let mut text = format!(
        "Seconds are wall-clock means over the finished epochs. Compute is what the worker spent inside training \
         calls; the rest of an epoch is batches and transport. Tokens exclude padding. The first step is counted from \
         the worker's start and includes building the model.{}\n\n{}",
        over_seeds(overview),
        table(overview, arms, &COLUMNS, Marked::Processors)
    );
    if let Some(processors) = overview.processor_table() {
        text.push_str(&format!("\n{UNLIKE}\n\n{processors}"));
    }
    text
}

fn whole(number: f64) -> String {
    numbers::count(number as u64)
}

/// What a cell of a table says where an arm has several runs.
fn over_seeds(overview: &Overview<'_>) -> &'static str {
    if overview.has_seeds() {
        " Where the runs of an arm differ, the least and the greatest value stand there."
    } else {
        ""
    }
}

/// Weights per cell and backend beside the formula, and the published counts.
pub(in crate::report) fn parameters(
    overview: &Overview<'_>,
    published: Option<&crate::report::Published>,
) -> Option<String> {
    let headers = [("backend", Align::Left), ("cell", Align::Left)].into_iter();
    let headers = headers.chain(overview.has_variants().then_some(("variant", Align::Left)));
    let numbers =
        ["embedding", "recurrent, as built", "recurrent, formula", "head", "total", "one layer, formula", "published"];
    let mut table = Table::new(headers.chain(numbers.map(|name| (name, Align::Right))));
    for group in overview.groups() {
        let records = group.records(overview.results);
        let Some(record) = records.first() else { continue };
        let model = &record.model;
        let layer = one_layer(group.cell.gates(), model.embedding_size, model.hidden_size);
        let then = published.and_then(|published| published.parameters.one_layer.get(&group.cell));
        let counts = record.parameters;
        let mut row = vec![group.backend.to_owned(), group.cell.title().to_owned()];
        row.extend(overview.has_variants().then(|| group.variant.to_owned()));
        let cells = [counts.embedding, counts.recurrent, counts.recurrent_formula, counts.head, counts.total, layer];
        row.extend(cells.map(numbers::count));
        row.push(then.map_or_else(|| NONE.to_owned(), |count| numbers::count(*count)));
        table.push(row);
    }
    if table.is_empty() {
        return None;
    }
    Some(format!(
        "The formula is `gates (d h + h^2 + h)`, one bias vector a layer, with 1, 4 and 3 gates. A framework that keeps \
         two bias vectors has `gates h` more a layer. The published study gives one layer (d = 128, h = 64).\n\n{}",
        table.to_markdown()
    ))
}

/// `gates (d h + h^2 + h)`, the first layer's weights with one bias vector.
fn one_layer(gates: usize, input: usize, hidden: usize) -> u64 {
    (gates * (input * hidden + hidden * hidden + hidden)) as u64
}

/// What runs that did not complete left to say; `None` when all did or none said anything.
pub(in crate::report) fn last_words(overview: &Overview<'_>) -> Option<String> {
    let mut text = String::new();
    for (key, record) in overview.recorded() {
        let words = match &record.outcome {
            crate::record::Outcome::Failed { last_words, .. } | crate::record::Outcome::TimedOut { last_words, .. } => {
                last_words.trim_end()
            }
            _ => continue,
        };
        if words.is_empty() {
            continue;
        }
        // Indented code can't be ended by anything that the worker wrote.
        let indented: Vec<_> = words.lines().map(|line| format!("    {line}")).collect();
        text.push_str(&format!("{}, the worker's last words:\n\n{}\n\n", overview.run_name(key), indented.join("\n")));
    }
    (!text.is_empty()).then(|| text.trim_end().to_owned() + "\n")
}

fn last(record: &RunRecord, of: impl Fn(&EpochRecord) -> f64) -> Option<f64> {
    record.epochs.last().map(of)
}

/// Whether rows say on which processors their runs were made, where there are several.
#[derive(PartialEq)]
enum Marked {
    Processors,
    No,
}

/// A row an arm.
fn table(overview: &Overview<'_>, arms: &[Arm<'_>], columns: &[Column], marked: Marked) -> String {
    let marked = marked == Marked::Processors && overview.has_unlike_processors();
    let headers = columns.iter().map(|(header, ..)| (*header, Align::Right));
    let headers = headers.chain(marked.then_some(("processor", Align::Left)));
    let mut table = Table::new([("arm", Align::Left)].into_iter().chain(headers));
    for arm in arms {
        let records: Vec<&RunRecord> = arm.runs.iter().filter_map(|run| run.record()).collect();
        let mut row = vec![arm.name(overview)];
        if records.is_empty() {
            row.extend(arm.runs.first().map(|run| standing(run.result).to_owned()));
            row.resize(columns.len() + 1, NONE.to_owned());
        } else {
            row.extend(columns.iter().map(|(_, of, write)| {
                let values = Spread::of(records.iter().filter_map(|record| of(record)));
                values.map_or_else(|| NONE.to_owned(), |own| range_text(own, write))
            }));
        }
        row.extend(marked.then(|| overview.processor_mark(&records).unwrap_or_default()));
        table.push(row);
    }
    table.to_markdown()
}
