//! The next batches assembled while the backend computes.

use std::sync::mpsc::sync_channel;
use std::thread;

use super::batches::{BatchSettings, HostBatch};
use crate::data::EncodedSplit;

/// About how many tokens the batches that are handed over at once may have together: half a MiB. Whoever takes batches wakes the thread that
/// assembles them, which may run in its place just when the backend waits; so that is not done for each small batch.
const TOKENS_TOGETHER: usize = 1 << 17;

/// Gives each batch of a plan to `take`, in order, until it fails.
///
/// # Errors
/// What `take` fails with.
pub(super) fn assembled<E>(
    settings: &BatchSettings,
    split: &EncodedSplit,
    plan: &[Vec<usize>],
    mut take: impl FnMut(HostBatch) -> Result<(), E>,
) -> Result<(), E> {
    let largest = settings.rows.saturating_mul(settings.max_length + settings.gap);
    let together = (TOKENS_TOGETHER / largest.max(1)).max(1);
    thread::scope(|scope| {
        let (ready, batches) = sync_channel(1);
        scope.spawn(move || {
            for together in plan.chunks(together) {
                let together: Vec<_> = together.iter().map(|reviews| settings.assemble(split, reviews)).collect();
                // The receiver is gone once `take` has failed.
                if ready.send(together).is_err() {
                    return;
                }
            }
        });
        batches.into_iter().flatten().try_for_each(&mut take)
    })
}
