//! A run's directory: built aside, published by one rename, and checked whenever it is read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use harness_statistics::metrics::{Metrics, evaluate};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::predictions::{PredictionSplit, Scores, read_predictions};
use super::schema::{Outcome, PlannedRun, RunRecord};
use super::state::is_of_state;
use super::store::{RecordError, RecordFile, parent_of, read_record, sync_folder, write_record};

/// The file that makes a directory a run.
pub(super) const RECORD: &str = "record.json";

/// The predictions of a completed run in its directory.
pub const PREDICTIONS: &str = "predictions.parquet";

/// The training steps of a run in its directory.
pub const STEPS: &str = "steps.parquet";

/// The files of a run that tables and figures are made of, in the order of their names. They must be there as they were written; an archive has no others.
pub(super) const KEPT: [&str; 3] = [PREDICTIONS, RECORD, STEPS];

/// Before the name of a directory in which a run is being built.
const PARTIAL: &str = ".partial-";

/// Before the name of what lay in a run's place and was damaged, or had not completed.
const SET_ASIDE: &str = "set-aside-";

/// A file of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its SHA-256, 64 hexadecimal digits.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What lies where a run is expected.
#[derive(Debug, Clone)]
pub enum RunState {
    /// Nothing.
    Absent,
    /// A run that has ended, with all its files as they were written.
    Whole(Box<RunRecord>),
    /// Something that can't be believed, and why.
    Damaged(String),
}

impl RunState {
    /// The record of a whole run.
    #[must_use]
    pub fn record(&self) -> Option<&RunRecord> {
        match self {
            Self::Whole(record) => Some(record),
            _ => None,
        }
    }
}

/// Looks at a planned run: its record is of a version that can be read, of this run, and its files are there as they were written.
///
/// # Errors
/// If the disk refuses. That says nothing about the run, which is to be left alone.
pub fn load_run(study: &Path, planned: &PlannedRun) -> Result<RunState, RecordError> {
    // A plan may come from elsewhere.
    if !Path::new(&planned.directory).components().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(RunState::Damaged("its plan places it outside its study".into()));
    }
    load_at(&study.join(&planned.directory), planned)
}

/// As [`load_run`], of a run that lies in `directory`.
fn load_at(directory: &Path, planned: &PlannedRun) -> Result<RunState, RecordError> {
    let mut record: RunRecord = match read_record(&directory.join(RECORD))? {
        RecordFile::Absent => return Ok(RunState::Absent),
        RecordFile::Damaged(reason) => return Ok(RunState::Damaged(reason)),
        RecordFile::Read(record) => record,
    };
    if record.key != planned.key || record.fingerprint != planned.fingerprint {
        return Ok(RunState::Damaged(format!("it is the record of another run, {}", record.key)));
    }
    for (name, file) in &record.files {
        if let Some(reason) = differs(directory, name, file)? {
            return Ok(RunState::Damaged(reason));
        }
    }
    if record.outcome == Outcome::Completed && !record.test.is_some_and(|test| test.is_complete()) {
        match measured(&directory.join(PREDICTIONS)) {
            Ok(test) => record.test = Some(test),
            Err(reason) => return Ok(RunState::Damaged(format!("{PREDICTIONS}: {reason}"))),
        }
    }
    Ok(RunState::Whole(Box::new(record)))
}

/// Metrics on the test split, from predictions: what the build that made the record did not measure.
fn measured(predictions: &Path) -> Result<Metrics, String> {
    let predictions = read_predictions(predictions).map_err(|error| error.of_file())?;
    let test = Scores::of(&predictions, PredictionSplit::Test);
    evaluate(&test.logits, &test.labels).map_err(|error| error.to_string())
}

