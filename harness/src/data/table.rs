//! The data in one page, for people.

use harness_text::numbers::count;
use harness_text::{Align, Table};

use super::{DataSummary, SplitSummary};

/// Reviews in a batch, as the published study has them.
const BATCH: usize = 32;

/// A page of Markdown that also reads well as plain text: sizes, lengths, what cutting to `max_length`
/// tokens does, unknown words, repeated texts and hashes.
#[must_use]
pub fn summary_table(summary: &DataSummary, max_length: usize) -> String {
    let per_split = |name: &str, cell: &dyn Fn(&SplitSummary) -> String| {
        let cells = summary.splits().map(|(_, split)| cell(split));
        [vec![name.to_owned()], cells.to_vec()].concat()
    };
    let quantile = |name: &str, share: f64| per_split(name, &|split| count(u64::from(split.lengths.quantile(share))));
    let rows = [
        per_split("reviews", &|split| count(split.negative + split.positive)),
        per_split("negative", &|split| count(split.negative)),
        per_split("positive", &|split| count(split.positive)),
        per_split("tokens", &|split| count(split.lengths.tokens())),
        per_split("mean length", &|split| format!("{:.1}", split.lengths.mean())),
        quantile("shortest", 0.0),
        quantile("25 % quantile", 0.25),
        quantile("median", 0.5),
        quantile("75 % quantile", 0.75),
        quantile("95 % quantile", 0.95),
        quantile("longest", 1.0),
        per_split(&format!("longer than {max_length}"), &|split| percent(split.lengths.share_longer_than(max_length))),
        per_split(&format!("mean length cut to {max_length}"), &|split| {
            format!("{:.1}", split.lengths.mean_truncated(max_length))
        }),
        per_split(&format!("mean padded length, shuffled batches of {BATCH}"), &|split| {
            format!("{:.1}", split.lengths.mean_padded_shuffled(max_length, BATCH))
        }),
        per_split(&format!("mean padded length, sorted batches of {BATCH}"), &|split| {
            format!("{:.1}", split.lengths.mean_padded_sorted(max_length, BATCH))
        }),
        per_split("out-of-vocabulary rate", &|split| percent(split.out_of_vocabulary_rate())),
        per_split("texts repeated within", &|split| count(split.repeated_texts)),
        vec![
            "texts also in train".into(),
            "".into(),
            count(summary.shared.validation_in_train),
            count(summary.shared.test_in_train),
        ],
        vec!["texts also in validation".into(), "".into(), "".into(), count(summary.shared.test_in_validation)],
    ];
    let mut table =
        Table::new([("", Align::Left), ("train", Align::Right), ("validation", Align::Right), ("test", Align::Right)]);
    rows.into_iter().for_each(|row| table.push(row));
    let corpus = &summary.corpus;
    let facts = [
        ("source", corpus.source.clone()),
        (
            "corpus",
            format!(
                "{} negative and {} positive reviews, {} of them repeat an earlier text",
                count(corpus.negative),
                count(corpus.positive),
                count(corpus.repeated_texts)
            ),
        ),
        (
            "vocabulary",
            format!(
                "{} embedding rows (padding, unknown and {} of the {} words in train)",
                count(summary.vocabulary_size as u64),
                count(summary.vocabulary_size.saturating_sub(2) as u64),
                count(summary.distinct_training_words as u64)
            ),
        ),
        ("split seed", summary.settings.seed.to_string()),
        ("source SHA-256", corpus.source_hash.clone().unwrap_or_else(|| "many files".to_owned())),
        ("corpus SHA-256", corpus.content_hash.clone()),
        ("splits SHA-256", summary.hash.clone()),
    ];
    let facts: String = facts.iter().map(|(name, fact)| format!("- {name}: {fact}\n")).collect();
    format!("{}\n{facts}", table.to_terminal())
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}
