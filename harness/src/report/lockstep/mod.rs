//! A lockstep as table, figure and CSV, each a function of its record.

mod document;
mod floor;
mod native;
mod settings;
mod values;

use std::path::{Path, PathBuf};

pub(super) use floor::{cells, of_cell, strongest};

use super::{ReportError, figures, write_text};
use crate::lockstep::{LockstepRecord, Subject};

/// The report of a lockstep as Markdown, without figures.
#[must_use]
pub fn lockstep_text(record: &LockstepRecord) -> String {
    document::document(record, &[])
}

/// Writes `report.md`, `lockstep.csv`, `lockstep-weights.csv` and the figures of a lockstep into a directory that is there, and returns the files
/// written.
///
/// # Errors
/// If a figure can't be drawn or a file not be written.
pub fn write_lockstep(record: &LockstepRecord, directory: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let drawings = figures::draw_lockstep(record, directory)?;
    let files = ["report.md", "lockstep.csv", "lockstep-weights.csv"].map(|name| directory.join(name));
    write_text(&files[0], &document::document(record, &drawings))?;
    values::write_steps(record, &files[1])?;
    values::write_weights(record, &files[2])?;
    Ok(files.into_iter().chain(drawings.into_iter().flat_map(|drawing| drawing.paths)).collect())
}

/// What a comparison is of, in a few words.
pub(super) fn name_of(record: &LockstepRecord, subject: &Subject) -> String {
    let [a, b] = &record.sides;
    let side = |place: &usize| record.sides.get(*place).map_or("", String::as_str);
    match subject {
        Subject::Pair => format!("{a} against {b}"),
        Subject::Equal => format!("{a} against {b}, settings of the first"),
        Subject::Threads { side: place, threads: [one, other] } => {
            format!("{}, {one} and {other} threads", side(place))
        }
        Subject::Rounding { side: place } => format!("{}, weights moved by a rounding", side(place)),
        Subject::Switched { keys, .. } => switched(keys),
    }
}

/// The settings that are switched, in a few words.
pub(super) fn switched(keys: &[String]) -> String {
    match keys {
        [key] => key.clone(),
        keys => format!("all {} initialisers", keys.len()),
    }
}
