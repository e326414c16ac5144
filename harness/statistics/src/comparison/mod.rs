//! Do two arms, or two runs, differ? Exact tests and Welch's.

mod fisher;
mod mcnemar;
pub(crate) mod permutation;
mod superiority;
mod welch;

pub use fisher::{Fisher, fisher};
pub use mcnemar::{Discordant, McNemar};
pub use permutation::PermutationTest;
pub use superiority::superiority;
pub use welch::{Welch, permuted_welch, welch};

pub(crate) use fisher::Tables;
pub(crate) use welch::Difference;

#[cfg(test)]
mod law_tests;
