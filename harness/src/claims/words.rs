//! How a verdict names what was measured.

use super::rules::{Bounds, Measure};

/// Where values lie.
pub(super) fn range_text(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let text = |value: f64| match value.abs() {
        0.0 => "0".to_owned(),
        1e-3..1e5 => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    };
    if least == most {
        format!("each is {}", text(least))
    } else {
        format!("they lie between {} and {}", text(least), text(most))
    }
}

impl Bounds {
    /// The bounds as a sentence has them.
    pub(super) fn words(&self) -> String {
        let parts =
            [("at least", self.at_least), ("above", self.above), ("at most", self.at_most), ("below", self.below)];
        let parts: Vec<_> = parts.into_iter().filter_map(|(word, bound)| Some(format!("{word} {}", bound?))).collect();
        parts.join(" and ")
    }
}

impl Measure {
    /// What it is called in a sentence.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Accuracy => "test accuracy",
            Self::Auc => "test AUC",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::PositiveShare => "share of positive predictions",
            Self::EscapeEpoch => "escape epoch",
            Self::ReachFirst => "reach after the first epoch",
            Self::ReachLast => "reach after the last epoch",
            Self::SpectrumFactor => "distance of the recurrent spectrum from orthogonal",
            Self::GradientSlope => "slope of the input gradient over time",
            Self::UpdateAfterSpike => "update norm after a spike over before",
            Self::PaddedLength => "mean padded length",
            Self::RecurrentWeights => "recurrent weights",
            Self::TrainSeconds => "seconds an epoch",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_shows_small_values_as_they_are_and_nothing_as_0() {
        assert_eq!(range_text(&[0.25, -0.5]), "they lie between -0.500 and 0.250");
        assert_eq!(range_text(&[0.0, 6.5e-5]), "they lie between 0 and 6.5e-5");
        assert_eq!(range_text(&[0.0, 0.0]), "each is 0");
    }
}
