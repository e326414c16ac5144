//! The loop that turns a [`Backend`] into an executable.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::process::ExitCode;
use std::time::Instant;

use crate::backend::{Backend, Model};
use crate::checked::{build_checked, resume_checked};
use crate::error::{BackendError, ErrorKind};
use crate::wire::{
    Frame, PROTOCOL_VERSION, Reply, ReplyFrame, Request, check_empty, floats_to_bytes, read_batch, read_request,
    read_state, read_weights, report_payload, state_payload, weights_payload, write_frame,
};

/// Serves a backend on this process' stdin and stdout until stdin ends: the whole `main` of a backend's executable.
///
/// The streams are taken first: from then on file descriptor 1 leads to stderr and descriptor 0 to nothing, because native
/// libraries print and read as they please. `make` runs after that. Where it fails, the process says why on stderr
/// and ends with code 1, which the harness reports as a backend that can't be started.
pub fn serve<B: Backend>(make: impl FnOnce() -> Result<B, BackendError>) -> ExitCode {
    match take_streams().map_err(|error| error.to_string()).and_then(|(input, output)| {
        let mut backend = make().map_err(|error| error.to_string())?;
        serve_on(&mut backend, BufReader::new(input), BufWriter::new(output)).map_err(|error| error.to_string())
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // The harness keeps the tail of stderr for its report; if even that is gone there is nobody to tell.
            let _ = writeln!(io::stderr(), "{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Serves a backend on any pair of streams until the input ends.
///
/// # Errors
/// A stream that fails, a frame that is truncated or over the cap: after these nothing on the stream can be trusted.
pub fn serve_on(
    backend: &mut dyn Backend,
    mut input: impl Read,
    mut output: impl Write,
) -> Result<(), crate::wire::FrameError> {
    let mut session = Session::new(backend);
    while let Some((number, frame)) = read_request(&mut input)? {
        let (answer, payload) = session.answer(&frame);
        let header = serde_json::to_vec(&answer).map_err(io::Error::from)?;
        write_frame(&mut output, number, &header, &payload)?;
        if matches!(answer.reply, Reply::Hello { info: None, .. }) {
            break;
        }
    }
    Ok(())
}

/// A backend in conversation: what it has been asked so far, without the streams.
pub struct Session<'a> {
    backend: &'a mut dyn Backend,
    model: Option<Box<dyn Model>>,
    greeted: bool,
}

impl<'a> Session<'a> {
    /// A conversation that has not begun.
    pub fn new(backend: &'a mut dyn Backend) -> Self {
        Self { backend, model: None, greeted: false }
    }

    /// The answer to a frame with its payload. After a `hello` without `info` the conversation is over.
    pub fn answer(&mut self, frame: &Frame) -> (ReplyFrame, Vec<u8>) {
        let mut compute_ns = 0;
        let (reply, payload) = match self.carry_out(frame, &mut compute_ns) {
            Ok(answer) => answer,
            Err(mut error) => {
                shorten(&mut error.message);
                (error.into(), Vec::new())
            }
        };
        (ReplyFrame { compute_ns, reply }, payload)
    }

    fn carry_out(&mut self, frame: &Frame, compute_ns: &mut u64) -> Result<(Reply, Vec<u8>), BackendError> {
        let request = Request::read(&frame.header).map_err(|error| {
            BackendError::new(ErrorKind::Request, format!("the request can't be understood: {error}"))
        })?;
        if !self.greeted && !matches!(request, Request::Hello { .. }) {
            return Err(BackendError::new(ErrorKind::Request, "the first request must be `hello`"));
        }
        match request {
            Request::Hello { protocol } => {
                check_empty(&frame.payload)?;
                self.greeted = protocol == PROTOCOL_VERSION;
                let info = self.greeted.then(|| Box::new(self.backend.describe()));
                Ok((Reply::Hello { protocol: PROTOCOL_VERSION, info }, Vec::new()))
            }
            Request::Build { spec, tensors } => {
                // The model before goes first, so that two never share the memory and a refused build leaves none.
                self.model = None;
                let weights = read_weights(&tensors, &frame.payload)?;
                let model = timed(compute_ns, || build_checked(self.backend, &spec, &weights))?;
                self.model = Some(model);
                Ok((Reply::Done, Vec::new()))
            }
            Request::TrainBatch { batch, learning_rate, update_norm } => {
                let parts = read_batch(batch, &frame.payload, true)?;
                let batch = parts.labelled()?;
                let model = self.model()?;
                let report = timed(compute_ns, || match update_norm {
                    true => model.train_batch_measured(batch, learning_rate),
                    false => model.train_batch(batch, learning_rate),
                })?;
                Ok((Reply::Step { clipped: report.clipped }, report_payload(&report)))
            }
            Request::PredictBatch { batch } => {
                let parts = read_batch(batch, &frame.payload, false)?;
                let tokens = parts.tokens()?;
                let model = self.model()?;
                let logits = timed(compute_ns, || model.predict_batch(tokens))?;
                Ok((Reply::Logits, floats_to_bytes(&logits)))
            }
            Request::Weights {} => {
                check_empty(&frame.payload)?;
                let model = self.model()?;
                let weights = timed(compute_ns, || model.weights())?;
                let (tensors, payload) = weights_payload(&weights);
                Ok((Reply::Weights { tensors }, payload))
            }
            Request::InputGradientNorms { batch } => {
                let parts = read_batch(batch, &frame.payload, true)?;
                let batch = parts.labelled()?;
                let model = self.model()?;
                let norms = timed(compute_ns, || model.input_gradient_norms(batch))?;
                Ok((Reply::GradientNorms, floats_to_bytes(&norms.norms)))
            }
            Request::State {} => {
                check_empty(&frame.payload)?;
                let model = self.model()?;
                let state = timed(compute_ns, || model.state())?;
                let (state, payload) = state_payload(&state);
                Ok((Reply::State { state }, payload))
            }
            Request::Resume { spec, state } => {
                self.model = None;
                let state = read_state(&state, &frame.payload)?;
                let model = timed(compute_ns, || resume_checked(self.backend, &spec, &state))?;
                self.model = Some(model);
                Ok((Reply::Done, Vec::new()))
            }
        }
    }

    fn model(&mut self) -> Result<&mut dyn Model, BackendError> {
        match &mut self.model {
            Some(model) => Ok(model.as_mut()),
            None => Err(BackendError::new(ErrorKind::Request, "no model has been built yet")),
        }
    }
}

/// Cuts a message that quotes much of what it is about, for a reply must fit its frame whatever was asked.
fn shorten(message: &mut String) {
    const MOST: usize = 2000;
    if message.len() > MOST {
        let end = (0..=MOST).rev().find(|&at| message.is_char_boundary(at)).unwrap_or(0);
        message.truncate(end);
        message.push_str(" ...");
    }
}

fn timed<T>(nanoseconds: &mut u64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    result
}

/// Keeps the pipe for ourselves and gives the native libraries nothing to write into or read from.
fn take_streams() -> io::Result<(File, File)> {
    let input = File::from(rustix::io::dup(rustix::stdio::stdin())?);
    let output = File::from(rustix::io::dup(rustix::stdio::stdout())?);
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok((input, output))
}
