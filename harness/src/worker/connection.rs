//! Requests and replies over a worker's pipes, each with a deadline.

use std::io::{BufReader, BufWriter};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use harness_contract::wire::{Answer, Frame, FrameError, Request, read_reply, understand, write_frame};

use super::process::{WorkerFailure, WorkerProcess};

/// A request on its way.
#[derive(Debug)]
struct Outgoing {
    number: u32,
    frame: Frame,
    /// The most bytes that the reply's payload may have.
    largest_reply: u64,
}

/// A conversation with a worker. After a failure it stays failed.
#[derive(Debug)]
pub struct Connection {
    process: WorkerProcess,
    requests: Option<Sender<Outgoing>>,
    /// Of the next request; the first one, `hello`, is 0.
    number: u32,
    replies: Receiver<Result<Frame, FrameError>>,
    failure: Option<WorkerFailure>,
}

impl Connection {
    /// Takes a worker's pipes. One thread writes each request and reads its reply, so that a worker that stops reading can be given a
    /// deadline like one that stops answering.
    ///
    /// # Errors
    /// If the pipes were taken before.
    pub fn open(mut process: WorkerProcess) -> Result<Self, WorkerFailure> {
        let Some((stdin, stdout)) = process.take_pipes() else {
            return Err(WorkerFailure::Broken { reason: "its pipes are gone".into(), last_words: String::new() });
        };
        let (requests, outgoing) = channel();
        let (incoming, replies) = channel();
        thread::spawn(move || converse(stdin, stdout, &outgoing, &incoming));
        Ok(Self { process, requests: Some(requests), number: 0, replies, failure: None })
    }

    /// Sends a request and waits for its reply, whose payload has at most so many bytes.
    ///
    /// # Errors
    /// If the worker dies, breaks the wire format or lets the deadline pass; it is ended then.
    pub fn ask(
        &mut self,
        request: &Request,
        payload: Vec<u8>,
        largest_reply: u64,
        deadline: Duration,
    ) -> Result<Answer, WorkerFailure> {
        match serde_json::to_vec(request) {
            Ok(header) => self.exchange(request.name(), Frame { header, payload }, largest_reply, deadline),
            Err(error) => Err(self.fail(format!("could not be asked `{}`: {error}", request.name()))),
        }
    }

    /// Sends a frame as it is, under a name for what may be said of it, and waits for the reply.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn exchange(
        &mut self,
        name: &str,
        frame: Frame,
        largest_reply: u64,
        deadline: Duration,
    ) -> Result<Answer, WorkerFailure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let outgoing = Outgoing { number: self.number, frame, largest_reply };
        self.number = self.number.wrapping_add(1);
        let asked = Instant::now();
        let sent = self.requests.as_ref().is_some_and(|requests| requests.send(outgoing).is_ok());
        if !sent {
            return Err(self.died(name));
        }
        match self.replies.recv_timeout(deadline) {
            Ok(Ok(frame)) => match understand(frame, asked.elapsed()) {
                Ok(answer) => Ok(answer),
                Err(error) => Err(self.fail(format!("broke the wire format when asked `{name}`: {error}"))),
            },
            Ok(Err(FrameError::Io(_))) | Err(RecvTimeoutError::Disconnected) => Err(self.died(name)),
            Ok(Err(error)) => Err(self.fail(format!("broke the wire format when asked `{name}`: {error}"))),
            Err(RecvTimeoutError::Timeout) => {
                self.requests = None;
                self.process.kill();
                let failure =
                    WorkerFailure::TimedOut { request: name.into(), deadline, last_words: self.process.last_words() };
                self.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    /// Ends the worker for breaking its word, and says so ever after.
    pub fn fail(&mut self, reason: String) -> WorkerFailure {
        self.requests = None;
        self.process.kill();
        let failure = WorkerFailure::Broken { reason, last_words: self.process.last_words() };
        self.failure = Some(failure.clone());
        failure
    }

    /// How the conversation failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&WorkerFailure> {
        self.failure.as_ref()
    }

    /// The most memory the worker has held so far, in bytes.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        self.process.peak_memory_bytes()
    }

    fn died(&mut self, name: &str) -> WorkerFailure {
        self.requests = None;
        let fate = self.process.end();
        let failure = WorkerFailure::Broken {
            reason: format!("the backend's process {fate} when asked `{name}`"),
            last_words: self.process.last_words(),
        };
        self.failure = Some(failure.clone());
        failure
    }
}

fn converse(
    stdin: ChildStdin,
    stdout: ChildStdout,
    outgoing: &Receiver<Outgoing>,
    incoming: &Sender<Result<Frame, FrameError>>,
) {
    let mut writer = BufWriter::new(stdin);
    let mut reader = BufReader::with_capacity(1 << 16, stdout);
    while let Ok(Outgoing { number, frame, largest_reply }) = outgoing.recv() {
        let answer = write_frame(&mut writer, number, &frame.header, &frame.payload)
            .and_then(|()| read_reply(&mut reader, number, largest_reply))
            .transpose();
        // Without an answer the worker has closed its end: dropping `incoming` says so.
        let Some(answer) = answer else { return };
        let broken = answer.is_err();
        if incoming.send(answer).is_err() || broken {
            return;
        }
    }
}
