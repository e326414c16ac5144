//! Several files that are put in their places together, each whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::store::sync_folder;

/// Has files written into a folder of their own inside `directory`, and puts each in its place. Returns their paths there. `refused` makes an error of a
/// place and what the disk said of it.
///
/// # Errors
/// If `write` fails or the disk refuses. Files that were there before are whole then, the old ones or the new ones.
pub fn write_whole<E>(
    directory: &Path,
    refused: impl Fn(PathBuf, io::Error) -> E,
    write: impl FnOnce(&Path) -> Result<Vec<PathBuf>, E>,
) -> Result<Vec<PathBuf>, E> {
    let io = |source| refused(directory.into(), source);
    fs::create_dir_all(directory).map_err(io)?;
    let aside = tempfile::Builder::new().prefix(".partial-report-").tempdir_in(directory).map_err(io)?;
    let written = write(aside.path())?;
    let mut files = Vec::with_capacity(written.len());
    for path in written {
        let place = directory.join(path.file_name().unwrap_or_default());
        let put = File::open(&path).and_then(|file| file.sync_all()).and_then(|()| fs::rename(&path, &place));
        put.map_err(|source| refused(place.clone(), source))?;
        files.push(place);
    }
    sync_folder(directory).map_err(io)?;
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_written_to_its_end_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("table.csv");
        let write = |text: &'static str, fails: bool| {
            write_whole(
                folder.path(),
                |path, error| format!("{}: {error}", path.display()),
                |aside| {
                    fs::write(aside.join("table.csv"), text).unwrap();
                    if fails { Err("no".to_owned()) } else { Ok(vec![aside.join("table.csv")]) }
                },
            )
        };
        assert_eq!(write("old", false), Ok(vec![place.clone()]));
        assert_eq!(write("half", true), Err("no".into()));
        assert_eq!(fs::read_to_string(&place).unwrap(), "old");
        assert_eq!(write("new", false), Ok(vec![place.clone()]));
        assert_eq!(fs::read_to_string(&place).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
