//! Why a statistic of samples does not exist, and the checks that every statistic shares.

/// Why an interval, a test or a curve can't be had from what was given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// There are fewer samples than the method needs.
    #[error("{found} samples in one arm, where at least {least} are needed")]
    TooFew {
        /// Samples given.
        found: usize,
        /// Samples needed.
        least: usize,
    },
    /// A sample is infinite or not a number, as after a diverged training.
    #[error("sample {place} is {value}, which is not finite")]
    NotFinite {
        /// Place among the samples, counted from 0.
        place: usize,
        /// What stands there.
        value: f64,
    },
    /// Inputs that belong together differ in number.
    #[error("{first} of one thing and {second} of the other, where each sample needs both")]
    LengthMismatch {
        /// Number of the first.
        first: usize,
        /// Number of the second.
        second: usize,
    },
    /// More successes than trials, no trials, or more trials than are computed.
    #[error("{successes} of {trials} is no share of 1 to {most} trials", most = MOST_TRIALS)]
    Count {
        /// Successes given.
        successes: u64,
        /// Trials given.
        trials: u64,
    },
    /// A confidence, a level or a p value does not lie where it must.
    #[error("{value} is no probability strictly between 0 and 1")]
    Probability {
        /// The value.
        value: f64,
    },
    /// A margin, a horizon or a time is negative, zero where it may not be, or not finite.
    #[error("{what} is {value}, which is no positive number")]
    NotPositive {
        /// What it is.
        what: &'static str,
        /// The value.
        value: f64,
    },
    /// All samples of both arms are alike within their arm, so that a t statistic has no denominator.
    #[error("the samples of neither arm differ among themselves: a t statistic needs some spread")]
    NoSpread,
    /// An exact test would have to go through more splits than are allowed.
    #[error("{first} and {second} samples can be split in more than {most} ways, too many for an exact test", most = MOST_SPLITS)]
    TooManySplits {
        /// Samples of the first arm.
        first: usize,
        /// Samples of the second arm.
        second: usize,
    },
    /// The survival curve ends before the horizon, because its last observation is censored.
    #[error("the last observation is censored at {last}, so nothing is known up to the horizon {horizon}")]
    BeyondObservation {
        /// Time of the last observation.
        last: f64,
        /// The horizon asked for.
        horizon: f64,
    },
}

/// The most trials of a share. Fisher's test visits every table that has the same margins.
pub const MOST_TRIALS: u64 = 1_000_000;

/// The most splits that an exact test goes through. Two arms of twelve have 2,704,156, two of thirteen 10,400,600.
pub const MOST_SPLITS: u64 = 5_000_000;

/// Refuses fewer than `least` samples and samples that are not finite.
pub(crate) fn check_samples(samples: &[f64], least: usize) -> Result<(), SampleError> {
    if samples.len() < least {
        return Err(SampleError::TooFew { found: samples.len(), least });
    }
    match samples.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        Some((place, &value)) => Err(SampleError::NotFinite { place, value }),
        None => Ok(()),
    }
}

/// Refuses what is not strictly between 0 and 1.
pub(crate) fn check_probability(value: f64) -> Result<(), SampleError> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(SampleError::Probability { value }) }
}

/// Refuses what is not a positive finite number.
pub(crate) fn check_positive(what: &'static str, value: f64) -> Result<(), SampleError> {
    if value > 0.0 && value.is_finite() { Ok(()) } else { Err(SampleError::NotPositive { what, value }) }
}

/// Refuses more successes than trials, no trials, and more than [`MOST_TRIALS`].
pub(crate) fn check_count(successes: u64, trials: u64) -> Result<(), SampleError> {
    if successes <= trials && trials > 0 && trials <= MOST_TRIALS {
        Ok(())
    } else {
        Err(SampleError::Count { successes, trials })
    }
}
