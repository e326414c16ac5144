//! What predictions may depend on, and what they may change.

use crate::backend::Model;
use crate::batch::Side;
use crate::capabilities::name;
use crate::error::BackendError;
use crate::spec::{ModelSpec, Pooling};

use super::super::deviation;
use super::super::inputs::{MAX_BATCH, MAX_TIME, Rows, Stack, weights};
use super::super::measure::Measure;
use super::super::random::Random;
use super::super::suite::Suite;

/// Matrix products of another shape may add up in another order; more than a few roundings is something else.
const ROUNDING: f64 = 5e-6;

pub(super) fn run(suite: &mut Suite<'_>) {
    for stack in Stack::PLAIN {
        suite.check("prediction-repeats", &stack.name(), 0.0, |suite, measure| repeats(suite, stack, measure));
        suite.check("prediction-by-row", &stack.name(), ROUNDING, |suite, measure| by_row(suite, stack, measure));
        suite.check("prediction-padding", &stack.name(), ROUNDING, |suite, measure| padding(suite, stack, measure));
    }
}

fn repeats(suite: &mut Suite<'_>, stack: Stack, measure: &mut Measure) -> Result<(), BackendError> {
    let spec = suite.spec(stack);
    if !suite.can(&spec, std::slice::from_mut(measure)) {
        return Ok(());
    }
    let mut random = Random::named(&format!("repeats {}", stack.name()));
    let initial = weights(&spec, &mut random)?;
    let mut model = suite.build(&spec, &initial)?;
    let batches: Vec<Rows> =
        [1, 17, MAX_TIME].into_iter().map(|time| Rows::drawn(&spec, 5, time, Side::End, &mut random)).collect();
    let mut first = Vec::new();
    for batch in &batches {
        first.push(bits(model.predict_batch(batch.tokens()?)?));
    }
    for (batch, first) in batches.iter().zip(&first) {
        measure.case(batch.label());
        measure.require(bits(model.predict_batch(batch.tokens()?)?) == *first, "other logits the second time");
        if suite.capabilities().input_gradient_norms {
            let mut norms = || Ok::<_, BackendError>(bits(model.input_gradient_norms(batch.labelled()?)?.norms));
            measure.require(norms()? == norms()?, "other input gradients the second time");
        }
    }
    let (differing, place) = deviation::bits(&model.weights()?, &initial);
    measure.see(differing as f64, place);
    Ok(())
}

fn bits(values: Vec<f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}

fn by_row(suite: &mut Suite<'_>, stack: Stack, measure: &mut Measure) -> Result<(), BackendError> {
    let base = suite.spec(stack);
    for (masking, pooling) in [(false, Pooling::LastStep), (true, Pooling::LastValidStep)] {
        let spec = ModelSpec { masking, pooling, ..base.clone() };
        if !suite.can(&spec, std::slice::from_mut(measure)) {
            continue;
        }
        let mut random = Random::named(&format!("by row {} {masking}", stack.name()));
        let initial = weights(&spec, &mut random)?;
        let mut model = suite.build(&spec, &initial)?;
        // More rows than a training batch may have.
        let words = sequences(&spec, 2 * MAX_BATCH + 1, 23, &mut random);
        let side = Side::End;
        let together = predict(model.as_mut(), &words, 23, side)?;

        measure.case(format!("{} rows alone", words.len()));
        let mut alone = Vec::new();
        for words in &words {
            alone.extend(predict(model.as_mut(), std::slice::from_ref(words), 23, side)?);
        }
        measure.see(deviation::logits(&alone, &together), "");

        measure.case("rows in reverse");
        let reversed: Vec<_> = words.iter().rev().cloned().collect();
        let mut logits = predict(model.as_mut(), &reversed, 23, side)?;
        logits.reverse();
        measure.see(deviation::logits(&logits, &together), "");

        measure.case("three rows of them");
        let logits = predict(model.as_mut(), &words[3..6], 23, side)?;
        measure.see(deviation::logits(&logits, together.get(3..6).unwrap_or_default()), "");
    }
    Ok(())
}

fn padding(suite: &mut Suite<'_>, stack: Stack, measure: &mut Measure) -> Result<(), BackendError> {
    let spec = ModelSpec { masking: true, ..suite.spec(stack) };
    for pooling in [Pooling::LastStep, Pooling::LastValidStep] {
        let spec = ModelSpec { pooling, ..spec.clone() };
        if !suite.can(&spec, std::slice::from_mut(measure)) {
            continue;
        }
        let mut random = Random::named(&format!("padding {}", stack.name()));
        let initial = weights(&spec, &mut random)?;
        let mut model = suite.build(&spec, &initial)?;
        let words = sequences(&spec, 5, 13, &mut random);
        let tight = predict(model.as_mut(), &words, 13, Side::End)?;
        for time in [13, 14, 29, MAX_TIME] {
            for side in [Side::End, Side::Front] {
                measure.case(format!("{}, padded to {time} steps at the {side}", name(&pooling)));
                let logits = predict(model.as_mut(), &words, time, side)?;
                measure.see(deviation::logits(&logits, &tight), "");
            }
        }
    }
    Ok(())
}

fn predict(model: &mut dyn Model, words: &[Vec<i32>], time: usize, side: Side) -> Result<Vec<f32>, BackendError> {
    model.predict_batch(Rows::padded(words, time, side).tokens()?)
}

/// Rows of words, the first of `longest` and the second of one, the others of any length between.
fn sequences(spec: &ModelSpec, rows: usize, longest: usize, random: &mut Random) -> Vec<Vec<i32>> {
    let length = |row: usize, random: &mut Random| match row {
        0 => longest,
        1 => 1,
        _ => 1 + random.below(longest),
    };
    let word = |random: &mut Random| i32::try_from(1 + random.below(spec.vocabulary_size - 1)).unwrap_or(1);
    (0..rows).map(|row| (0..length(row, random)).map(|_| word(random)).collect()).collect()
}
