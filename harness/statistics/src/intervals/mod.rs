//! How far a number that was measured a few times may be from what it estimates.

mod mean;
mod proportion;
mod spreads;

pub use crate::distributions::student_critical;
pub(crate) use mean::mean_and_variance;
pub use mean::{MeanInterval, mean_interval};
pub use proportion::{ShareInterval, clopper_pearson};
pub use spreads::{BothSpreads, both_spreads};

#[cfg(test)]
mod law_tests;
