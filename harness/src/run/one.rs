//! One run from start to record, in this process.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use super::claim::Claim;
use super::deadline::{Deadline, Lack};
use super::environment::Machine;
use super::interrupt::Interrupt;
use super::job::{Job, JobError, kept_outcome};
use super::session::{Halt, Session, check_able};
use super::worker::{Slow, WorkerOptions};
use crate::data::{EncodedData, open};
use crate::record::{
    Behind, Draft, Outcome, PREDICTIONS, RecordError, RunEvent, STEPS, TrainingState, WEIGHTS, remove_state,
    write_json, write_predictions, write_state, write_steps, write_weights,
};
use crate::train::{Progress, RunSettings, TrainError, Trained, initial_weights, train};

/// The file of a run's directory that says what is to be done there, before there is a record.
const RESOLVED: &str = "resolved.json";

/// Is told what happens during a run.
pub type RunObserver = Rc<dyn Fn(&RunEvent)>;

/// Steps of which one is noted in the log of events.
const LOGGED: u64 = 100;

/// A batch system that stops a job sends a signal to each of its processes, the worker too, one after the other: a worker that dies of that has not failed.
const SAME_MOMENT: Duration = Duration::from_millis(300);

/// What a run is given by whoever starts it.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The processors that its worker runs on; all that this process may use otherwise.
    pub cores: Option<&'a [usize]>,
    /// When everything of it will be ended. It begins nothing that can't end [`super::NOTICE`] before.
    pub until: Option<SystemTime>,
    /// The wish to stop.
    pub interrupt: &'a Interrupt,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// It has ended, now or before, and its record is there.
    Ended(Outcome),
    /// It was interrupted. The next time it goes on after its last finished epoch, if the backend can, or starts anew.
    Interrupted {
        /// Epochs that were finished this time and are kept.
        epochs: u32,
    },
    /// It stopped by itself, for what comes next would not have ended in time. It goes on as one that was interrupted.
    OutOfTime {
        /// Epochs that were finished this time and are kept.
        epochs: u32,
        /// How long what comes next will take, if that is known, and how long there was.
        lack: Lack,
    },
}

/// Makes a run, unless it has ended before, and publishes it.
///
/// # Errors
/// If another process makes it, its data are not there, or its directory can't be written. Whatever the backend does ends up in the record.
pub fn run_one(job: &Job, terms: Terms<'_>, tell: &RunObserver) -> Result<Ending, JobError> {
    let Terms { cores, until, interrupt } = terms;
    let _claim = Claim::run(&job.place())?;
    if let Some(outcome) = kept_outcome(&job.folder, &job.planned())? {
        tell(&RunEvent::Kept { outcome: outcome.clone() });
        return Ok(Ending::Ended(outcome));
    }
    let data = open(&job.data.folder, &job.data.hash)?;
    let draft = Draft::begin(&job.place())?;
    let environment = job.environment(&Machine::read());
    write_json(&draft.directory().join(RESOLVED), &job.resolved(&environment))?;
    let protocol = &job.settings.protocol;
    let log = Rc::new(RefCell::new(EventLog::create(draft.directory())?));
    tell(&RunEvent::Started { epochs: protocol.epochs });
    let (from, behind) = job.standing(draft.directory(), &mut |event| {
        log.borrow_mut().note(&event);
        tell(&event);
    })?;
    let behind = Behind { threads: Some(protocol.threads), cpu: Some(environment.cpu.clone()), ..behind };
    let before = behind.epochs.len();
    let keeps_epochs = job.backend.info.capabilities.state.is_some();
    let deadline = until.map(|until| Deadline::new(until, protocol, &data, keeps_epochs));
    if let Some(lack) = deadline.as_ref().and_then(|deadline| deadline.lack(&behind.epochs)) {
        tell(&RunEvent::Interrupted);
        return Ok(Ending::OutOfTime { epochs: 0, lack });
    }
    let mut course = Course { behind, began: Instant::now(), log, kept: before, deadline, unkept: None, lack: None };
    let running = Running { job, data: &data, directory: draft.directory(), cores, interrupt, tell };
    let result = running.train(from.as_ref(), &mut course);
    if let Some(error) = course.unkept {
        return Err(error.into());
    }
    let behind = course.so_far();
    let seconds = behind.wall_seconds;
    let result = match result {
        Err(Halt::Ended(Outcome::Failed { .. })) if interrupt.is_set_within(SAME_MOMENT) => Err(Halt::Interrupted),
        result => result,
    };
    let (outcome, trained) = match result {
        Ok(trained) => (Outcome::Completed, Some(trained)),
        Err(Halt::Interrupted) => {
            tell(&RunEvent::Interrupted);
            let epochs = u32::try_from(course.kept.saturating_sub(before)).unwrap_or(u32::MAX);
            return Ok(match course.lack {
                Some(lack) => Ending::OutOfTime { epochs, lack },
                None => Ending::Interrupted { epochs },
            });
        }
        Err(Halt::Ended(outcome)) => (outcome, None),
    };
    write_steps(&draft.directory().join(STEPS), &behind.steps)?;
    // What failed is tried again, and goes on then; what has ended is done with, unless it is to be extended.
    let tried_again = matches!(outcome, Outcome::Failed { .. } | Outcome::TimedOut { .. });
    let extendable = protocol.keep_state && outcome == Outcome::Completed;
    if !(tried_again || extendable) {
        remove_state(draft.directory())?;
    }
    let mut record = job.record(outcome.clone(), environment, behind);
    if let Some(trained) = trained {
        write_predictions(&draft.directory().join(PREDICTIONS), &trained.predictions)?;
        write_weights(&draft.directory().join(WEIGHTS), &trained.weights, &job.fingerprint)?;
        record.tested_epoch = trained.tested_epoch;
        record.test = Some(trained.test);
    }
    let test_accuracy = record.test.as_ref().map(|metrics| metrics.confusion.accuracy());
    let ended = RunEvent::Ended { outcome: outcome.clone(), test_accuracy, seconds };
    course.log.borrow_mut().note(&ended);
    course.log.borrow_mut().finish()?;
    draft.publish(&mut record, &job.planned())?;
    tell(&ended);
    Ok(Ending::Ended(outcome))
}

