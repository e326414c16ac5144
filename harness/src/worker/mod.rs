//! Backends as processes: finding, starting, talking to and ending them.

mod connection;
mod locate;
mod process;
mod remote;

pub use connection::Connection;
pub use locate::{BUNDLED, LocateError, Registry, WorkerProgram};
pub use process::{WorkerFailure, WorkerProcess};
pub use remote::{RemoteBackend, Worker, WorkerOptions};
