//! Work on rows that don't depend on each other, shared among threads.

use std::thread;

use harness_contract::subnormal::SubnormalsAsZero;

/// How many of `rows` rows each of at most `threads` threads gets: multiples of `unit` but for the last.
pub(crate) fn rows_each(rows: usize, threads: usize, unit: usize) -> Vec<usize> {
    let share = rows.div_ceil(threads.max(1)).next_multiple_of(unit).max(1);
    (0..rows).step_by(share).map(|start| share.min(rows - start)).collect()
}

/// Does the work on all shares, the first one on this thread and each other on one of its own, with subnormal numbers as
/// zero on all of them.
pub(crate) fn each<S: Send>(shares: impl IntoIterator<Item = S>, work: impl Fn(S) + Sync) {
    let mut shares = shares.into_iter();
    let Some(mine) = shares.next() else { return };
    let work = |share| {
        let _guard = SubnormalsAsZero::new();
        work(share);
    };
    thread::scope(|scope| {
        for share in shares {
            scope.spawn(move || work(share));
        }
        work(mine);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_belongs_to_one_thread() {
        for (rows, threads, unit, expected) in [
            (32, 1, 8, vec![32]),
            (32, 2, 8, vec![16, 16]),
            (32, 3, 8, vec![16, 16]),
            (33, 2, 8, vec![24, 9]),
            (3, 4, 8, vec![3]),
            (3, 4, 1, vec![1, 1, 1]),
            (0, 2, 8, vec![]),
        ] {
            assert_eq!(rows_each(rows, threads, unit), expected, "{rows} rows, {threads} threads");
        }
    }

    #[test]
    fn all_shares_are_worked_on() {
        let mut values = [1, 2, 3, 4, 5];
        each(values.chunks_mut(2), |share| share.iter_mut().for_each(|value| *value *= 10));
        assert_eq!(values, [10, 20, 30, 40, 50]);
    }
}
