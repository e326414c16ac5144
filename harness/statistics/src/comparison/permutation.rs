//! Exact permutation tests: how extreme is the split that was found among all splits of the same samples?
//!
//! R. A. Fisher, "The Design of Experiments" (1935), section 21; E. J. G. Pitman, "Significance tests which may be applied to samples from any
//! populations", Supplement to the Journal of the Royal Statistical Society 4 (1937). Every split is visited. A random selection of
//! splits would give another p value each time, so what is too large for that is refused.

use serde::{Deserialize, Serialize};

use crate::error::{MOST_SPLITS, SampleError};

/// What an exact permutation test says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermutationTest {
    /// The statistic of the split that was found.
    pub observed: f64,
    /// Share of splits whose statistic is at least as large.
    pub greater: f64,
    /// Share of splits whose statistic is at most as large.
    pub less: f64,
    /// Twice the smaller of the two, at most 1.
    pub p_value: f64,
    /// Splits there are.
    pub splits: u64,
}

/// Number of ways to split so many samples into two arms, if it is within [`MOST_SPLITS`].
pub(crate) fn number_of_splits(first: usize, second: usize) -> Result<u64, SampleError> {
    let refused = SampleError::TooManySplits { first, second };
    let mut number: u64 = 1;
    for taken in 1..=first.min(second) as u64 {
        // Exact at every step: the product of `taken` successive numbers is divisible by `taken!`.
        number = number.checked_mul((first + second) as u64 - taken + 1).ok_or_else(|| refused.clone())? / taken;
        if number > MOST_SPLITS {
            return Err(refused);
        }
    }
    Ok(number)
}

/// Goes through all splits of `first + second` samples. `statistic` is called with `[samples]`, true for those of the first arm; the first
/// call has the split that was found, in which the first arm's samples come first. Statistics within `tolerance`, or within a billionth of
/// the one found, count as equal, because sums in another order are rounded otherwise.
pub(crate) fn permutation_test(
    first: usize,
    second: usize,
    tolerance: f64,
    mut statistic: impl FnMut(&[bool]) -> Result<f64, SampleError>,
) -> Result<PermutationTest, SampleError> {
    let smaller = first.min(second);
    if smaller == 0 {
        return Err(SampleError::TooFew { found: 0, least: 1 });
    }
    let splits = number_of_splits(first, second)?;
    let mut chosen: Vec<usize> = (0..first).collect();
    let mut in_first: Vec<bool> = (0..first + second).map(|sample| sample < first).collect();
    let observed = statistic(&in_first)?;
    let tolerance = if observed.is_finite() { tolerance.max(1e-9 * observed.abs()) } else { 0.0 };
    let (mut greater, mut less) = (1_u64, 1_u64);
    while next_split(&mut chosen, &mut in_first) {
        let found = statistic(&in_first)?;
        greater += u64::from(found >= observed - tolerance);
        less += u64::from(found <= observed + tolerance);
    }
    let share = |count: u64| count as f64 / splits as f64;
    let p_value = (2.0 * share(greater.min(less))).min(1.0);
    Ok(PermutationTest { observed, greater: share(greater), less: share(less), p_value, splits })
}

/// The next combination in lexicographic order; false after the last.
fn next_split(chosen: &mut [usize], in_first: &mut [bool]) -> bool {
    let (size, all) = (chosen.len(), in_first.len());
    let Some(place) = (0..size).rev().find(|place| chosen[*place] < all - size + place) else {
        return false;
    };
    for old in &chosen[place..] {
        in_first[*old] = false;
    }
    let start = chosen[place] + 1;
    for (offset, slot) in chosen[place..].iter_mut().enumerate() {
        *slot = start + offset;
        in_first[*slot] = true;
    }
    true
}
