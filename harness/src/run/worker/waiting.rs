//! Waiting for a worker: for its pipe, its end and the wish to stop, all at once and never without limit.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::run::Interrupt;

/// How long one wait lasts at most. What takes longer than two of them was not waited for by a harness that was awake.
const TICK: Duration = Duration::from_secs(1);

/// How long a request is waited for before it is said, or half of its limit if that is shorter.
const SILENCE: Duration = Duration::from_secs(60);

/// Answers of one kind from which on its limit follows from them.
const ENOUGH: usize = 20;

/// How many times the longest answer so far a request may take.
const PATIENT: u32 = 100;

/// How far the limit that follows from earlier answers may lie below (half) and above (tenfold) the one that was set.
const LEAST: u32 = 2;
const MOST: u32 = 10;

/// How many times longer than usual a request takes before that is said.
const SLOW: u32 = 5;

/// Answers of one kind that the usual time is taken from.
const REMEMBERED: usize = 101;

/// A request that has been waited for longer than what is usual for its kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Slow {
    /// The request's name.
    pub request: String,
    /// How long it has been waited for.
    pub waited: Duration,
    /// The median of the answers to requests of this name so far; `None` if it is the first.
    pub usual: Option<Duration>,
}

/// Is told of slow requests.
pub type SlowObserver = Rc<dyn Fn(Slow)>;

/// Why a wait ended before what was waited for was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cut {
    /// The deadline has passed.
    #[error("the deadline has passed")]
    Deadline,
    /// Everything is to stop.
    #[error("interrupted")]
    Stopped,
}

impl Cut {
    /// What stands behind an error of a [`Watched`] pipe.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref()).copied()
    }
}

/// How long answers took, by the kind of request.
#[derive(Debug, Default)]
pub(super) struct History {
    kinds: Vec<(String, VecDeque<Duration>)>,
}

impl History {
    /// Notes how long an answer took.
    pub(super) fn note(&mut self, request: &str, took: Duration) {
        let place = self.kinds.iter().position(|(name, _)| name == request).unwrap_or_else(|| {
            self.kinds.push((request.to_owned(), VecDeque::new()));
            self.kinds.len() - 1
        });
        let times = &mut self.kinds[place].1;
        if times.len() == REMEMBERED {
            times.pop_front();
        }
        times.push_back(took);
    }

    fn times(&self, request: &str) -> Option<&VecDeque<Duration>> {
        self.kinds.iter().find(|(name, _)| name == request).map(|(_, times)| times)
    }

    /// The median of the latest answers.
    fn usual(&self, request: &str) -> Option<Duration> {
        let mut times: Vec<_> = self.times(request)?.iter().copied().collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }

    /// How long a request may take: `set`, until enough of its kind were answered; then a hundred times the longest of the latest answers, but no less
    /// than half and no more than ten times of `set`.
    fn limit(&self, request: &str, set: Duration) -> Duration {
        match self.times(request).filter(|times| times.len() >= ENOUGH).and_then(|times| times.iter().max()) {
            Some(longest) => longest.saturating_mul(PATIENT).clamp(set / LEAST, set.saturating_mul(MOST)),
            None => set,
        }
    }
}

/// What is left of the patience with one request. Time counts only while the harness is awake: a machine that slept or a harness that was
/// stopped has not waited.
#[derive(Debug)]
struct Patience {
    request: String,
    limit: Duration,
    waited: Duration,
    told: bool,
}

impl Patience {
    /// The length of the next wait.
    fn tick(&self) -> Duration {
        self.limit.saturating_sub(self.waited).min(TICK)
    }

    /// Counts a wait that was to last for `tick`.
    fn count(&mut self, tick: Duration, passed: Duration) {
        self.waited += if passed > tick + 2 * TICK { tick } else { passed };
    }

    /// Whether this is the moment to say that it takes long.
    fn is_slow(&self, usual: Option<Duration>) -> bool {
        !self.told && self.waited >= SILENCE.min(self.limit / 2) && usual.is_none_or(|usual| self.waited > SLOW * usual)
    }
}

