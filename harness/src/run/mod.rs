//! Running: which backends there are, a backend at work, a single run, and a grid of them.
//!
//! A grid is a launcher: it starts `study run-one` for each run, so that nothing that happens to one can fail another. What a single run needs stands in
//! a [`Job`], a file, so another launcher needs nothing but that.

mod catalogue;
mod claim;
mod deadline;
mod environment;
mod grid;
mod interrupt;
mod job;
mod launcher;
mod locate;
mod memory;
mod one;
mod owner;
mod session;
mod slurm;
mod standing;
mod worker;

pub use catalogue::{Catalogue, Handle};
pub use claim::{Claim, ClaimError, holder_of_run};
pub use deadline::{Lack, NOTICE};
pub use environment::{Machine, allowed_cores};
pub use grid::{GridError, GridEvent, GridSummary, PreparedStudy, Surroundings, prepare, run_grid};
pub use interrupt::Interrupt;
pub use job::{Circumstances, DataReference, Job, JobError, parameter_counts};
pub use locate::{BUNDLED, LocateError, Registry};
pub(crate) use memory::Memory;
pub use one::{Ending, RunObserver, Terms, run_one};
pub use session::{Halt, Session};
pub use worker::{LineProcess, NoLine, RemoteBackend, Slow, SlowObserver, WorkerFailure, WorkerOptions};
