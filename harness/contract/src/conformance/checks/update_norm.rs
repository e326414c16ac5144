//! The norm of an update against the weights before and after it.

use crate::backend::StepReport;
use crate::batch::Side;
use crate::capabilities::Unsupported;
use crate::error::BackendError;
use crate::spec::{ModelSpec, WeightDecaySpec};

use super::super::deviation::{self, PerWeight};
use super::super::inputs::{MAX_BATCH, Rows, Stack, same_report, weights};
use super::super::measure::Measure;
use super::super::random::Random;
use super::super::suite::Suite;
use super::repetition::eventful;

/// Weights of size 1 are rounded to `f32`, and move by a hundredth and more.
const UPDATE_NORM: f64 = 1e-5;

pub(super) fn run(suite: &mut Suite<'_>) {
    for stack in Stack::PLAIN {
        suite.check_together(
            [("update-norm", UPDATE_NORM), ("measuring-changes-nothing", 0.0)],
            &stack.name(),
            |suite, measures| update_norm(suite, stack, measures),
        );
    }
}

fn update_norm(suite: &mut Suite<'_>, stack: Stack, measures: &mut [Measure; 2]) -> Result<(), BackendError> {
    let mut spec = eventful(suite, stack, &mut measures[0]);
    if !suite.can(&spec, measures) {
        return Ok(());
    }
    if !suite.capabilities().update_norm {
        let lack = Unsupported { setting: "update_norm".into(), supported: "steps that are not measured".into() };
        measures.iter_mut().for_each(|measure| measure.lacks(&lack));
        return Ok(());
    }
    let [norms, changes] = measures;
    let with_decay = ModelSpec { weight_decay: WeightDecaySpec { rate: 0.1, ..spec.weight_decay }, ..spec.clone() };
    if suite.can(&with_decay, &mut []) {
        spec = with_decay;
    }
    let mut random = Random::named(&format!("update norm {}", stack.name()));
    let initial = weights(&spec, &mut random)?;
    let steps = [(MAX_BATCH, 17, 0.01), (2, 9, 0.02), (MAX_BATCH, 5, 0.0), (MAX_BATCH, 33, 0.5)];
    let batches = steps.map(|(rows, time, rate)| (Rows::drawn(&spec, rows, time, Side::End, &mut random), rate));
    let mut model = suite.build(&spec, &initial)?;
    let mut before = initial.clone();
    let mut measured = Vec::new();
    for (step, (batch, rate)) in batches.iter().enumerate() {
        norms.case(format!("step {}, learning rate {rate}", step + 1));
        let report = model.train_batch_measured(batch.labelled()?, *rate)?;
        let after = model.weights()?;
        let expected = PerWeight::change(&spec, &before, &after, 1.0).norm();
        let found = report.update_norm.unwrap_or(f64::NAN);
        norms.see(if found == expected { 0.0 } else { deviation::relative_scalar(found, expected) }, "");
        measured.push(StepReport { update_norm: None, ..report });
        before = after;
    }
    let mut model = suite.build(&spec, &initial)?;
    for (step, (batch, rate)) in batches.iter().enumerate() {
        changes.case(format!("step {}", step + 1));
        let report = model.train_batch(batch.labelled()?, *rate)?;
        changes.require(report.update_norm.is_none(), "an update norm that was not asked for");
        changes.require(same_report(&measured[step], &report), "another report than without measuring");
    }
    let (differing, place) = deviation::bits(&model.weights()?, &before);
    changes.see(differing as f64, place);
    Ok(())
}
