//! The program as people meet it: real processes, real files, real faults.

mod cli;
mod grid;
mod plan;
mod support;
