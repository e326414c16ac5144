//! A study from a directory or an archive.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

use super::ArchiveError;
use super::contents::{unreadable, walk};
use crate::record::schema::StudyRecord;
use crate::record::store::{StudyResults, load_study, study_in};

/// A study as it was read; what an archive held is there as long as this.
#[derive(Debug)]
pub struct OpenStudy {
    /// The study.
    pub results: StudyResults,
    _unpacked: Option<TempDir>,
}

/// Reads a study from its directory or from an archive, which is unpacked into the system's folder for temporary files. All runs are checked either way.
///
/// # Errors
/// If there is no study, or the archive can't be read.
pub fn open_study(path: &Path) -> Result<OpenStudy, ArchiveError> {
    if !fs::metadata(path).is_ok_and(|about| !about.is_dir()) {
        return Ok(OpenStudy { results: load_study(path)?, _unpacked: None });
    }
    let folder = tempfile::tempdir().map_err(ArchiveError::io(path))?;
    extract(path, folder.path())?;
    Ok(OpenStudy { results: load_study(folder.path())?, _unpacked: Some(folder) })
}

/// Writes what an archive holds into an empty folder, after all of it was looked through. Returns its plan, which lists every run that it has.
pub(super) fn extract(archive: &Path, folder: &Path) -> Result<StudyRecord, ArchiveError> {
    walk(archive, |_, _, entry| io::copy(entry, &mut io::sink()).map(|_| ()).map_err(ArchiveError::io(archive)))?;
    let mut runs = Vec::new();
    let index = walk(archive, |name, run, entry| {
        let path = folder.join(name);
        if let Some(run) = run
            && runs.last().is_none_or(|last| last != run)
        {
            fs::create_dir_all(folder.join(run)).map_err(ArchiveError::io(&path))?;
            runs.push(run.to_owned());
        }
        let written = File::create_new(&path).and_then(|mut file| {
            io::copy(entry, &mut file)?;
            file.sync_all()
        });
        written.map_err(ArchiveError::io(&path))
    })?;
    let study = study_in(folder)?;
    if study.name != index.study {
        return Err(unreadable(archive, "its plan is another study's"));
    }
    let planned: std::collections::BTreeSet<_> =
        study.runs.iter().chain(&study.earlier).map(|planned| planned.directory.as_str()).collect();
    match runs.iter().find(|run| !planned.contains(run.as_str())) {
        Some(run) => Err(unreadable(archive, &format!("`{run}` is not in its plan"))),
        None => Ok(study),
    }
}
