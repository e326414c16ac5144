//! Effect size without a unit.

use crate::error::{SampleError, check_samples};

/// Probability that a run of the first arm has a larger value than one of the second, ties counting half: Mann and Whitney's
/// `U / (m n)`. K. O. McGraw and S. P. Wong, "A common language effect size statistic", Psychological Bulletin 111 (1992); A. Vargha and H. D.
/// Delaney, Journal of Educational and Behavioral Statistics 25 (2000), call it `A`.
///
/// # Errors
/// If an arm is empty or a value is not finite.
pub fn superiority(first: &[f64], second: &[f64]) -> Result<f64, SampleError> {
    check_samples(first, 1)?;
    check_samples(second, 1)?;
    let mut sorted = second.to_vec();
    sorted.sort_by(f64::total_cmp);
    // Twice the wins, so that a tie is a whole number.
    let doubled: usize = first
        .iter()
        .map(|value| sorted.partition_point(|other| other < value) + sorted.partition_point(|other| other <= value))
        .sum();
    Ok(doubled as f64 / (2 * first.len() * second.len()) as f64)
}
