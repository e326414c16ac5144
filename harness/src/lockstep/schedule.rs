//! When weights and logits are read: every step of a full-size model's weights would cost more than the steps.

/// Steps at the start after each of which weights are read.
const DENSE: u64 = 10;

/// Steps after which weights and logits are read, ascending, with 0 and the last: each of the first ten and then at least a fifth further each
/// time; with `every`, each multiple of it instead.
#[must_use]
pub fn reading_steps(steps: u64, every: Option<u64>) -> Vec<u64> {
    let mut reading = vec![0];
    let mut next = every.unwrap_or(1);
    while next < steps {
        reading.push(next);
        next += match every {
            Some(every) => every.max(1),
            None if next < DENSE => 1,
            None => (next / 5).max(1),
        };
    }
    reading.push(steps);
    reading.dedup();
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ten_steps_are_read_and_then_ever_fewer_up_to_the_last() {
        let steps = reading_steps(200, None);
        assert_eq!(steps[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12]);
        assert_eq!(steps.last(), Some(&200));
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
        assert!(steps.len() < 30, "{steps:?}");
    }

    #[test]
    fn a_given_distance_is_kept_and_the_last_step_read_once() {
        assert_eq!(reading_steps(10, Some(4)), [0, 4, 8, 10]);
        assert_eq!(reading_steps(8, Some(4)), [0, 4, 8]);
        assert_eq!(reading_steps(3, Some(10)), [0, 3]);
        assert_eq!(reading_steps(1, None), [0, 1]);
    }
}
