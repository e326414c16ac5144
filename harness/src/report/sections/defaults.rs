//! What each framework does when its user says nothing, side by side.

use harness_contract::DefaultRow;

use crate::record::StudyRecord;
use harness_text::numbers::NONE;
use harness_text::{Align, Table};

/// The defaults side by side, rows that differ in bold, then where each was read; `None` if no backend could be asked.
pub(in crate::report) fn defaults(study: &StudyRecord) -> Option<String> {
    let backends: Vec<(&str, Vec<DefaultRow>)> =
        study.native_defaults.iter().map(|(name, defaults)| (name.as_str(), defaults.rows())).collect();
    if backends.is_empty() {
        return None;
    }
    let mut items: Vec<&str> = Vec::new();
    for row in backends.iter().flat_map(|(_, rows)| rows) {
        if !items.contains(&row.item.as_str()) {
            items.push(&row.item);
        }
    }
    let columns = || backends.iter().map(|(name, _)| (*name, Align::Left));
    let mut values = Table::new([("item", Align::Left)].into_iter().chain(columns()));
    let mut sources = Table::new([("item", Align::Left)].into_iter().chain(columns()));
    let mut differing = 0;
    for item in &items {
        let found: Vec<_> = backends.iter().map(|(_, rows)| rows.iter().find(|row| row.item == *item)).collect();
        let value = |row: &Option<&DefaultRow>| row.map_or_else(|| NONE.to_owned(), |row| row.value.clone());
        let texts: Vec<_> = found.iter().map(value).collect();
        let differs = texts.windows(2).any(|pair| pair[0] != pair[1]);
        differing += usize::from(differs);
        let name = if differs { format!("**{item}**") } else { (*item).to_owned() };
        values.push([name].into_iter().chain(texts).collect());
        // Two underscores would be bold in Markdown.
        let source =
            |row: &Option<&DefaultRow>| row.map_or_else(|| NONE.to_owned(), |row| row.source.replace("__", "\\_\\_"));
        sources.push([(*item).to_owned()].into_iter().chain(found.iter().map(source)).collect());
    }
    let lead = if backends.len() > 1 {
        format!("{differing} of {} items differ; they are in bold.", items.len())
    } else {
        "Only one backend could be asked.".to_owned()
    };
    Some(format!("{lead}\n\n{}\nWhere each was read:\n\n{}", values.to_markdown(), sources.to_markdown()))
}
