//! What the two sides were told, and where they ran.

use super::floor::{cells, of_cell};
use crate::lockstep::{LockstepRecord, Subject};
use crate::plan::{flat, knobs, value_text};
use harness_text::numbers::{NONE, bytes, utc_date};
use harness_text::{Align, Table};

/// Every setting of both sides; one that depends on the cell has a value for each.
pub(super) fn settings(record: &LockstepRecord) -> String {
    let [a, b] = &record.sides;
    let mut table = Table::new([("setting", Align::Left), (a.as_str(), Align::Left), (b.as_str(), Align::Left)]);
    let pairs: Vec<_> = cells(record)
        .into_iter()
        .filter_map(|cell| Some((cell, of_cell(record, cell).find(|own| own.subject == Subject::Pair)?)))
        .map(|(cell, pair)| (cell, pair.arms.each_ref().map(|arm| flat(&arm.protocol))))
        .collect();
    let mut keys: Vec<&String> =
        pairs.iter().flat_map(|(_, flats)| flats.iter().flat_map(|flat| flat.keys())).collect();
    keys.sort();
    keys.dedup();
    for key in keys.into_iter().filter(|key| knobs::find(key).is_some_and(|knob| knob.in_step)) {
        let side = |place: usize| {
            let mut values: Vec<(String, Vec<&str>)> = Vec::new();
            for (cell, flats) in &pairs {
                let value = flats[place].get(key).map_or_else(|| NONE.to_owned(), value_text);
                match values.iter_mut().find(|(known, _)| *known == value) {
                    Some((_, cells)) => cells.push(cell.title()),
                    None => values.push((value, vec![cell.title()])),
                }
            }
            match values.as_slice() {
                [(only, _)] => only.clone(),
                several => several
                    .iter()
                    .map(|(value, cells)| format!("{value} ({})", cells.join(", ")))
                    .collect::<Vec<_>>()
                    .join("; "),
            }
        };
        table.push(vec![key.clone(), side(0), side(1)]);
    }
    table.to_markdown()
}

/// Machine, versions and data.
pub(super) fn environment(record: &LockstepRecord) -> String {
    let machine = &record.environment;
    let mut table = Table::new([("item", Align::Left), ("value", Align::Left)]);
    let mut row = |item: &str, value: String| table.push(vec![item.to_owned(), value]);
    row("harness", machine.harness_version.clone());
    row("git commit", machine.git_commit.clone().unwrap_or_else(|| NONE.to_owned()));
    row("platform", machine.platform.clone());
    row("processor", machine.cpu.clone());
    row("cores", machine.cores.to_string());
    row("memory", machine.memory_bytes.map_or_else(|| NONE.to_owned(), bytes));
    row("begun (UTC)", utc_date(machine.started_unix));
    row("seed", record.seed.to_string());
    row("encoded data", record.data_hash.clone());
    if let Some(pair) = record.comparisons.iter().find(|own| own.subject == Subject::Pair) {
        for arm in &pair.arms {
            let parts: Vec<_> =
                arm.backend.libraries.iter().map(|library| format!("{} {}", library.name, library.version)).collect();
            row(&format!("backend {}", arm.name), parts.join(", "));
        }
    }
    table.to_markdown()
}
