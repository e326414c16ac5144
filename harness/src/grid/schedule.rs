//! A study's directory, its plan, and the runs that are still to be made.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::environment::{Machine, allowed_cores};
use super::events::{GridEvent, RunEvent};
use super::execute::{Job, JobContext};
use super::lock::{LockError, StudyLock};
use crate::data::EncodedData;
use crate::plan::{Division, ResolvedRun, RunKey, Study, fingerprint};
use crate::record::{
    FORMAT, Outcome, PlannedRun, RecordError, RunState, StudyRecord, load_run, read_study, write_json,
};
use crate::run::{Catalogue, Interrupt};

/// How a grid is run.
#[derive(Debug, Clone, Copy)]
pub struct GridOptions {
    /// Runs at once.
    pub jobs: usize,
    /// How long a backend may take over one request.
    pub deadline: Duration,
}

/// A study that is ready to run: its plan is written, its directory is locked.
#[derive(Debug)]
pub struct PreparedStudy {
    directory: PathBuf,
    name: String,
    planned: Vec<(PlannedRun, Option<Job>)>,
    earlier: Vec<PlannedRun>,
    _lock: StudyLock,
}

/// What became of a grid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GridSummary {
    /// Runs that completed, now or before.
    pub completed: usize,
    /// Runs that ended otherwise, now or before, or can't be made here.
    pub not_completed: usize,
    /// Whether it was stopped before every run had ended.
    pub interrupted: bool,
}

/// A grid that could not be run.
#[derive(Debug, thiserror::Error)]
pub enum GridError {
    /// Another harness holds the directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A record can't be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The directory can't be made.
    #[error("could not make {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The directory is another study's.
    #[error(
        "{} holds the study `{holds}`, and a directory belongs to one study; give `{asked}` a directory of its own with --out",
        directory.display()
    )]
    OtherStudy {
        /// The directory.
        directory: PathBuf,
        /// Whose it is.
        holds: String,
        /// Which study was asked for.
        asked: String,
    },
    /// A fingerprint can't be computed.
    #[error("could not compute a fingerprint: {0}")]
    Fingerprint(#[from] serde_json::Error),
}

/// Locks a study's directory and writes its plan there.
///
/// # Errors
/// If another process holds the directory or it can't be written.
pub fn prepare(
    study: &Study,
    runs: &[ResolvedRun],
    catalogue: &Catalogue,
    data: &EncodedData,
    directory: &Path,
) -> Result<PreparedStudy, GridError> {
    fs::create_dir_all(directory).map_err(|source| GridError::Directory { path: directory.into(), source })?;
    let lock = StudyLock::take(directory)?;
    let before = read_study(directory)?;
    if let Some(other) = before.as_ref().filter(|before| before.name != study.file.name) {
        return Err(GridError::OtherStudy {
            directory: directory.into(),
            holds: other.name.clone(),
            asked: study.file.name.clone(),
        });
    }
    let before: Vec<PlannedRun> =
        before.into_iter().flat_map(|before| [before.runs, before.earlier].concat()).collect();
    let mut planned = Vec::with_capacity(runs.len());
    for run in runs {
        let (mut own, job) = plan_run(run, catalogue, data, directory)?;
        // What a backend made that can't be started now is still there.
        if let Some(made) =
            before.iter().find(|made| job.is_none() && made.key == own.key && !made.fingerprint.is_empty())
        {
            own = PlannedRun { unavailable: own.unavailable, ..made.clone() };
        }
        planned.push((own, job));
    }
    let mut earlier: Vec<PlannedRun> = Vec::new();
    for made in before {
        let known = planned.iter().map(|(own, _)| own).chain(&earlier).any(|own| own.fingerprint == made.fingerprint);
        if !known && !made.fingerprint.is_empty() && !matches!(load_run(directory, &made)?, RunState::Absent) {
            earlier.push(made);
        }
    }
    let record = StudyRecord {
        version: FORMAT,
        name: study.file.name.clone(),
        title: study.file.title.clone(),
        division: match study.file.division {
            Division::Native => "native".into(),
            Division::Matched => "matched".into(),
        },
        demonstration: study.file.demonstration,
        runs: planned.iter().map(|(planned, _)| planned.clone()).collect(),
        earlier,
        variant_titles: study
            .file
            .variants
            .iter()
            .filter_map(|variant| Some((variant.name.clone(), variant.title.clone()?)))
            .collect(),
        data: data.summary.clone(),
        native_defaults: catalogue
            .asked()
            .iter()
            .filter_map(|(name, info)| Some((name.clone(), info.as_ref().ok()?.native_defaults.clone()?)))
            .collect(),
    };
    write_json(&directory.join("study.json"), &record)?;
    let (directory, name, earlier) = (directory.into(), record.name, record.earlier);
    Ok(PreparedStudy { directory, name, planned, earlier, _lock: lock })
}

impl PreparedStudy {
    /// Every run with its cost in a unit that all share, for showing progress.
    #[must_use]
    pub fn costs(&self) -> Vec<(RunKey, u64)> {
        self.planned.iter().map(|(planned, job)| (planned.key.clone(), job.as_ref().map_or(0, cost))).collect()
    }
}

