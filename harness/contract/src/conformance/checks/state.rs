//! Going on from a state: five steps, the state, a model made of it, and five steps more give the bytes of ten.

use std::collections::BTreeMap;

use crate::backend::{Backend, Model, StepReport};
use crate::batch::Side;
use crate::capabilities::Unsupported;
use crate::checked::{build_checked, resume_checked};
use crate::error::BackendError;
use crate::spec::ModelSpec;
use crate::weights::WeightMap;
use crate::wire::state_payload;

use super::super::deviation;
use super::super::inputs::{self, MAX_BATCH, MAX_TIME, Rows, Stack, same_report};
use super::super::measure::Measure;
use super::super::random::Random;
use super::super::suite::Suite;
use super::repetition::eventful;

/// Rows and steps of each batch: full and short ones on both sides of the interruption.
const SHAPES: [(usize, usize); 10] = [
    (MAX_BATCH, 17),
    (MAX_BATCH, MAX_TIME),
    (2, 9),
    (MAX_BATCH, 17),
    (1, 1),
    (3, 5),
    (MAX_BATCH, 33),
    (MAX_BATCH, 17),
    (2, 4),
    (MAX_BATCH, 9),
];

/// Steps before the interruption.
const BEFORE: usize = 5;

pub(super) fn run(suite: &mut Suite<'_>) {
    for stack in Stack::PLAIN {
        suite.check("state-resumes", &stack.name(), 0.0, |suite, measure| {
            let spec = eventful(suite, stack, measure);
            if !suite.can(&spec, std::slice::from_mut(measure)) {
                return Ok(());
            }
            // What another model leaves in the process must not matter.
            let other = ModelSpec { embedding_size: 4, hidden_size: 6, ..spec.clone() };
            let disturb = |backend: &mut dyn Backend| {
                let weights = inputs::weights(&other, &mut Random::named("another model"))?;
                let mut model = build_checked(backend, &other, &weights)?;
                let batch = Rows::drawn(&other, MAX_BATCH, 9, Side::End, &mut Random::named("another batch"));
                model.train_batch(batch.labelled()?, 0.01).map(drop)
            };
            measure.case("in the same process, another model in between");
            let backend = suite.backend();
            let Some(walk) = Walk::begun(backend, &spec, measure)? else { return Ok(()) };
            disturb(backend)?;
            walk.go_on(backend, &spec, measure)
        });
    }
}

/// The same with the second half by another process of the same backend.
pub(in super::super) fn elsewhere(
    stack: Stack,
    backends: [&mut dyn Backend; 2],
    spec: &ModelSpec,
    measure: &mut Measure,
) -> Result<(), BackendError> {
    let [here, there] = backends;
    measure.case(format!("{}, in another process", stack.name()));
    match Walk::begun(here, spec, measure)? {
        Some(walk) => walk.go_on(there, spec, measure),
        None => Ok(()),
    }
}

/// What ten steps at once left, and the state after five of them.
struct Walk {
    batches: Vec<Rows>,
    state: crate::state::ModelState,
    expected: Left,
}

/// What a training leaves behind.
struct Left {
    reports: Vec<StepReport>,
    logits: Vec<f32>,
    weights: WeightMap,
    /// Position and elements of the last state.
    state: (BTreeMap<String, Vec<u64>>, u64, Vec<u8>),
}

impl Walk {
    /// Takes ten steps, then five and the state. None where the backend has no state.
    fn begun(backend: &mut dyn Backend, spec: &ModelSpec, measure: &mut Measure) -> Result<Option<Self>, BackendError> {
        if backend.describe().capabilities.state.is_none() {
            measure.lacks(&Unsupported { setting: "state".into(), supported: "only trainings at once".into() });
            return Ok(None);
        }
        let mut random = Random::named("going on");
        let initial = inputs::weights(spec, &mut random)?;
        let drawn = SHAPES.map(|(rows, time)| Rows::drawn(spec, rows, time, Side::End, &mut random));
        let mut batches = Vec::from(drawn);
        let expected = leave(build_checked(backend, spec, &initial)?.as_mut(), &batches)?;
        let mut model = build_checked(backend, spec, &initial)?;
        for batch in batches.drain(..BEFORE) {
            model.train_batch(batch.labelled()?, 0.01)?;
        }
        let state = model.state()?;
        measure.require(state.steps == BEFORE as u64, format!("the state says {} steps, not {BEFORE}", state.steps));
        Ok(Some(Self { batches, state, expected }))
    }

    fn go_on(self, backend: &mut dyn Backend, spec: &ModelSpec, measure: &mut Measure) -> Result<(), BackendError> {
        let mut model = resume_checked(backend, spec, &self.state)?;
        let (_, given) = state_payload(&self.state);
        measure.require(state_payload(&model.state()?).1 == given, "the state comes back with other elements");
        let found = leave(model.as_mut(), &self.batches)?;
        let expected = &self.expected;
        for (at, (found, expected)) in found.reports.iter().zip(&expected.reports[BEFORE..]).enumerate() {
            measure.require(same_report(found, expected), format!("the report of step {}", BEFORE + at + 1));
        }
        let bits = |logits: &[f32]| logits.iter().map(|logit| logit.to_bits()).collect::<Vec<_>>();
        measure.require(bits(&found.logits) == bits(&expected.logits), "logits");
        let (differing, place) = deviation::bits(&found.weights, &expected.weights);
        measure.see(differing as f64, place);
        measure.require(found.state == expected.state, "the state afterwards");
        Ok(())
    }
}

fn leave(model: &mut dyn Model, batches: &[Rows]) -> Result<Left, BackendError> {
    let mut reports = Vec::new();
    for batch in batches {
        reports.push(model.train_batch(batch.labelled()?, 0.01)?);
    }
    let probe = Rows::padded(&[vec![1, 2, 3, 4], vec![5, 6], vec![7]], 4, Side::End);
    let logits = model.predict_batch(probe.tokens()?)?;
    let state = model.state()?;
    let (_, elements) = state_payload(&state);
    Ok(Left { reports, logits, weights: model.weights()?, state: (state.streams, state.steps, elements) })
}
