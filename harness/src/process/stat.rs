//! What the system says of a process.

use std::fs;

/// Of a line of `/proc/PID/stat`, what this program asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Whether it has ended, and only its parent has not asked how.
    pub ended: bool,
    /// Its parent.
    pub(super) parent: i32,
    /// Its process group.
    pub(super) group: i32,
    /// When it was started, in ticks of the system's clock since the machine was: an id that is used again has another time.
    pub started: u64,
}

impl Stat {
    /// Reads it; `None` if there is no such process, or the system hides it.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything. Fields are numbered from 1 in proc_pid_stat(5): the third comes next.
        let fields: Vec<_> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            ended: matches!(field(3)?, "Z" | "X"),
            parent: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            started: field(22)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::process::{getpgrp, getppid};

    use super::*;

    #[test]
    fn a_process_is_seen_until_its_parent_has_asked_how_it_ended() {
        let own = i32::try_from(std::process::id()).unwrap();
        let this = Stat::of(own).unwrap();
        assert_eq!((this.ended, Some(this.group)), (false, Some(getpgrp().as_raw_pid())));
        assert_eq!(Some(this.parent), getppid().map(|parent| parent.as_raw_pid()));
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let before = Stat::of(pid).unwrap();
        assert!(!before.ended && before.parent == own && before.started >= this.started);
        child.kill().unwrap();
        while !Stat::of(pid).unwrap().ended {}
        child.wait().unwrap();
        assert_eq!(Stat::of(pid), None);
    }
}
