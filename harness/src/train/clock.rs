//! The time backends spend computing, as distinct from the time that passes.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// A sum of compute times. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct ComputeClock {
    total: Rc<Cell<Duration>>,
}

impl ComputeClock {
    /// Adds the time of one call.
    pub fn add(&self, time: Duration) {
        self.total.set(self.total.get() + time);
    }

    /// The sum since the last call of this function, which starts it again from 0.
    #[must_use]
    pub fn take(&self) -> Duration {
        self.total.take()
    }
}
