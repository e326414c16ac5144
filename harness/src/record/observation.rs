//! What is looked at in a model between epochs, for diagnosing why it learns or does not.

use harness_statistics::spectrum::Spectrum;
use serde::{Deserialize, Serialize};

/// What was seen of a model at one moment: before the first epoch, or after an epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observation {
    /// How far the gradient reaches back in time, where the protocol asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_gradients: Option<InputGradients>,
    /// The spectrum of each gate's block of the recurrent kernels, where the protocol asks for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recurrent_spectrum: Vec<BlockSpectrum>,
}

/// Norms of the loss' gradient with respect to the embedded tokens of one validation batch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputGradients {
    /// Mean norm over the rows at each step, `[time]`.
    pub mean: Vec<f64>,
    /// Mean natural logarithm over the rows whose norm is not 0 at each step, `[time]`; `None` where there is none.
    pub mean_log: Vec<Option<f64>>,
    /// The rows.
    pub rows: Vec<RowReach>,
}

/// How far the gradient reaches in one row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RowReach {
    /// Words.
    pub length: u32,
    /// Padded steps between the last word and the last step.
    pub padded_after: u32,
    /// The gradient's norm at the last word.
    pub at_last_word: f64,
    /// The gradient's norm at the last step.
    pub at_last_step: f64,
}

/// The spectrum of one gate's block of a recurrent kernel, `[hidden, hidden]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockSpectrum {
    /// The kernel's name, e.g. `rnn.weight_hh_l0`.
    pub kernel: String,
    /// The gate, counted from 0 in the order of the canonical weights.
    pub gate: u32,
    /// Its singular values and spectral radius.
    pub spectrum: Spectrum,
}

impl InputGradients {
    /// The ratio of the gradient's norm at the last word to that at the last step: the median over the rows whose gradient at the last step is not 0.
    #[must_use]
    pub fn reach(&self) -> Option<f64> {
        let ratios = self.rows.iter().filter(|row| row.at_last_step > 0.0);
        let mut ratios: Vec<f64> = ratios.map(|row| row.at_last_word / row.at_last_step).collect();
        ratios.sort_by(f64::total_cmp);
        let middle = ratios.len() / 2;
        match ratios.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(ratios[middle]),
            _ => Some(f64::midpoint(ratios[middle - 1], ratios[middle])),
        }
    }

    /// The slope of the mean logarithm against the step, by least squares over the steps that have one; negative where the gradient grows
    /// weaker towards the last step.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "steps of a batch")]
    pub fn slope(&self) -> Option<f64> {
        let points: Vec<(f64, f64)> =
            self.mean_log.iter().enumerate().filter_map(|(step, log)| Some((step as f64, (*log)?))).collect();
        let n = points.len() as f64;
        let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / n;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
        let together: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
        (spread > 0.0).then(|| together / spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at_last_word: f64, at_last_step: f64) -> RowReach {
        RowReach { length: 3, padded_after: 2, at_last_word, at_last_step }
    }

    #[test]
    fn the_reach_is_the_median_over_rows_with_a_gradient() {
        let gradients = |rows| InputGradients { rows, ..InputGradients::default() };
        assert_eq!(gradients(vec![]).reach(), None);
        assert_eq!(gradients(vec![row(1.0, 0.0)]).reach(), None);
        assert_eq!(gradients(vec![row(1.0, 2.0), row(0.0, 1.0), row(4.0, 4.0)]).reach(), Some(0.5));
        assert_eq!(gradients(vec![row(1.0, 4.0), row(3.0, 4.0)]).reach(), Some(0.5));
    }

    #[test]
    fn the_slope_of_a_gradient_that_halves_from_step_to_step_is_minus_ln_2() {
        let mean_log = (0..9).map(|step| (step != 4).then(|| -f64::from(step) * std::f64::consts::LN_2)).collect();
        let slope = InputGradients { mean_log, ..InputGradients::default() }.slope().unwrap();
        assert!((slope + std::f64::consts::LN_2).abs() < 1e-12, "{slope}");
    }
}
