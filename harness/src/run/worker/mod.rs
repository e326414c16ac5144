//! Backends as processes: starting, talking to and ending them.

mod connection;
mod failure;
mod lines;
mod remote;
mod waiting;

pub use failure::WorkerFailure;
pub use lines::{LineProcess, NoLine};
pub(super) use remote::Worker;
pub use remote::{RemoteBackend, WorkerOptions};
pub use waiting::{Slow, SlowObserver};
