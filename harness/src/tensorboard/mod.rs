//! Runs as TensorBoard reads them: a folder for each run with an event file of its losses, metrics, gradient norms, learning rate, scores and settings.
//!
//! A finished run's file is a function of its records. Of a run at work, `Live` writes what the grid hears of it, and replaces that by the
//! whole when it has ended.

mod content;
mod event_file;
mod live;

pub use content::{TensorBoardError, write_run, write_study};
pub(crate) use live::Live;
