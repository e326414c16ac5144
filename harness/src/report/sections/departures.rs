//! Settings that the published study states and that the compared runs do not have.

use std::collections::BTreeMap;

use crate::plan::RunKey;
use crate::record::RunRecord;
use crate::report::arms::Arm;
use crate::report::overview::Overview;
use crate::report::published::{Published, PublishedResult};
use harness_text::numbers::NONE;

/// What is said of them, and how many they are.
pub(super) fn departures(
    pairs: &[(&PublishedResult, &Arm<'_>)],
    published: &Published,
    overview: &Overview<'_>,
) -> (String, usize) {
    let mut found: BTreeMap<(usize, String), Vec<&RunKey>> = BTreeMap::new();
    let mut runs = 0_usize;
    for (row, arm) in pairs {
        for record in arm.runs.iter().filter_map(|run| run.record()) {
            runs += 1;
            for (order, text) in record_departures(row, record, published).into_iter().enumerate() {
                let Some(text) = text else { continue };
                found.entry((order, text)).or_default().push(&record.key);
            }
        }
    }
    if runs == 0 {
        return (String::new(), 0);
    }
    if found.is_empty() {
        let text = "\nEvery compared run has the settings that the published study states. What it does not state (padding \
                    side, scheduler patience, ...) is under Protocol, with where it came from.\n";
        return (text.into(), 0);
    }
    let number = found.len();
    let mut text = String::from("\nThe compared runs depart from what the published study states:\n\n");
    for ((_, what), keys) in found {
        let whom = if keys.len() == runs { "all compared runs".to_owned() } else { overview.runs_in_words(&keys) };
        text.push_str(&format!("- {what} ({whom})\n"));
    }
    (text, number)
}

/// For each stated setting, in a fixed order, how a run departs from it.
fn record_departures(row: &PublishedResult, record: &RunRecord, published: &Published) -> Vec<Option<String>> {
    let stated = &published.protocol;
    let here = &record.protocol;
    let mut all = vec![
        departure("epochs", stated.epochs, here.epochs),
        departure("batch size", stated.batch_size, here.batch_size),
        departure("learning rate", stated.learning_rate, here.learning_rate),
        departure("maximum length", stated.max_length, here.max_length),
        departure("vocabulary", stated.vocabulary_size, record.model.vocabulary_size),
        departure("embedding size", stated.embedding_size, here.embedding_size),
        departure("hidden size", stated.hidden_size, here.hidden_size),
        departure("recurrent layers", stated.layers, here.layers),
        departure("both directions", stated.bidirectional, here.bidirectional),
        departure("dropout", stated.dropout, here.dropout.rate),
        record.test.and_then(|test| departure("test reviews", published.data.test, test.confusion.examples())),
    ];
    if let Some(framework) = published.frameworks.get(&row.framework) {
        let words = |text: String| text.to_lowercase();
        all.push(framework.clip_norm.and_then(|norm| departure("clipping norm", norm, here.clip_norm)));
        all.push(framework.batching.and_then(|batching| {
            let write = |value| words(format!("{value:?}"));
            departure("batches", write(batching), write(here.batching))
        }));
        all.push(framework.scheduler.and_then(|kind| {
            let write = |value| words(format!("{value:?}"));
            departure("scheduler", write(kind), write(here.scheduler.kind))
        }));
        all.push(framework.recurrent_kernel.as_ref().and_then(|name| {
            let group = harness_contract::TensorGroup::RecurrentKernel;
            let used = here.initializers.get(&group).map_or_else(|| NONE.to_owned(), ToString::to_string);
            (!used.starts_with(name)).then(|| format!("recurrent kernel: {name} published, {used} here"))
        }));
    }
    all
}

fn departure<T: PartialEq + std::fmt::Display>(what: &str, published: T, here: T) -> Option<String> {
    (published != here).then(|| format!("{what}: {published} published, {here} here"))
}
