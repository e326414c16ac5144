//! Logits, losses and gradients held against the reference.
//!
//! Tolerances are about six times the largest deviation that careful `f32` implementations were seen to have (1.6e-6, 3e-7, 7e-6, 6e-7 and 1e-5 in the order below), which
//! is 200 times below a gradient that is wrong by one per cent.

use crate::backend::Model;
use crate::batch::Side;
use crate::capabilities::Unsupported;
use crate::error::BackendError;
use crate::spec::{BiasVectors, ModelSpec, Pooling};
use crate::weights::WeightMap;

use super::super::deviation;
use super::super::gradient;
use super::super::inputs::{self, MAX_TIME, Rows, Stack, weights};
use super::super::measure::Measure;
use super::super::random::Random;
use super::super::suite::Suite;

/// Logits of size 1 in `f32` after up to 40 steps of three layers.
const LOGITS: f64 = 1e-5;
/// A mean of five losses of size 1.
const LOSS: f64 = 2e-6;
/// Relative to the largest entry of a gate's block.
const GRADIENTS: f64 = 5e-5;
/// The norm averages the rounding of its parts away.
const NORM: f64 = 5e-6;
/// Relative to each step's own norm.
const INPUT_GRADIENTS: f64 = 1e-4;
/// Blocks below this share of the largest gradient are measured against it.
pub(super) const FLOOR: f64 = 1e-5;

/// Steps of a batch: a single one, two, a prime number of them, and as many as the model allows.
const TIMES: [usize; 4] = [1, 2, 17, MAX_TIME];

pub(super) fn run(suite: &mut Suite<'_>) {
    for stack in Stack::all() {
        suite.check_together(
            [("logits", LOGITS), ("input-gradients", INPUT_GRADIENTS)],
            &stack.name(),
            |suite, measures| forward(suite, stack, measures),
        );
        suite.check_together(
            [("loss", LOSS), ("gradients", GRADIENTS), ("gradient-norm", NORM)],
            &stack.name(),
            |suite, measures| gradients(suite, stack, measures),
        );
    }
    for stack in Stack::PLAIN {
        long_memory(suite, stack);
    }
    if suite.study_size() {
        for stack in Stack::PLAIN {
            study_size(suite, stack);
        }
    }
}

fn forward(suite: &mut Suite<'_>, stack: Stack, measures: &mut [Measure; 2]) -> Result<(), BackendError> {
    for spec in specs(suite, stack, measures) {
        let label = label(&spec);
        let mut random = Random::named(&format!("forward {} {label}", stack.name()));
        let initial = weights(&spec, &mut random)?;
        let mut model = suite.build(&spec, &initial)?;
        let mut reference = suite.build_reference(&spec, &initial)?;
        for (time, padding, rows) in arrangements() {
            let batch = Rows::drawn(&spec, rows, time, padding, &mut random);
            let case = format!("{label}, {}", batch.label());
            let [logits, norms] = &mut *measures;
            logits.case(&case);
            let found = model.predict_batch(batch.tokens()?)?;
            let expected = reference.predict_batch(batch.tokens()?)?;
            logits.see(deviation::logits(&found, &expected), "");
            if suite.capabilities().input_gradient_norms {
                norms.case(&case);
                let found = model.input_gradient_norms(batch.labelled()?)?.norms;
                let expected = reference.input_gradient_norms(batch.labelled()?)?.norms;
                norms.see(deviation::relative(&found, &expected), "");
            } else {
                norms.lacks(&no_input_gradients());
            }
        }
    }
    Ok(())
}

fn gradients(suite: &mut Suite<'_>, stack: Stack, measures: &mut [Measure; 3]) -> Result<(), BackendError> {
    let arrangements: Vec<_> = arrangements().collect();
    for (at, spec) in specs(suite, stack, measures).into_iter().enumerate() {
        // Each model is given a length with padding at either end. Begun so, every way of masking and pooling meets three of the five
        // pairs, and every pair meets two or three kinds of model.
        let pair = (at + spec.layers) % (arrangements.len() / 2);
        for (time, padding, rows) in arrangements[2 * pair..2 * pair + 2].iter().copied() {
            let mut random = Random::named(&format!("gradients {} {} {padding}", stack.name(), label(&spec)));
            let batch = Rows::drawn(&spec, rows, time, padding, &mut random);
            let initial = weights(&spec, &mut random)?;
            compare_gradients(suite, &spec, &initial, &batch, &label(&spec), measures)?;
        }
    }
    Ok(())
}

/// The input gradient norms of either model.
fn compare_input_gradients(
    suite: &mut Suite<'_>,
    spec: &ModelSpec,
    initial: &WeightMap,
    batch: &Rows,
    label: &str,
    norms: &mut Measure,
) -> Result<(), BackendError> {
    if !suite.capabilities().input_gradient_norms {
        norms.lacks(&no_input_gradients());
        return Ok(());
    }
    norms.case(format!("{label}, {}", batch.label()));
    let found = suite.build(spec, initial)?.input_gradient_norms(batch.labelled()?)?.norms;
    let expected = suite.build_reference(spec, initial)?.input_gradient_norms(batch.labelled()?)?.norms;
    norms.see(deviation::relative(&found, &expected), "");
    Ok(())
}

