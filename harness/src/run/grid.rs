//! A study's directory, its plan, and the runs that are still to be made.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::catalogue::{Catalogue, Handle};
use super::claim::{Claim, ClaimError};
use super::environment::allowed_cores;
use super::interrupt::Interrupt;
use super::job::{Circumstances, DataReference, Job, kept_outcome};
use super::launcher::launch;
use crate::data::{DataSummary, stored};
use crate::plan::{Division, ResolvedRun, RunKey, Study, Variant, fingerprint};
use crate::record::{
    FORMAT, Outcome, PlannedRun, RecordError, RunEvent, RunState, StudyRecord, load_run, read_study, write_record,
};

/// The folder of a study's directory in which its resolved runs lie.
const RESOLVED: &str = "resolved";

/// Something that happened to one run of a grid.
#[derive(Debug, Clone)]
pub struct GridEvent {
    /// The run.
    pub key: RunKey,
    /// What happened to it.
    pub event: RunEvent,
}

/// What a study's runs share beside the study itself.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The backends.
    pub catalogue: &'a Catalogue,
    /// The data.
    pub data: &'a DataSummary,
    /// Where the corpus and its encoded splits are kept.
    pub data_dir: &'a Path,
    /// Where records go.
    pub directory: &'a Path,
    /// Under what the runs are made.
    pub circumstances: Circumstances,
}