/// Publishes that a run failed in a way that it could not write down itself, unless it had ended before its process did. Gives how it ended.
///
/// # Errors
/// If another process makes it meanwhile, what lies in its place can't be looked at, or the failure can't be written either.
pub(super) fn publish_failure(job: &Job, outcome: Outcome, seconds: f64) -> Result<Outcome, JobError> {
    let _claim = Claim::run(&job.place())?;
    if let Some(kept) = kept_outcome(&job.folder, &job.planned())? {
        return Ok(kept);
    }
    let draft = Draft::begin(&job.place())?;
    let environment = job.environment(&Machine::read());
    write_json(&draft.directory().join(RESOLVED), &job.resolved(&environment))?;
    let behind = Behind { wall_seconds: seconds, ..Behind::default() };
    let mut record = job.record(outcome.clone(), environment, behind);
    draft.publish(&mut record, &job.planned())?;
    Ok(outcome)
}

/// What a run is made with.
struct Running<'a> {
    job: &'a Job,
    data: &'a EncodedData,
    directory: &'a Path,
    cores: Option<&'a [usize]>,
    interrupt: &'a Interrupt,
    tell: &'a RunObserver,
}

impl Running<'_> {
    /// Trains the model, or goes on training it.
    fn train(&self, from: Option<&TrainingState>, course: &mut Course) -> Result<Trained, Halt> {
        let Self { job, data, directory, cores, interrupt, tell } = *self;
        let (slow, events) = (Rc::clone(tell), Rc::clone(&course.log));
        let log = directory.join("worker.log");
        let options = WorkerOptions {
            request_deadline: job.circumstances.deadline(),
            log: Some(&log),
            cores,
            interrupt: Some(interrupt.clone()),
            slow: Some(Rc::new(move |event: Slow| {
                let event = RunEvent::Slow {
                    request: event.request,
                    seconds: event.waited.as_secs_f64(),
                    usual_seconds: event.usual.map(|usual| usual.as_secs_f64()),
                };
                events.borrow_mut().note(&event);
                slow(&event);
            })),
            ..WorkerOptions::default()
        };
        check_able(&job.backend, &job.model)?;
        let mut session = Session::start(&job.backend, &options)?;
        let protocol = &job.settings.protocol;
        let initial = initial_weights(&job.model, &protocol.initializers, job.key.seed)
            .map_err(|error| Halt::failed(error.to_string()))?;
        let tells_state = job.backend.info.capabilities.state.is_some();
        let run = RunSettings { protocol, seed: job.key.seed, data, from, tells_state };
        let mut observe = |progress: Progress<'_>| {
            match progress {
                Progress::Event(event) => {
                    course.note(&event);
                    tell(&event);
                    if !tells_state && matches!(event, RunEvent::Epoch { .. }) {
                        course.look_ahead();
                    }
                }
                Progress::State(state) => {
                    let kept = write_state(directory, &job.fingerprint, state, &course.so_far());
                    course.unkept = kept.err();
                    if course.unkept.is_some() {
                        return false;
                    }
                    course.kept = course.behind.epochs.len();
                    course.look_ahead();
                }
            }
            !interrupt.is_set() && course.lack.is_none()
        };
        let trained = train(&mut session, &job.model, &initial, &run, &mut observe);
        course.behind.peak_memory_bytes = course.behind.peak_memory_bytes.max(session.peak_memory_bytes());
        trained.map_err(|error| match error {
            TrainError::Interrupted => Halt::Interrupted,
            TrainError::Diverged { epoch, step, what } => Halt::Ended(Outcome::Diverged { epoch, step, what }),
            TrainError::Backend(error) => session.halt(error),
            TrainError::Metrics(_) | TrainError::NoEpoch => Halt::failed(error.to_string()),
        })
    }
}

