//! Tables and figures of benchmarks, each a pure function of the record of a measurement.

mod alone;
mod csv;
mod growth;
mod peers;
mod words;

use std::path::{Path, PathBuf};

use super::ReportError;
use super::figures::draw_bench;
use super::write_text;
use crate::bench::BenchRecord;
use crate::bench::peers::PeersRecord;

pub(super) use growth::{Series, series};

/// Writes what the backends were measured to do alone into `directory`: `bench.md`, `bench.csv`, then the figures, SVG before PNG;
/// returns the files written.
///
/// # Errors
/// If a figure can't be drawn or a file not be written.
pub fn write_bench(record: &BenchRecord, directory: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let drawings = draw_bench(record, directory)?;
    let files = [directory.join("bench.md"), directory.join("bench.csv")];
    write_text(&files[0], &alone::document(record, &drawings))?;
    write_text(&files[1], &csv::measurements(record)?)?;
    Ok(files.into_iter().chain(drawings.into_iter().flat_map(|drawing| drawing.paths)).collect())
}

/// Writes what the backends were measured to do beside plain scripts into `directory`: `peers.md` and `peers.csv`; returns the files
/// written.
///
/// # Errors
/// If a file can't be written.
pub fn write_peers(record: &PeersRecord, directory: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let files = [directory.join("peers.md"), directory.join("peers.csv")];
    write_text(&files[0], &peers::document(record))?;
    write_text(&files[1], &csv::subjects(record)?)?;
    Ok(files.into())
}
