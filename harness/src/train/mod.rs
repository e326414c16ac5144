//! The training loop that every backend goes through.

mod batches;
mod epoch;
mod initial;
mod model;
mod observation;
mod order;
mod plateau;
mod run;

pub use batches::{BatchSettings, HostBatch, evaluation_batches, training_batches};
pub use initial::initial_weights;
pub use model::{Timed, TimedBackend, TimedModel};
pub use order::{Stream, shuffled};
pub use plateau::Plateau;
pub use run::{Observer, Progress, RunSettings, TrainError, Trained, train};
