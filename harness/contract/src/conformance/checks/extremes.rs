//! The two ends: a model that knows nothing, and one whose loss overflows.

use crate::batch::Side;
use crate::error::BackendError;
use crate::parameters::TensorGroup;

use super::super::deviation;
use super::super::inputs::{Rows, Stack, weights, weights_from};
use super::super::measure::Measure;
use super::super::random::Random;
use super::super::suite::Suite;

/// ln 2 as an `f32` is off by 3e-9; a mean of a few of them by little more.
const LN_2: f64 = 2e-7;

pub(super) fn run(suite: &mut Suite<'_>) {
    for stack in Stack::PLAIN {
        suite.check("zero-weights", &stack.name(), LN_2, |suite, measure| zero_weights(suite, stack, measure));
        suite.check("non-finite-loss", &stack.name(), 0.0, |suite, measure| overflow(suite, stack, measure));
    }
}

fn zero_weights(suite: &mut Suite<'_>, stack: Stack, measure: &mut Measure) -> Result<(), BackendError> {
    let spec = suite.spec(stack);
    if !suite.can(&spec, std::slice::from_mut(measure)) {
        return Ok(());
    }
    let mut random = Random::named("zero weights");
    let mut model = suite.build(&spec, &weights_from(&spec, |_| 0.0)?)?;
    for (rows, time) in [(1, 1), (5, 17), (4, 40)] {
        let batch = Rows::drawn(&spec, rows, time, Side::End, &mut random);
        measure.case(batch.label());
        let logits = model.predict_batch(batch.tokens()?)?;
        measure.see(deviation::logits(&logits, &vec![0.0; rows]), "logits");
        let loss = model.train_batch(batch.labelled()?, 0.0)?.loss;
        measure.see(deviation::scalar(loss, std::f64::consts::LN_2), "loss");
    }
    Ok(())
}

/// A head so large that logits overflow `f32`. Two equal rows with unequal labels make the loss huge whichever way the logit goes; a backend that
/// computes in `f64` may report it as the huge number it is.
fn overflow(suite: &mut Suite<'_>, stack: Stack, measure: &mut Measure) -> Result<(), BackendError> {
    let spec = suite.spec(stack);
    if !suite.can(&spec, std::slice::from_mut(measure)) {
        return Ok(());
    }
    let mut random = Random::named(&format!("overflow {}", stack.name()));
    let sane = weights(&spec, &mut random)?;
    let batch = Rows::padded(&[vec![1, 2, 3], vec![1, 2, 3]], 3, Side::End);
    let before = suite.build(&spec, &sane)?.predict_batch(batch.tokens()?)?;
    let huge = weights_from(&spec, |group| match group {
        TensorGroup::HeadKernel | TensorGroup::HeadBias => f32::MAX,
        TensorGroup::InputBias => 2.0,
        _ => random.around_zero(0.5),
    })?;
    let mut model = suite.build(&spec, &huge)?;
    for step in 1..=2 {
        measure.case(format!("step {step}"));
        let loss = model.train_batch(batch.labelled()?, 0.01)?.loss;
        measure.require(!loss.is_finite() || loss > 1e37, format!("reported as {loss}"));
    }
    measure.case("the next model");
    let after = suite.build(&spec, &sane)?.predict_batch(batch.tokens()?)?;
    measure.require(before == after, "other logits than before");
    Ok(())
}
