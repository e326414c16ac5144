//! One run from start to record.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use harness_contract::{ModelSpec, TensorGroup};
use serde_json::json;

use super::environment::Machine;
use super::events::RunEvent;
use super::schedule::GridOptions;
use crate::data::EncodedData;
use crate::plan::{HARNESS_NUMERICS, Protocol, ResolvedSettings, RunKey};
use crate::record::{
    BackendRecord, Behind, Draft, FORMAT, Numerics, Outcome, ParameterCounts, PlannedRun, RecordError, RunRecord,
    TrainingState, WEIGHTS, file_record, remove_state, write_json, write_predictions, write_state, write_steps,
    write_weights,
};
use crate::run::{Halt, Handle, Interrupt, Session, WorkerOptions, check_able};
use crate::train::{Progress, RunSettings, TrainError, Trained, initial_weights, train};

/// A run that is to be made.
#[derive(Debug, Clone)]
pub struct Job {
    /// The point of the grid.
    pub key: RunKey,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Its directory.
    pub directory: PathBuf,
    /// Its settings.
    pub settings: Arc<ResolvedSettings>,
    /// What the backend is told to build.
    pub model: ModelSpec,
    /// The backend.
    pub backend: Handle,
}

/// What all jobs of a grid share.
#[derive(Debug)]
pub struct JobContext<'a> {
    /// The study's name.
    pub study: &'a str,
    /// The splits.
    pub data: &'a EncodedData,
    /// The machine.
    pub machine: &'a Machine,
    /// Runs at once and their deadline.
    pub options: GridOptions,
    /// Set when everything is to stop.
    pub interrupt: &'a Interrupt,
    /// The study's directory.
    pub directory: &'a Path,
    /// Runs that were asked for earlier.
    pub earlier: &'a [PlannedRun],
}

/// What a run came to before its record is written.
struct Course {
    /// What lies behind it, of earlier parts too where it went on.
    behind: Behind,
    /// When this part of it began.
    began: Instant,
    /// Why its state could not be kept.
    unkept: Option<RecordError>,
}

impl Course {
    /// What lies behind it, with the time that has passed.
    fn so_far(&self) -> Behind {
        let wall_seconds = self.behind.wall_seconds + self.began.elapsed().as_secs_f64();
        Behind { wall_seconds, ..self.behind.clone() }
    }
}