/// How a file differs from what was written; `None` if it does not. What no report reads may be missing.
fn differs(directory: &Path, name: &str, written: &FileRecord) -> Result<Option<String>, RecordError> {
    let path = directory.join(name);
    let io = |source| RecordError::Io { path: path.clone(), source };
    let about = match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(KEPT.contains(&name).then(|| format!("{name} is missing")));
        }
        about => about.map_err(io)?,
    };
    if !about.is_file() || about.len() != written.bytes {
        return Ok(Some(format!("{name} is not the file of {} bytes that was written", written.bytes)));
    }
    let found = file_record(&path)?;
    Ok((found.sha256 != written.sha256).then(|| format!("{name} is not as it was written")))
}

/// The weights of a run, which are kept beside its record but not in an archive.
pub const WEIGHTS: &str = "weights.safetensors";

/// Size and hash of a file.
///
/// # Errors
/// If it can't be read.
pub fn file_record(path: &Path) -> Result<FileRecord, RecordError> {
    let io = |source| RecordError::Io { path: path.into(), source };
    let mut file = File::open(path).map_err(io)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer).map_err(io)? {
            0 => break,
            read => {
                digest.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
    Ok(FileRecord { sha256: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), bytes })
}

/// A run that is being built.
#[derive(Debug)]
pub struct Draft {
    directory: PathBuf,
    place: PathBuf,
}

impl Draft {
    /// Makes a directory beside a run's place, empty but for the state that an earlier draft of the same run may have left (see
    /// [`super::read_state`]). What else it left is removed: it never was a run.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn begin(place: &Path) -> Result<Self, RecordError> {
        let directory = draft_place(place);
        let io = |source| RecordError::Io { path: directory.clone(), source };
        fs::create_dir_all(&directory).map_err(io)?;
        for entry in fs::read_dir(&directory).map_err(io)? {
            let entry = entry.map_err(io)?;
            let is_folder = entry.file_type().map_err(io)?.is_dir();
            if is_folder {
                fs::remove_dir_all(entry.path()).map_err(io)?;
            } else if !entry.file_name().to_str().is_some_and(is_of_state) {
                fs::remove_file(entry.path()).map_err(io)?;
            }
        }
        Ok(Self { directory, place: place.into() })
    }

    /// Where its files are to be written.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Notes the files, writes the record, and puts the run in its place, all or nothing. What lies there already and is damaged, or did not
    /// complete, is set aside under a name of its own.
    ///
    /// # Errors
    /// If the disk refuses, or what was written can't be read back.
    pub fn publish(self, record: &mut RunRecord, planned: &PlannedRun) -> Result<(), RecordError> {
        let io = |source| RecordError::Io { path: self.directory.clone(), source };
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&self.directory).map_err(io)? {
            let entry = entry.map_err(io)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if entry.file_type().map_err(io)?.is_file() && name != RECORD {
                File::open(entry.path()).and_then(|file| file.sync_all()).map_err(io)?;
                files.insert(name, file_record(&entry.path())?);
            }
        }
        record.files = files;
        write_record(&self.directory.join(RECORD), record)?;
        if let RunState::Damaged(reason) = load_at(&self.directory, planned)? {
            return Err(io(io::Error::other(format!("read back otherwise than it was written: {reason}"))));
        }
        set_aside(&self.place)?;
        fs::rename(&self.directory, &self.place).map_err(io)?;
        sync_folder(parent_of(&self.place)).map_err(io)
    }
}

/// Where a run is built that is to be published in this place.
#[must_use]
pub fn draft_place(place: &Path) -> PathBuf {
    beside(place, PARTIAL)
}

/// Renames what lies in a run's place, if anything does, so that it is neither lost nor in the way.
pub(super) fn set_aside(place: &Path) -> Result<(), RecordError> {
    let io = |source| RecordError::Io { path: place.into(), source };
    match fs::symlink_metadata(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        about => about.map_err(io)?,
    };
    for number in 1.. {
        let aside = beside(place, &format!("{SET_ASIDE}{number}-"));
        match fs::symlink_metadata(&aside) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return fs::rename(place, &aside).map_err(io),
            Err(error) => return Err(io(error)),
        }
    }
    Ok(())
}

fn beside(place: &Path, prefix: &str) -> PathBuf {
    let name = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    place.with_file_name(format!("{prefix}{name}"))
}
