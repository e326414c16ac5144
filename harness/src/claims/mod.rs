//! Whether the runs of some studies support what was claimed.
//!
//! Claims are data ([`ClaimsFile`]): what is measured on which arms, and which outcome means what. [`gather`] takes from the records what rules may
//! speak of, [`judge`] comes to verdicts, [`document`] writes them down.

mod comparison;
mod evidence;
mod findings;
mod gather;
mod judge;
mod reading;
mod rules;
mod table;
mod times;
mod weighed;
mod words;

#[cfg(test)]
mod planted_tests;

pub(crate) use comparison::ahead;
pub(crate) use comparison::{Comparison, later};
pub(crate) use evidence::RunEvidence;
pub(crate) use gather::{ESCAPE_AUC, gather, run_evidence};
pub(crate) use judge::{Judged, judge};
pub(crate) use rules::ClaimsFile;
pub(crate) use rules::Measure;
pub(crate) use table::{Verdicts, arms as arms_table, document};
