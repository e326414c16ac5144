//! Whether the runs of some studies support what was claimed.
//!
//! Claims are data ([`ClaimsFile`]): what is measured on which arms, and which outcome means what. [`gather`] takes from the records what rules may
//! speak of, [`judge`] comes to verdicts, [`verdicts`] writes them down.

mod comparison;
mod evidence;
mod gather;
mod judge;
mod reading;
mod rules;
mod table;
mod words;

#[cfg(test)]
mod planted_tests;

pub use comparison::{Comparison, Difference, ahead, later};
pub use evidence::{Evidence, RunEvidence, TestVariance};
pub use gather::{ESCAPE_AUC, escape_epoch, gather, run_evidence};
pub use judge::{Finding, Judged, Verdict, judge};
pub use reading::RulesError;
pub use rules::{Arm, Claim, ClaimsFile, Condition, Measure};
pub use table::verdicts;
