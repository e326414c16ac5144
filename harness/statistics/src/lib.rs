//! Metrics, intervals and tests: pure functions of numbers.
//!
//! Nothing here knows a framework, a record or a figure. Every method names the paper it follows and is held against a
//! reference implementation by a golden file with its recipe beside it (`tests/golden/`).

mod distributions;
mod error;

pub mod audit;
pub mod comparison;
pub mod detectable;
pub mod equivalence;
pub mod intervals;
pub mod metrics;
pub mod multiplicity;
pub mod samples;
pub mod spectrum;
pub mod survival;

#[cfg(test)]
mod golden_tests;

pub use error::{MOST_SPLITS, MOST_TRIALS, SampleError};
