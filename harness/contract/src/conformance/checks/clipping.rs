//! Clipping by global norm: when it happens, what it says of itself, and what it does to the gradient.

use crate::batch::Side;
use crate::capabilities;
use crate::error::BackendError;
use crate::parameters::TensorGroup;
use crate::spec::{AdamSpec, CellKind, ClipForm, ClipSpec, ModelSpec};

use super::super::deviation;
use super::super::gradient;
use super::super::inputs::{Rows, Stack, weights, weights_from};
use super::super::measure::Measure;
use super::super::random::Random;
use super::super::suite::Suite;
use super::yardstick::FLOOR;

/// Relative to the largest entry of a gate's block.
const CLIPPED_GRADIENTS: f64 = 5e-5;

/// As without clipping.
const NORM: f64 = 5e-6;

/// The clip norm and the stabiliser as multiples of the gradient's own norm. The last clips a gradient that is shorter than the clip norm:
/// the coefficient is 1.2 / 1.5.
const CLIPS: [(f64, f64); 5] = [(0.5, 0.0), (0.9, 1e-6), (1.1, 0.0), (0.5, 0.5), (1.2, 0.5)];

pub(super) fn run(suite: &mut Suite<'_>) {
    for stack in Stack::PLAIN {
        suite.check_together(
            [("clipped-flag", 0.0), ("clipped-gradients", CLIPPED_GRADIENTS), ("unclipped-norm", NORM)],
            &stack.name(),
            |suite, measures| clipping(suite, stack, measures),
        );
    }
    for cell in [CellKind::Rnn, CellKind::Gru] {
        for form in ClipForm::ALL {
            let subject = format!("{}, norm of {}", cell.title(), words(form));
            suite.check("infinite-norm", &subject, 0.0, |suite, measure| infinite_norm(suite, cell, form, measure));
        }
    }
}

/// The smallest model whose gradient is finite while its norm is not. All weights are 0 but two of 1e10, so that the gradient of the embedded
/// tokens is about 1e20 and its square beyond float32. With the norm of the gradient the factor is 0 and nothing moves, of each variable the
/// embedding stays; with the norm over occurrences every weight becomes NaN.
fn infinite_norm(
    suite: &mut Suite<'_>,
    cell: CellKind,
    form: ClipForm,
    measure: &mut Measure,
) -> Result<(), BackendError> {
    let Some(stack) = Stack::PLAIN.into_iter().find(|stack| stack.cell == cell) else { return Ok(()) };
    let clip = Some(ClipSpec { norm: 1.0, stabiliser: 0.0, form });
    let sizes = ModelSpec { vocabulary_size: 20, embedding_size: 2, hidden_size: 2, layers: 1, ..suite.spec(stack) };
    for repeated_words in suite.capabilities().repeated_words.clone() {
        let adam = AdamSpec { repeated_words, ..sizes.adam };
        let spec = ModelSpec { clip, adam, ..sizes.clone() };
        if !suite.can(&spec, std::slice::from_mut(measure)) {
            continue;
        }
        measure.case(capabilities::name(&repeated_words));
        let initial = weights_from(&spec, |group| match group {
            TensorGroup::InputKernel | TensorGroup::HeadKernel => 1e10,
            _ => 0.0,
        })?;
        let batch = Rows::padded(&[vec![3, 3, 4], vec![5, 3, 5]], 3, Side::End);
        let mut model = suite.build(&spec, &initial)?;
        let report = model.train_batch(batch.labelled()?, 0.01)?;
        measure.require(report.clipped, "clipped = false");
        measure.require(report.gradient_norm.is_infinite(), format!("a norm of {:e}", report.gradient_norm));
        let after = model.weights()?;
        match form {
            ClipForm::Gradient => {
                let (differing, place) = deviation::bits(&after, &initial);
                measure.see(differing as f64, place);
            }
            ClipForm::EachVariable => {
                let (before, after) = (initial.get("embedding.weight")?, after.get("embedding.weight")?);
                measure.require(before == after, "embedding.weight");
            }
            ClipForm::Occurrences => {
                let finite = after.iter().find(|(_, tensor)| tensor.data.iter().any(|value| !value.is_nan()));
                measure.require(finite.is_none(), finite.map_or("", |(name, _)| name));
            }
        }
    }
    Ok(())
}

fn clipping(suite: &mut Suite<'_>, stack: Stack, measures: &mut [Measure; 3]) -> Result<(), BackendError> {
    let spec = gradient::reading(&suite.spec(stack));
    if !suite.can_compare(&spec, measures) {
        return Ok(());
    }
    let mut random = Random::named(&format!("clipping {}", stack.name()));
    let initial = weights(&spec, &mut random)?;
    let batch = Rows::drawn(&spec, 5, 17, Side::End, &mut random);
    let mut reference = suite.build_reference(&spec, &initial)?;
    let total = reference.train_batch(batch.labelled()?, 0.0)?.gradient_norm;
    for ((norm, stabiliser), form) in CLIPS.into_iter().flat_map(|clip| ClipForm::ALL.map(|form| (clip, form))) {
        let clip = Some(ClipSpec { norm: norm * total, stabiliser: stabiliser * total, form });
        let spec = ModelSpec { clip, ..spec.clone() };
        if !suite.can_compare(&spec, measures) {
            continue;
        }
        for measure in &mut *measures {
            let form = words(form);
            measure.case(format!("clip norm {norm}, stabiliser {stabiliser} of the gradient norm, norm of {form}"));
        }
        let [flag, gradients, reported] = &mut *measures;
        let mut model = suite.build(&spec, &initial)?;
        let mut reference = suite.build_reference(&spec, &initial)?;
        let (found, report) = gradient::read(model.as_mut(), &spec, &initial, batch.labelled()?)?;
        let (expected, expected_report) = gradient::read(reference.as_mut(), &spec, &initial, batch.labelled()?)?;
        flag.require(report.clipped == expected_report.clipped, format!("clipped = {}", report.clipped));
        let (difference, place) = found.deviation(&spec, &expected, FLOOR);
        gradients.see(difference, place);
        reported.see(deviation::relative_scalar(report.gradient_norm, total), "");
    }
    Ok(())
}

fn words(form: ClipForm) -> String {
    capabilities::name(&form).replace('-', " ")
}