/// One step of either model, and the gradients read from it.
fn compare_gradients(
    suite: &mut Suite<'_>,
    spec: &ModelSpec,
    initial: &WeightMap,
    batch: &Rows,
    label: &str,
    [loss, gradients, norm]: &mut [Measure; 3],
) -> Result<(), BackendError> {
    let case = format!("{label}, {}", batch.label());
    for measure in [&mut *loss, &mut *gradients, &mut *norm] {
        measure.case(&case);
    }
    let spec = gradient::reading(spec);
    let mut model = suite.build(&spec, initial)?;
    let mut reference = suite.build_reference(&spec, initial)?;
    let (found, report) = gradient::read(model.as_mut(), &spec, initial, batch.labelled()?)?;
    let (expected, expected_report) = gradient::read(reference.as_mut(), &spec, initial, batch.labelled()?)?;
    loss.see(deviation::scalar(report.loss, expected_report.loss), "");
    let (difference, place) = found.deviation(&spec, &expected, FLOOR);
    gradients.see(difference, place);
    norm.see(deviation::relative_scalar(report.gradient_norm, expected_report.gradient_norm), "reported");
    norm.see(deviation::relative_scalar(report.gradient_norm, found.norm()), "against the gradients read");
    Ok(())
}

/// One layer over the longest batch, with weights that let the first step matter as much as the last.
fn long_memory(suite: &mut Suite<'_>, stack: Stack) {
    let checks =
        [("input-gradients", INPUT_GRADIENTS), ("loss", LOSS), ("gradients", GRADIENTS), ("gradient-norm", NORM)];
    suite.check_together(checks, &format!("{}, long memory", stack.name()), |suite, measures| {
        for masking in [false, true] {
            let spec = ModelSpec { layers: 1, masking, ..suite.spec(stack) };
            if !suite.can_compare(&spec, measures) {
                continue;
            }
            let mut random = Random::named(&format!("long memory {}", stack.name()));
            let initial = inputs::long_memory(&spec, &mut random)?;
            let batch = Rows::drawn(&spec, 5, MAX_TIME, Side::Front, &mut random);
            let [norms, rest @ ..] = &mut *measures;
            compare_input_gradients(suite, &spec, &initial, &batch, &label(&spec), norms)?;
            compare_gradients(suite, &spec, &initial, &batch, &label(&spec), rest)?;
        }
        Ok(())
    });
}

/// The published study's model and batch: two layers of 64 units over 32 rows of up to 400 steps.
fn study_size(suite: &mut Suite<'_>, stack: Stack) {
    let spec = ModelSpec {
        vocabulary_size: 30_000,
        embedding_size: 128,
        hidden_size: 64,
        max_time: 400,
        max_batch: 32,
        ..suite.spec(stack)
    };
    let subject = format!("{}, study size", stack.name());
    // Ten times longer sequences round ten times as often.
    let checks = [
        ("logits", 10.0 * LOGITS),
        ("loss", 10.0 * LOSS),
        ("gradients", 10.0 * GRADIENTS),
        ("gradient-norm", 10.0 * NORM),
    ];
    suite.check_together(checks, &subject, |suite, measures| {
        for padding in [Side::Front, Side::End] {
            if !suite.can_compare(&spec, measures) {
                continue;
            }
            let mut random = Random::named(&format!("study size {} {padding}", stack.name()));
            let batch = Rows::drawn(&spec, 32, 400, padding, &mut random);
            let [logits, rest @ ..] = &mut *measures;
            logits.case(batch.label());
            let initial = weights(&spec, &mut random)?;
            let predict = |mut model: Box<dyn Model>| model.predict_batch(batch.tokens()?);
            let found = predict(suite.build(&spec, &initial)?)?;
            let expected = predict(suite.build_reference(&spec, &initial)?)?;
            logits.see(deviation::logits(&found, &expected), "");
            compare_gradients(suite, &spec, &initial, &batch, "2 layers", rest)?;
        }
        Ok(())
    });
}

fn no_input_gradients() -> Unsupported {
    Unsupported { setting: "input_gradient_norms".into(), supported: "none".into() }
}

/// Every length with padding at either end, and a batch of one row.
fn arrangements() -> impl Iterator<Item = (usize, Side, usize)> {
    let sides = [Side::End, Side::Front];
    let several = TIMES.into_iter().flat_map(move |time| sides.map(|side| (time, side, 5)));
    several.chain(sides.map(|side| (17, side, 1)))
}

/// 1 to 3 layers with each way of masking and pooling. The bias layouts alternate so that each meets each of the others.
fn specs(suite: &Suite<'_>, stack: Stack, measures: &mut [Measure]) -> Vec<ModelSpec> {
    let mut specs = Vec::new();
    let base = suite.spec(stack);
    for layers in 1..=3 {
        let ways = [
            (Pooling::LastStep, false),
            (Pooling::LastValidStep, false),
            (Pooling::LastStep, true),
            (Pooling::LastValidStep, true),
        ];
        for (at, (pooling, masking)) in ways.into_iter().enumerate() {
            let bias_vectors = if (layers + at) % 2 == 0 { BiasVectors::One } else { BiasVectors::Two };
            let mut spec = ModelSpec { layers, pooling, masking, bias_vectors, ..base.clone() };
            let mut possible = suite.can_compare(&spec, measures);
            if !possible && bias_vectors != base.bias_vectors {
                spec.bias_vectors = base.bias_vectors;
                possible = suite.can_compare(&spec, measures);
            }
            if possible {
                specs.push(spec);
            }
        }
    }
    specs
}

fn label(spec: &ModelSpec) -> String {
    let pooling = match spec.pooling {
        Pooling::LastStep => "last step",
        Pooling::LastValidStep => "last token",
    };
    let bias = match spec.bias_vectors {
        BiasVectors::One => "one bias",
        BiasVectors::Two => "two biases",
    };
    let layers = if spec.layers == 1 { "1 layer".to_owned() } else { format!("{} layers", spec.layers) };
    format!("{layers}, {bias}, {}{pooling}", if spec.masking { "masked, " } else { "" })
}
