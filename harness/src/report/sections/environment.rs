//! Where the runs were made and with what.

use crate::plan::RunKey;
use crate::record::{Environment, RunRecord};
use crate::report::overview::Overview;
use harness_text::numbers::{self, NONE};
use harness_text::{Align, Table};

/// What an environment says of one item.
type Item = (&'static str, fn(&RunRecord) -> String);

const ITEMS: [Item; 11] = [
    ("harness", |record| record.environment.harness_version.clone()),
    ("git commit", |record| record.environment.git_commit.clone().unwrap_or_else(|| NONE.to_owned())),
    ("platform", |record| record.environment.platform.clone()),
    ("processor", |record| record.environment.cpu.clone()),
    ("cores", |record| record.environment.cores.to_string()),
    ("memory", |record| memory(&record.environment)),
    ("device", |record| record.environment.device.clone()),
    ("threads a run", |record| record.environment.threads.to_string()),
    ("runs at once", |record| record.environment.jobs.to_string()),
    ("same bytes again", |record| record.same_bytes.to_string()),
    ("encoded data", |record| record.data_hash.clone()),
];

/// The machine, versions and dates; one value where all runs agree, else each with whose it is.
/// `None` while no run has ended.
pub(in crate::report) fn environment(overview: &Overview<'_>) -> Option<String> {
    let records: Vec<_> = overview.recorded().collect();
    let first = records.iter().map(|(_, record)| record.environment.started_unix).min()?;
    let last = records.iter().map(|(_, record)| record.environment.started_unix).max()?;
    let mut table = Table::new([("item", Align::Left), ("value", Align::Left)]);
    for (item, of) in ITEMS {
        let values: Vec<_> = records.iter().map(|(key, record)| (*key, of(record))).collect();
        table.push(vec![item.to_owned(), agreed(overview, &values)]);
    }
    if records.iter().any(|(_, record)| !record.environment.variables.is_empty()) {
        let values: Vec<_> = records.iter().map(|(key, record)| (*key, variables(&record.environment))).collect();
        table.push(vec!["variables of the runtimes".into(), agreed(overview, &values)]);
    }
    let (first, last) = (numbers::utc_date(first), numbers::utc_date(last));
    let days = if first == last { first } else { format!("{first} to {last}") };
    table.push(vec!["runs begun (UTC)".into(), days]);
    for backend in &overview.backends {
        let own = records.iter().filter(|(key, _)| key.backend == *backend);
        let versions: Vec<_> = own.map(|(key, record)| (*key, libraries(record))).collect();
        if !versions.is_empty() {
            table.push(vec![format!("backend {backend}"), agreed(overview, &versions)]);
        }
    }
    Some(table.to_markdown())
}

fn memory(environment: &Environment) -> String {
    environment.memory_bytes.map_or_else(|| NONE.to_owned(), numbers::bytes)
}

fn variables(environment: &Environment) -> String {
    let all = environment.assignments();
    if all.is_empty() { NONE.to_owned() } else { all.join(" ") }
}

fn libraries(record: &RunRecord) -> String {
    let parts: Vec<_> =
        record.backend.libraries.iter().map(|library| format!("{} {}", library.name, library.version)).collect();
    if parts.is_empty() { NONE.to_owned() } else { parts.join(", ") }
}

fn agreed(overview: &Overview<'_>, values: &[(&RunKey, String)]) -> String {
    let mut distinct: Vec<(&str, Vec<&RunKey>)> = Vec::new();
    for (run, value) in values {
        match distinct.iter_mut().find(|(seen, _)| *seen == value) {
            Some((_, runs)) => runs.push(run),
            None => distinct.push((value, vec![run])),
        }
    }
    if let [(only, _)] = distinct.as_slice() {
        return (*only).to_owned();
    }
    let parts: Vec<_> =
        distinct.iter().map(|(value, runs)| format!("{value} ({})", overview.runs_in_words(runs))).collect();
    parts.join("; ")
}