fn plan_run(
    run: &ResolvedRun,
    catalogue: &Catalogue,
    data: &EncodedData,
    directory: &Path,
) -> Result<(PlannedRun, Option<Job>), GridError> {
    let key = run.key.clone();
    let unavailable = |reason: &str| {
        let planned = PlannedRun {
            key: key.clone(),
            fingerprint: String::new(),
            directory: String::new(),
            unavailable: Some(reason.to_owned()),
        };
        Ok((planned, None))
    };
    let settings = match &run.settings {
        Ok(settings) => settings,
        Err(reason) => return unavailable(reason),
    };
    let backend = match catalogue.handle(&key.backend) {
        Ok(backend) => backend,
        Err(reason) => return unavailable(&reason),
    };
    let model = settings.protocol.model_spec(key.cell, data.summary.vocabulary_size, key.seed);
    let fingerprint = fingerprint(&backend.info, &settings.protocol, &model, &data.summary.hash, key.seed)?;
    let relative = format!("runs/{key}-{}", &fingerprint[..12]);
    let job = Job {
        key: key.clone(),
        fingerprint: fingerprint.clone(),
        directory: directory.join(&relative),
        settings: settings.clone(),
        model,
        backend,
    };
    Ok((PlannedRun { key, fingerprint, directory: relative, unavailable: None }, Some(job)))
}

/// Makes the runs that have not ended yet, and those whose worker failed the last time.
///
/// # Errors
/// If a record can't be read or written. A backend that fails is no error: it is in its run's record.
pub fn run_grid(
    prepared: &PreparedStudy,
    data: &EncodedData,
    options: GridOptions,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(GridEvent),
) -> Result<GridSummary, GridError> {
    let mut summary = GridSummary::default();
    let mut waiting = Vec::new();
    for (planned, job) in &prepared.planned {
        let Some(job) = job else {
            if !planned.fingerprint.is_empty()
                && let Some(outcome) = kept_outcome(&prepared.directory, planned)?
            {
                summary.count(&outcome);
                tell(GridEvent { key: planned.key.clone(), event: RunEvent::Kept(outcome) });
                continue;
            }
            summary.not_completed += 1;
            let reason = planned.unavailable.clone().unwrap_or_default();
            tell(GridEvent { key: planned.key.clone(), event: RunEvent::Kept(Outcome::Unsupported { reason }) });
            continue;
        };
        match kept_outcome(&prepared.directory, planned)? {
            Some(outcome) => {
                summary.count(&outcome);
                tell(GridEvent { key: planned.key.clone(), event: RunEvent::Kept(outcome) });
            }
            None => waiting.push(job),
        }
    }
    if options.jobs > 1 {
        // The longest first, so that no long one is left alone at the end.
        waiting.sort_by_key(|job| std::cmp::Reverse(cost(job)));
    }
    let machine = Machine::read();
    let context = JobContext {
        study: &prepared.name,
        data,
        machine: &machine,
        options,
        interrupt,
        directory: &prepared.directory,
        earlier: &prepared.earlier,
    };
    let cores = divide(&allowed_cores(), options.jobs);
    let queue = Mutex::new(VecDeque::from(waiting));
    let (events, incoming) = channel();
    thread::scope(|scope| {
        let mut slots = Vec::new();
        for slot in 0..options.jobs {
            let events = events.clone();
            let (queue, context, cores) = (&queue, &context, &cores);
            slots.push(scope.spawn(move || {
                let mut ended = Vec::new();
                while !context.interrupt.is_set() {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(job) = next else { break };
                    let own = cores.get(slot).map(Vec::as_slice);
                    let mut tell = |event| {
                        // Nobody listens only when the grid is being torn down.
                        let _ = events.send(GridEvent { key: job.key.clone(), event });
                    };
                    ended.push(job.execute(context, own, &mut tell)?);
                }
                Ok::<_, RecordError>(ended)
            }));
        }
        drop(events);
        incoming.iter().for_each(&mut *tell);
        for slot in slots {
            // A panic in a slot goes on in the thread that waits for it.
            let ended = slot.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            ended.iter().flatten().for_each(|outcome| summary.count(outcome));
        }
        Ok::<_, GridError>(())
    })?;
    summary.interrupted = interrupt.is_set();
    Ok(summary)
}

impl GridSummary {
    fn count(&mut self, outcome: &Outcome) {
        if *outcome == Outcome::Completed {
            self.completed += 1;
        } else {
            self.not_completed += 1;
        }
    }
}

/// How a planned run ended, if it has and need not be made again.
fn kept_outcome(directory: &Path, planned: &PlannedRun) -> Result<Option<Outcome>, RecordError> {
    Ok(load_run(directory, planned)?.record().and_then(|record| match &record.outcome {
        outcome @ (Outcome::Completed | Outcome::Diverged { .. }) => Some(outcome.clone()),
        // A worker that died, fell silent or could not do it may do better the next time.
        Outcome::Failed { .. } | Outcome::TimedOut { .. } | Outcome::Unsupported { .. } => None,
    }))
}

/// Multiplications of a training epoch, up to a factor that all runs of a study share.
fn cost(job: &Job) -> u64 {
    let spec = &job.model;
    let layers: usize = (0..spec.layers)
        .map(|layer| spec.cell.gates() * spec.hidden_size * (spec.input_size(layer) + spec.hidden_size))
        .sum();
    (layers * spec.directions() * spec.max_time) as u64 * u64::from(job.settings.protocol.epochs)
}

/// Cores for each of several jobs; none are assigned to a job that runs alone, or where there are not enough.
fn divide(cores: &[usize], jobs: usize) -> Vec<Vec<usize>> {
    if jobs < 2 || cores.len() < jobs {
        return Vec::new();
    }
    cores.chunks(cores.len() / jobs).take(jobs).map(<[usize]>::to_vec).collect()
}
