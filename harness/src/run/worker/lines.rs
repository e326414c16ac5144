//! A process that is spoken to in lines.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command};
use std::rc::Rc;
use std::time::Duration;

use super::waiting::{Cut, Watch, Watched};
use crate::process::ChildProcess;
use crate::run::Interrupt;

/// Bytes that a line may have.
const LONGEST_LINE: usize = 64 << 20;

/// A process whose stdin and stdout are lines of text. Waiting for one ends with its deadline, with the process, or with an interrupt.
#[derive(Debug)]
pub struct LineProcess {
    process: ChildProcess,
    stdin: Option<Watched<ChildStdin>>,
    stdout: BufReader<Watched<ChildStdout>>,
    watch: Rc<Watch>,
    partial: Vec<u8>,
}

/// Why there is no line.
#[derive(Debug)]
pub enum NoLine {
    /// The process has ended or closed its stdout.
    Ended,
    /// None came within the deadline.
    Deadline,
    /// Everything is to stop.
    Interrupted,
}

impl LineProcess {
    /// Starts a program as [`ChildProcess::start`] does.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(command: Command, log: Option<&Path>, interrupt: Option<Interrupt>) -> io::Result<Self> {
        let mut process = ChildProcess::start(command, log, None)?;
        let Some((stdin, stdout)) = process.take_pipes() else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let watch = Rc::new(Watch::new(process.end_descriptor()?, interrupt, None));
        let stdin = Watched::new(stdin, Rc::clone(&watch))?;
        let stdout = BufReader::new(Watched::new(stdout, Rc::clone(&watch))?);
        Ok(Self { process, stdin: Some(stdin), stdout, watch, partial: Vec::new() })
    }

    /// Writes a line.
    ///
    /// # Errors
    /// Why it could not be written.
    pub fn write(&mut self, line: &str, deadline: Duration) -> Result<(), NoLine> {
        self.watch.begin(line, deadline);
        let Some(stdin) = &mut self.stdin else { return Err(NoLine::Ended) };
        stdin.write_all(format!("{line}\n").as_bytes()).map_err(|error| NoLine::of(&error))
    }

    /// Waits for the next line, without its end.
    ///
    /// # Errors
    /// Why there is none. What has come of a line so far is kept for the next call.
    pub fn read(&mut self, deadline: Duration) -> Result<String, NoLine> {
        self.watch.begin("a line", deadline);
        loop {
            let available = self.stdout.fill_buf().map_err(|error| NoLine::of(&error))?;
            if available.is_empty() {
                return Err(NoLine::Ended);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            self.partial.extend_from_slice(&available[..taken]);
            self.stdout.consume(taken);
            if self.partial.len() > LONGEST_LINE {
                return Err(NoLine::Ended);
            }
            if end.is_some() {
                let line = std::mem::take(&mut self.partial);
                return Ok(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned());
            }
        }
    }

    /// From now on waiting goes on whatever is to stop.
    pub fn ignore_interrupt(&self) {
        self.watch.ignore_interrupt();
    }

    /// The process itself.
    pub fn process(&mut self) -> &mut ChildProcess {
        &mut self.process
    }

    /// As [`ChildProcess::end`], its stdin being closed.
    pub fn end(&mut self) -> String {
        self.stdin = None;
        self.process.end()
    }
}

impl NoLine {
    fn of(error: &io::Error) -> Self {
        match Cut::of(error) {
            Some(Cut::Deadline) => Self::Deadline,
            Some(Cut::Stopped) => Self::Interrupted,
            None => Self::Ended,
        }
    }
}
