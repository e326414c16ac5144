//! Every setting of the runs and where it came from.

use std::collections::BTreeMap;

use harness_contract::CellKind;
use toml::Value;

use crate::plan::{Protocol, flat, knobs};
use crate::record::RunRecord;
use crate::report::overview::Overview;
use harness_text::numbers::NONE;
use harness_text::{Align, Table};

/// A setting of a run: its value and its origin.
type Setting = (String, String);

/// Settings that all runs share in one table, those that differ in another with a column per backend.
/// `None` while no run has ended.
pub(in crate::report) fn protocol(overview: &Overview<'_>) -> Option<String> {
    let runs: Vec<(&RunRecord, BTreeMap<String, Setting>)> =
        overview.recorded().map(|(_, record)| (record, settings(&record.protocol, &record.origins))).collect();
    if runs.is_empty() {
        return None;
    }
    let mut keys: Vec<&String> = runs.iter().flat_map(|(_, settings)| settings.keys()).collect();
    keys.sort_unstable();
    keys.dedup();

    let mut columns: Vec<(&str, &str)> = Vec::new();
    for (record, _) in &runs {
        let column = (record.key.backend.as_str(), record.key.variant.as_str());
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    let title = |(backend, variant): &(&str, &str)| {
        if overview.has_variants() { format!("{backend}, {variant}") } else { (*backend).to_owned() }
    };

    let mut shared = Table::new([("setting", Align::Left), ("value", Align::Left), ("from", Align::Left)]);
    let mut differing = Table::new(
        [("setting".to_owned(), Align::Left)]
            .into_iter()
            .chain(columns.iter().map(|column| (title(column), Align::Left)))
            .chain([("from".to_owned(), Align::Left)]),
    );
    for key in keys {
        let all: Vec<_> = runs.iter().map(|(record, settings)| (record.key.cell, settings.get(key))).collect();
        let origins = merged(&all, |setting| &setting.1);
        let same =
            all.windows(2).all(|pair| pair[0].1.map(|setting| &setting.0) == pair[1].1.map(|setting| &setting.0));
        if same {
            shared.push(vec![format!("`{key}`"), merged(&all, |setting| &setting.0), origins]);
            continue;
        }
        let cell = |column: &(&str, &str)| {
            let own =
                runs.iter().filter(|(record, _)| (record.key.backend.as_str(), record.key.variant.as_str()) == *column);
            let own: Vec<_> = own.map(|(record, settings)| (record.key.cell, settings.get(key))).collect();
            by_cell(&own)
        };
        let values: Vec<_> = columns.iter().map(cell).collect();
        differing.push([format!("`{key}`")].into_iter().chain(values).chain([origins]).collect());
    }
    let mut text = String::new();
    if !differing.is_empty() {
        text.push_str(&format!("Settings that differ between runs:\n\n{}\n", differing.to_markdown()));
    }
    text.push_str(&format!("Settings that every run shares:\n\n{}", shared.to_markdown()));
    Some(text)
}

/// The settings of a run by dotted name.
fn settings(protocol: &Protocol, origins: &BTreeMap<String, String>) -> BTreeMap<String, Setting> {
    let setting = |(name, value): (String, Value)| {
        let written = knobs::find(&name).map_or_else(|| value.to_string(), |knob| knob.values.written(&value));
        let origin = origins.get(&name).map_or_else(|| NONE.to_owned(), Clone::clone);
        (name, (written, origin))
    };
    flat(protocol).into_iter().map(setting).collect()
}

/// The distinct texts of some settings, in the order of the runs.
fn merged(settings: &[(CellKind, Option<&Setting>)], part: impl Fn(&Setting) -> &String) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for (_, setting) in settings {
        let text = setting.map_or(NONE, |setting| part(setting).as_str());
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    seen.join("; ")
}

/// One value, or each value with the cells that have it.
fn by_cell(settings: &[(CellKind, Option<&Setting>)]) -> String {
    let mut values: Vec<(&str, Vec<&str>)> = Vec::new();
    for (cell, setting) in settings {
        let text = setting.map_or(NONE, |setting| setting.0.as_str());
        let title = cell.title();
        match values.iter_mut().find(|(seen, _)| *seen == text) {
            Some((_, cells)) if cells.contains(&title) => {}
            Some((_, cells)) => cells.push(title),
            None => values.push((text, vec![title])),
        }
    }
    if let [(only, _)] = values.as_slice() {
        return (*only).to_owned();
    }
    let parts: Vec<_> = values.iter().map(|(value, cells)| format!("{value} ({})", cells.join(", "))).collect();
    parts.join("; ")
}
