//! Differences between arms, in a table.

use crate::report::differences::{Difference, FigureDifference, SAME_PAIR};
use harness_text::numbers::{self, NONE};
use harness_text::{Align, Table};

/// A row a pair; empty without pairs.
pub(in crate::report) fn differences(found: &[Difference]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let headers =
        ["escaped", "p (Fisher)", "escapes later by, epochs", "p (permutation)", "accuracy", "AUC", "P(more AUC)"];
    let words = ["first − second", "differ in"].map(|name| (name, Align::Left));
    let mut table = Table::new(words.into_iter().chain(headers.map(|name| (name, Align::Right))));
    let p_text = |p: Option<f64>| p.map_or_else(|| NONE.to_owned(), numbers::significant);
    for own in found {
        let [first, second] = own.escaped;
        let mut row = vec![own.label.clone(), settings(own.settings.as_deref())];
        row.push(format!("{} of {}; {} of {}", first.0, first.1, second.0, second.1));
        row.push(p_text(own.share_p));
        row.push(own.later.map_or_else(|| NONE.into(), |later| format!("{:+.1}", later.difference).replace('-', "−")));
        row.push(p_text(own.later.map(|later| later.p_value)));
        row.extend(own.figures.iter().map(text));
        let superiority = own.figures.last().and_then(|figure| figure.superiority);
        row.push(superiority.map_or_else(|| NONE.into(), |share| format!("{share:.2}")));
        table.push(row);
    }
    format!(
        "What differs between two arms are the settings named beside them, and nothing else but the backend where there are two; of more than {MOST_NAMED} their number stands there, and [Protocol](#protocol) has them all. Accuracy and AUC are of the runs that escaped. {SAME_PAIR} P(more AUC) is the \
         probability that a run of the first arm has a larger AUC than one of the second. P values are two-sided, exact and **not corrected for the number of rows**: \
         they are exploratory.\n\n{}",
        table.to_markdown()
    )
}

/// The most settings that are named.
const MOST_NAMED: usize = 6;

/// The settings in which two arms differ.
fn settings(names: Option<&[String]>) -> String {
    match names {
        None => NONE.into(),
        Some([]) => "no setting".into(),
        Some(names) if names.len() > MOST_NAMED => format!("{} settings", names.len()),
        Some(names) => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

/// `+0.012 [+0.003, +0.021]`.
fn text(figure: &FigureDifference) -> String {
    match (figure.interval, figure.seeds.as_slice()) {
        (Some((lower, middle, upper)), _) => {
            let [lower, middle, upper] = [lower, middle, upper].map(numbers::difference);
            format!("{middle} [{lower}, {upper}]")
        }
        (None, [only]) => numbers::difference(*only),
        _ => NONE.into(),
    }
}
