//! Trains the same sentiment classifiers under several frameworks and compares them.
//!
//! The harness owns everything that two frameworks have to share if a comparison is to mean
//! anything: data, splits, batches, initial weights, the training loop, metrics and records.
//! It never links a framework; a framework is a *backend*, an executable that speaks the wire
//! format of [`harness_contract`].

pub use harness_contract as contract;
pub use harness_statistics as statistics;

pub mod audit;
pub mod bench;
mod claims;
pub mod cli;
pub mod data;
pub mod diagnosis;
pub mod lockstep;
mod look;
pub mod plan;
pub mod process;
pub mod record;
pub mod report;
pub mod run;
pub mod tensorboard;
pub mod train;
