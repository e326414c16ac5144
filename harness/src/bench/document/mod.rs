//! Tables and figures of measurements, each a pure function of a record.

mod alone;
mod csv;
mod growth;
mod growth_figure;
mod peers;
mod roofline;
mod whole;
mod words;

use std::io;
use std::path::{Path, PathBuf};

use harness_drawing::{Drawing, Style, save};

use super::peers::{PeersRecord, WholeRecord};
use super::{BenchError, BenchRecord};
use crate::record::write_whole;

/// What stands below every figure of a short measurement.
const SHORT: &str = "A short measurement: these figures are not to be quoted.";

/// Writes what the backends were measured to do alone into `directory`: `bench.md`, `bench.csv`, then the figures, SVG before PNG;
/// returns the files written.
///
/// # Errors
/// If a figure can't be drawn or a file not be written.
pub fn write_bench(record: &BenchRecord, directory: &Path) -> Result<Vec<PathBuf>, BenchError> {
    write_whole(directory, refused, |directory| {
        let drawings = drawings(record, directory)?;
        let files = [directory.join("bench.md"), directory.join("bench.csv")];
        write_text(&files[0], &alone::document(record, &drawings))?;
        csv::write_measurements(record, &files[1])?;
        Ok(files.into_iter().chain(drawings.into_iter().flat_map(|drawing| drawing.paths)).collect())
    })
}

/// Writes what the backends were measured to do beside plain scripts into `directory`: `peers.md` and `peers.csv`; returns the files
/// written.
///
/// # Errors
/// If a file can't be written.
pub fn write_peers(record: &PeersRecord, directory: &Path) -> Result<Vec<PathBuf>, BenchError> {
    write_whole(directory, refused, |directory| {
        let files = [directory.join("peers.md"), directory.join("peers.csv")];
        write_text(&files[0], &peers::document(record))?;
        csv::write_subjects(record, &files[1])?;
        Ok(files.into())
    })
}

/// Writes what whole runs of the scripts took into `directory`: `whole.md`; returns the files written.
///
/// # Errors
/// If a file can't be written.
pub fn write_whole_runs(record: &WholeRecord, directory: &Path) -> Result<Vec<PathBuf>, BenchError> {
    write_whole(directory, refused, |directory| {
        let file = directory.join("whole.md");
        write_text(&file, &whole::document(record))?;
        Ok(vec![file])
    })
}

fn refused(path: PathBuf, source: io::Error) -> BenchError {
    BenchError::Io { path, source }
}

/// Those figures that the record has something for.
fn drawings(record: &BenchRecord, directory: &Path) -> Result<Vec<Drawing>, BenchError> {
    let note = record.quick.then_some(SHORT);
    let roofline = roofline::roofline(record).map(|figure| save(&figure, note, Style::default(), directory));
    let growth = growth_figure::growth(record).map(|figure| save(&figure, note, Style::default(), directory));
    Ok(roofline.into_iter().chain(growth).collect::<Result<_, _>>()?)
}

fn write_text(path: &Path, text: &str) -> Result<(), BenchError> {
    std::fs::write(path, text).map_err(|source| refused(path.into(), source))
}
