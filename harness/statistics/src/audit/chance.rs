//! Can a printed AUC be told from one half?

use serde::Serialize;

use super::decimal::{Decimal, Rounding};
use crate::error::{SampleError, check_probability};
use crate::metrics::{MetricsError, null_auc_error};

/// What an AUC, known to its printed digits, says against scores that rank nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AgainstChance {
    /// Standard error of an AUC whose scores rank nothing ([`null_auc_error`]).
    pub null_error: f64,
    /// Distance of the printed value from one half, in these errors.
    pub z: f64,
    /// Two-sided p values of the values that are printed like this: the least and the greatest.
    pub p_values: (f64, f64),
    /// What follows.
    pub verdict: Chance,
}

/// Whether an AUC differs from one half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chance {
    /// Whatever the digits are that were not printed.
    Differs,
    /// It depends on the digits that were not printed.
    Unclear,
    /// It can't be told from one half.
    Alike,
}

/// Why an AUC can't be held against chance.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ChanceError {
    /// A class has no rows.
    #[error(transparent)]
    Rows(#[from] MetricsError),
    /// The level is none.
    #[error(transparent)]
    Level(#[from] SampleError),
}

/// Holds a printed AUC of so many positive and negative rows against one half, at a level such as 0.05.
///
/// # Errors
/// If a class has no rows, or the level is not strictly between 0 and 1.
pub fn against_chance(auc: Decimal, positives: u64, negatives: u64, level: f64) -> Result<AgainstChance, ChanceError> {
    check_probability(level)?;
    let null_error = null_auc_error(positives, negatives)?;
    let p_value = |distance: f64| libm::erfc(distance / null_error / std::f64::consts::SQRT_2);
    let interval = auc.interval(Rounding::Nearest);
    let (low, high) = (interval.lower() - 0.5, interval.upper() - 0.5);
    let nearest = if low <= 0.0 && high >= 0.0 { 0.0 } else { low.abs().min(high.abs()) };
    let p_values = (p_value(low.abs().max(high.abs())), p_value(nearest));
    let verdict = match (p_values.0 <= level, p_values.1 <= level) {
        (_, true) => Chance::Differs,
        (true, false) => Chance::Unclear,
        (false, false) => Chance::Alike,
    };
    Ok(AgainstChance { null_error, z: (auc.value() - 0.5) / null_error, p_values, verdict })
}
