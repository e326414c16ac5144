//! A backend in a process of its own, as one more [`Backend`].

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use harness_contract::wire::{
    Answer, Frame, MAX_PAYLOAD_BYTES, PROTOCOL_VERSION, Reply, Request, batch_payload, floats_from_bytes, read_report,
    read_state, read_weights, state_payload, weights_payload,
};
use harness_contract::{
    Backend, BackendError, BackendInfo, ErrorKind, GradientNorms, LabelledBatch, Model, ModelSpec, ModelState,
    StepReport, TokenBatch, WeightMap,
};

use super::connection::Connection;
use super::failure::WorkerFailure;
use super::waiting::SlowObserver;
use crate::process::ChildProcess;
use crate::run::Interrupt;
use crate::train::Timed;

/// How a worker is started and how long it may take.
#[derive(Clone)]
pub struct WorkerOptions<'a> {
    /// How long it may take to answer `hello`, which is when it loads its libraries.
    pub start_deadline: Duration,
    /// How long any other request may take.
    pub request_deadline: Duration,
    /// Where its stderr goes.
    pub log: Option<&'a Path>,
    /// The processors it runs on; all of them if `None`.
    pub cores: Option<&'a [usize]>,
    /// What ends every wait for it.
    pub interrupt: Option<Interrupt>,
    /// Who is told of requests that it is slow to answer.
    pub slow: Option<SlowObserver>,
}

impl Default for WorkerOptions<'_> {
    fn default() -> Self {
        Self {
            start_deadline: Duration::from_secs(120),
            request_deadline: Duration::from_secs(600),
            log: None,
            cores: None,
            interrupt: None,
            slow: None,
        }
    }
}

/// A started worker, greeted. Its clones share one conversation.
#[derive(Debug, Clone)]
pub struct Worker {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    connection: RefCell<Connection>,
    deadline: Duration,
}

/// A worker as a [`Backend`].
#[derive(Debug, Clone)]
pub struct RemoteBackend {
    worker: Worker,
    info: BackendInfo,
}

/// A model in a worker's process. What it answers comes with the time that the reply says was computed for it.
pub(in crate::run) struct RemoteModel {
    worker: Worker,
    spec: ModelSpec,
    /// Bytes of its state.
    state_bytes: u64,
}

impl Worker {
    /// Starts a backend's program, greets it, and takes down what it says of itself.
    ///
    /// # Errors
    /// If it can't be started, dies, lets the deadline pass, or speaks another version of the wire format; if everything is to stop.
    pub(in crate::run) fn start(program: &Path, options: &WorkerOptions<'_>) -> Result<RemoteBackend, WorkerFailure> {
        let process = ChildProcess::start(Command::new(program), options.log, options.cores).map_err(|error| {
            WorkerFailure::broken(format!("could not start {}: {error}", program.display()), String::new())
        })?;
        let mut connection = Connection::open(process, options.interrupt.clone(), options.slow.clone())?;
        let hello = Request::Hello { protocol: PROTOCOL_VERSION };
        let info = match connection.ask(&hello, Vec::new(), 0, options.start_deadline)?.reply {
            Reply::Hello { protocol, .. } if protocol != PROTOCOL_VERSION => {
                return Err(connection.fail(format!(
                    "the backend speaks version {protocol} of the wire format, this program version {PROTOCOL_VERSION}; build both from the same source"
                )));
            }
            Reply::Hello { info: Some(info), .. } => *info,
            other => return Err(connection.fail(format!("answered `hello` with {other}"))),
        };
        let shared = Shared { connection: RefCell::new(connection), deadline: options.request_deadline };
        Ok(RemoteBackend { worker: Self { shared: Rc::new(shared) }, info })
    }

