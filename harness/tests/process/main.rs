//! The program as people meet it: real processes, real files, real faults.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archives;
mod bench;
mod cli;
mod elsewhere;
#[path = "../support/executable.rs"]
mod executable;
mod grid;
mod lockstep;
mod look;
mod plan;
mod random;
mod resuming;
mod run_one;
mod slurm;
mod support;
mod tensorboard;
mod torture;
mod workers;
