//! What the records of a run show of each cause, and from where on it is one.

use harness_contract::{Pooling, Side};
use harness_statistics::samples::{Spread, mean_and_deviation};
use harness_text::numbers;
use serde::Serialize;

use crate::claims::ESCAPE_AUC;
use crate::record::{EpochRecord, InputGradients, Outcome, RunRecord, Scores};

/// The gradient does not reach a review's last word when its norm there is less than this share of that at the last step: float32 has 24 binary
/// digits, 6e-8, and what adds less than a few of them to a gradient of the last steps changes no weight.
const REACH: f64 = 1e-6;

/// The learning rate is gone when it is this share of the first epoch's: two reductions by the factor .1 that either framework's schedule has.
const LEARNING_RATE_LEFT: f64 = 0.01;

/// A logit beyond this is a probability of exactly 1 in float32, which holds no number between 1 - 2^-24 and 1: ln(2^25), where half a unit is left.
const SATURATED_LOGIT: f32 = 17.33;

/// Saturation is a state of the run, and not of a few odd reviews, when it holds for at least this share of the reviews.
const SATURATED_SHARE: f64 = 0.5;

/// A gradient of all weights is gone below this norm: its elements are then below the epsilon of either framework's Adam (1e-7 and 1e-8), which divides
/// by its root mean square plus epsilon, so that steps no longer have the length of the learning rate.
const VANISHED_GRADIENT: f64 = 1e-7;

/// A training loss below this, half that of a coin, is small because reviews were learnt. Its gradient may vanish without anything being saturated.
const LEARNT_LOSS: f64 = std::f64::consts::LN_2 / 2.0;

/// Clipping is there for a few steps that overshoot. When so large a share of all steps is clipped, every step has one length and the norm says nothing.
const CLIPPED_THROUGHOUT: f64 = 0.95;

/// Logits have no spread below this standard deviation: the probabilities of two reviews then differ by about one in a hundred.
const SCORE_SPREAD: f64 = 0.05;

/// A run predicts one class when so large a share of the test reviews gets it: on two classes of one size its accuracy is then at most .55.
const ONE_CLASS: f64 = 0.95;

/// Why a run is at chance, in the order in which a cause is named where several show: what stops learning comes before what that looks like at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A loss, a gradient or a logit was infinite or not a number.
    NotFinite,
    /// What the last word says does not change any weight: too many padded steps lie behind it.
    NoReach,
    /// The schedule took the learning rate away before the run escaped.
    LearningRateGone,
    /// Units or scores lie where their slope is 0.
    Saturated,
    /// Nearly every step was clipped.
    ClippedThroughout,
    /// Every review gets about the same score.
    NoSpread,
    /// Nearly every review gets the same class, by scores that do spread.
    OneClass,
    /// The records show none of these.
    NoneOfThese,
}

impl Cause {
    /// What it is called.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::NotFinite => "not finite",
            Self::NoReach => "the gradient does not reach the last word",
            Self::LearningRateGone => "the learning rate is gone",
            Self::Saturated => "saturation",
            Self::ClippedThroughout => "clipped throughout",
            Self::NoSpread => "scores without spread",
            Self::OneClass => "one class",
            Self::NoneOfThese => "none of these",
        }
    }
}

/// A cause that shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sign {
    /// The cause.
    pub cause: Cause,
    /// What was measured, as a sentence without its full stop.
    pub words: String,
}

/// Every cause that shows, in the order of [`Cause`], never none; and what could not be looked at.
pub(super) fn signs(record: &RunRecord, scores: Option<&Scores>) -> (Vec<Sign>, Vec<String>) {
    let found = [
        (Cause::NotFinite, not_finite(record)),
        (Cause::NoReach, no_reach(record)),
        (Cause::LearningRateGone, learning_rate_gone(record)),
        (Cause::Saturated, saturated(record, scores)),
        (Cause::ClippedThroughout, clipped_throughout(record)),
        (Cause::NoSpread, scores.and_then(no_spread)),
        (Cause::OneClass, one_class(record)),
    ];
    let mut signs: Vec<Sign> =
        found.into_iter().filter_map(|(cause, words)| Some(Sign { cause, words: words? })).collect();
    if signs.is_empty() {
        signs.push(Sign { cause: Cause::NoneOfThese, words: none_of_these(record, scores) });
    }
    (signs, unknown(record, scores))
}

fn not_finite(record: &RunRecord) -> Option<String> {
    matches!(record.outcome, Outcome::Diverged { .. }).then(|| record.outcome.reason()).flatten()
}

/// The input gradients after each epoch that has them.
fn input_gradients(record: &RunRecord) -> impl Iterator<Item = (&EpochRecord, &InputGradients)> {
    record.epochs.iter().filter_map(|epoch| Some((epoch, epoch.observation.input_gradients.as_ref()?)))
}

fn no_reach(record: &RunRecord) -> Option<String> {
    let reaches = input_gradients(record).filter_map(|(_, gradients)| gradients.reach());
    let furthest = reaches.fold(None, |most: Option<f64>, reach| Some(most.map_or(reach, |most| most.max(reach))))?;
    let (_, last) = input_gradients(record).last()?;
    let padded = Spread::of(last.rows.iter().map(|row| f64::from(row.padded_after)))?;
    (furthest < REACH).then(|| {
        format!(
            "{:.0} padded steps lie between a review's last word and the last step (median; {:.0} to {:.0}), and the gradient at the last word is at most \
             {} of that at the last step after any epoch (median over reviews)",
            padded.median,
            padded.min,
            padded.max,
            numbers::significant(furthest)
        )
    })
}

