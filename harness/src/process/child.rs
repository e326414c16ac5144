//! A process that the harness starts: in a process group of its own, its stderr read, ended whatever happens.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, getppid, kill_process_group, pidfd_open, set_parent_process_death_signal,
};
use rustix::thread::{CpuSet, sched_setaffinity};

use super::last_words::LastWords;
use super::leftovers::{Leftover, Lineage};

/// How long a process may take to end once its stdin is closed.
const GRACE: Duration = Duration::from_secs(5);

/// How long a process that was killed is waited for: one that the system can't end yet, because its disk doesn't answer, ends later.
const KILLED: Duration = Duration::from_secs(5);

/// How long the end of its stderr is waited for once it has ended, if another process holds that open.
const DRAIN: Duration = Duration::from_secs(1);

/// A running process. Dropping it ends it and everything it started.
#[derive(Debug)]
pub struct ChildProcess {
    child: Child,
    /// Readable once the process has ended.
    end: OwnedFd,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    last_words: Option<LastWords>,
    lineage: Lineage,
    status: Option<ExitStatus>,
    killed: bool,
    /// Ends once all of its stdout has been passed on, where it is.
    drained: Option<Receiver<()>>,
    leftovers: Vec<Leftover>,
}

impl ChildProcess {
    /// Starts a program. Its stderr goes to `log`, if given, and the beginning and the end of it are kept. Where `cores` names processors, it
    /// runs on those alone. It dies with the thread that starts it.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(mut command: Command, log: Option<&Path>, cores: Option<&[usize]>) -> io::Result<Self> {
        let log = log.map(File::create).transpose()?;
        let lineage = Lineage::new();
        let (name, value) = lineage.variable();
        command.env(name, value);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        prepare_child(&mut command, cores);
        let mut child = command.spawn()?;
        let end =
            match pid_of(&child).ok_or(rustix::io::Errno::SRCH).and_then(|pid| pidfd_open(pid, PidfdFlags::empty())) {
                Ok(end) => end,
                Err(error) => {
                    child.kill()?;
                    child.wait()?;
                    return Err(error.into());
                }
            };
        let last_words = child.stderr.take().map(|stderr| LastWords::read(stderr, log));
        Ok(Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            child,
            end,
            last_words,
            lineage,
            status: None,
            killed: false,
            drained: None,
            leftovers: Vec::new(),
        })
    }

    /// The pipe to the process and the one from it; each can be taken once.
    pub fn take_pipes(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        Some((self.stdin.take()?, self.stdout.take()?))
    }

    /// A descriptor that is readable once the process has ended.
    ///
    /// # Errors
    /// If the system has none left.
    pub fn end_descriptor(&self) -> io::Result<OwnedFd> {
        self.end.try_clone()
    }

    /// What it wrote to stderr, the beginning and the end of it, as people may read it.
    #[must_use]
    pub fn last_words(&self) -> String {
        self.last_words.as_ref().map_or_else(String::new, LastWords::text)
    }

    /// The most memory it has held so far, in bytes; `None` where the system doesn't tell.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// Waits for it to end by itself, its pipes being closed, and ends it after a grace period. Says how it ended, and what it left behind:
    /// `exited with code 3`, `was ended by signal 6 and left `sleep` (process 71) behind`.
    pub fn end(&mut self) -> String {
        self.stdin = None;
        self.stdout = None;
        let _ = self.wait(GRACE);
        self.kill();
        let fate = self.status.map_or_else(|| "has an unknown fate".to_owned(), describe);
        if self.leftovers.is_empty() {
            return fate;
        }
        let left: Vec<_> = self.leftovers.iter().map(ToString::to_string).collect();
        format!("{fate} and left {} behind", left.join(", "))
    }

    /// Closes its stdin, and passes on what it writes to stdout, in a thread of its own. A reader that has had enough is no reason to stop what is written.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn drain(&mut self, mut into: impl Write + Send + 'static) -> io::Result<()> {
        self.stdin = None;
        let Some(mut stdout) = self.stdout.take() else { return Ok(()) };
        let (passed, all) = channel::<()>();
        thread::Builder::new().name("stdout".into()).spawn(move || {
            if io::copy(&mut stdout, &mut into).is_err() {
                let _ = io::copy(&mut stdout, &mut io::sink());
            }
            drop(passed);
        })?;
        self.drained = Some(all);
        Ok(())
    }

    /// Waits until it has ended, but no longer than this. Says whether it has.
    #[must_use]
    pub fn wait(&self, most: Duration) -> bool {
        is_over_within(&self.end, most)
    }

    /// Ends it, unless it has ended by itself, and what it has started. Gives how it ended, `None` if not by itself.
    pub fn finish(&mut self) -> Option<ExitStatus> {
        let ended = self.wait(Duration::ZERO);
        self.kill();
        if let Some(all) = self.drained.take() {
            // The thread sends nothing; its end is what is waited for.
            let _ = all.recv_timeout(DRAIN);
        }
        self.status.filter(|_| ended)
    }

    /// Closes its stdin, passes on what it writes to stdout, and waits for it to end by itself for so long at most; then it is ended. Gives how it ended,
    /// `None` if not by itself.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn follow(&mut self, into: impl Write + Send + 'static, most: Duration) -> io::Result<Option<ExitStatus>> {
        self.drain(into)?;
        // Either way it is over.
        let _ = self.wait(most);
        Ok(self.finish())
    }

    /// Sends its process group a signal, unless it has ended.
    pub fn signal(&self, signal: Signal) {
        if let (false, Some(group)) = (self.killed, pid_of(&self.child)) {
            // The group may be gone already.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Ends its whole process group at once, and whatever it started outside of that.
    pub fn kill(&mut self) {
        let group = pid_of(&self.child);
        if !self.killed {
            self.killed = true;
            if let Some(group) = group {
                // The group may be gone already, which is what is wanted.
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = self.wait(KILLED);
            self.status = self.child.try_wait().ok().flatten();
            self.leftovers = self.lineage.end_leftovers(group);
        }
        if let Some(last_words) = &self.last_words {
            last_words.wait(DRAIN);
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What the child does before it becomes the program: it binds itself to its processors and its life to that of the thread that starts it.
fn prepare_child(command: &mut Command, cores: Option<&[usize]>) {
    let harness = getpid();
    let set = cores.map(|cores| {
        let mut set = CpuSet::new();
        cores.iter().for_each(|&core| set.set(core));
        set
    });
    let prepare = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // Whose parent died before that would live for ever.
        if getppid() != Some(harness) {
            return Err(rustix::io::Errno::SRCH.into());
        }
        if let Some(set) = &set {
            // A system that refuses leaves it on all cores, which costs speed only.
            let _ = sched_setaffinity(None, set);
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure does nothing but three system calls; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(prepare) };
}

/// Waits until the process that a pidfd stands for has ended, but no longer than this. Says whether it has.
pub(super) fn is_over_within(process: &OwnedFd, most: Duration) -> bool {
    let start = Instant::now();
    loop {
        let left = most.saturating_sub(start.elapsed());
        match poll(&mut [PollFd::new(process, PollFlags::IN)], Timespec::try_from(left).ok().as_ref()) {
            Ok(ready) => return ready > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
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
