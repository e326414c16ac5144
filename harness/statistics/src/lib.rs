//! Metrics, intervals and tests: pure functions of numbers.
//!
//! Nothing here knows a framework, a record or a figure. Every method names the paper it follows and is held against a
//! reference implementation by a golden file with its recipe beside it (`tests/golden/`).

pub mod metrics;
pub mod samples;
pub mod spectrum;
