//! How reports of benchmarks write samples, machines and versions.

use crate::record::{BackendRecord, Environment};
use harness_statistics::samples::Spread;
use harness_text::numbers::{self, NONE};
use harness_text::{Align, Table};

/// Median with least and greatest behind it, e.g. `12.3 (12.1–14.0)`.
pub(super) fn spread(spread: Option<Spread>, write: fn(f64) -> String) -> String {
    spread.map_or_else(
        || NONE.to_owned(),
        |spread| format!("{} ({}–{})", write(spread.median), write(spread.min), write(spread.max)),
    )
}

/// A ratio with two digits.
pub(super) fn ratio(value: f64) -> String {
    format!("{value:.2}")
}

/// Bytes in MiB, or none.
pub(super) fn memory(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| NONE.to_owned(), numbers::bytes)
}

/// Where and with what a measurement was made.
pub(super) fn environment(environment: &Environment, backends: &[BackendRecord], more: &[(String, String)]) -> String {
    let mut table = Table::new([("item", Align::Left), ("value", Align::Left)]);
    let mut row = |item: &str, value: String| table.push(vec![item.to_owned(), value]);
    row("processor", environment.cpu.clone());
    row("cores", environment.cores.to_string());
    row("memory", memory(environment.memory_bytes));
    row("platform", environment.platform.clone());
    row("device", environment.device.clone());
    row("date (UTC)", numbers::utc_date(environment.started_unix));
    let commit = environment.git_commit.as_ref().map_or_else(String::new, |commit| format!(", {commit}"));
    row("harness", format!("{}{commit}", environment.harness_version));
    for backend in backends {
        let libraries = backend.libraries.iter().map(|library| format!("{} {}", library.name, library.version));
        row(&format!("backend {}", backend.name), libraries.collect::<Vec<_>>().join(", "));
    }
    for (item, value) in more {
        row(item, value.clone());
    }
    table.to_markdown()
}

/// What stands at the head of a short measurement.
pub(super) const QUICK: &str =
    "> **A short measurement**, which shows that everything works. Its figures are not to be quoted.\n\n";
