//! Which numbers of positives would make a row possible?

use super::condition::Condition;
use super::matrices::{MatricesError, Search};

/// The most numbers of true positives that [`possible_positives`] looks at, over all numbers of positives: some seconds.
pub const MOST_STEPS: u64 = 100_000_000;

/// For each number of positives out of `rows`, whether some confusion matrix meets all conditions: `[rows + 1]`, of which the first and the last, where a
/// class has no rows, are always false. `None` if that would take more than [`MOST_STEPS`].
///
/// # Errors
/// If there are fewer than two rows or more than [`super::MOST_ROWS`].
pub fn possible_positives(conditions: &[Condition], rows: u64) -> Result<Option<Vec<bool>>, MatricesError> {
    // Checks the number of rows before anything is allocated.
    Search::new(conditions, 1, rows.saturating_sub(1))?;
    let mut possible = vec![false; rows as usize + 1];
    let mut steps = 0;
    for positives in 1..rows {
        let search = Search::new(conditions, positives, rows - positives)?;
        let found = &mut possible[positives as usize];
        steps += search.spans(&mut |_, _, _| {
            *found = true;
            false
        });
        if steps > MOST_STEPS {
            return Ok(None);
        }
    }
    Ok(Some(possible))
}
