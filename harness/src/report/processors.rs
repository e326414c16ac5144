//! Which processors a study's runs were made on: times of unlike ones don't compare.

use crate::record::RunRecord;
use crate::report::overview::Overview;
use harness_text::{Align, Table};

/// What is said wherever times of a study on several sorts of processors stand.
pub(super) const UNLIKE: &str = "Letters are processors; times of unlike ones do not compare.";

impl<'a> Overview<'a> {
    /// The processors of the study's runs, in the order of the plan.
    fn processors(&self) -> Vec<&'a str> {
        let mut seen = Vec::new();
        for (_, record) in self.recorded() {
            for processor in record.processors() {
                if !seen.contains(&processor) {
                    seen.push(processor);
                }
            }
        }
        seen
    }

    /// Whether times of this study's runs don't all compare.
    pub(super) fn has_unlike_processors(&self) -> bool {
        self.processors().len() > 1
    }

    /// Letters of the processors that these were made on, e.g. `A, B`; `None` where the study has one alone.
    pub(super) fn processor_mark(&self, records: &[&RunRecord]) -> Option<String> {
        let all = self.processors();
        if all.len() < 2 {
            return None;
        }
        let used = |processor: &str| records.iter().any(|record| record.processors().any(|own| own == processor));
        let letters = all.iter().enumerate().filter(|(_, processor)| used(processor)).map(|(place, _)| letter(place));
        Some(letters.collect::<Vec<_>>().join(", "))
    }

    /// What the letters mean, as a table; `None` where the study has one processor alone.
    pub(super) fn processor_table(&self) -> Option<String> {
        let all = self.processors();
        if all.len() < 2 {
            return None;
        }
        let mut table = Table::new([("", Align::Left), ("processor", Align::Left), ("runs", Align::Right)]);
        for (place, processor) in all.iter().enumerate() {
            let runs = self.recorded().filter(|(_, record)| record.processors().any(|own| own == *processor)).count();
            table.push(vec![letter(place), (*processor).to_owned(), runs.to_string()]);
        }
        Some(table.to_markdown())
    }
}

/// A, B, and so on; numbers where there are no more letters.
fn letter(place: usize) -> String {
    match u8::try_from(place) {
        Ok(place @ 0..26) => char::from(b'A' + place).to_string(),
        _ => (place + 1).to_string(),
    }
}
