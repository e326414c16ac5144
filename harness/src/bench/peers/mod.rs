//! The backends beside the plain scripts that a user would write over real Keras and PyTorch (`harness/benches/peers/`).
//!
//! Backends and scripts live at the same time and take turns on the same batches; only one computes at a time. A ratio is of
//! two turns of the same round, so that a machine that gets slower meanwhile does so for both.

mod arrays;
mod compare;
mod encoding;
mod grid;
mod process;
mod record;
mod script;
mod whole;

pub(crate) use arrays::export;
pub use compare::compare;
pub(crate) use compare::{Comparing, PeerEvent, UNCOUNTED_STEPS};
pub(crate) use encoding::{EncodingTask, compare_encoding};
pub use grid::grid_record;
pub(crate) use process::Scripts;
pub use record::{
    Comparison, EncodingRecord, Framework, GridRecord, GridRun, GridShape, PeerMeasured, PeerTiming, PeersRecord, Role,
    SubjectRecord,
};
pub(crate) use whole::{Whole, WholeEvent, left_out, run_whole, whole_scripts};
pub use whole::{WholeRecord, WholeRun, WholeScript};
