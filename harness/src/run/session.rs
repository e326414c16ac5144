//! A backend at work: started, held to what it said when it was asked, and building models whose answers are timed.

use std::path::Path;

use harness_contract::{
    Backend, BackendError, BackendInfo, Checks, ErrorKind, GradientNorms, LabelledBatch, Model, ModelSpec, ModelState,
    StepReport, TokenBatch, WeightMap,
};

use super::catalogue::Handle;
use super::worker::{RemoteBackend, RemoteModel, Worker, WorkerFailure, WorkerOptions};
use crate::record::Outcome;
use crate::train::{Timed, TimedBackend, TimedModel};

/// A backend's process that is at work. Dropping it and its models ends the process.
#[derive(Debug)]
pub struct Session {
    backend: RemoteBackend,
}

/// Why something can't go on.
#[derive(Debug, Clone, PartialEq)]
pub enum Halt {
    /// Everything is to stop.
    Interrupted,
    /// It has ended, and not by completing.
    Ended(Outcome),
}

impl Halt {
    /// The backend failed, without its process' having done so.
    #[must_use]
    pub const fn failed(reason: String) -> Self {
        Self::Ended(Outcome::Failed { reason, last_words: String::new() })
    }

    /// Why, as a sentence fragment.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Interrupted => "interrupted".into(),
            Self::Ended(outcome) => outcome.reason().unwrap_or_else(|| outcome.name().into()),
        }
    }
}

impl From<WorkerFailure> for Halt {
    fn from(failure: WorkerFailure) -> Self {
        Self::Ended(match failure {
            WorkerFailure::Stopped => return Self::Interrupted,
            WorkerFailure::Broken { reason, last_words } => Outcome::Failed { reason, last_words },
            WorkerFailure::TimedOut { request, deadline, last_words } => {
                Outcome::TimedOut { request, seconds: deadline.as_secs_f64(), last_words }
            }
        })
    }
}

impl Session {
    /// Starts a program and takes down what it says of itself.
    ///
    /// # Errors
    /// If it can't be started or breaks the wire format.
    pub fn open(program: &Path, options: &WorkerOptions<'_>) -> Result<Self, WorkerFailure> {
        Worker::start(program, options).map(|backend| Self { backend })
    }

    /// The backend, for those who speak to it through the contract alone.
    pub fn backend(&mut self) -> &mut RemoteBackend {
        &mut self.backend
    }

    /// Starts a backend. It must say of itself what it said when it was asked.
    ///
    /// # Errors
    /// If it can't be started or says something else now.
    pub fn start(handle: &Handle, options: &WorkerOptions<'_>) -> Result<Self, Halt> {
        let session = Self::open(&handle.program, options)?;
        match difference(&handle.info, &session.backend.describe()) {
            None => Ok(session),
            Some(difference) => Err(Halt::failed(format!("the backend is not the one that was asked: {difference}"))),
        }
    }

    /// Starts a backend and builds a model of this spec.
    ///
    /// # Errors
    /// What the spec asks for and the backend can't do, which is known before anything is started; else what it fails with.
    pub fn model(
        handle: &Handle,
        options: &WorkerOptions<'_>,
        spec: &ModelSpec,
        initial: &WeightMap,
    ) -> Result<(Self, Box<dyn TimedModel>), Halt> {
        check_able(handle, spec)?;
        let mut session = Self::start(handle, options)?;
        let model = session.build(spec, initial).map_err(|error| session.halt(error))?;
        Ok((session, model))
    }

    /// What became of the session when one of its models or its building failed with this error.
    #[must_use]
    pub fn halt(&self, error: BackendError) -> Halt {
        match self.backend.worker().failure() {
            Some(failure) => failure.into(),
            None if error.kind == ErrorKind::Unsupported => Halt::Ended(Outcome::Unsupported { reason: error.message }),
            None => Halt::failed(error.message),
        }
    }

