//! A peer's process, which works in chunks at a prompt.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::bench::BenchError;
use crate::run::{LineProcess, NoLine};

/// The repository's root, seen from a build's folder.
const ROOT: &str = "../..";
const PYTHON: &str = "backends/python/.venv/bin/python";
const SCRIPTS: &str = "harness/benches/peers";

/// Where the peers' scripts and their Python are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scripts {
    /// The Python of the real frameworks' environment.
    pub python: PathBuf,
    /// The folder of the scripts.
    pub folder: PathBuf,
}

impl Scripts {
    /// Those that are named, else those of the repository that this program was built in.
    ///
    /// # Errors
    /// If they are not there.
    pub fn locate(python: Option<&Path>, folder: Option<&Path>) -> Result<Self, BenchError> {
        let program = std::env::current_exe().ok();
        let root = program.as_deref().and_then(Path::parent).unwrap_or(Path::new(".")).join(ROOT);
        let python = python.map_or_else(|| root.join(PYTHON), Path::to_path_buf);
        let folder = folder.map_or_else(|| root.join(SCRIPTS), Path::to_path_buf);
        if !python.is_file() {
            return Err(BenchError::NoPython { path: python });
        }
        if !folder.is_dir() {
            return Err(BenchError::NoScripts { path: folder });
        }
        Ok(Self { python, folder })
    }

    /// A script with its Python, to be given arguments.
    #[must_use]
    pub fn command(&self, script: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(self.folder.join(script));
        command
    }
}

/// A running peer. Dropping it ends it.
#[derive(Debug)]
pub(super) struct PeerProcess {
    process: LineProcess,
    deadline: Duration,
}

impl PeerProcess {
    /// Starts a peer and waits until it is ready; gives it with its libraries' versions by name.
    ///
    /// # Errors
    /// If it can't be started, ends, or says anything else, as a sentence fragment.
    pub(super) fn start(command: Command, deadline: Duration) -> Result<(Self, Map<String, Value>), String> {
        let process = LineProcess::start(command, None, None).map_err(|error| error.to_string())?;
        let mut peer = Self { process, deadline };
        let mut answer = peer.answer("its start")?;
        match answer.remove("ready") {
            Some(Value::Object(versions)) => Ok((peer, versions)),
            _ => Err("it did not say that it is ready".into()),
        }
    }

    /// The seconds that a chunk of `count` takes: training steps for `train`, reviews for `predict`.
    ///
    /// # Errors
    /// If it ends, does not answer in time, or answers with an error.
    pub(super) fn chunk(&mut self, work: &str, count: usize) -> Result<f64, String> {
        let request = format!("{work} {count}");
        self.process.write(&request, self.deadline).map_err(|failure| self.failed(&failure, &request))?;
        let answer = self.answer(&request)?;
        match answer.get("seconds").and_then(Value::as_f64) {
            Some(seconds) if seconds.is_finite() && seconds > 0.0 => Ok(seconds),
            _ => Err(format!("its answer to `{request}` has no seconds")),
        }
    }

    /// The most memory it has held so far, in bytes.
    pub(super) fn peak_memory_bytes(&mut self) -> Option<u64> {
        self.process.process().peak_memory_bytes()
    }

    fn answer(&mut self, request: &str) -> Result<Map<String, Value>, String> {
        let line = self.process.read(self.deadline).map_err(|failure| self.failed(&failure, request))?;
        match serde_json::from_str::<Map<String, Value>>(&line) {
            Ok(answer) => match answer.get("error").and_then(Value::as_str) {
                Some(error) => Err(error.to_owned()),
                None => Ok(answer),
            },
            Err(_) => Err(format!("it answered {request} with `{line}`")),
        }
    }

    fn failed(&mut self, failure: &NoLine, request: &str) -> String {
        if matches!(failure, NoLine::Deadline) {
            self.process.process().kill();
            return format!("no answer to {request} within {} s", self.deadline.as_secs_f64());
        }
        let fate = self.process.end();
        match self.process.process().last_words().lines().last() {
            Some(line) => format!("it {fate} at {request}: {line}"),
            None => format!("it {fate} at {request}"),
        }
    }
}
