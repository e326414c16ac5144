//! A backend's process: in a process group of its own, its stderr drained, ended whatever happens.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use rustix::thread::CpuSet;

use super::locate::WorkerProgram;

/// Lines of stderr that are kept as a worker's last words.
const LAST_LINES: usize = 20;

/// How long a worker may take to end once its stdin is closed.
const GRACE: Duration = Duration::from_secs(5);

/// How a worker failed, as distinct from a request it answered with an error.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerFailure {
    /// It could not be started, died, or broke the wire format.
    Broken {
        /// Why, as a sentence fragment.
        reason: String,
        /// The last lines it wrote to stderr.
        last_words: String,
    },
    /// It did not answer within the deadline, and was ended.
    TimedOut {
        /// The request.
        request: String,
        /// The deadline.
        deadline: Duration,
        /// The last lines it wrote to stderr.
        last_words: String,
    },
}

impl WorkerFailure {
    /// Why, as a sentence fragment, without the worker's last words.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Broken { reason, .. } => reason.clone(),
            Self::TimedOut { request, deadline, .. } => {
                format!("no answer to `{request}` within {} s", deadline.as_secs_f64())
            }
        }
    }

    /// The last lines the worker wrote to stderr.
    #[must_use]
    pub fn last_words(&self) -> &str {
        match self {
            Self::Broken { last_words, .. } | Self::TimedOut { last_words, .. } => last_words,
        }
    }
}

impl fmt::Display for WorkerFailure {
    /// The reason, the worker's last line if it left one, and what to do where that is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason())?;
        if let Some(line) = self.last_words().lines().last() {
            write!(f, ": {line}")?;
        }
        if self.last_words().contains("shared librar") {
            f.write_str("; run `just setup` and `just build`")?;
        }
        Ok(())
    }
}

/// A running worker. Dropping it ends it and everything it started.
#[derive(Debug)]
pub struct WorkerProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<JoinHandle<()>>,
    last_lines: Arc<Mutex<VecDeque<String>>>,
    status: Option<ExitStatus>,
}

impl WorkerProcess {
    /// Starts a worker. Its stderr goes to `log`, if given, and its last lines are kept. Where `cores` names processors, it runs on
    /// those alone.
    ///
    /// # Errors
    /// If the program can't be started.
    pub fn start(program: &WorkerProgram, log: Option<&Path>, cores: Option<&[usize]>) -> io::Result<Self> {
        Self::spawn(Command::new(&program.path), log, cores)
    }

    /// Starts any program as [`Self::start`] does a worker.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn spawn(mut command: Command, log: Option<&Path>, cores: Option<&[usize]>) -> io::Result<Self> {
        let log = log.map(File::create).transpose()?;
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn()?;
        if let Some(cores) = cores {
            let mut set = CpuSet::new();
            cores.iter().for_each(|&core| set.set(core));
            // Threads inherit it, and a worker starts none before its libraries are loaded. A system that refuses
            // leaves the worker on all cores, which costs speed only.
            let _ = rustix::thread::sched_setaffinity(pid_of(&child), &set);
        }
        let last_lines = Arc::new(Mutex::new(VecDeque::new()));
        let stderr = child.stderr.take().map(|stderr| {
            let last_lines = Arc::clone(&last_lines);
            thread::spawn(move || drain(stderr, &last_lines, log))
        });
        Ok(Self { stdin: child.stdin.take(), stdout: child.stdout.take(), child, stderr, last_lines, status: None })
    }

    /// The pipe to the worker and the one from it; each can be taken once.
    pub fn take_pipes(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        Some((self.stdin.take()?, self.stdout.take()?))
    }

    /// The last lines the worker wrote to stderr.
    #[must_use]
    pub fn last_words(&self) -> String {
        let lines = self.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect::<Vec<_>>().join("\n")
    }

    /// The most memory the worker has held so far, in bytes; `None` where the system doesn't tell.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// Waits for the worker to end by itself, its pipes being closed, and ends its process group after a grace period.
    /// Says how it ended: `exited with code 3`, `was ended by signal 6`.
    pub fn end(&mut self) -> String {
        self.stdin = None;
        self.stdout = None;
        let deadline = Instant::now() + GRACE;
        while self.status.is_none() && Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(5)),
                Ok(status) => self.status = status,
                Err(_) => break,
            }
        }
        self.kill();
        self.status.map_or_else(|| "has an unknown fate".to_owned(), describe)
    }

    /// Ends the worker's whole process group at once.
    pub fn kill(&mut self) {
        if let Some(pid) = pid_of(&self.child) {
            // The group may be gone already, which is what is wanted.
            let _ = kill_process_group(pid, Signal::KILL);
        }
        if self.status.is_none() {
            self.status = self.child.wait().ok();
        }
        if let Some(stderr) = self.stderr.take() {
            let _ = stderr.join();
        }
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".into(),
    }
}

/// Reads stderr to its end: a worker whose stderr nobody reads stops at its next line once the pipe is full.
fn drain(stderr: ChildStderr, last_lines: &Mutex<VecDeque<String>>, mut log: Option<File>) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        if let Some(file) = &mut log {
            // A full disk must not stop the draining.
            let _ = file.write_all(&line);
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let mut kept = last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == LAST_LINES {
            kept.pop_front();
        }
        kept.push_back(text);
        drop(kept);
        line.clear();
    }
}
