//! Processes that a worker started and left behind.

use std::fmt;
use std::fs;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use harness_text::plain;
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal, set_child_subreaper};

use super::child::is_over_within;
use super::stat::Stat;

/// The variable in a process' environment that says by whom it was started, for whatever it starts inherits it.
const VARIABLE: &str = "STUDY_PROCESS";

/// How often the processes are looked through for new ones, each of which could start another.
const ROUNDS: usize = 5;

/// How long processes that were killed are waited for.
const DYING: Duration = Duration::from_secs(1);

/// Whether processes without a parent become this one's.
static ADOPTS: AtomicBool = AtomicBool::new(false);

/// From now on a process whose parent ends becomes this one's, if this one has started it, directly or not; so it is found whatever it has made of its
/// environment. For a program that starts one process at a time: whatever else is its child has been left behind.
pub fn adopt_leftovers() {
    // A system that refuses leaves the environment to tell.
    ADOPTS.store(set_child_subreaper(Some(getpid())).is_ok(), Ordering::Relaxed);
}

/// What all that a process starts, and what those start, has in its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lineage(String);

/// A process that outlived the one that it was started by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leftover {
    /// Its id.
    pid: i32,
    /// The name of its program, as far as the system keeps it.
    name: String,
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (process {})", self.name, self.pid)
    }
}

impl Lineage {
    /// That of everything which this process starts.
    fn of_all() -> &'static Self {
        static ALL: OnceLock<Lineage> = OnceLock::new();
        ALL.get_or_init(|| {
            let began = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
            let own = format!("{}.{began}", std::process::id());
            Self(match std::env::var(VARIABLE) {
                Ok(before) => format!("{before}/{own}"),
                Err(_) => own,
            })
        })
    }

    /// One that no other process has, for a process that is about to be started.
    pub(super) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self(format!("{}/{}", Self::of_all().0, COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// The variable and its value, for the environment of the process.
    pub(super) fn variable(&self) -> (&'static str, &str) {
        (VARIABLE, &self.0)
    }

    /// Ends every process of this lineage that is still there, but for those of the process group `gone`, which has been ended before.
    /// Says which they were.
    pub(super) fn end_leftovers(&self, gone: Option<Pid>) -> Vec<Leftover> {
        let mut ended: Vec<Leftover> = Vec::new();
        let mut dying = Vec::new();
        for _ in 0..ROUNDS {
            let mut found = false;
            for pid in processes() {
                // The descriptor comes first: what is looked at afterwards is of the very process that is ended then.
                let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
                let raw = pid.as_raw_pid();
                let Some(stat) = Stat::of(raw).filter(|stat| !stat.ended) else { continue };
                let adopted = ADOPTS.load(Ordering::Relaxed) && stat.parent == getpid().as_raw_pid();
                if !(adopted || self.covers(raw)) || Some(stat.group) == gone.map(Pid::as_raw_pid) {
                    continue;
                }
                let name = fs::read_to_string(format!("/proc/{raw}/comm")).unwrap_or_default();
                if pidfd_send_signal(&process, Signal::KILL).is_ok() && !ended.iter().any(|known| known.pid == raw) {
                    ended.push(Leftover { pid: raw, name: plain(name.trim_end()).into_owned() });
                    found = true;
                    dying.push(process);
                }
            }
            if !found {
                break;
            }
        }
        // A process that was killed needs the processor once more to end.
        let until = Instant::now() + DYING;
        for process in &dying {
            let _ = is_over_within(process, until.saturating_duration_since(Instant::now()));
        }
        ended
    }

    /// Whether a process was started by this lineage's. One that has ended has no environment.
    fn covers(&self, pid: i32) -> bool {
        let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
        environment.split(|byte| *byte == 0).any(|entry| {
            let value = entry.strip_prefix(VARIABLE.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
            let rest = value.and_then(|value| value.strip_prefix(self.0.as_bytes()));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        })
    }
}

/// Ends every process that this one has started, directly or not: for a program that is about to end at once.
pub fn end_all_started() {
    Lineage::of_all().end_leftovers(None);
}

fn processes() -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|pid| u32::try_from(*pid) != Ok(std::process::id())).filter_map(Pid::from_raw).collect()
}
