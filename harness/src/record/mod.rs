//! What a run leaves behind, and how it is written so that nothing is half there.

mod predictions;
mod schema;
mod store;
mod weights;

pub use predictions::{Prediction, PredictionSplit, read_predictions, write_predictions};
pub use schema::{
    BackendRecord, Environment, EpochRecord, Outcome, ParameterCounts, PlannedRun, RECORD_VERSION, RunRecord,
    StudyRecord, Timing,
};
pub use store::{RecordError, RunResult, StudyResults, load_study, read_json, write_json};
pub use weights::write_weights;