/// What is watched while a worker is waited for.
pub(super) struct Watch {
    process: OwnedFd,
    interrupt: Option<Interrupt>,
    heeds_interrupt: Cell<bool>,
    observer: Option<SlowObserver>,
    patience: RefCell<Patience>,
    history: RefCell<History>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("process", &self.process)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// What came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ready {
    Pipe,
    ProcessEnded,
}

impl Watch {
    /// Watches a process by its descriptor, and the wish to stop.
    pub(super) fn new(process: OwnedFd, interrupt: Option<Interrupt>, observer: Option<SlowObserver>) -> Self {
        let patience = Patience { request: String::new(), limit: Duration::ZERO, waited: Duration::ZERO, told: false };
        Self {
            process,
            interrupt,
            heeds_interrupt: Cell::new(true),
            observer,
            patience: RefCell::new(patience),
            history: RefCell::default(),
        }
    }

    /// Begins to wait for the answer to a request, for as long as was set or what earlier answers make of that. Gives how long.
    pub(super) fn begin(&self, request: &str, set: Duration) -> Duration {
        let limit = self.history.borrow().limit(request, set);
        *self.patience.borrow_mut() =
            Patience { request: request.to_owned(), limit, waited: Duration::ZERO, told: false };
        limit
    }

    /// From now on waiting goes on whatever is to stop.
    pub(super) fn ignore_interrupt(&self) {
        self.heeds_interrupt.set(false);
    }

    /// Notes that the request was answered.
    pub(super) fn answered(&self, request: &str, took: Duration) {
        self.history.borrow_mut().note(request, took);
    }

    fn wait(&self, pipe: BorrowedFd<'_>, interest: PollFlags) -> io::Result<Ready> {
        loop {
            let tick = self.patience.borrow().tick();
            if tick.is_zero() {
                return Err(io::Error::other(Cut::Deadline));
            }
            let mut fds = vec![PollFd::new(&pipe, interest), PollFd::new(&self.process, PollFlags::IN)];
            if let Some(interrupt) = self.interrupt.as_ref().filter(|_| self.heeds_interrupt.get()) {
                fds.push(PollFd::new(interrupt, PollFlags::IN));
            }
            let start = Instant::now();
            match poll(&mut fds, Timespec::try_from(tick).ok().as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            // Also what came in time: a worker that sends a byte now and then has not answered.
            self.patience.borrow_mut().count(tick, start.elapsed());
            let ready = |place: usize| fds.get(place).is_some_and(|fd| !fd.revents().is_empty());
            if ready(2) {
                return Err(io::Error::other(Cut::Stopped));
            }
            if ready(0) {
                return Ok(Ready::Pipe);
            }
            if ready(1) {
                return Ok(Ready::ProcessEnded);
            }
            self.tell_if_slow();
        }
    }

    fn tell_if_slow(&self) {
        let mut patience = self.patience.borrow_mut();
        let usual = self.history.borrow().usual(&patience.request);
        if patience.is_slow(usual) {
            patience.told = true;
            if let Some(observer) = &self.observer {
                observer(Slow { request: patience.request.clone(), waited: patience.waited, usual });
            }
        }
    }
}

/// An end of a worker's pipe. Reading or writing never waits longer than the [`Watch`] allows, and not for a worker that has ended,
/// whoever else holds the other end.
#[derive(Debug)]
pub(super) struct Watched<P> {
    pipe: P,
    watch: Rc<Watch>,
}

impl<P: AsFd> Watched<P> {
    /// Takes a pipe.
    ///
    /// # Errors
    /// If the system can't make it one that doesn't block.
    pub(super) fn new(pipe: P, watch: Rc<Watch>) -> io::Result<Self> {
        let flags = fcntl_getfl(&pipe)?;
        fcntl_setfl(&pipe, flags | OFlags::NONBLOCK)?;
        Ok(Self { pipe, watch })
    }
}

impl<P: AsFd + Read> Read for Watched<P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ended = false;
        loop {
            match self.pipe.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // What a process wrote before its end is in the pipe when the end is seen, so one more look is enough.
                    if ended {
                        return Ok(0);
                    }
                    ended = self.watch.wait(self.pipe.as_fd(), PollFlags::IN)? == Ready::ProcessEnded;
                }
                other => return other,
            }
        }
    }
}

