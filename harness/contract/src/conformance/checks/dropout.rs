//! When dropout acts, what seeds it, and that gradients go through the same masks as the loss.

use crate::batch::Side;
use crate::error::BackendError;
use crate::spec::{DropoutSpec, ModelSpec};
use crate::weights::WeightMap;

use super::super::deviation;
use super::super::gradient;
use super::super::inputs::{Rows, Stack, weights};
use super::super::measure::Measure;
use super::super::random::Random;
use super::super::suite::Suite;

/// The same model with the same weights: only another graph may round otherwise.
const PREDICTION: f64 = 5e-6;

/// Central differences of `f32` losses of size 1 over a displacement of [`DISPLACEMENT`]: a per mille from rounding, as much from the curvature. A gradient that went
/// through other masks than the loss is off by tens of per cent.
const DIFFERENCES: f64 = 2e-2;

/// How far weights are moved along the gradient of one tensor, as a Euclidean length.
const DISPLACEMENT: f64 = 0.03;

const RATES: DropoutSpec = DropoutSpec { after_embedding: 0.25, between_layers: 0.25, after_last: 0.25, seed: 3 };

pub(super) fn run(suite: &mut Suite<'_>) {
    for stack in Stack::PLAIN {
        suite
            .check("dropout-prediction", &stack.name(), PREDICTION, |suite, measure| prediction(suite, stack, measure));
        suite.check("dropout-gradients", &stack.name(), DIFFERENCES, |suite, measure| gradients(suite, stack, measure));
        suite.check("dropout-seed", &stack.name(), 0.0, |suite, measure| seeds(suite, stack, measure));
    }
}

fn prediction(suite: &mut Suite<'_>, stack: Stack, measure: &mut Measure) -> Result<(), BackendError> {
    let plain = suite.spec(stack);
    let spec = ModelSpec { dropout: RATES, ..plain.clone() };
    if !suite.can(&spec, std::slice::from_mut(measure)) {
        return Ok(());
    }
    let mut random = Random::named(&format!("dropout prediction {}", stack.name()));
    let initial = weights(&spec, &mut random)?;
    let batch = Rows::drawn(&spec, 5, 17, Side::End, &mut random);
    let expected = suite.build(&plain, &initial)?.predict_batch(batch.tokens()?)?;
    let mut model = suite.build(&spec, &initial)?;
    for steps in 0..3 {
        measure.case(format!("after {steps} steps with learning rate 0"));
        let found = model.predict_batch(batch.tokens()?)?;
        measure.see(deviation::logits(&found, &expected), "");
        model.train_batch(batch.labelled()?, 0.0)?;
    }
    Ok(())
}

fn gradients(suite: &mut Suite<'_>, stack: Stack, measure: &mut Measure) -> Result<(), BackendError> {
    let spec = gradient::reading(&ModelSpec { dropout: RATES, ..suite.spec(stack) });
    if !suite.can(&spec, std::slice::from_mut(measure)) {
        return Ok(());
    }
    let mut random = Random::named(&format!("dropout gradients {}", stack.name()));
    let initial = weights(&spec, &mut random)?;
    let batch = Rows::drawn(&spec, 5, 9, Side::End, &mut random);
    let mut model = suite.build(&spec, &initial)?;
    let (gradient, _) = gradient::read(model.as_mut(), &spec, &initial, batch.labelled()?)?;
    // The first step of a new model has the same masks, since they follow from the seed and the step.
    let last = spec.layers - 1;
    for name in ["embedding.weight", "rnn.weight_ih_l0", &format!("rnn.weight_hh_l{last}"), "head.weight"] {
        measure.case(name);
        let direction = gradient.tensor(name);
        let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
        let mut ends = [(0.0, 0.0); 2];
        for (end, sign) in ends.iter_mut().zip([1.0, -1.0]) {
            let (moved, slope) = displaced(&initial, name, direction, sign * DISPLACEMENT / length)?;
            *end = (suite.build(&spec, &moved)?.train_batch(batch.labelled()?, 0.0)?.loss, slope);
        }
        let [(loss_ahead, slope_ahead), (loss_behind, slope_behind)] = ends;
        measure.see(deviation::relative_scalar(loss_ahead - loss_behind, slope_ahead - slope_behind), "");
    }
    Ok(())
}

/// The weights with one tensor moved along a direction, and the scalar product of that direction with the way that the tensor really went, which rounding to `f32` makes
/// a little different from the way that was meant.
#[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
fn displaced(
    weights: &WeightMap,
    name: &str,
    direction: &[f64],
    factor: f64,
) -> Result<(WeightMap, f64), BackendError> {
    let mut moved = weights.clone();
    let mut slope = 0.0;
    for (weight, d) in moved.get_mut(name)?.data.iter_mut().zip(direction) {
        let before = f64::from(*weight);
        *weight = (before + factor * d) as f32;
        slope += d * (f64::from(*weight) - before);
    }
    Ok((moved, slope))
}

fn seeds(suite: &mut Suite<'_>, stack: Stack, measure: &mut Measure) -> Result<(), BackendError> {
    let spec = ModelSpec { dropout: RATES, ..suite.spec(stack) };
    if !suite.can(&spec, std::slice::from_mut(measure)) {
        return Ok(());
    }
    let mut random = Random::named(&format!("dropout seeds {}", stack.name()));
    let initial = weights(&spec, &mut random)?;
    let batch = Rows::drawn(&spec, 5, 17, Side::End, &mut random);
    let mut of_seed = Vec::new();
    for seed in [0, 1, 1 << 40, 1 << 53, (1 << 53) + 1, u64::MAX] {
        measure.case(format!("seed {seed}"));
        let dropout = DropoutSpec { seed, ..RATES };
        let mut model = suite.build(&ModelSpec { dropout, ..spec.clone() }, &initial)?;
        let mut losses = Vec::new();
        for _ in 0..12 {
            losses.push(model.train_batch(batch.labelled()?, 0.0)?.loss);
        }
        for (step, loss) in losses.iter().enumerate() {
            measure
                .require(!losses[..step].contains(loss), format!("step {} has the masks of an earlier one", step + 1));
        }
        measure.require(!of_seed.contains(&losses), "the losses of an earlier seed");
        of_seed.push(losses);
    }
    Ok(())
}
