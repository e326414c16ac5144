//! The wish to stop, which everything that waits can wait for.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

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

    /// A latch that the first SIGINT, SIGTERM or SIGHUP sets. The second one ends the program at once with this code.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn on_signals(code: u8) -> io::Result<Self> {
        let interrupt = Self::new()?;
        let again = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            flag::register_conditional_shutdown(signal, code.into(), Arc::clone(&again))?;
            flag::register(signal, Arc::clone(&again))?;
            low_level::pipe::register(signal, interrupt.pipe.1.try_clone()?)?;
        }
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
        let mut fds = [PollFd::new(&self.pipe.0, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }
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
        interrupt.set();
        interrupt.set();
        assert!(other.is_set() && other.is_set() && interrupt.is_set());
    }
}