impl Job {
    /// Makes the run and writes its record; `None` if it was interrupted, in which case no record is there.
    ///
    /// # Errors
    /// If its directory can't be written. Whatever the backend does ends up in the record.
    pub fn execute(
        &self,
        context: &JobContext<'_>,
        cores: Option<&[usize]>,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<Option<Outcome>, RecordError> {
        let draft = Draft::begin(&self.directory)?;
        let protocol = &self.settings.protocol;
        let environment =
            context.machine.environment(protocol.threads, context.options.jobs, &protocol.device.to_string());
        write_json(
            &draft.directory().join("resolved.json"),
            &json!({ "key": self.key, "fingerprint": self.fingerprint, "model": self.model, "protocol": protocol,
                     "origins": self.settings.origins, "environment": environment }),
        )?;
        let mut events = EventLog::create(draft.directory())?;
        tell(RunEvent::Started { epochs: protocol.epochs });
        let mut tell_and_note = |event| {
            events.note(&event);
            tell(event);
        };
        let standing = self.standing(context, draft.directory(), &mut tell_and_note)?;
        let (from, behind) = standing.map_or_else(Default::default, |kept| (Some(kept.training), kept.behind));
        let mut course = Course { behind, began: Instant::now(), unkept: None };
        let result = self.train(context, draft.directory(), cores, from.as_ref(), &mut course, &mut tell_and_note);
        if let Some(error) = course.unkept {
            return Err(error);
        }
        let behind = course.so_far();
        let seconds = behind.wall_seconds;
        let (outcome, trained) = match result {
            Ok(trained) => (Outcome::Completed, Some(trained)),
            Err(Halt::Interrupted) => {
                tell(RunEvent::Interrupted);
                return Ok(None);
            }
            Err(Halt::Ended(outcome)) => (outcome, None),
        };
        if let Some(trained) = &trained {
            write_predictions(&draft.directory().join("predictions.parquet"), &trained.predictions)?;
            write_weights(&draft.directory().join(WEIGHTS), &trained.weights, &self.fingerprint)?;
        }
        write_steps(&draft.directory().join("steps.parquet"), &behind.steps)?;
        // What failed is tried again, and goes on then; what has ended is done with, unless it is to be extended.
        let tried_again = matches!(outcome, Outcome::Failed { .. } | Outcome::TimedOut { .. });
        let extendable = protocol.keep_state && outcome == Outcome::Completed;
        if !(tried_again || extendable) {
            remove_state(draft.directory())?;
        }
        let test = trained.as_ref().map(|trained| trained.test);
        let ended = RunEvent::Ended {
            outcome: outcome.clone(),
            test_accuracy: test.as_ref().map(|metrics| metrics.confusion.accuracy()),
            seconds,
        };
        events.note(&ended);
        events.finish()?;
        let mut record = RunRecord {
            version: FORMAT,
            study: context.study.into(),
            key: self.key.clone(),
            fingerprint: self.fingerprint.clone(),
            outcome: outcome.clone(),
            backend: BackendRecord {
                name: self.backend.info.name.clone(),
                libraries: self.backend.info.libraries.clone(),
            },
            executable_sha256: file_record(&self.backend.program).ok().map(|file| file.sha256),
            numerics: Numerics { harness: HARNESS_NUMERICS, backend: self.backend.info.numerics },
            protocol: protocol.clone(),
            origins: self.settings.origins.clone(),
            model: self.model.clone(),
            parameters: parameter_counts(&self.model),
            data_hash: context.data.summary.hash.clone(),
            environment,
            start: behind.start,
            epochs: behind.epochs,
            resumed: behind.resumed,
            tested_epoch: trained.as_ref().map_or(0, |trained| trained.tested_epoch),
            test,
            peak_memory_bytes: behind.peak_memory_bytes,
            wall_seconds: seconds,
            first_step_seconds: behind.first_step_seconds,
            files: BTreeMap::new(),
        };
        draft.publish(&mut record, &self.planned())?;
        tell(ended);
        Ok(Some(outcome))
    }

    /// The run as a plan lists it.
    fn planned(&self) -> PlannedRun {
        PlannedRun {
            key: self.key.clone(),
            fingerprint: self.fingerprint.clone(),
            directory: self.directory.to_string_lossy().into_owned(),
            unavailable: None,
        }
    }

    fn train(
        &self,
        context: &JobContext<'_>,
        directory: &Path,
        cores: Option<&[usize]>,
        from: Option<&TrainingState>,
        course: &mut Course,
        tell: &mut dyn FnMut(RunEvent),
    ) -> Result<Trained, Halt> {
        let protocol: &Protocol = &self.settings.protocol;
        check_able(&self.backend, &self.model)?;
        let log = directory.join("worker.log");
        let options = WorkerOptions {
            request_deadline: context.options.deadline,
            log: Some(&log),
            cores,
            interrupt: Some(context.interrupt.clone()),
            ..WorkerOptions::default()
        };
        let mut session = Session::start(&self.backend, &options)?;
        let initial = initial_weights(&self.model, &protocol.initializers, self.key.seed)
            .map_err(|error| Halt::failed(error.to_string()))?;
        let tells_state = self.backend.info.capabilities.state.is_some();
        let run = RunSettings { protocol, seed: self.key.seed, data: context.data, from, tells_state };
        let mut observe = |progress: Progress<'_>| {
            match progress {
                Progress::Start(observation) => course.behind.start = observation.clone(),
                Progress::Step { epoch, done, of, step } => {
                    course.behind.first_step_seconds.get_or_insert_with(|| course.began.elapsed().as_secs_f64());
                    course.behind.steps.push(step);
                    tell(RunEvent::Step { epoch, done, of, loss: step.loss.into() });
                }
                Progress::Evaluated { split, done, of } => {
                    tell(RunEvent::Evaluated { split: split.name(), done, of });
                }
                Progress::Epoch(record) => {
                    course.behind.epochs.push(record.clone());
                    tell(RunEvent::Epoch(Box::new(record.clone())));
                }
                Progress::State(state) => {
                    let kept = write_state(directory, &self.fingerprint, state, &course.so_far());
                    course.unkept = kept.err();
                    if course.unkept.is_some() {
                        return false;
                    }
                }
            }
            !context.interrupt.is_set()
        };
        let trained = train(&mut session, &self.model, &initial, &run, &mut observe);
        course.behind.peak_memory_bytes = course.behind.peak_memory_bytes.max(session.peak_memory_bytes());
        trained.map_err(|error| match error {
            TrainError::Interrupted => Halt::Interrupted,
            TrainError::Diverged { epoch, step, what } => Halt::Ended(Outcome::Diverged { epoch, step, what }),
            TrainError::Backend(error) => session.halt(error),
            TrainError::Metrics(_) | TrainError::NoEpoch => Halt::failed(error.to_string()),
        })
    }
}

