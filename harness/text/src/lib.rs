//! How every document of the project writes tables, numbers and text from elsewhere.
//!
//! It lies below the contract, whose conformance report is a table too, and depends on nothing.

pub mod numbers;
mod plain;
mod table;
mod words;

pub use plain::{beginning, inline, plain, plain_lines};
pub use table::{Align, Table};
pub use words::{anchor, listed};
