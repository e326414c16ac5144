//! A report's files: each is put in its place whole, and figures of an earlier report that are not drawn again go.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use harness_drawing::FORMATS;

use super::{REPORT, ReportError};
use crate::record;

/// Has files written into a folder of their own inside `directory`, and puts each in its place. Returns their paths there.
///
/// # Errors
/// If `write` fails or the disk refuses. Files of an earlier report are whole then, the old ones or the new ones.
pub(super) fn write_whole(
    directory: &Path,
    write: impl FnOnce(&Path) -> Result<Vec<PathBuf>, ReportError>,
) -> Result<Vec<PathBuf>, ReportError> {
    let refused = |path, source| ReportError::Io { path, source };
    let earlier = figures_of(&directory.join(REPORT)).map_err(|source| refused(directory.into(), source))?;
    let files = record::write_whole(directory, refused, write)?;
    for figure in earlier {
        let place = directory.join(figure);
        let removed = if files.contains(&place) { Ok(()) } else { fs::remove_file(&place) };
        if let Err(source) = removed
            && source.kind() != io::ErrorKind::NotFound
        {
            return Err(ReportError::Io { path: place, source });
        }
    }
    Ok(files)
}

/// The figures that a report shows, in all of their forms; none if there is no report.
pub(super) fn figures_of(report: &Path) -> io::Result<Vec<String>> {
    let text = match fs::read(report) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => String::from_utf8_lossy(&text?).into_owned(),
    };
    let shown = text.split("](").skip(1).filter_map(|rest| rest.split_once(".png)")).map(|(name, _)| name);
    let own = |name: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !name.is_empty() && name.chars().all(plain)
    };
    Ok(shown.filter(own).flat_map(|name| FORMATS.map(|format| format!("{name}.{format}"))).collect())
}
