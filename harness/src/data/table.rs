//! The data in one page, for people.

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
    let quantile = |name: &str, share: f64| per_split(name, &|split| grouped(u64::from(split.lengths.quantile(share))));
    let rows = vec![
        vec!["".into(), "train".into(), "validation".into(), "test".into()],
        per_split("reviews", &|split| grouped(split.negative + split.positive)),
        per_split("negative", &|split| grouped(split.negative)),
        per_split("positive", &|split| grouped(split.positive)),
        per_split("tokens", &|split| grouped(split.lengths.tokens())),
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
        per_split("texts repeated within", &|split| grouped(split.repeated_texts)),
        vec![
            "texts also in train".into(),
            "".into(),
            grouped(summary.shared.validation_in_train),
            grouped(summary.shared.test_in_train),
        ],
        vec!["texts also in validation".into(), "".into(), "".into(), grouped(summary.shared.test_in_validation)],
    ];
    let corpus = &summary.corpus;
    let facts = [
        ("source", corpus.source.clone()),
        (
            "corpus",
            format!(
                "{} negative and {} positive reviews, {} of them repeat an earlier text",
                grouped(corpus.negative),
                grouped(corpus.positive),
                grouped(corpus.repeated_texts)
            ),
        ),
        (
            "vocabulary",
            format!(
                "{} embedding rows (padding, unknown and {} of the {} words in train)",
                grouped(summary.vocabulary_size as u64),
                grouped(summary.vocabulary_size.saturating_sub(2) as u64),
                grouped(summary.distinct_training_words as u64)
            ),
        ),
        ("split seed", summary.settings.seed.to_string()),
        ("source SHA-256", corpus.source_hash.clone().unwrap_or_else(|| "many files".to_owned())),
        ("corpus SHA-256", corpus.content_hash.clone()),
        ("splits SHA-256", summary.hash.clone()),
    ];
    let facts: String = facts.iter().map(|(name, fact)| format!("- {name}: {fact}\n")).collect();
    format!("{}\n{facts}", markdown(&rows))
}

/// A Markdown table with padded cells; the first row is the header, all columns but the first are
/// aligned to the right.
fn markdown(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rules = widths.iter().enumerate().map(|(column, width)| match column {
        0 => "-".repeat(*width),
        _ => format!("{}:", "-".repeat(width.saturating_sub(1))),
    });
    let rule = rules.collect();
    let (header, body) = rows.split_at(rows.len().min(1));
    header.iter().chain([&rule]).chain(body).map(line).collect()
}

/// A whole number with its thousands apart: 20,000.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}
