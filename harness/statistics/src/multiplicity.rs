//! Many tests at once.

use crate::error::SampleError;

/// Adjusted p values of a family of tests: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
/// Statistics 6 (1979). Rejecting where the adjusted value is at most a level keeps the probability of even one wrong rejection at that level,
/// however the tests depend on each other.
///
/// They come in the order given. An empty family has none.
///
/// # Errors
/// If a p value is not in `0..=1`.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, SampleError> {
    if let Some(&value) = p_values.iter().find(|value| !(0.0..=1.0).contains(*value)) {
        return Err(SampleError::Probability { value });
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut so_far = 0.0_f64;
    for (rank, place) in order.into_iter().enumerate() {
        let left = (p_values.len() - rank) as f64;
        so_far = so_far.max(left * p_values[place]).min(1.0);
        adjusted[place] = so_far;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn adjusting_only_makes_larger_and_keeps_the_order(p_values in prop::collection::vec(0.0_f64..=1.0, 0..20)) {
            let adjusted = holm(&p_values).unwrap();
            for (p, larger) in p_values.iter().zip(&adjusted) {
                prop_assert!(larger >= p && *larger <= 1.0);
            }
            for a in 0..p_values.len() {
                for b in 0..p_values.len() {
                    prop_assert!(p_values[a] > p_values[b] || adjusted[a] <= adjusted[b]);
                }
            }
            // The smallest is Bonferroni's.
            if let Some(smallest) = p_values.iter().copied().reduce(f64::min) {
                let expected = (smallest * p_values.len() as f64).min(1.0);
                prop_assert_eq!(adjusted.iter().copied().reduce(f64::min), Some(expected));
            }
        }
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        for value in [-0.1, 1.1, f64::NAN] {
            assert!(holm(&[0.5, value]).is_err());
        }
    }
}
