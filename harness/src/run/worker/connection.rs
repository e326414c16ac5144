//! Requests and replies over a worker's pipes, each with a deadline.

use std::io::{self, BufReader, BufWriter};
use std::process::{ChildStdin, ChildStdout};
use std::rc::Rc;
use std::time::{Duration, Instant};

use harness_contract::wire::{Answer, Frame, FrameError, Request, read_reply, understand, write_frame};
use harness_text::{beginning, plain};

use super::failure::WorkerFailure;
use super::waiting::{Cut, SlowObserver, Watch, Watched};
use crate::process::ChildProcess;
use crate::run::Interrupt;

/// Bytes of a reason that are kept: it may quote what a worker sent.
const LONGEST_REASON: usize = 2000;

/// A conversation with a worker. After a failure it stays failed.
#[derive(Debug)]
pub(super) struct Connection {
    process: ChildProcess,
    pipes: Option<Pipes>,
    watch: Rc<Watch>,
    /// Of the next request; the first one, `hello`, is 0.
    number: u32,
    failure: Option<WorkerFailure>,
}

#[derive(Debug)]
struct Pipes {
    requests: BufWriter<Watched<ChildStdin>>,
    replies: BufReader<Watched<ChildStdout>>,
}

impl Connection {
    /// Takes a worker's pipes.
    ///
    /// # Errors
    /// If the pipes were taken before, or the system can't watch them.
    pub(super) fn open(
        mut process: ChildProcess,
        interrupt: Option<Interrupt>,
        observer: Option<SlowObserver>,
    ) -> Result<Self, WorkerFailure> {
        let refused =
            |error: io::Error| WorkerFailure::broken(format!("could not watch its pipes: {error}"), String::new());
        let Some((stdin, stdout)) = process.take_pipes() else {
            return Err(WorkerFailure::broken("its pipes are gone".into(), String::new()));
        };
        let watch = Rc::new(Watch::new(process.end_descriptor().map_err(refused)?, interrupt, observer));
        let pipes = Pipes {
            requests: BufWriter::new(Watched::new(stdin, Rc::clone(&watch)).map_err(refused)?),
            replies: BufReader::with_capacity(1 << 16, Watched::new(stdout, Rc::clone(&watch)).map_err(refused)?),
        };
        Ok(Self { process, pipes: Some(pipes), watch, number: 0, failure: None })
    }

    /// Sends a request and waits for its reply, whose payload has at most so many bytes.
    ///
    /// # Errors
    /// If the worker dies, breaks the wire format or lets the deadline pass, or everything is to stop; it is ended then.
    pub(super) fn ask(
        &mut self,
        request: &Request,
        payload: Vec<u8>,
        largest_reply: u64,
        deadline: Duration,
    ) -> Result<Answer, WorkerFailure> {
        match serde_json::to_vec(request) {
            Ok(header) => self.exchange(request.name(), &Frame { header, payload }, largest_reply, deadline),
            Err(error) => Err(self.fail(format!("could not be asked `{}`: {error}", request.name()))),
        }
    }

    /// Sends a frame as it is, under a name for what may be said of it, and waits for the reply.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) fn exchange(
        &mut self,
        name: &str,
        frame: &Frame,
        largest_reply: u64,
        deadline: Duration,
    ) -> Result<Answer, WorkerFailure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let Some(pipes) = &mut self.pipes else { return Err(self.died(name)) };
        let number = self.number;
        self.number = number.wrapping_add(1);
        let asked = Instant::now();
        let limit = self.watch.begin(name, deadline);
        let answer = write_frame(&mut pipes.requests, number, &frame.header, &frame.payload)
            .and_then(|()| read_reply(&mut pipes.replies, number, largest_reply));
        let frame = match answer {
            Ok(Some(frame)) => frame,
            Ok(None) => return Err(self.died(name)),
            Err(FrameError::Io(error)) => {
                return Err(match Cut::of(&error) {
                    Some(Cut::Deadline) => self.timed_out(name, limit),
                    Some(Cut::Stopped) => self.stopped(),
                    None => self.died(name),
                });
            }
            Err(error) => return Err(self.fail(format!("broke the wire format when asked `{name}`: {error}"))),
        };
        match understand(frame, asked.elapsed()) {
            Ok(answer) => {
                self.watch.answered(name, asked.elapsed());
                Ok(answer)
            }
            Err(error) => Err(self.fail(format!("broke the wire format when asked `{name}`: {error}"))),
        }
    }

    /// Ends the worker for breaking its word, and says so ever after.
    pub(super) fn fail(&mut self, reason: String) -> WorkerFailure {
        self.pipes = None;
        self.process.kill();
        let reason = beginning(&plain(&reason), LONGEST_REASON).into_owned();
        self.failed(WorkerFailure::broken(reason, self.process.last_words()))
    }

    /// How the conversation failed, if it did.
    pub(super) fn failure(&self) -> Option<&WorkerFailure> {
        self.failure.as_ref()
    }

    /// The most memory the worker has held so far, in bytes.
    pub(super) fn peak_memory_bytes(&self) -> Option<u64> {
        self.process.peak_memory_bytes()
    }

    fn died(&mut self, name: &str) -> WorkerFailure {
        self.pipes = None;
        let fate = self.process.end();
        let reason = format!("the backend's process {fate} when asked `{name}`");
        self.failed(WorkerFailure::broken(reason, self.process.last_words()))
    }

    fn timed_out(&mut self, name: &str, deadline: Duration) -> WorkerFailure {
        self.pipes = None;
        self.process.kill();
        let last_words = self.process.last_words();
        self.failed(WorkerFailure::TimedOut { request: name.into(), deadline, last_words })
    }

    fn stopped(&mut self) -> WorkerFailure {
        self.pipes = None;
        self.process.kill();
        self.failed(WorkerFailure::Stopped)
    }

    fn failed(&mut self, failure: WorkerFailure) -> WorkerFailure {
        self.failure = Some(failure.clone());
        failure
    }
}
