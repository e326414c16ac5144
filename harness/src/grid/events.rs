//! What happens while a grid runs, for whoever shows it.

use crate::plan::RunKey;
use crate::record::{EpochRecord, Outcome};

/// Something that happened to one run.
#[derive(Debug, Clone)]
pub struct GridEvent {
    /// The run.
    pub key: RunKey,
    /// What happened to it.
    pub event: RunEvent,
}

/// What can happen to a run.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// It had ended before; nothing is done.
    Kept(Outcome),
    /// Its worker is being started.
    Started {
        /// Epochs it will take.
        epochs: u32,
    },
    /// It goes on where it stood after an epoch.
    Resumed {
        /// The epoch that was finished then.
        epoch: u32,
        /// Whether it goes on from a finished run of fewer epochs.
        extends: bool,
    },
    /// A state to go on from was there and can't be believed; the run starts anew.
    StateLost(String),
    /// A training step is done.
    Step {
        /// The epoch, counted from 1.
        epoch: u32,
        /// Steps done in this epoch.
        done: u64,
        /// Steps of an epoch.
        of: u64,
        /// The step's loss, in nats.
        loss: f64,
    },
    /// A batch of an evaluation is done.
    Evaluated {
        /// `validation` or `test`.
        split: &'static str,
        /// Batches done.
        done: u64,
        /// Batches of the split.
        of: u64,
    },
    /// An epoch and its validation are done.
    Epoch(Box<EpochRecord>),
    /// It has ended and its record is written.
    Ended {
        /// How.
        outcome: Outcome,
        /// Accuracy on the test split, if it was tested.
        test_accuracy: Option<f64>,
        /// Wall-clock seconds it took.
        seconds: f64,
    },
    /// It was interrupted; the next time it goes on after its last finished epoch, if the backend can, or starts anew.
    Interrupted,
}
