//! What must come back the same: weights that were just given, and a training that is done again.

use crate::backend::{Model, StepReport};
use crate::batch::Side;
use crate::capabilities::name;
use crate::error::BackendError;
use crate::spec::{BiasVectors, ModelSpec};
use crate::weights::WeightMap;

use super::super::deviation;
use super::super::inputs::{self, MAX_BATCH, Rows, Stack, same_report};
use super::super::measure::Measure;
use super::super::random::Random;
use super::super::suite::Suite;

/// Values that a careless copy changes: signed zeros, subnormal and extreme numbers.
const DELICATE: [f32; 6] = [-0.0, 1e-40, -1e-45, f32::MIN_POSITIVE, f32::MAX, -1.5e38];

pub(super) fn weights(suite: &mut Suite<'_>) {
    for stack in Stack::all() {
        suite.check("weights-round-trip", &stack.name(), 0.0, |suite, measure| round_trip(suite, stack, measure));
    }
}

fn round_trip(suite: &mut Suite<'_>, stack: Stack, measure: &mut Measure) -> Result<(), BackendError> {
    let base = suite.spec(stack);
    for layers in 1..=3 {
        for bias_vectors in [BiasVectors::One, BiasVectors::Two] {
            let spec = ModelSpec { layers, bias_vectors, ..base.clone() };
            if !suite.can(&spec, std::slice::from_mut(measure)) {
                continue;
            }
            measure.case(format!("{layers} layers, bias_vectors = {}", name(&bias_vectors)));
            let mut random = Random::named(&format!("round trip {}", stack.name()));
            let initial = inputs::weights_from(&spec, |_| match random.below(8) {
                0 => DELICATE[random.below(DELICATE.len())],
                _ => random.around_zero(1.0),
            })?;
            let (differing, place) = deviation::bits(&suite.build(&spec, &initial)?.weights()?, &initial);
            measure.see(differing as f64, place);
        }
    }
    Ok(())
}

pub(super) fn training(suite: &mut Suite<'_>) {
    for stack in Stack::PLAIN {
        suite.check("training-repeats", &stack.name(), 0.0, |suite, measure| repeats(suite, stack, measure));
        suite.check("training-undisturbed", &stack.name(), 0.0, |suite, measure| undisturbed(suite, stack, measure));
    }
}

/// What a training leaves behind.
struct Trained {
    reports: Vec<StepReport>,
    logits: Vec<f32>,
    weights: WeightMap,
}

fn repeats(suite: &mut Suite<'_>, stack: Stack, measure: &mut Measure) -> Result<(), BackendError> {
    let spec = eventful(suite, stack, measure);
    if !suite.can(&spec, std::slice::from_mut(measure)) {
        return Ok(());
    }
    let first = train(suite, &spec, |_, _| Ok(()))?;
    measure.case("at once");
    compare(&train(suite, &spec, |_, _| Ok(()))?, &first, measure);
    for stack in Stack::PLAIN {
        let ModelSpec { dropout, clip, .. } = spec;
        let other = ModelSpec { embedding_size: 4, hidden_size: 6, dropout, clip, ..suite.spec(stack) };
        if suite.can(&other, &mut []) {
            measure.case(format!("after training another model ({})", stack.name()));
            train(suite, &other, |_, _| Ok(()))?;
            compare(&train(suite, &spec, |_, _| Ok(()))?, &first, measure);
        }
    }
    Ok(())
}

fn undisturbed(suite: &mut Suite<'_>, stack: Stack, measure: &mut Measure) -> Result<(), BackendError> {
    let spec = eventful(suite, stack, measure);
    if !suite.can(&spec, std::slice::from_mut(measure)) {
        return Ok(());
    }
    type Call = fn(&mut dyn Model, &Rows) -> Result<(), BackendError>;
    let mut calls: Vec<(&str, Call)> = vec![
        ("predicting between steps", |model, batch| model.predict_batch(batch.tokens()?).map(drop)),
        ("reading weights between steps", |model, _| model.weights().map(drop)),
    ];
    if suite.capabilities().input_gradient_norms {
        let norms: Call = |model, batch| model.input_gradient_norms(batch.labelled()?).map(drop);
        calls.push(("reading input gradients between steps", norms));
    }
    if suite.capabilities().state.is_some() {
        let state: Call = |model, _| model.state().map(drop);
        calls.push(("reading the state between steps", state));
    }
    let alone = train(suite, &spec, |_, _| Ok(()))?;
    let together = train(suite, &spec, |model, batch| calls.iter().try_for_each(|(_, call)| call(model, batch)))?;
    let mut seen = Measure::default();
    compare(&together, &alone, &mut seen);
    if !seen.is_exact() {
        // Which of them it was is worth as many trainings again, but only then.
        for (what, call) in calls {
            measure.case(what);
            compare(&train(suite, &spec, call)?, &alone, measure);
        }
    }
    if measure.is_exact() {
        measure.case("predicting, reading weights, input gradients and states between steps");
        compare(&together, &alone, measure);
    }
    Ok(())
}

/// The stack's model with all that a training carries from step to step; notes where the backend has no clipping or dropout.
pub(super) fn eventful(suite: &Suite<'_>, stack: Stack, measure: &mut Measure) -> ModelSpec {
    inputs::eventful(suite.spec(stack), |spec| suite.can(spec, std::slice::from_mut(measure)))
}

/// Six steps, each after `between`.
fn train(
    suite: &mut Suite<'_>,
    spec: &ModelSpec,
    mut between: impl FnMut(&mut dyn Model, &Rows) -> Result<(), BackendError>,
) -> Result<Trained, BackendError> {
    let mut random = Random::named("training");
    let initial = inputs::weights(spec, &mut random)?;
    let mut model = suite.build(spec, &initial)?;
    let mut reports = Vec::new();
    for (rows, time) in [(MAX_BATCH, 17), (MAX_BATCH, 40), (2, 9), (MAX_BATCH, 17), (1, 1), (3, 5)] {
        let batch = Rows::drawn(spec, rows, time, Side::End, &mut random);
        between(model.as_mut(), &batch)?;
        reports.push(model.train_batch(batch.labelled()?, 0.01)?);
    }
    let logits = model.predict_batch(Rows::drawn(spec, 5, 17, Side::End, &mut random).tokens()?)?;
    Ok(Trained { reports, logits, weights: model.weights()? })
}

fn compare(found: &Trained, expected: &Trained, measure: &mut Measure) {
    let reports = found.reports.iter().zip(&expected.reports);
    for (step, (found, expected)) in reports.enumerate() {
        measure.require(same_report(found, expected), format!("the report of step {}", step + 1));
    }
    let bits = |logits: &[f32]| logits.iter().map(|logit| logit.to_bits()).collect::<Vec<_>>();
    measure.require(bits(&found.logits) == bits(&expected.logits), "logits");
    let (differing, place) = deviation::bits(&found.weights, &expected.weights);
    measure.see(differing as f64, place);
}
