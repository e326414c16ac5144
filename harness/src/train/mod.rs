//! The training loop that every backend goes through.

mod ahead;
mod batches;
mod epoch;
mod initial;
mod model;
#[cfg(test)]
mod numerics;
mod observation;
mod order;
mod run;
mod schedule;

pub use batches::{BatchSettings, HostBatch, evaluation_batches, training_batches};
pub use initial::initial_weights;
pub use model::{Timed, TimedBackend, TimedModel};
pub use order::{Stream, shuffled};
pub use run::{Observer, Progress, RunSettings, TrainError, Trained, train};
pub use schedule::{Plateau, Schedule};
