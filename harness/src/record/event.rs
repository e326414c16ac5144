//! What happens during a run, for whoever records or shows it: one type, in the process that makes the run and, a JSON line each, out of it.

use serde::{Deserialize, Serialize};

use super::observation::Observation;
use super::predictions::PredictionSplit;
use super::schema::{EpochRecord, Outcome};
use super::state::LostState;
use super::steps::StepRecord;

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RunEvent {
    /// It had ended before; nothing is done.
    Kept {
        /// How.
        outcome: Outcome,
    },
    /// Its worker is being started.
    Started {
        /// Epochs it will take at most.
        epochs: u32,
    },
    /// It goes on where it stood after an epoch.
    Resumed {
        /// The epoch that was finished then.
        epoch: u32,
        /// Whether it goes on from a finished run of fewer epochs.
        extends: bool,
    },
    /// A state to go on from was there and can't be believed, or the backend refuses it; the run starts anew.
    StateLost {
        /// Which, and why.
        lost: LostState,
    },
    /// The model was looked at before the first epoch.
    Initial {
        /// What was seen.
        observation: Box<Observation>,
    },
    /// A training step is done.
    Step {
        /// The epoch, counted from 1.
        epoch: u32,
        /// Steps done in this epoch.
        done: u64,
        /// Steps of an epoch.
        of: u64,
        /// What it came to.
        step: StepRecord,
    },
    /// A batch of an evaluation is done.
    Evaluated {
        /// Which split.
        split: PredictionSplit,
        /// Batches done.
        done: u64,
        /// Batches of the split.
        of: u64,
    },
    /// An epoch and its validation are done.
    Epoch {
        /// What it came to.
        record: Box<EpochRecord>,
    },
    /// The backend takes longer over a request than it usually does.
    Slow {
        /// The request.
        request: String,
        /// Seconds it has been waited for.
        seconds: f64,
        /// The median of the answers to such requests so far, in seconds; `None` if it is the first.
        usual_seconds: Option<f64>,
    },
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

impl RunEvent {
    /// Whether it is one of many that say how far the run is, and not the last of them: it may be left out where it is only shown.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Step { done, of, .. } | Self::Evaluated { done, of, .. } => *done != *of,
            _ => false,
        }
    }
}