/// Counts a model's weights, and its recurrent core once more by the formula with one bias vector.
#[must_use]
pub fn parameter_counts(spec: &ModelSpec) -> ParameterCounts {
    let count = |groups: &[TensorGroup]| -> u64 {
        let own = spec.parameters();
        own.iter().filter(|parameter| groups.contains(&parameter.group)).map(|parameter| parameter.len() as u64).sum()
    };
    let embedding = count(&[TensorGroup::Embedding]);
    let head = count(&[TensorGroup::HeadKernel, TensorGroup::HeadBias]);
    let total = count(&TensorGroup::ALL);
    let hidden = spec.hidden_size;
    let formula: usize = (0..spec.layers)
        .map(|layer| spec.directions() * spec.cell.gates() * hidden * (spec.input_size(layer) + hidden + 1))
        .sum();
    ParameterCounts { embedding, recurrent: total - embedding - head, recurrent_formula: formula as u64, head, total }
}

/// `events.jsonl`, one JSON object a line, appended while the run goes on.
struct EventLog {
    path: PathBuf,
    file: File,
    start: Instant,
    failure: Option<io::Error>,
}

impl EventLog {
    fn create(directory: &Path) -> Result<Self, RecordError> {
        let path = directory.join("events.jsonl");
        let file = File::create(&path).map_err(|source| RecordError::Io { path: path.clone(), source })?;
        Ok(Self { path, file, start: Instant::now(), failure: None })
    }

    fn note(&mut self, event: &RunEvent) {
        let line = match event {
            RunEvent::Epoch(record) => json!({ "event": "epoch", "record": record }),
            RunEvent::Ended { outcome, test_accuracy, .. } => {
                json!({ "event": "ended", "outcome": outcome, "test_accuracy": test_accuracy })
            }
            RunEvent::Resumed { epoch, extends } => json!({ "event": "resumed", "epoch": epoch, "extends": extends }),
            RunEvent::StateLost(reason) => json!({ "event": "state-lost", "reason": reason }),
            RunEvent::Step { epoch, done, of, loss } if done == of || done % 100 == 0 => {
                json!({ "event": "step", "epoch": epoch, "step": done, "loss": loss })
            }
            _ => return,
        };
        let seconds = self.start.elapsed().as_secs_f64();
        let written = writeln!(self.file, "{}", json!({ "seconds": seconds, "what": line }));
        self.failure = self.failure.take().or(written.err());
    }

    /// A log that could not be written is an error like any other, told when the run has ended.
    fn finish(self) -> Result<(), RecordError> {
        match self.failure {
            Some(source) => Err(RecordError::Io { path: self.path, source }),
            None => Ok(()),
        }
    }
}
