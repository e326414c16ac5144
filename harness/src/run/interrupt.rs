//! The wish to stop, which everything that waits can wait for.

use std::fs;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

use crate::process::end_all_started;

/// A latch that many may watch: once set it stays set. Its clones are the same latch.
#[derive(Debug, Clone)]
pub struct Interrupt {
    pipe: Arc<(PipeReader, PipeWriter)>,
}

impl Interrupt {
    /// A latch that is not set.
    ///
    /// # Errors
    /// If the system has no pipe left.
    pub fn new() -> io::Result<Self> {
        Ok(Self { pipe: Arc::new(io::pipe()?) })
    }

    /// A latch that the first SIGINT, SIGTERM or SIGHUP sets. A hangup that whoever started the program had it ignore, as `nohup` does, stays ignored;
    /// an interrupt does not, for shells ignore it for what a script starts in the background. The second signal ends the program at once with this
    /// code, and everything that it has started with it.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn on_signals(code: u8) -> io::Result<Self> {
        let interrupt = Self::new()?;
        let heeded: &[i32] = if ignores_hangup() { &[SIGINT, SIGTERM] } else { &[SIGINT, SIGTERM, SIGHUP] };
        let mut signals = Signals::new(heeded)?;
        let own = interrupt.clone();
        thread::Builder::new().name("signals".into()).spawn(move || {
            let mut incoming = signals.forever();
            if incoming.next().is_some() {
                own.set();
            }
            if incoming.next().is_some() {
                end_all_started();
                low_level::exit(code.into());
            }
        })?;
        Ok(interrupt)
    }

    /// Sets it.
    pub fn set(&self) {
        // Nobody takes out what is in the pipe, and a pipe that is full is as good as one with a byte.
        let _ = (&self.pipe.1).write(&[1]);
    }

    /// Whether it is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.is_set_within(Duration::ZERO)
    }

    /// Whether it is set, or will be before so much time has passed.
    #[must_use]
    pub fn is_set_within(&self, most: Duration) -> bool {
        let start = Instant::now();
        loop {
            let left = most.saturating_sub(start.elapsed());
            match poll(&mut [PollFd::new(&self.pipe.0, PollFlags::IN)], Timespec::try_from(left).ok().as_ref()) {
                // The very signal that sets it may end the waiting before it is set.
                Err(rustix::io::Errno::INTR) => {}
                ready => return ready.is_ok_and(|ready| ready > 0),
            }
        }
    }
}

/// Whether this process ignores SIGHUP; false where the system doesn't tell.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // A bit each, from signal 1 on.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & (1 << (SIGHUP - 1)) != 0)
}

impl AsFd for Interrupt {
    /// Readable once it is set.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latch_stays_set_for_all_who_watch_it() {
        let interrupt = Interrupt::new().unwrap();
        let other = interrupt.clone();
        assert!(!other.is_set());
        assert!(!other.is_set_within(Duration::from_millis(1)));
        interrupt.set();
        interrupt.set();
        assert!(other.is_set() && other.is_set() && interrupt.is_set());
    }
}
