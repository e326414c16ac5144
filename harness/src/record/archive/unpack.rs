//! From an archive to a directory.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::ArchiveError;
use super::contents::RUNS;
use super::open::extract;
use crate::record::run::{RunState, load_run, set_aside};
use crate::record::schema::{Outcome, PlannedRun, StudyRecord};
use crate::record::store::{STUDY, parent_of, read_study, sync_folder, write_record};

/// What became of an archive that was unpacked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Runs that the directory has now and had not before.
    pub added: usize,
    /// Runs that it had already, which were left as they are.
    pub kept: usize,
    /// Runs of the archive that can't be believed and were left out: name and reason.
    pub damaged: Vec<(String, String)>,
}

/// Unpacks an archive into a directory of its own, or adds its runs to a directory of the same study. There a finished run is never replaced, and the plan
/// stays as it is: runs that it does not have are listed as earlier ones. With `asked`, the archive has to be of the study of that name.
///
/// # Errors
/// If the archive can't be read, is another study's, the directory holds something else, or the disk refuses.
pub fn unpack(archive: &Path, directory: &Path, asked: Option<&str>) -> Result<Unpacked, ArchiveError> {
    let io = ArchiveError::io(directory);
    let before = read_study(directory)?;
    if before.is_none() && !is_vacant(directory).map_err(&io)? {
        return Err(ArchiveError::NoStudy { path: directory.into() });
    }
    // Beside its place, or inside, so that everything is put there by renaming.
    let parent = if before.is_some() { directory } else { parent_of(directory) };
    fs::create_dir_all(parent).map_err(&io)?;
    let aside = tempfile::Builder::new()
        .prefix(".partial-archive-")
        .permissions(Permissions::from_mode(0o777))
        .tempdir_in(parent)
        .map_err(&io)?;
    let theirs = extract(archive, aside.path())?;
    for (path, holds, asked) in [
        (archive, &theirs.name, asked),
        (directory, before.as_ref().map_or(&theirs.name, |own| &own.name), Some(theirs.name.as_str())),
    ] {
        if let Some(asked) = asked.filter(|asked| asked != holds) {
            let (holds, asked) = (holds.clone(), asked.to_owned());
            return Err(ArchiveError::OtherStudy { path: path.into(), holds, asked });
        }
    }
    match before {
        None => place_whole(aside, &theirs, directory),
        Some(own) => add_to(&aside, &theirs, own, directory),
    }
}

/// Puts a whole study in its place.
fn place_whole(aside: TempDir, study: &StudyRecord, directory: &Path) -> Result<Unpacked, ArchiveError> {
    let mut unpacked = Unpacked::default();
    for planned in study.runs.iter().chain(&study.earlier) {
        match load_run(aside.path(), planned)? {
            RunState::Absent => {}
            RunState::Whole(_) => unpacked.added += 1,
            RunState::Damaged(reason) => {
                unpacked.damaged.push((planned.key.to_string(), reason));
                let place = aside.path().join(&planned.directory);
                fs::remove_dir_all(&place).map_err(ArchiveError::io(&place))?;
            }
        }
    }
    let io = ArchiveError::io(directory);
    fs::rename(aside.path(), directory).map_err(&io)?;
    // It is no temporary folder any more.
    let _ = aside.keep();
    sync_folder(parent_of(directory)).map_err(io)?;
    Ok(unpacked)
}

/// Adds the runs that a directory of the same study lacks.
fn add_to(
    aside: &TempDir,
    theirs: &StudyRecord,
    mut own: StudyRecord,
    directory: &Path,
) -> Result<Unpacked, ArchiveError> {
    let mut unpacked = Unpacked::default();
    for planned in theirs.runs.iter().chain(&theirs.earlier) {
        let record = match load_run(aside.path(), planned)? {
            RunState::Absent => continue,
            RunState::Damaged(reason) => {
                unpacked.damaged.push((planned.key.to_string(), reason));
                continue;
            }
            RunState::Whole(record) => record,
        };
        let here = load_run(directory, planned)?;
        let stays = |own: &Outcome| *own == Outcome::Completed || record.outcome != Outcome::Completed;
        if here.record().is_some_and(|own| stays(&own.outcome)) {
            unpacked.kept += 1;
        } else {
            let place = directory.join(&planned.directory);
            let runs = directory.join(RUNS);
            fs::create_dir_all(&runs).map_err(ArchiveError::io(&runs))?;
            set_aside(&place)?;
            fs::rename(aside.path().join(&planned.directory), &place).map_err(ArchiveError::io(&place))?;
            sync_folder(&runs).map_err(ArchiveError::io(&runs))?;
            unpacked.added += 1;
        }
        list(&mut own, planned);
    }
    write_record(&directory.join(STUDY), &own)?;
    Ok(unpacked)
}

/// Lists a run that a plan does not have as an earlier one. One that could not be planned for want of its backend, has a fingerprint now.
fn list(study: &mut StudyRecord, planned: &PlannedRun) {
    let known = |own: &PlannedRun| own.key == planned.key && own.fingerprint == planned.fingerprint;
    if study.runs.iter().chain(&study.earlier).any(known) {
        return;
    }
    study.earlier.push(planned.clone());
}

/// Whether there is nothing, or an empty directory.
fn is_vacant(directory: &Path) -> io::Result<bool> {
    match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        entries => Ok(entries?.next().is_none()),
    }
}
