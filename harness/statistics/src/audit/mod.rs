//! Are printed figures possible at all?
//!
//! A table prints accuracy, precision, recall and F1 of a binary classifier, rounded, and says how many positives and negatives there were. All
//! four follow from two whole numbers, the true and the false positives, so they can be held against each other: [`matrices`] goes through
//! every confusion matrix that gives a row's figures under a rounding rule, and there may be none. The idea is that of A. Fazekas and G. Kovács, "Testing
//! the consistency of performance scores reported for binary classification problems", Applied Soft Computing 164 (2024), whose Python package
//! is `mlscorecheck`, and before them of N. J. L. Brown and J. A. J. Heathers, "The GRIM test", Social Psychological and Personality Science 8
//! (2017). All of it is exact: whole numbers, no sampling, no tolerance that was not asked for.

mod chance;
mod condition;
mod decimal;
mod matrices;
mod operating_point;
mod positives;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod law_tests;

pub use chance::{AgainstChance, Chance, ChanceError, against_chance};
pub use condition::{Condition, Interval, Quantity};
pub use decimal::{Decimal, DecimalError, MOST_PLACES, Rounding};
pub use matrices::{MOST_ROWS, Matrices, MatricesError, matrices};
pub use operating_point::{AucBounds, auc_bounds};
pub use positives::{MOST_STEPS, possible_positives};
