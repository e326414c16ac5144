//! Running: which backends there are, and a backend at work.

mod catalogue;
mod interrupt;
mod locate;
mod session;
mod worker;

pub use catalogue::{Catalogue, Handle};
pub use interrupt::Interrupt;
pub use locate::{BUNDLED, LocateError, Registry};
pub use session::{Halt, Session, check_able};
pub use worker::{RemoteBackend, Slow, SlowObserver, Worker, WorkerFailure, WorkerOptions, WorkerProcess};
