//! Time until something happens, when some runs end before it has happened.

mod curve;
mod restricted;

pub use curve::{Observation, SurvivalStep, kaplan_meier};
pub use restricted::{RestrictedMeans, compare_restricted_means, restricted_mean};

pub(crate) use restricted::restricted_times;

#[cfg(test)]
mod law_tests;
