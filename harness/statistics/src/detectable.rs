//! What a test can show at all with so many runs. A verdict must not outrun that.

use serde::{Deserialize, Serialize};

use crate::comparison::Tables;
use crate::comparison::permutation::number_of_splits;
use crate::error::{SampleError, check_count, check_probability};

/// The most trials of an arm for which [`smallest_share_difference`] is computed: it visits every pair of counts.
pub const MOST_ARM: u64 = 500;

/// Two shares that a test tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectableShares {
    /// Successes of the first arm.
    pub first: u64,
    /// Successes of the second arm.
    pub second: u64,
    /// The shares' difference, above zero.
    pub difference: f64,
    /// Two-sided p value of Fisher's test.
    pub p_value: f64,
}

/// The smallest difference of two shares, the first arm's the larger, that Fisher's exact test finds at a level with so many trials in each arm;
/// of those alike, the one with the smallest p value. `None` if no pair of counts reaches the level.
///
/// For a family of `k` tests under Holm's correction, `level / k` is what the first to be rejected must reach.
///
/// # Errors
/// If an arm has no trials or more than [`MOST_ARM`], or the level is not strictly between 0 and 1.
pub fn smallest_share_difference(
    first_trials: u64,
    second_trials: u64,
    level: f64,
) -> Result<Option<DetectableShares>, SampleError> {
    check_probability(level)?;
    for trials in [first_trials, second_trials] {
        check_count(0, trials)?;
        if trials > MOST_ARM {
            return Err(SampleError::Count { successes: 0, trials });
        }
    }
    let mut best: Option<DetectableShares> = None;
    for successes in 0..=first_trials + second_trials {
        let tables = Tables::with_margins(first_trials, second_trials, successes);
        for place in 0..tables.probabilities.len() {
            let first = tables.fewest + place as u64;
            let second = successes - first;
            // Whole numbers, so that equal differences are equal.
            let scaled = i128::from(first * second_trials) - i128::from(second * first_trials);
            if scaled <= 0 {
                continue;
            }
            let difference = scaled as f64 / (first_trials * second_trials) as f64;
            if best.is_some_and(|best| best.difference < difference) {
                continue;
            }
            let p_value = tables.two_sided(place);
            let better = best.is_none_or(|best| difference < best.difference || p_value < best.p_value);
            if p_value <= level && better {
                best = Some(DetectableShares { first, second, difference, p_value });
            }
        }
    }
    Ok(best)
}

/// The smallest p value that an exact permutation test of two arms can give, whatever their values: two of all splits, at most 1.
///
/// # Errors
/// If an arm is empty or there are more splits than [`crate::MOST_SPLITS`].
pub fn smallest_permutation_p(first: usize, second: usize) -> Result<f64, SampleError> {
    if first == 0 || second == 0 {
        return Err(SampleError::TooFew { found: 0, least: 1 });
    }
    Ok((2.0 / number_of_splits(first, second)? as f64).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::fisher;

    #[test]
    fn eight_runs_an_arm_can_show_what_experiments_say() {
        assert_eq!(smallest_permutation_p(8, 8).unwrap(), 2.0 / 12870.0);
        assert_eq!(smallest_permutation_p(5, 5).unwrap(), 2.0 / 252.0);
        assert_eq!(smallest_permutation_p(1, 1).unwrap(), 1.0);
        // One against six of eight: p = .0406; two against seven .0406 too; nothing nearer passes .05.
        let found = smallest_share_difference(8, 8, 0.05).unwrap().unwrap();
        assert_eq!(found.difference, 0.625);
        // All or nothing is what is left of eight against eight at .05 / 200.
        let strict = smallest_share_difference(8, 8, 0.05 / 200.0).unwrap().unwrap();
        assert_eq!((strict.first, strict.second), (8, 0));
        assert_eq!(smallest_share_difference(2, 2, 0.05).unwrap(), None);
    }

    #[test]
    fn no_pair_of_counts_with_a_smaller_difference_passes() {
        for (first, second, level) in [(8, 8, 0.05), (8, 8, 0.01), (8, 4, 0.05), (3, 11, 0.05), (12, 12, 0.004)] {
            let found = smallest_share_difference(first, second, level).unwrap();
            let mut smallest: Option<f64> = None;
            for a in 0..=first {
                for b in 0..=second {
                    let test = fisher((a, first), (b, second)).unwrap();
                    if test.two_sided <= level && test.difference > 0.0 {
                        smallest = Some(smallest.map_or(test.difference, |least| least.min(test.difference)));
                    }
                }
            }
            match (found, smallest) {
                (Some(found), Some(smallest)) => assert!((found.difference - smallest).abs() < 1e-12),
                (found, smallest) => assert!(found.is_none() && smallest.is_none(), "{found:?} {smallest:?}"),
            }
        }
    }

    #[test]
    fn too_large_an_arm_is_refused() {
        assert!(smallest_share_difference(MOST_ARM + 1, 8, 0.05).is_err());
        assert!(smallest_share_difference(0, 8, 0.05).is_err());
        assert!(smallest_permutation_p(200, 200).is_err());
    }
}