fn learning_rate_gone(record: &RunRecord) -> Option<String> {
    let before_escape = record.epochs.iter().take_while(|epoch| !epoch.escaped(ESCAPE_AUC));
    let first = record.epochs.first()?.learning_rate;
    let gone = before_escape.into_iter().find(|epoch| epoch.learning_rate <= first * LEARNING_RATE_LEFT)?;
    Some(format!(
        "the learning rate went from {first} to {} by epoch {}, before the run had escaped",
        gone.learning_rate, gone.epoch
    ))
}

#[expect(clippy::cast_precision_loss, reason = "counts of reviews")]
fn saturated(record: &RunRecord, scores: Option<&Scores>) -> Option<String> {
    let mut found = Vec::new();
    if let Some((epoch, gradients)) = input_gradients(record).last() {
        let dead = gradients.rows.iter().filter(|row| row.at_last_step == 0.0).count();
        if !gradients.rows.is_empty() && dead as f64 >= SATURATED_SHARE * gradients.rows.len() as f64 {
            found.push(format!(
                "after epoch {} the gradient is 0 even at the last step in {dead} of {} reviews",
                epoch.epoch,
                gradients.rows.len()
            ));
        }
    }
    if let Some(last) = record.epochs.last()
        && last.gradient_norm_mean < VANISHED_GRADIENT
        && last.train_loss > LEARNT_LOSS
    {
        found.push(format!(
            "in epoch {} the gradient of all weights has a mean norm of {} while the training loss is {:.4}",
            last.epoch,
            numbers::significant(last.gradient_norm_mean),
            last.train_loss
        ));
    }
    if let Some(scores) = scores.filter(|scores| !scores.logits.is_empty()) {
        let certain = scores.logits.iter().filter(|logit| logit.abs() > SATURATED_LOGIT).count() as f64;
        let share = certain / scores.logits.len() as f64;
        if share >= SATURATED_SHARE {
            found.push(format!(
                "{} of the test reviews have a probability of exactly 0 or 1 in float32",
                numbers::percent(share)
            ));
        }
    }
    (!found.is_empty()).then(|| found.join("; "))
}

#[expect(clippy::cast_precision_loss, reason = "counts of steps")]
fn clipped_throughout(record: &RunRecord) -> Option<String> {
    let steps: u64 = record.epochs.iter().map(|epoch| epoch.steps).sum();
    let clipped: f64 = record.epochs.iter().map(|epoch| epoch.clipped_share * epoch.steps as f64).sum();
    let share = clipped / steps as f64;
    (share >= CLIPPED_THROUGHOUT).then(|| {
        format!("{} of all steps were clipped, at the norm {}", numbers::percent(share), record.protocol.clip_norm)
    })
}

fn deviation(scores: &Scores) -> Option<f64> {
    mean_and_deviation(&scores.logits.iter().map(|logit| f64::from(*logit)).collect::<Vec<_>>())?.1
}

fn no_spread(scores: &Scores) -> Option<String> {
    let deviation = deviation(scores)?;
    (deviation < SCORE_SPREAD).then(|| {
        format!("the logits of the test reviews have a standard deviation of {}", numbers::significant(deviation))
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of reviews")]
fn one_class(record: &RunRecord) -> Option<String> {
    let (confusion, split) = match &record.test {
        Some(test) => (test.confusion, "test"),
        None => (record.epochs.last()?.validation.confusion, "validation"),
    };
    let share = confusion.predicted_positive() as f64 / confusion.examples() as f64;
    let (share, class) = if share >= 0.5 { (share, "positive") } else { (1.0 - share, "negative") };
    (share >= ONE_CLASS).then(|| format!("{} of the {split} reviews are predicted {class}", numbers::percent(share)))
}

/// What can be said of a run that shows no cause.
fn none_of_these(record: &RunRecord, scores: Option<&Scores>) -> String {
    let mut parts = Vec::new();
    if let Some(last) = record.epochs.last() {
        parts.push(format!(
            "the training loss was {:.4} in epoch {}, where a coin has {:.4}",
            last.train_loss,
            last.epoch,
            std::f64::consts::LN_2
        ));
        parts.push(format!("the mean gradient norm was {}", numbers::significant(last.gradient_norm_mean)));
    }
    if let Some(deviation) = scores.and_then(deviation) {
        parts.push(format!("the test logits have a standard deviation of {}", numbers::significant(deviation)));
    }
    if parts.is_empty() { "no epoch was finished".into() } else { parts.join(", ") }
}

/// What was not recorded, as far as it bears on a cause.
fn unknown(record: &RunRecord, scores: Option<&Scores>) -> Vec<String> {
    let mut unknown = Vec::new();
    if input_gradients(record).next().is_none() {
        let mut words =
            "how far the gradient reaches (`input_gradient_norms` was off, or no epoch was finished)".to_owned();
        let protocol = &record.protocol;
        let behind = protocol.padding == Side::End && !protocol.masking && protocol.pooling == Pooling::LastStep;
        if let Some(last) = record.epochs.last().filter(|_| behind) {
            let padded = last.padded_length_mean * last.padding_share;
            words.push_str(&format!(
                "; padding is at the end and the model reads the last step, so that on average {padded:.0} padded steps lie between a review's last word and it"
            ));
        }
        unknown.push(words);
    }
    if scores.is_none() {
        unknown.push("how the scores spread (there are no test scores)".into());
    }
    unknown
}
