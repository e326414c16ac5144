//! Backends as processes: starting, talking to and ending them.

mod connection;
mod failure;
mod lines;
mod remote;
mod waiting;

pub use failure::WorkerFailure;
pub use lines::{LineProcess, NoLine};
pub use remote::{RemoteBackend, WorkerOptions};
pub(super) use remote::{RemoteModel, Worker};
pub use waiting::{Slow, SlowObserver};
