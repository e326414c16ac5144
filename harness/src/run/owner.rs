//! Who holds a claim, and whether it is still there.

use std::fmt;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use harness_text::plain;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::slurm::{SlurmTask, Word};
use crate::process::Stat;

/// A process that works on something, as its claim has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Owner {
    /// The claim's own number, 16 hexadecimal digits: no two are alike.
    pub(super) number: String,
    /// The machine's name.
    pub(super) host: String,
    /// What tells it from others of that name, where it has that.
    pub(super) machine: Option<String>,
    /// That of the machine's start.
    pub(super) boot: Option<String>,
    /// In which processes are numbered: a container has its own.
    pub(super) pid_namespace: Option<String>,
    /// The process.
    pub(super) pid: i32,
    /// When it was started, in ticks since the machine was.
    pub(super) started: u64,
    /// How it was called.
    pub(super) command: String,
    /// The Slurm task that it is part of.
    pub(super) task: Option<SlurmTask>,
}

/// What is known of an owner.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is there.
    AtWork,
    /// It is not there any more.
    Gone,
    /// That can't be known, and why.
    Unknown(String),
}

impl Owner {
    /// This process, with a number that no claim had before.
    pub(super) fn this() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let pid = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
        let words = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>();
        let mut own = Self {
            number: String::new(),
            host: said("/proc/sys/kernel/hostname").unwrap_or_else(|| "unknown".into()),
            machine: said("/etc/machine-id"),
            boot: said("/proc/sys/kernel/random/boot_id"),
            pid_namespace: fs::read_link("/proc/self/ns/pid").ok().map(|name| name.to_string_lossy().into_owned()),
            pid,
            started: Stat::of(pid).map_or(0, |stat| stat.started),
            command: words.join(" "),
            task: SlurmTask::this(),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::digest(format!("{own:?} {now} {count}"));
        own.number = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        own
    }

    /// What this process knows of another.
    pub(super) fn knows_of(&self, other: &Self) -> Standing {
        match self.sees(other) {
            Standing::Unknown(reason) => match &other.task {
                Some(task) => match task.word(self.task.as_ref()) {
                    Word::Gone => Standing::Gone,
                    Word::There => Standing::AtWork,
                    Word::None(why) => Standing::Unknown(format!("{reason}, and {why}")),
                },
                None => Standing::Unknown(reason),
            },
            known => known,
        }
    }

    /// What it sees of another on its own machine.
    fn sees(&self, other: &Self) -> Standing {
        if (&self.host, &self.machine) != (&other.host, &other.machine) {
            return Standing::Unknown("it is on another machine".into());
        }
        if self.boot.is_none() || other.boot.is_none() {
            return Standing::Unknown("this system doesn't say when it was started".into());
        }
        if self.boot != other.boot {
            return Standing::Gone;
        }
        if self.pid_namespace != other.pid_namespace {
            return Standing::Unknown("it is in another container".into());
        }
        let Some(pid) = Some(other.pid).filter(|pid| *pid > 0).and_then(Pid::from_raw) else {
            return Standing::Unknown("its process has no number that can be".into());
        };
        match (test_kill_process(pid), Stat::of(other.pid)) {
            (Err(Errno::SRCH), _) => Standing::Gone,
            (_, Some(stat)) if stat.ended || stat.started != other.started => Standing::Gone,
            _ => Standing::AtWork,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} (`{}`) on {}", self.pid, plain(&self.command), plain(&self.host))?;
        self.task.as_ref().map_or(Ok(()), |task| write!(f, " in {task}"))
    }
}

/// What a file of one line says, unless that is nothing.
fn said(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn no_two_claims_of_a_process_have_one_number() {
        let (one, other) = (Owner::this(), Owner::this());
        assert_ne!(one.number, other.number);
        assert_eq!(one.number.len(), 16);
        assert_eq!(one.knows_of(&other), Standing::AtWork);
    }

    #[test]
    fn a_process_of_this_machine_is_gone_when_it_has_ended_or_its_number_is_another_s() {
        let own = Owner::this();
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let at_work = Owner { pid, started: Stat::of(pid).unwrap().started, ..own.clone() };
        assert_eq!(own.knows_of(&at_work), Standing::AtWork);
        assert_eq!(own.knows_of(&Owner { started: at_work.started - 1, ..at_work.clone() }), Standing::Gone);
        child.kill().unwrap();
        while !Stat::of(pid).unwrap().ended {}
        assert_eq!(own.knows_of(&at_work), Standing::Gone, "its parent has not asked how it ended");
        child.wait().unwrap();
        assert_eq!(own.knows_of(&at_work), Standing::Gone);
        assert_eq!(own.knows_of(&Owner { boot: Some("another".into()), ..own.clone() }), Standing::Gone);
    }

    #[test]
    fn of_another_machine_or_container_nothing_is_known_without_slurm() {
        let own = Owner { task: None, ..Owner::this() };
        let elsewhere = [
            Owner { host: "elsewhere".into(), ..own.clone() },
            Owner { machine: Some("another".into()), ..own.clone() },
            Owner { pid_namespace: Some("pid:[1]".into()), ..own.clone() },
            Owner { boot: None, ..own.clone() },
            Owner { pid: 0, ..own.clone() },
        ];
        for other in elsewhere {
            assert!(matches!(own.knows_of(&other), Standing::Unknown(_)), "{other:?}");
        }
    }
}
