//! Clipping by global norm: when it happens, what it says of itself, and what it does to the gradient.

use crate::batch::Side;
use crate::error::BackendError;
use crate::spec::{ClipSpec, ModelSpec};

use super::super::deviation;
use super::super::gradient;
use super::super::inputs::{Rows, Stack, weights};
use super::super::measure::Measure;
use super::super::random::Random;
use super::super::suite::Suite;
use super::yardstick::FLOOR;

/// Relative to the largest entry of a gate's block.
const CLIPPED_GRADIENTS: f64 = 1e-4;

/// As without clipping.
const NORM: f64 = 1e-5;

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
    for (norm, stabiliser) in CLIPS {
        let clip = Some(ClipSpec { norm: norm * total, stabiliser: stabiliser * total });
        let spec = ModelSpec { clip, ..spec.clone() };
        for measure in &mut *measures {
            measure.case(format!("clip norm {norm}, stabiliser {stabiliser} of the gradient norm"));
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
