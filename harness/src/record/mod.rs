//! What a run leaves behind, and how it is written so that nothing is half there.

mod archive;
mod digest;
mod event;
mod observation;
mod predictions;
mod run;
mod schema;
mod state;
mod steps;
mod store;
mod table;
mod version;
mod weights;
mod whole;

pub use archive::{ArchiveError, OpenStudy, Packed, Unpacked, open_study, pack, unpack};
pub use event::RunEvent;
pub use observation::{BlockSpectrum, InputGradients, Observation, RowReach};
pub use predictions::{Prediction, PredictionSplit, Scores, read_predictions, write_predictions};
pub use run::{Draft, FileRecord, PREDICTIONS, RunState, STEPS, WEIGHTS, draft_place, file_record, load_run};
pub use schema::{
    BackendRecord, Environment, EpochRecord, Numerics, Outcome, ParameterCounts, PlannedRun, RunRecord, SameBytes,
    StudyRecord, Timing, escape_epoch,
};
pub use state::{
    Behind, KeptState, LostState, PlateauState, Resumption, TestedEpoch, TrainingState, read_state, remove_state,
    write_state,
};
pub use steps::{STEPS_OF_A_MEAN, StepRecord, mean_losses, read_steps, write_steps};
pub use store::{
    RecordError, RunResult, StudyResults, load_study, missing_runs, read_json, read_study, write_json, write_record,
};
pub(crate) use version::model_from_version_1;
pub use version::{FORMAT, FormatVersion};
pub use weights::write_weights;
pub use whole::write_whole;
