//! Measuring speed: the backends alone, and beside the plain scripts that a user would write.
//!
//! Measuring leaves a record, a JSON file; tables and figures are functions of it ([`write_bench`],
//! [`write_peers`]). What a step has to compute and to move is counted from the model's specification ([`counts`]).

mod alone;
pub mod counts;
mod document;
mod error;
mod machine;
pub mod peers;
mod plan;
mod record;
mod text;

pub(crate) use alone::{BenchEvent, BenchOptions, measure};
pub use counts::{prediction, training_step};
pub use document::{write_bench, write_peers, write_whole_runs};
pub(crate) use error::BenchError;
pub(crate) use machine::copy_bandwidth;
pub use machine::matmul_peak;
pub(crate) use plan::{Configuration, base_study, group_memory};
pub use plan::{Extent, configurations};
pub use record::{BENCH_VERSION, BenchRecord, Factor, Measured, Measurement, PeakRecord, Sample, Timing};
