//! From a study file to a plan: every setting resolved, with where it came from.

mod protocol;

pub use protocol::{Checkpoint, DropoutSettings, Protocol, Scheduler, SchedulerKind};
