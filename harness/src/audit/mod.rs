//! `study audit`: are the figures that a table prints possible, and does its text agree with them?
//!
//! A file says what was printed ([`PrintedTable`]); [`audit()`] holds it against every confusion matrix ([`harness_statistics::audit`]) and gives
//! [`Findings`], which are data; [`Findings::page`] writes them for people. `README.md` beside this file has the format.

mod findings;
mod page;
mod table;

#[cfg(test)]
mod tests;

pub use findings::{
    AucFindings, AuditError, Findings, LEVEL, LeftOut, RowFindings, Rules, StatementFindings, StatementVerdict, audit,
};
pub use table::{PrintedRow, PrintedTable, Statement, TableError};
