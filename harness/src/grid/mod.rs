//! Runs the points of a study at once or in turn, and goes on where it stopped.

mod environment;
mod events;
mod execute;
mod lock;
mod schedule;
mod standing;

pub use environment::{Machine, allowed_cores};
pub use events::{GridEvent, RunEvent};
pub use execute::{Job, JobContext, parameter_counts};
pub use lock::{LockError, StudyLock};
pub use schedule::{GridError, GridOptions, GridSummary, PreparedStudy, prepare, run_grid};