    /// The most memory the process has held so far, in bytes.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        self.backend.worker().peak_memory_bytes()
    }
}

/// Whether a backend can do what a spec asks for, by what it says of itself.
///
/// # Errors
/// What it can't do, as an outcome.
pub(super) fn check_able(handle: &Handle, spec: &ModelSpec) -> Result<(), Halt> {
    let able = handle.info.capabilities.check(spec);
    able.map_err(|error| Halt::Ended(Outcome::Unsupported { reason: error.to_string() }))
}

impl TimedBackend for Session {
    fn build(&mut self, spec: &ModelSpec, initial: &WeightMap) -> Result<Box<dyn TimedModel>, BackendError> {
        let checks = Checks::before_build(&self.backend.describe(), spec, initial)?;
        Ok(Box::new(SessionModel { model: self.backend.build_model(spec, initial)?, checks }))
    }

    fn resume(&mut self, spec: &ModelSpec, state: &ModelState) -> Result<Box<dyn TimedModel>, BackendError> {
        let checks = Checks::before_resume(&self.backend.describe(), spec, state)?;
        Ok(Box::new(SessionModel { model: self.backend.resume_model(spec, state)?, checks }))
    }
}

/// A model in a worker, and the contract's checks around it. The trait [`Model`] has no place for a reply's compute time, so its
/// replies are asked for here directly.
struct SessionModel {
    model: RemoteModel,
    checks: Checks,
}

impl SessionModel {
    fn step(
        &self,
        batch: LabelledBatch<'_>,
        learning_rate: f64,
        measured: bool,
    ) -> Result<Timed<StepReport>, BackendError> {
        self.checks.before_step(batch, learning_rate, measured)?;
        let Timed { value, compute } = self.model.step(batch, learning_rate, measured)?;
        Ok(Timed { value: self.checks.after_step(value, measured)?, compute })
    }
}

impl TimedModel for SessionModel {
    fn train_batch(&mut self, batch: LabelledBatch<'_>, learning_rate: f64) -> Result<Timed<StepReport>, BackendError> {
        self.step(batch, learning_rate, false)
    }

    fn train_batch_measured(
        &mut self,
        batch: LabelledBatch<'_>,
        learning_rate: f64,
    ) -> Result<Timed<StepReport>, BackendError> {
        self.step(batch, learning_rate, true)
    }

    fn predict_batch(&mut self, tokens: TokenBatch<'_>) -> Result<Timed<Vec<f32>>, BackendError> {
        self.checks.before_prediction(tokens)?;
        self.model.predict(tokens)
    }

    fn weights(&self) -> Result<WeightMap, BackendError> {
        self.model.weights()
    }

    fn input_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, BackendError> {
        self.checks.before_input_gradient_norms(batch)?;
        self.model.input_gradient_norms(batch)
    }

    fn state(&self) -> Result<ModelState, BackendError> {
        self.checks.before_state()?;
        let state = self.model.state()?;
        self.checks.after_state(&state)?;
        Ok(state)
    }
}

/// What a backend says of itself now and did not say before.
fn difference(asked: &BackendInfo, now: &BackendInfo) -> Option<String> {
    if asked == now {
        return None;
    }
    if asked.name != now.name {
        return Some(format!("it calls itself {} now, and called itself {}", now.name, asked.name));
    }
    if asked.libraries != now.libraries {
        let list = |info: &BackendInfo| {
            let own: Vec<_> = info.libraries.iter().map(|own| format!("{} {}", own.name, own.version)).collect();
            own.join(", ")
        };
        return Some(format!("it has {} now, and had {}", list(now), list(asked)));
    }
    if asked.numerics != now.numerics {
        return Some(format!("its numerics have version {} now, and had {}", now.numerics, asked.numerics));
    }
    let part = if asked.capabilities == now.capabilities { "native defaults" } else { "capabilities" };
    Some(format!("it has other {part} now"))
}
