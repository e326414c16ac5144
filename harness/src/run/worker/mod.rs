//! Backends as processes: starting, talking to and ending them.

mod connection;
mod last_words;
mod leftovers;
mod process;
mod remote;
mod waiting;

pub use process::{WorkerFailure, WorkerProcess};
pub use remote::{RemoteBackend, Worker, WorkerOptions};
pub use waiting::{Slow, SlowObserver};
