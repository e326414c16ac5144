//! What was asked, and how: the short of it. Every setting with its origin is a section of its own.

use std::collections::BTreeSet;

use crate::plan::Protocol;
use crate::report::arms::Arm;
use crate::report::overview::Overview;
use harness_text::listed;
use harness_text::numbers::{self, counted};

/// What the study asks, and with how many runs.
pub(in crate::report) fn question(overview: &Overview<'_>, tally: &str) -> String {
    let study = &overview.results.study;
    let number = overview.results.runs.len();
    let division = match study.division.as_str() {
        "native" => "what the study does not set is each framework's own default".to_owned(),
        "matched" => "every numeric detail is equal between the backends".to_owned(),
        other => format!("division {other}"),
    };
    let cells: Vec<_> = overview.cells.iter().map(|cell| cell.title()).collect();
    let verb = if cells.len() == 1 { "does" } else { "do" };
    let question = match (cells.is_empty(), overview.backends.as_slice()) {
        (true, _) => String::new(),
        (false, [only]) => format!("How {verb} {} fare under {only}?\n\n", listed(&cells)),
        (false, several) => {
            format!(
                "How {verb} {} fare under {}, and is what differs the frameworks' doing?\n\n",
                listed(&cells),
                listed(several)
            )
        }
    };
    format!(
        "{question}Study `{}`, division `{}`: {division}. {}: {tally}.\n",
        study.name,
        study.division,
        counted(number, "run")
    )
}

/// Runs, data, training, and what is measured of them.
pub(in crate::report) fn method(overview: &Overview<'_>, arms: &[Arm<'_>]) -> String {
    let data = &overview.results.study.data;
    let mut text = String::new();
    let cells: Vec<_> = overview.cells.iter().map(|cell| cell.title()).collect();
    let variants = if overview.has_variants() {
        format!(", in {} variants ({})", overview.variants.len(), overview.variants.join(", "))
    } else {
        String::new()
    };
    let numbers_of_seeds: BTreeSet<usize> = arms.iter().map(|arm| arm.runs.len()).collect();
    let numbers_of_seeds: Vec<_> = numbers_of_seeds.iter().map(usize::to_string).collect();
    let seeds = match overview.seeds.as_slice() {
        [only] => format!("one seed ({only})"),
        _ => format!("{} seeds", numbers_of_seeds.join(" or ")),
    };
    text.push_str(&format!(
        "- **Runs.** {} under {}{variants}; {} of {seeds}.\n",
        listed(&cells),
        listed(&overview.backends),
        counted(arms.len(), "arm")
    ));
    let sizes =
        data.splits().map(|(name, split)| format!("{} {name}", numbers::count(split.negative + split.positive)));
    text.push_str(&format!(
        "- **Data.** Corpus `{}`: {} reviews.\n",
        data.settings.corpus,
        listed(&sizes.into_iter().collect::<Vec<_>>())
    ));
    let protocols: Vec<&Protocol> = overview.recorded().map(|(_, record)| &record.protocol).collect();
    if !protocols.is_empty() {
        let shared = |what: &str, of: fn(&Protocol) -> String| {
            let mut values: Vec<String> = protocols.iter().map(|protocol| of(protocol)).collect();
            values.sort_unstable();
            values.dedup();
            format!("{what} {}", values.join(" or "))
        };
        let parts = [
            shared("epochs:", |protocol| protocol.epochs.to_string()),
            shared("reviews a batch:", |protocol| protocol.batch_size.to_string()),
            shared("learning rate:", |protocol| protocol.learning_rate.to_string()),
            shared("most steps of a review:", |protocol| protocol.max_length.to_string()),
            shared("padding:", |protocol| format!("{:?}", protocol.padding).to_lowercase()),
            shared("recurrent layers:", |protocol| format!("{} of {} units", protocol.layers, protocol.hidden_size)),
        ];
        text.push_str(&format!(
            "- **Training.** {}. Every setting with where it comes from is under [Protocol](#protocol).\n",
            parts.join("; ")
        ));
    }
    text.push_str(
        "- **Measures.** Escape, the level among escaped runs, and chance are defined where they stand first, under [Alarms](#alarms) and [By arm](#by-arm). \
         Intervals are 95 %: Clopper-Pearson for shares, Student's over seeds for means, DeLong's over test reviews for the AUC of one run. Differences between \
         arms carry both spreads, over seeds and over test reviews.\n",
    );
    text
}
