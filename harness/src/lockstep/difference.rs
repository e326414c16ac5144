//! How far two arrays, two numbers or two sets of weights lie apart, and where a sequence first leaves a threshold.

use std::borrow::Cow;

use harness_contract::{BiasVectors, ModelSpec, WeightError, WeightMap};

use super::initial::with_one_bias_vector;
use super::record::{Comparison, Difference, Reading, StepPair, TensorDifference};

/// Relative differences at which two backends are said to part.
pub(crate) const THRESHOLDS: [f64; 3] = [1e-6, 1e-4, 1e-2];

/// `|a - b| / max(|a|, |b|)`; 0 where both are 0.
#[must_use]
pub fn relative([a, b]: [f64; 2]) -> f64 {
    let size = a.abs().max(b.abs());
    if size == 0.0 { 0.0 } else { (a - b).abs() / size }
}

impl Difference {
    /// Of two arrays of the same length.
    #[must_use]
    pub fn between(a: &[f32], b: &[f32]) -> Self {
        let (mut distance, mut largest, mut norms) = (0.0_f64, 0.0_f64, [0.0_f64; 2]);
        for (&a, &b) in a.iter().zip(b) {
            let (a, b) = (f64::from(a), f64::from(b));
            let apart = (a - b).abs();
            distance += apart * apart;
            largest = largest.max(apart);
            norms[0] += a * a;
            norms[1] += b * b;
        }
        Self { distance: distance.sqrt(), norm: norms[0].max(norms[1]).sqrt(), largest }
    }

    /// Distance over norm; 0 where both arrays are 0.
    #[must_use]
    pub fn relative(&self) -> f64 {
        if self.norm == 0.0 { 0.0 } else { self.distance / self.norm }
    }
}

impl StepPair {
    /// The relative difference of the losses.
    #[must_use]
    pub fn loss_difference(&self) -> f64 {
        relative(self.loss)
    }

    /// The relative difference of the gradient norms.
    #[must_use]
    pub fn norm_difference(&self) -> f64 {
        relative(self.gradient_norm)
    }
}

impl Reading {
    /// The tensor that lies farthest apart, relative to its norm.
    #[must_use]
    pub fn farthest(&self) -> Option<&TensorDifference> {
        // The first of equals, so that the answer doesn't depend on what comes after.
        self.tensors.iter().rev().max_by(|a, b| a.difference.relative().total_cmp(&b.difference.relative()))
    }
}

/// How far the weights of two models of one cell and size lie apart, tensor by tensor in canonical order. Where the sides have different
/// numbers of bias vectors, their sums are compared.
///
/// # Errors
/// A tensor that one side lacks.
pub(super) fn tensor_differences(
    specs: [&ModelSpec; 2],
    weights: [&WeightMap; 2],
) -> Result<Vec<TensorDifference>, WeightError> {
    let layouts_differ = specs[0].bias_vectors != specs[1].bias_vectors;
    let comparable = |place: usize| -> Result<Cow<'_, WeightMap>, WeightError> {
        if layouts_differ && specs[place].bias_vectors == BiasVectors::Two {
            Ok(Cow::Owned(with_one_bias_vector(specs[place], weights[place])?))
        } else {
            Ok(Cow::Borrowed(weights[place]))
        }
    };
    let (a, b) = (comparable(0)?, comparable(1)?);
    let shared = if specs[0].bias_vectors == BiasVectors::One { specs[0] } else { specs[1] };
    let compare = |name: String| {
        let difference = Difference::between(&a.get(&name)?.data, &b.get(&name)?.data);
        Ok(TensorDifference { name, difference })
    };
    shared.parameters().into_iter().map(|parameter| compare(parameter.name)).collect()
}

/// The place of the first value above a threshold. A value that is no number is above every one.
#[must_use]
pub(crate) fn first_above(values: impl IntoIterator<Item = f64>, threshold: f64) -> Option<usize> {
    values.into_iter().position(|value| value.is_nan() || value > threshold)
}

/// Where the weights of a comparison first lie farther apart than a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightsPart<'c> {
    /// The step after which they were last read below it, if they were.
    pub below: Option<u64>,
    /// The step after which they were first read above it.
    pub step: u64,
    /// The tensor that lay farthest apart there.
    pub tensor: &'c TensorDifference,
}

impl Comparison {
    /// The first step whose losses differ by more than a threshold.
    #[must_use]
    pub fn loss_parts(&self, threshold: f64) -> Option<u64> {
        let place = first_above(self.steps.iter().map(StepPair::loss_difference), threshold)?;
        self.steps.get(place).map(|pair| pair.step)
    }

    /// The first reading at which some tensor differs by more than a threshold.
    #[must_use]
    pub fn weights_part(&self, threshold: f64) -> Option<WeightsPart<'_>> {
        let farthest = |reading: &Reading| reading.farthest().map_or(0.0, |tensor| tensor.difference.relative());
        let place = first_above(self.readings.iter().map(farthest), threshold)?;
        let below = place.checked_sub(1).and_then(|before| self.readings.get(before)).map(|reading| reading.step);
        let reading = self.readings.get(place)?;
        Some(WeightsPart { below, step: reading.step, tensor: reading.farthest()? })
    }

    /// The largest relative difference of the losses up to each step, with the step.
    #[must_use]
    pub fn running_loss_difference(&self) -> Vec<(u64, f64)> {
        let mut largest = 0.0_f64;
        self.steps
            .iter()
            .map(|pair| {
                largest = largest.max(pair.loss_difference());
                (pair.step, largest)
            })
            .collect()
    }
}
