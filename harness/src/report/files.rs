//! A report's files: each is put in its place whole, and figures of an earlier report that are not drawn again go.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{REPORT, ReportError};

/// Has files written into a folder of their own inside `directory`, and puts each in its place. Returns their paths there.
///
/// # Errors
/// If `write` fails or the disk refuses. Files of an earlier report are whole then, the old ones or the new ones.
pub(super) fn write_whole(
    directory: &Path,
    write: impl FnOnce(&Path) -> Result<Vec<PathBuf>, ReportError>,
) -> Result<Vec<PathBuf>, ReportError> {
    let io = |source| ReportError::Io { path: directory.into(), source };
    fs::create_dir_all(directory).map_err(io)?;
    let aside = tempfile::Builder::new().prefix(".partial-report-").tempdir_in(directory).map_err(io)?;
    let written = write(aside.path())?;
    let earlier = figures_of(&directory.join(REPORT)).map_err(io)?;
    let mut files = Vec::with_capacity(written.len());
    for path in written {
        let place = directory.join(path.file_name().unwrap_or_default());
        let put = File::open(&path).and_then(|file| file.sync_all()).and_then(|()| fs::rename(&path, &place));
        put.map_err(|source| ReportError::Io { path: place.clone(), source })?;
        files.push(place);
    }
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

/// The figures that a report shows, in both of their forms; none if there is no report.
fn figures_of(report: &Path) -> io::Result<Vec<String>> {
    let text = match fs::read(report) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => String::from_utf8_lossy(&text?).into_owned(),
    };
    let shown = text.split("](").skip(1).filter_map(|rest| rest.split_once(".png)")).map(|(name, _)| name);
    let own = |name: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !name.is_empty() && name.chars().all(plain)
    };
    Ok(shown.filter(own).flat_map(|name| [format!("{name}.svg"), format!("{name}.png")]).collect())
}
