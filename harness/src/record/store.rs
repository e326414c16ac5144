//! Reading and writing records: a record is there whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use polars::prelude::PolarsError;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::digest::{DIGEST, content_digest};
use super::run::{RECORD, RunState, load_run};
use super::schema::{PlannedRun, RunRecord, StudyRecord};
use super::version::{known, upgraded};

/// A record that can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not the JSON that was expected.
    #[error("{}: not a record of this version: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A record of another version, or none at all.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Not the table that was expected.
    #[error("{}: {source}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Why.
        source: PolarsError,
    },
    /// Weights that can't be written.
    #[error("{}: {source}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// Why.
        source: safetensors::SafeTensorError,
    },
    /// A table with a value that can't be.
    #[error("{}: column `{column}` has a value that can't be", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
    },
}

impl RecordError {
    /// The error without the place of the file, as a report shows it: an archive gives the same report as the directory.
    #[must_use]
    pub fn of_file(&self) -> String {
        let path = match self {
            Self::Io { path, .. }
            | Self::Json { path, .. }
            | Self::Unreadable { path, .. }
            | Self::Table { path, .. }
            | Self::Weights { path, .. }
            | Self::Value { path, .. } => path,
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.to_string().replace(&path.display().to_string(), &name)
    }
}

/// A planned run and what it left behind so far.
#[derive(Debug, Clone)]
pub struct RunResult {
    /// The run as planned.
    pub planned: PlannedRun,
    /// Its directory.
    pub directory: PathBuf,
    /// Its record; `None` if it has not ended yet or can't be believed.
    pub record: Option<RunRecord>,
    /// Why what lies there can't be believed, if something does.
    pub damaged: Option<String>,
}

/// A study and its runs, in the order of the plan.
#[derive(Debug, Clone)]
pub struct StudyResults {
    /// The study.
    pub study: StudyRecord,
    /// Its runs as they were last asked for.
    pub runs: Vec<RunResult>,
    /// Runs that were asked for earlier.
    pub earlier: Vec<RunResult>,
}

/// What lies where a record is expected.
pub(super) enum RecordFile<T> {
    /// Nothing.
    Absent,
    /// Something that is no record, or none that can be read, and why.
    Damaged(String),
    /// A record.
    Read(T),
}

/// The largest record that is read, in bytes.
pub(super) const LARGEST: u64 = 1 << 28;

/// A study's plan in its directory.
pub(super) const STUDY: &str = "study.json";

/// Reads a study's directory: `study.json`, then each of its runs, all of which are checked. A run that can't be believed stops nothing.
///
/// # Errors
/// If `study.json` is missing or can't be understood, or the disk refuses.
pub fn load_study(directory: &Path) -> Result<StudyResults, RecordError> {
    let study = study_in(directory)?;
    let load = |planned: &PlannedRun| {
        let state = match load_run(directory, planned) {
            Ok(state) => state,
            Err(error) => RunState::Damaged(error.of_file()),
        };
        let (record, damaged) = match state {
            RunState::Absent => (None, None),
            RunState::Whole(record) => (Some(*record), None),
            RunState::Damaged(reason) => (None, Some(reason)),
        };
        RunResult { planned: planned.clone(), directory: directory.join(&planned.directory), record, damaged }
    };
    let runs = study.runs.par_iter().map(load).collect();
    let earlier = study.earlier.par_iter().map(load).collect();
    Ok(StudyResults { study, runs, earlier })
}

/// Runs of a study's plan that could be made and have left no record yet, so far as this machine sees. Each call asks for the list of names anew, for
/// on a shared folder that makes new files known.
///
/// # Errors
/// If there is no plan, or the disk refuses.
pub fn missing_runs(directory: &Path) -> Result<Vec<PlannedRun>, RecordError> {
    let study = study_in(directory)?;
    let mut seen: BTreeMap<PathBuf, BTreeSet<OsString>> = BTreeMap::new();
    let mut missing = Vec::new();
    for run in study.runs.into_iter().filter(|run| !run.fingerprint.is_empty()) {
        let place = directory.join(&run.directory);
        let folder = parent_of(&place);
        if !seen.contains_key(folder) {
            let io = |source| RecordError::Io { path: folder.into(), source };
            let names = match fs::read_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
                entries => entries
                    .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect())
                    .map_err(io)?,
            };
            seen.insert(folder.into(), names);
        }
        let is_there = place.file_name().is_some_and(|name| seen.get(folder).is_some_and(|names| names.contains(name)));
        if !is_there || !place.join(RECORD).exists() {
            missing.push(run);
        }
    }
    Ok(missing)
}