    /// How the conversation failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<WorkerFailure> {
        self.shared.connection.borrow().failure().cloned()
    }

    /// The most memory the worker has held so far, in bytes.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        self.shared.connection.borrow().peak_memory_bytes()
    }

    /// Sends a frame as it is, and gives the answer, whatever it says.
    ///
    /// # Errors
    /// If the worker dies, breaks the wire format or lets the deadline pass.
    pub fn exchange(&self, frame: Frame) -> Result<Answer, BackendError> {
        let mut connection = self.shared.connection.borrow_mut();
        let name = request_name(&frame.header);
        // What is sent here may be no request, so no size follows from it.
        connection
            .exchange(&name, &frame, MAX_PAYLOAD_BYTES, self.shared.deadline)
            .map_err(|failure| connection_error(&failure))
    }

    /// `largest_reply` is the most bytes that the reply's payload may have.
    fn ask(&self, request: &Request, payload: Vec<u8>, largest_reply: u64) -> Result<Answer, BackendError> {
        let mut connection = self.shared.connection.borrow_mut();
        let reception = connection
            .ask(request, payload, largest_reply, self.shared.deadline)
            .map_err(|failure| connection_error(&failure))?;
        match reception.reply {
            Reply::Error { error, message } => Err(BackendError::new(error, message)),
            _ => Ok(reception),
        }
    }

    /// Ends a conversation in which the worker answered something that doesn't fit the request.
    fn misfit(&self, request: &str, reason: impl std::fmt::Display) -> BackendError {
        let failure =
            self.shared.connection.borrow_mut().fail(format!("the answer to `{request}` doesn't fit it: {reason}"));
        connection_error(&failure)
    }
}

impl RemoteBackend {
    /// The worker behind it.
    #[must_use]
    pub fn worker(&self) -> Worker {
        self.worker.clone()
    }

    /// Builds a model, as [`Backend::build`].
    pub(in crate::run) fn build_model(
        &self,
        spec: &ModelSpec,
        initial: &WeightMap,
    ) -> Result<RemoteModel, BackendError> {
        let (tensors, payload) = weights_payload(initial);
        self.begin(&Request::Build { spec: Box::new(spec.clone()), tensors }, payload, spec)
    }

    /// Builds a model that goes on from a state, as [`Backend::resume`].
    pub(in crate::run) fn resume_model(
        &self,
        spec: &ModelSpec,
        state: &ModelState,
    ) -> Result<RemoteModel, BackendError> {
        let (state, payload) = state_payload(state);
        self.begin(&Request::Resume { spec: Box::new(spec.clone()), state }, payload, spec)
    }

    /// Asks for a model, which is there when this is answered.
    fn begin(&self, request: &Request, payload: Vec<u8>, spec: &ModelSpec) -> Result<RemoteModel, BackendError> {
        match self.worker.ask(request, payload, 0)?.reply {
            Reply::Done => {
                let of_each = self.info.capabilities.state.map_or(0, |element| 3 * element.bytes());
                let state_bytes = spec.parameter_count() * of_each;
                Ok(RemoteModel { worker: self.worker.clone(), spec: spec.clone(), state_bytes })
            }
            other => Err(self.worker.misfit(request.name(), other)),
        }
    }
}

impl Backend for RemoteBackend {
    fn describe(&self) -> BackendInfo {
        self.info.clone()
    }

    fn build(&mut self, spec: &ModelSpec, initial: &WeightMap) -> Result<Box<dyn Model>, BackendError> {
        Ok(Box::new(self.build_model(spec, initial)?))
    }

    fn resume(&mut self, spec: &ModelSpec, state: &ModelState) -> Result<Box<dyn Model>, BackendError> {
        Ok(Box::new(self.resume_model(spec, state)?))
    }
}

impl Model for RemoteModel {
    fn train_batch(&mut self, batch: LabelledBatch<'_>, learning_rate: f64) -> Result<StepReport, BackendError> {
        self.step(batch, learning_rate, false).map(|report| report.value)
    }

    fn train_batch_measured(
        &mut self,
        batch: LabelledBatch<'_>,
        learning_rate: f64,
    ) -> Result<StepReport, BackendError> {
        self.step(batch, learning_rate, true).map(|report| report.value)
    }

