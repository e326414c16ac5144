//! How every document of the project writes tables and numbers.
//!
//! It lies below the contract, whose conformance report is a table too, and depends on nothing.

pub mod numbers;
mod table;

pub use table::{Align, Table};