/// A study that is ready to run: its plan is written, its directory is claimed.
#[derive(Debug)]
pub struct PreparedStudy {
    directory: PathBuf,
    planned: Vec<(PlannedRun, Option<Job>)>,
    jobs: usize,
    _claim: Claim,
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
    Claim(#[from] ClaimError),
    /// A record can't be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What lies in the place of the directory's plan is none that can be read.
    #[error("{}: {reason}. Finished runs don't depend on it: move it away, and the same command finds them again", path.display())]
    Plan {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
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

impl GridError {
    /// The plan that lies in a directory can't be read.
    fn of_plan(error: RecordError) -> Self {
        match error {
            RecordError::Unreadable { path, reason } => Self::Plan { path, reason },
            other => other.into(),
        }
    }
}

/// Claims a study's directory and writes its plan there.
///
/// # Errors
/// If another process holds the directory or it can't be written.
pub fn prepare(
    study: &Study,
    runs: &[ResolvedRun],
    surroundings: &Surroundings<'_>,
) -> Result<PreparedStudy, GridError> {
    let Surroundings { catalogue, data, directory, circumstances, .. } = *surroundings;
    fs::create_dir_all(directory).map_err(|source| GridError::Directory { path: directory.into(), source })?;
    let claim = Claim::study(directory)?;
    let before = read_study(directory).map_err(GridError::of_plan)?;
    if let Some(other) = before.as_ref().filter(|before| before.name != study.file.name) {
        return Err(GridError::OtherStudy {
            directory: directory.into(),
            holds: other.name.clone(),
            asked: study.file.name.clone(),
        });
    }
    let made_before: Vec<PlannedRun> =
        before.iter().flat_map(|before| [before.runs.as_slice(), before.earlier.as_slice()].concat()).collect();
    let mut planned = Vec::with_capacity(runs.len());
    for run in runs {
        let (mut own, job) = plan_run(&study.file.name, run, surroundings)?;
        // What a backend made that can't be started now is still there.
        if let Some(made) =
            made_before.iter().find(|made| job.is_none() && made.key == own.key && !made.fingerprint.is_empty())
        {
            own = PlannedRun { unavailable: own.unavailable, ..made.clone() };
        }
        planned.push((own, job));
    }
    let mut earlier: Vec<PlannedRun> = Vec::new();
    for made in made_before {
        let known = planned.iter().map(|(own, _)| own).chain(&earlier).any(|own| own.fingerprint == made.fingerprint);
        if !known && !made.fingerprint.is_empty() && !matches!(load_run(directory, &made), Ok(RunState::Absent)) {
            earlier.push(made);
        }
    }
    let mut of_a_point: BTreeMap<&RunKey, Vec<PlannedRun>> = BTreeMap::new();
    for made in &earlier {
        of_a_point.entry(&made.key).or_default().push(made.clone());
    }
    for job in planned.iter_mut().filter_map(|(_, job)| job.as_mut()) {
        job.earlier = of_a_point.get(&job.key).cloned().unwrap_or_default();
    }
    let of_variants = |what: fn(&Variant) -> Option<String>| {
        study.file.variants.iter().filter_map(|variant| Some((variant.name.clone(), what(variant)?))).collect()
    };
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
        variant_titles: of_variants(|variant| variant.title.clone()),
        variant_against: of_variants(|variant| variant.against.clone()),
        data: data.clone(),
        native_defaults: catalogue
            .asked()
            .iter()
            .filter_map(|(name, info)| Some((name.clone(), info.as_ref().ok()?.native_defaults.clone()?)))
            .collect(),
    };
    // A plan that stays as it was is left as it is: a report that is newer is still of it.
    if before.as_ref() != Some(&record) {
        write_record(&directory.join("study.json"), &record)?;
    }
    Ok(PreparedStudy { directory: directory.into(), planned, jobs: circumstances.jobs, _claim: claim })
}

impl PreparedStudy {
    /// Every run with its cost in a unit that all share, for showing progress.
    #[must_use]
    pub fn costs(&self) -> Vec<(RunKey, u64)> {
        self.planned.iter().map(|(planned, job)| (planned.key.clone(), job.as_ref().map_or(0, Job::cost))).collect()
    }

    /// Writes down each run that is still to be made, in the order of the plan, for whoever starts `study run-one` elsewhere. Gives the files' places.
    ///
    /// # Errors
    /// If one can't be written.
    pub fn write_jobs(&self) -> Result<Vec<PathBuf>, RecordError> {
        let resolved = self.directory.join(RESOLVED);
        let waiting = self.standing().into_iter().filter_map(|(_, standing)| match standing {
            Standing::Waiting(job) => Some(job),
            Standing::Over(_) => None,
        });
        waiting.map(|job| job.write(&resolved)).collect()
    }

    /// Each run with how it stands, in the order of the plan. Every file of a finished run is hashed for it, on all cores.
    fn standing(&self) -> Vec<(&PlannedRun, Standing<'_>)> {
        let standing = self.planned.par_iter().map(|(planned, job)| {
            let kept = match (job, planned.fingerprint.is_empty()) {
                (None, true) => None,
                _ => match kept_outcome(&self.directory, planned) {
                    Ok(kept) => kept,
                    // What can't be looked at is left alone, and the others go on.
                    Err(error) => Some(Outcome::Failed { reason: error.to_string(), last_words: String::new() }),
                },
            };
            let standing = match (kept, job) {
                (Some(outcome), _) => Standing::Over(outcome),
                (None, None) => {
                    Standing::Over(Outcome::Unsupported { reason: planned.unavailable.clone().unwrap_or_default() })
                }
                (None, Some(job)) => Standing::Waiting(job),
            };
            (planned, standing)
        });
        standing.collect()
    }
}

/// How a run of a plan stands before anything is done.
enum Standing<'a> {
    /// It is to be made.
    Waiting(&'a Job),
    /// It has ended, or can't be made here.
    Over(Outcome),
}

fn plan_run(
    study: &str,
    run: &ResolvedRun,
    surroundings: &Surroundings<'_>,
) -> Result<(PlannedRun, Option<Job>), GridError> {
    let Surroundings { catalogue, data, data_dir, directory, circumstances } = *surroundings;
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
    let model = settings.protocol.model_spec(key.cell, data.vocabulary_size, key.seed);
    let fingerprint = fingerprint(&backend.info, &settings.protocol, &model, &data.hash, key.seed)?;
    let relative = format!("runs/{key}-{}", &fingerprint[..12]);
    let job = Job {
        study: study.to_owned(),
        key: key.clone(),
        fingerprint: fingerprint.clone(),
        settings: Arc::clone(settings),
        model,
        backend: Handle { program: absolute(&backend.program)?, info: backend.info },
        data: DataReference { folder: absolute(&stored(data_dir, data))?, hash: data.hash.clone() },
        folder: absolute(directory)?,
        directory: relative.clone(),
        earlier: Vec::new(),
        circumstances,
    };
    Ok((PlannedRun { key, fingerprint, directory: relative, unavailable: None }, Some(job)))
}

/// Makes the runs that have not ended yet, and those that failed the last time, each in a process of its own.
/// Whatever happens to a run stops that run alone: it is in its record, or told where not even that can be written.
pub fn run_grid(prepared: &PreparedStudy, interrupt: &Interrupt, tell: &mut dyn FnMut(GridEvent)) -> GridSummary {
    let mut summary = GridSummary::default();
    let mut waiting = Vec::new();
    for (planned, standing) in prepared.standing() {
        match standing {
            Standing::Waiting(job) => waiting.push(job),
            Standing::Over(outcome) => {
                summary.count(&outcome);
                tell(GridEvent { key: planned.key.clone(), event: RunEvent::Kept { outcome } });
            }
        }
    }
    if prepared.jobs > 1 {
        // The longest first, so that no long one is left alone at the end.
        waiting.sort_by_key(|job| std::cmp::Reverse(job.cost()));
    }
    let cores = divide(&allowed_cores(), prepared.jobs);
    let resolved = prepared.directory.join(RESOLVED);
    let slots = prepared.jobs.min(waiting.len());
    let queue = Mutex::new(VecDeque::from(waiting));
    let (events, incoming) = channel();
    thread::scope(|scope| {
        for slot in 0..slots {
            let events = events.clone();
            let (queue, cores, resolved) = (&queue, &cores, &resolved);
            scope.spawn(move || {
                while !interrupt.is_set() {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(job) = next else { break };
                    let own = cores.get(slot).map(Vec::as_slice);
                    // Nobody listens only when the grid is being torn down.
                    let send = |happened| drop(events.send((job.key.clone(), happened)));
                    let outcome = launch(job, resolved, own, interrupt, &mut |event| send(Happened::Event(event)));
                    send(Happened::End(outcome));
                }
            });
        }
        drop(events);
        for (key, happened) in incoming {
            match happened {
                Happened::Event(event) => tell(GridEvent { key, event }),
                Happened::End(outcome) => outcome.iter().for_each(|outcome| summary.count(outcome)),
            }
        }
    });
    summary.interrupted = interrupt.is_set();
    summary
}

/// What a slot says of a run.
enum Happened {
    Event(RunEvent),
    End(Option<Outcome>),
}

fn absolute(path: &Path) -> Result<PathBuf, GridError> {
    std::path::absolute(path).map_err(|source| GridError::Directory { path: path.into(), source })
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

/// Cores for each of several jobs; none are assigned to a job that runs alone, or where there are not enough.
fn divide(cores: &[usize], jobs: usize) -> Vec<Vec<usize>> {
    if jobs < 2 || cores.len() < jobs {
        return Vec::new();
    }
    cores.chunks(cores.len() / jobs).take(jobs).map(<[usize]>::to_vec).collect()
}