impl<P: AsFd + Write> Write for Watched<P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.pipe.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.watch.wait(self.pipe.as_fd(), PollFlags::OUT)? == Ready::ProcessEnded {
                        return Err(io::ErrorKind::BrokenPipe.into());
                    }
                }
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pipe.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(limit: u64) -> Patience {
        Patience {
            request: "train-batch".into(),
            limit: Duration::from_secs(limit),
            waited: Duration::ZERO,
            told: false,
        }
    }

    #[test]
    fn time_that_the_harness_slept_through_is_no_waiting() {
        let mut patience = patience(600);
        patience.count(TICK, TICK);
        // The machine slept for an hour in the middle of a wait.
        patience.count(TICK, Duration::from_secs(3600));
        assert_eq!(patience.waited, 2 * TICK);
        // A loaded machine wakes a waiter late, and that is waiting.
        patience.count(TICK, Duration::from_secs(2));
        assert_eq!(patience.waited, 4 * TICK);
    }

    #[test]
    fn patience_ends_at_its_limit() {
        let mut patience = patience(2);
        assert_eq!(patience.tick(), TICK);
        patience.count(TICK, Duration::from_millis(1500));
        assert_eq!(patience.tick(), Duration::from_millis(500));
        patience.count(patience.tick(), Duration::from_millis(501));
        assert!(patience.tick().is_zero());
    }

    #[test]
    fn a_request_is_slow_after_a_minute_unless_its_kind_always_takes_that_long() {
        let mut history = History::default();
        assert_eq!(history.usual("train-batch"), None);
        for milliseconds in [5, 900, 10, 20, 15] {
            history.note("train-batch", Duration::from_millis(milliseconds));
        }
        history.note("build", Duration::from_secs(40));
        assert_eq!(history.usual("train-batch"), Some(Duration::from_millis(15)));
        let mut patience = patience(600);
        patience.waited = Duration::from_secs(59);
        assert!(!patience.is_slow(history.usual("train-batch")));
        patience.waited = Duration::from_secs(60);
        assert!(patience.is_slow(history.usual("train-batch")) && patience.is_slow(None));
        assert!(!patience.is_slow(history.usual("build")));
        patience.told = true;
        assert!(!patience.is_slow(None), "it is said once");
        let mut short = self::patience(4);
        short.waited = Duration::from_secs(2);
        assert!(short.is_slow(None), "half of a short limit has passed");
    }

    #[test]
    fn a_limit_follows_from_the_longest_answer_once_there_are_enough_of_its_kind() {
        let set = Duration::from_secs(600);
        let limit = |count: usize, longest: f64| {
            let mut history = History::default();
            history.note("train-batch", Duration::from_secs_f64(longest));
            (1..count).for_each(|_| history.note("train-batch", Duration::from_millis(10)));
            assert_eq!(history.limit("build", set), set);
            history.limit("train-batch", set)
        };
        assert_eq!(limit(ENOUGH - 1, 500.0), set);
        assert_eq!(limit(ENOUGH, 0.05), set / 2);
        assert_eq!(limit(ENOUGH, 4.0), Duration::from_secs(400));
        assert_eq!(limit(ENOUGH, 500.0), set * 10);
        assert_eq!(History::default().limit("a line", Duration::MAX), Duration::MAX);
    }

    #[test]
    fn only_the_latest_answers_are_remembered() {
        let mut history = History::default();
        for _ in 0..REMEMBERED {
            history.note("weights", Duration::from_secs(9));
        }
        for _ in 0..REMEMBERED {
            history.note("weights", Duration::from_secs(1));
        }
        assert_eq!(history.usual("weights"), Some(Duration::from_secs(1)));
    }
}