/// What a run came to before its record is written.
struct Course {
    /// What lies behind it, of earlier parts too where it went on.
    behind: Behind,
    /// When this part of it began.
    began: Instant,
    /// What those who wait for the worker write into as well.
    log: Rc<RefCell<EventLog>>,
    /// Epochs that it need not do again.
    kept: usize,
    /// When everything of it is ended, if someone does that.
    deadline: Option<Deadline>,
    /// Why its state could not be kept.
    unkept: Option<RecordError>,
    /// What is wanting for what comes next.
    lack: Option<Lack>,
}

impl Course {
    fn note(&mut self, event: &RunEvent) {
        let behind = &mut self.behind;
        match event {
            // Nothing of what lay behind belongs to a run that starts anew. What is refused stays on the disk until the first epoch's state takes its place,
            // so that a run which ends before that says so as well.
            RunEvent::StateLost { lost } => {
                let mut lost_before = std::mem::take(&mut behind.lost);
                lost_before.push(lost.clone());
                let (threads, cpu) = (behind.threads, behind.cpu.take());
                *behind = Behind { lost: lost_before, threads, cpu, ..Behind::default() };
            }
            RunEvent::Initial { observation } => behind.start = (**observation).clone(),
            RunEvent::Step { step, .. } => {
                behind.first_step_seconds.get_or_insert_with(|| self.began.elapsed().as_secs_f64());
                behind.steps.push(*step);
            }
            RunEvent::Epoch { record } => behind.epochs.push((**record).clone()),
            _ => {}
        }
        self.log.borrow_mut().note(event);
    }

    /// Sees whether what comes next ends in time.
    fn look_ahead(&mut self) {
        self.lack = self.deadline.as_ref().and_then(|deadline| deadline.lack(&self.behind.epochs));
    }

    /// What lies behind it, with the time that has passed.
    fn so_far(&self) -> Behind {
        let wall_seconds = self.behind.wall_seconds + self.began.elapsed().as_secs_f64();
        Behind { wall_seconds, ..self.behind.clone() }
    }
}

/// `events.jsonl`, one JSON object a line, appended while the run goes on.
struct EventLog {
    path: PathBuf,
    file: File,
    start: Instant,
    failure: Option<io::Error>,
}

impl EventLog {
    fn create(directory: &Path) -> Result<Self, JobError> {
        let path = directory.join("events.jsonl");
        let file = File::create(&path).map_err(|source| JobError::Log { path: path.clone(), source })?;
        Ok(Self { path, file, start: Instant::now(), failure: None })
    }

    fn note(&mut self, event: &RunEvent) {
        let logged = match event {
            RunEvent::Step { done, of, .. } => done == of || done % LOGGED == 0,
            RunEvent::Resumed { .. }
            | RunEvent::StateLost { .. }
            | RunEvent::Epoch { .. }
            | RunEvent::Slow { .. }
            | RunEvent::Ended { .. } => true,
            RunEvent::Kept { .. }
            | RunEvent::Started { .. }
            | RunEvent::Initial { .. }
            | RunEvent::Evaluated { .. }
            | RunEvent::Interrupted => false,
        };
        if logged {
            let seconds = self.start.elapsed().as_secs_f64();
            let written = writeln!(self.file, "{}", json!({ "seconds": seconds, "what": event }));
            self.failure = self.failure.take().or(written.err());
        }
    }

    /// A log that could not be written is an error like any other, told when the run has ended.
    fn finish(&mut self) -> Result<(), JobError> {
        match self.failure.take() {
            Some(source) => Err(JobError::Log { path: self.path.clone(), source }),
            None => Ok(()),
        }
    }
}
