//! A lockstep as table, figure and CSV, each a function of its record.

mod figure;
mod floor;
mod native;
mod page;
mod settings;
mod values;

use std::path::{Path, PathBuf};

use harness_drawing::{Drawing, DrawingError, Style, save};

use super::{LockstepError, LockstepRecord, Subject};
use crate::record::write_whole;

/// The report of a lockstep as Markdown, without figures.
#[must_use]
pub fn lockstep_text(record: &LockstepRecord) -> String {
    page::page(record, &[])
}

/// Writes `report.md`, `lockstep.csv`, `lockstep-weights.csv` and the figures of a lockstep into a directory, each whole or not at all, and returns the files
/// written.
///
/// # Errors
/// If a figure can't be drawn or a file not be written.
pub fn write_lockstep(record: &LockstepRecord, directory: &Path) -> Result<Vec<PathBuf>, LockstepError> {
    let refused = |path, source| LockstepError::Io { path, source };
    write_whole(directory, refused, |directory| draw(record, directory))
}

fn draw(record: &LockstepRecord, directory: &Path) -> Result<Vec<PathBuf>, LockstepError> {
    let figures = figure::lockstep(record);
    let drawings: Result<Vec<Drawing>, DrawingError> =
        figures.iter().map(|figure| save(figure, None, Style::default(), directory)).collect();
    let drawings = drawings?;
    let files = ["report.md", "lockstep.csv", "lockstep-weights.csv"].map(|name| directory.join(name));
    std::fs::write(&files[0], page::page(record, &drawings))
        .map_err(|source| LockstepError::Io { path: files[0].clone(), source })?;
    values::write_steps(record, &files[1])?;
    values::write_weights(record, &files[2])?;
    Ok(files.into_iter().chain(drawings.into_iter().flat_map(|drawing| drawing.paths)).collect())
}

/// What a comparison is of, in a few words.
fn name_of(record: &LockstepRecord, subject: &Subject) -> String {
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
fn switched(keys: &[String]) -> String {
    match keys {
        [key] => key.clone(),
        keys => format!("all {} initialisers", keys.len()),
    }
}
