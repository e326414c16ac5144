//! Backends as processes: starting, talking to and ending them.

mod connection;
mod last_words;
mod leftovers;
mod lines;
mod process;
mod remote;
mod waiting;

pub use lines::{LineProcess, NoLine};
pub use process::{WorkerFailure, WorkerProcess};
pub(super) use remote::Worker;
pub use remote::{RemoteBackend, WorkerOptions};
pub use waiting::{Slow, SlowObserver};
