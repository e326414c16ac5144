//! Runs at work, as the grid hears of them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::content::{TensorBoardError, epoch_scalars, file_name, step_scalars, write_run};
use super::event_file::EventFile;
use crate::plan::RunKey;
use crate::record::{PlannedRun, RunEvent, RunResult, RunState, load_run};

/// Writes event files of a study's runs while they are made.
#[derive(Debug)]
pub(crate) struct Live {
    study: PathBuf,
    folder: PathBuf,
    planned: BTreeMap<RunKey, PlannedRun>,
    open: BTreeMap<RunKey, Open>,
}

/// A run at work.
#[derive(Debug)]
struct Open {
    file: EventFile,
    path: PathBuf,
    learning_rate: f64,
}

impl Live {
    /// For the runs of the study in this directory; the files go to `tensorboard` in it.
    pub(crate) fn new(study: &Path, planned: &[PlannedRun]) -> Self {
        let planned = planned.iter().map(|own| (own.key.clone(), own.clone())).collect();
        Self { study: study.into(), folder: study.join("tensorboard"), planned, open: BTreeMap::new() }
    }

    /// Where the files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes what there is to an event. Steps are those that the grid hears of, some ten a second.
    ///
    /// # Errors
    /// If a file can't be written or a finished run not read.
    pub(crate) fn write(&mut self, key: &RunKey, event: &RunEvent) -> Result<(), TensorBoardError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        match event {
            RunEvent::Started { .. } => self.begin(key, now),
            RunEvent::Step { epoch, done, of, step } => self.add(key, |own| {
                let at = (u64::from(*epoch) - 1) * of + done;
                let values = step_scalars(f64::from(step.loss), f64::from(step.gradient_norm), own.learning_rate);
                own.file.scalars(now, at, &values)
            }),
            RunEvent::Epoch { record } => self.add(key, |own| {
                own.learning_rate = record.learning_rate;
                own.file.scalars(now, u64::from(record.epoch) * record.steps, &epoch_scalars(record))?;
                own.file.flush()
            }),
            RunEvent::Kept { .. } | RunEvent::Ended { .. } => self.whole(key),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, key: &RunKey, now: f64) -> Result<(), TensorBoardError> {
        let Some(planned) = self.planned.get(key) else { return Ok(()) };
        let own = self.folder.join(key.to_string());
        fs::create_dir_all(&own).map_err(TensorBoardError::of(&own))?;
        let path = own.join(file_name(now, &planned.fingerprint));
        let file = EventFile::create(&path, now).map_err(TensorBoardError::of(&path))?;
        self.open.insert(key.clone(), Open { file, path, learning_rate: f64::NAN });
        Ok(())
    }

    fn add(&mut self, key: &RunKey, write: impl FnOnce(&mut Open) -> io::Result<()>) -> Result<(), TensorBoardError> {
        let Some(own) = self.open.get_mut(key) else { return Ok(()) };
        write(own).map_err(|source| TensorBoardError::Io { path: own.path.clone(), source })
    }

    /// The run's records in place of what was heard of it.
    fn whole(&mut self, key: &RunKey) -> Result<(), TensorBoardError> {
        self.open.remove(key);
        let Some(planned) = self.planned.get(key).filter(|planned| !planned.fingerprint.is_empty()) else {
            return Ok(());
        };
        if let RunState::Whole(record) = load_run(&self.study, planned)? {
            let directory = self.study.join(&planned.directory);
            let run = RunResult { planned: planned.clone(), directory, record: None, damaged: None };
            write_run(&run, &record, &self.folder)?;
        }
        Ok(())
    }
}
