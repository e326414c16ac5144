//! Student's interval of a mean.

use serde::{Deserialize, Serialize};

use crate::distributions::student_critical;
use crate::error::{SampleError, check_probability, check_samples};
use crate::samples::mean_and_deviation;

/// A mean with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanInterval {
    /// The mean.
    pub mean: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

impl MeanInterval {
    /// The part of it that lies in a range, which the mean does.
    #[must_use]
    pub fn within(self, (least, most): (f64, f64)) -> Self {
        Self { lower: self.lower.max(least), upper: self.upper.min(most), ..self }
    }
}

/// `mean ± t s / sqrt(n)` with Student's `t` for `n - 1` degrees of freedom: Student, "The probable error of a mean", Biometrika 6
/// (1908). It takes the samples to be normally distributed.
///
/// # Errors
/// If there are fewer than two samples, one is not finite, or the confidence is not strictly between 0 and 1.
pub fn mean_interval(samples: &[f64], confidence: f64) -> Result<MeanInterval, SampleError> {
    check_samples(samples, 2)?;
    check_probability(confidence)?;
    let (mean, variance) = mean_and_variance(samples)?;
    let number = samples.len() as f64;
    let half_width = student_critical(confidence, number - 1.0) * (variance / number).sqrt();
    Ok(MeanInterval { mean, lower: mean - half_width, upper: mean + half_width })
}

/// Mean and sample variance (`n - 1`) of at least two samples.
pub(crate) fn mean_and_variance(samples: &[f64]) -> Result<(f64, f64), SampleError> {
    match mean_and_deviation(samples) {
        Some((mean, Some(deviation))) => Ok((mean, deviation * deviation)),
        _ => Err(SampleError::TooFew { found: samples.len(), least: 2 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_is_no_part_of_an_interval() {
        let wide = mean_interval(&[0.645, 0.885, 0.935], 0.95).unwrap();
        assert!(wide.upper > 1.2 && wide.lower > 0.4);
        let cut = wide.within((0.0, 1.0));
        assert_eq!((cut.mean, cut.lower, cut.upper), (wide.mean, wide.lower, 1.0));
        assert_eq!(wide.within((f64::NEG_INFINITY, f64::INFINITY)), wide);
    }
}
