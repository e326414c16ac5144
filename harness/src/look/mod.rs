//! Looking at what is there: which studies and runs, what one run was, and in what two of them differ.

mod difference;
mod leftovers;
mod listing;
mod page;
mod place;

pub(crate) use difference::difference;
pub(crate) use leftovers::{Leftover, leftovers};
pub(crate) use listing::{run_lines, runs_table, studies_below, studies_table};
pub(crate) use page::run_page;
pub(crate) use place::{Looked, is_study, study_of};