/// Reads a study's plan, which has to be there.
pub(super) fn study_in(directory: &Path) -> Result<StudyRecord, RecordError> {
    read_study(directory)?.ok_or_else(|| {
        let source = io::Error::new(io::ErrorKind::NotFound, "no study has been run here");
        RecordError::Io { path: directory.join(STUDY), source }
    })
}

/// Reads a study's plan; `None` if there is none.
///
/// # Errors
/// If it can't be understood, or the disk refuses.
pub fn read_study(directory: &Path) -> Result<Option<StudyRecord>, RecordError> {
    let path = directory.join(STUDY);
    match read_record(&path)? {
        RecordFile::Absent => Ok(None),
        RecordFile::Read(study) => Ok(Some(study)),
        RecordFile::Damaged(reason) => Err(RecordError::Unreadable { path, reason }),
    }
}

/// Reads a record of any version that is known. A file that is no plain file is not waited for, and one that is too large not read.
pub(super) fn read_record<T: DeserializeOwned>(path: &Path) -> Result<RecordFile<T>, RecordError> {
    let io = |source| RecordError::Io { path: path.into(), source };
    let about = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(RecordFile::Absent),
        about => about.map_err(io)?,
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !about.is_file() || about.len() > LARGEST {
        return Ok(RecordFile::Damaged(format!("{name} is no plain file of at most {LARGEST} bytes")));
    }
    let bytes = fs::read(path).map_err(io)?;
    let parsed = serde_json::from_slice::<Value>(&bytes).map_err(|error| error.to_string());
    let record = parsed
        .and_then(known)
        .and_then(undamaged)
        .and_then(upgraded)
        .and_then(|value| serde_json::from_value(value).map_err(|error| error.to_string()));
    Ok(match record {
        Ok(record) => RecordFile::Read(record),
        Err(reason) => RecordFile::Damaged(format!("{name} can't be read: {reason}")),
    })
}

/// The record, unless it has a digest and is not as it was written. Records from before November 2026 have none.
fn undamaged(mut record: Value) -> Result<Value, String> {
    let Some(digest) = record.as_object_mut().and_then(|fields| fields.remove(DIGEST)) else { return Ok(record) };
    if digest == content_digest(&record) { Ok(record) } else { Err("it is not as it was written".into()) }
}

/// Reads a JSON file. One that is no plain file is not waited for, and one that is too large not read.
///
/// # Errors
/// If it can't be read or doesn't have the fields of `T`.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RecordError> {
    let about = fs::metadata(path).map_err(|source| RecordError::Io { path: path.into(), source })?;
    if !about.is_file() || about.len() > LARGEST {
        let reason = format!("no plain file of at most {LARGEST} bytes");
        return Err(RecordError::Unreadable { path: path.into(), reason });
    }
    let file = File::open(path).map_err(|source| RecordError::Io { path: path.into(), source })?;
    serde_json::from_reader(BufReader::new(file)).map_err(|source| RecordError::Json { path: path.into(), source })
}

/// Writes a JSON file, atomically.
///
/// # Errors
/// If it can't be written.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), RecordError> {
    write_atomically(path, |file| {
        let io = |source| RecordError::Io { path: path.into(), source };
        let text =
            serde_json::to_string_pretty(value).map_err(|source| RecordError::Json { path: path.into(), source })?;
        file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(io)
    })
}

/// Writes a record, atomically, with the digest of its content.
///
/// # Errors
/// If it can't be written.
pub fn write_record<T: Serialize>(path: &Path, record: &T) -> Result<(), RecordError> {
    let json = |source| RecordError::Json { path: path.into(), source };
    let mut value = serde_json::to_value(record).map_err(json)?;
    let digest = content_digest(&value);
    value[DIGEST] = digest.into();
    write_json(path, &value)
}

/// Writes a file under a temporary name in the same directory, forces it to disk and renames it.
pub(super) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    let io = |source| RecordError::Io { path: path.into(), source };
    let directory = parent_of(path);
    // With the mode that the umask gives, as any other file that a program writes.
    let mut temporary =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(directory).map_err(io)?;
    write(temporary.as_file_mut())?;
    temporary.as_file().sync_all().map_err(io)?;
    temporary.persist(path).map_err(|error| io(error.error))?;
    sync_folder(directory).map_err(io)
}

/// The folder that a path lies in.
pub(super) fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Forces a folder's list of names to the disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
