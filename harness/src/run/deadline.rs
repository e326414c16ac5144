//! What of a run fits into the time that is left, where someone ends it at a known moment.

use std::time::{Duration, SystemTime};

use crate::data::EncodedData;
use crate::plan::Protocol;
use crate::plan::protocol::Stop;
use crate::record::{EpochRecord, escape_epoch};

/// How long before the end nothing may go on any more: a batch system is asked for a signal then.
pub const NOTICE: Duration = Duration::from_secs(120);

/// A moment at which a run will be ended, and what there is to do before.
#[derive(Debug)]
pub(super) struct Deadline {
    /// When.
    pub(super) until: SystemTime,
    /// Epochs of the run at most.
    pub(super) epochs: u32,
    /// What ends it before.
    pub(super) stop: Stop,
    /// Reviews that are tested for each one of the validation.
    pub(super) test_share: f64,
    /// Whether what is finished of it is kept after each epoch.
    pub(super) keeps_epochs: bool,
}

/// Time that is wanting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lack {
    /// How long what comes next takes; `None` while nothing was measured.
    pub needs: Option<Duration>,
    /// How long there was.
    pub left: Duration,
}

impl Deadline {
    /// That of a run on these data.
    pub(super) fn new(until: SystemTime, protocol: &Protocol, data: &EncodedData, keeps_epochs: bool) -> Self {
        let reviews = |split: usize| f64::from(u32::try_from(split).unwrap_or(u32::MAX));
        let test_share = reviews(data.test.len()) / reviews(data.validation.len().max(1));
        Self { until, epochs: protocol.epochs, stop: protocol.stop, test_share, keeps_epochs }
    }

    /// What is wanting for what comes after these epochs, if it is. Where nothing was measured yet, any time will do.
    pub(super) fn lack(&self, epochs: &[EpochRecord]) -> Option<Lack> {
        let left = self.until.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(NOTICE);
        let needs = self.next(epochs);
        (left.is_zero() || needs.is_some_and(|needs| needs > left)).then_some(Lack { needs, left })
    }

    /// How long what can't be divided takes next: an epoch or the test, or all that is left of a run of which nothing is kept.
    fn next(&self, epochs: &[EpochRecord]) -> Option<Duration> {
        let longest = epochs.iter().map(|epoch| epoch.timing.train_seconds + epoch.timing.evaluation_seconds);
        let longest = longest.reduce(f64::max)?;
        let test = self.test_share * epochs.last()?.timing.evaluation_seconds;
        let done = u32::try_from(epochs.len()).unwrap_or(u32::MAX);
        let left = match self.stop.ends(done, escape_epoch(epochs, self.stop.auc)) {
            true => 0,
            false => self.epochs.saturating_sub(done),
        };
        let seconds = match (left, self.keeps_epochs) {
            (0, _) => test,
            (_, true) => longest,
            (_, false) => f64::from(left) * longest + test,
        };
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::protocol::StopKind;

    fn epochs(number: u32) -> Vec<EpochRecord> {
        let of = |epoch| {
            serde_json::from_value(serde_json::json!({
                "epoch": epoch, "learning_rate": 0.1, "steps": 1, "train_loss": 0.7, "gradient_norm_mean": 1.0, "gradient_norm_max": 1.0,
                "clipped_share": 0.0, "padded_length_mean": 3.0, "padding_share": 0.1,
                "validation": { "confusion": { "tp": 1, "fp": 0, "tn": 1, "fn": 0 }, "auc": 0.5, "log_loss": 0.1 },
                "timing": { "train_seconds": 8.0 + f64::from(epoch), "evaluation_seconds": 2.0, "train_compute_seconds": 1.0,
                            "evaluation_compute_seconds": 1.0, "tokens_per_second": 1.0 },
            }))
            .unwrap()
        };
        (1..=number).map(of).collect()
    }

    #[test]
    fn an_epoch_the_test_or_all_that_is_left_has_to_fit() {
        let stop = |kind| Stop { kind, auc: 0.5, epochs: 1 };
        let lack = |seconds: u64, done: u32, keeps_epochs: bool| {
            let until = SystemTime::now() + NOTICE + Duration::from_secs(seconds);
            let needs = |lack: Lack| lack.needs.map(|needs| needs.as_secs());
            Deadline { until, epochs: 4, stop: stop(StopKind::Never), test_share: 3.0, keeps_epochs }
                .lack(&epochs(done))
                .map(needs)
        };
        assert_eq!(lack(1, 0, true), None, "nothing is known of it yet");
        assert_eq!((lack(11, 2, true), lack(13, 2, true)), (Some(Some(12)), None), "an epoch");
        assert_eq!((lack(5, 4, true), lack(7, 4, true)), (Some(Some(6)), None), "the test");
        assert_eq!((lack(29, 2, false), lack(31, 2, false)), (Some(Some(30)), None), "two epochs and the test");
        let now = SystemTime::now();
        let past =
            Deadline { until: now, epochs: 4, stop: stop(StopKind::AfterEscape), test_share: 3.0, keeps_epochs: true };
        assert_eq!(past.lack(&[]), Some(Lack { needs: None, left: Duration::ZERO }));
        assert_eq!(past.next(&epochs(2)), Some(Duration::from_secs(6)), "it escaped in its first epoch, so it is over");
    }
}
