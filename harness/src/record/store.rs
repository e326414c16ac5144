//! Reading and writing records: a record is there whole or not at all.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use polars::prelude::PolarsError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::schema::{PlannedRun, RunRecord, StudyRecord};

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

/// A planned run and what it left behind so far.
#[derive(Debug, Clone)]
pub struct RunResult {
    /// The run as planned.
    pub planned: PlannedRun,
    /// Its directory.
    pub directory: PathBuf,
    /// Its record; `None` if it has not ended yet.
    pub record: Option<RunRecord>,
}

/// A study and its runs, in the order of the plan.
#[derive(Debug, Clone)]
pub struct StudyResults {
    /// The study.
    pub study: StudyRecord,
    /// Its runs.
    pub runs: Vec<RunResult>,
}

/// Reads a study's directory: `study.json`, then `record.json` of each of its runs.
///
/// # Errors
/// If `study.json` is missing, or any file there is can't be understood.
pub fn load_study(directory: &Path) -> Result<StudyResults, RecordError> {
    let study: StudyRecord = read_json(&directory.join("study.json"))?;
    let mut runs = Vec::with_capacity(study.runs.len());
    for planned in &study.runs {
        let run_directory = directory.join(&planned.directory);
        let path = run_directory.join("record.json");
        let record = if path.exists() { Some(read_json(&path)?) } else { None };
        runs.push(RunResult { planned: planned.clone(), directory: run_directory, record });
    }
    Ok(StudyResults { study, runs })
}

/// Reads a JSON file.
///
/// # Errors
/// If it can't be read or doesn't have the fields of `T`.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RecordError> {
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

/// Writes a file under a temporary name in the same directory, forces it to disk and renames it.
pub(super) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    let io = |source| RecordError::Io { path: path.into(), source };
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(directory).map_err(io)?;
    write(temporary.as_file_mut())?;
    temporary.as_file().sync_all().map_err(io)?;
    temporary.persist(path).map_err(|error| io(error.error))?;
    Ok(())
}