    fn predict_batch(&mut self, tokens: TokenBatch<'_>) -> Result<Vec<f32>, BackendError> {
        self.predict(tokens).map(|logits| logits.value)
    }

    fn weights(&self) -> Result<WeightMap, BackendError> {
        let answer = self.worker.ask(&Request::Weights {}, Vec::new(), 4 * self.spec.parameter_count())?;
        match answer.reply {
            Reply::Weights { tensors } => {
                let weights = read_weights(&tensors, &answer.payload);
                let weights = weights.map_err(|error| self.worker.misfit("weights", error))?;
                weights.check_shapes(&self.spec).map_err(|error| self.worker.misfit("weights", error))?;
                Ok(weights)
            }
            other => Err(self.worker.misfit("weights", other)),
        }
    }

    fn state(&self) -> Result<ModelState, BackendError> {
        let answer = self.worker.ask(&Request::State {}, Vec::new(), self.state_bytes)?;
        match answer.reply {
            Reply::State { state } => {
                read_state(&state, &answer.payload).map_err(|error| self.worker.misfit("state", error))
            }
            other => Err(self.worker.misfit("state", other)),
        }
    }

    fn input_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, BackendError> {
        let tokens = batch.tokens();
        let (header, payload) = batch_payload(tokens, batch.labels());
        let bytes = 4 * tokens.tokens().len() as u64;
        let answer = self.worker.ask(&Request::InputGradientNorms { batch: header }, payload, bytes)?;
        match answer.reply {
            Reply::GradientNorms => floats_from_bytes(&answer.payload, tokens.rows() * tokens.time())
                .map(|norms| GradientNorms { norms })
                .map_err(|error| self.worker.misfit("input-gradient-norms", error)),
            other => Err(self.worker.misfit("input-gradient-norms", other)),
        }
    }
}

impl RemoteModel {
    /// A training step, as [`Model::train_batch`], or as [`Model::train_batch_measured`] if `update_norm`.
    pub(in crate::run) fn step(
        &self,
        batch: LabelledBatch<'_>,
        learning_rate: f64,
        update_norm: bool,
    ) -> Result<Timed<StepReport>, BackendError> {
        let (batch, payload) = batch_payload(batch.tokens(), batch.labels());
        let request = Request::TrainBatch { batch, learning_rate, update_norm };
        let answer = self.worker.ask(&request, payload, if update_norm { 24 } else { 16 })?;
        match answer.reply {
            Reply::Step { clipped } => read_report(clipped, &answer.payload, update_norm)
                .map(|value| Timed { value, compute: answer.compute })
                .map_err(|error| self.worker.misfit("train-batch", error)),
            other => Err(self.worker.misfit("train-batch", other)),
        }
    }

    /// Logits, as [`Model::predict_batch`].
    pub(in crate::run) fn predict(&self, tokens: TokenBatch<'_>) -> Result<Timed<Vec<f32>>, BackendError> {
        let (header, payload) = batch_payload(tokens, &[]);
        let bytes = 4 * tokens.rows() as u64;
        let answer = self.worker.ask(&Request::PredictBatch { batch: header }, payload, bytes)?;
        match answer.reply {
            Reply::Logits => floats_from_bytes(&answer.payload, tokens.rows())
                .map(|value| Timed { value, compute: answer.compute })
                .map_err(|error| self.worker.misfit("predict-batch", error)),
            other => Err(self.worker.misfit("predict-batch", other)),
        }
    }
}

/// The request that a header names, for what may be said of it: headers that name none are sent on purpose.
fn request_name(header: &[u8]) -> String {
    let header: Option<serde_json::Value> = serde_json::from_slice(header).ok();
    let name = header.as_ref().and_then(|header| header["request"].as_str());
    name.unwrap_or("a header that names no request").to_owned()
}

/// The failure in the contract's words; [`Worker::failure`] has the whole of it.
fn connection_error(failure: &WorkerFailure) -> BackendError {
    BackendError::new(ErrorKind::Connection, failure.reason())
}
