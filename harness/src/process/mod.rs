//! Processes that this program starts: none outlives it, none is waited for without limit, and what one writes to stderr is kept to a bound.

mod child;
mod last_words;
mod leftovers;
mod stat;

pub use child::ChildProcess;
pub use leftovers::{adopt_leftovers, end_all_started};
pub use stat::Stat;
