//! What a backend must not accept, and that refusing leaves it usable.

use crate::backend::Model;
use crate::batch::{BatchError, LabelledBatch, Side, TokenBatch};
use crate::error::{BackendError, ErrorKind};
use crate::spec::{CellKind, ModelSpec};
use crate::weights::{Tensor, WeightError, WeightMap};

use super::super::inputs::{MAX_BATCH, MAX_TIME, Rows, Stack, weights};
use super::super::measure::Measure;
use super::super::random::Random;
use super::super::suite::Suite;
use super::super::unbuildable::{impossible_specs, spoiled_specs};

pub(super) fn run(suite: &mut Suite<'_>) {
    suite.check("description", "all", 0.0, |suite, measure| {
        description(suite, measure);
        devices(suite, measure)
    });
    let Some(good) = Good::of(suite) else {
        suite.check("description", "every cell", 0.0, |_, measure| {
            measure.require(false, "no cell can be built at all");
            Ok(())
        });
        return;
    };
    suite.check("weights-refused", "all", 0.0, |suite, measure| weights_refused(suite, &good, measure));
    suite.check("spec-refused", "all", 0.0, |suite, measure| specs_refused(suite, &good, measure));
    suite.check("unsupported-refused", "all", 0.0, |suite, measure| unsupported_refused(suite, &good, measure));
    suite.check("batch-refused", "all", 0.0, |suite, measure| batches_refused(suite, &good, measure));
}

fn description(suite: &Suite<'_>, measure: &mut Measure) {
    measure.case("what it says");
    let (first, now) = suite.descriptions();
    measure.require(first == now, "it says something else the second time");
    measure.require(!first.name.is_empty(), "no name");
    measure.require(!first.libraries.is_empty(), "no library");
    for library in &first.libraries {
        measure.require(!library.version.is_empty(), format!("no version of {}", library.name));
    }
    let capabilities = &first.capabilities;
    for (what, count) in [
        ("cells", capabilities.cells.len()),
        ("kernels", capabilities.kernels.len()),
        ("bias_vectors", capabilities.bias_vectors.len()),
        ("epsilon_placements", capabilities.epsilon_placements.len()),
        ("repeated_words", capabilities.repeated_words.len()),
        ("bias_corrections", capabilities.bias_corrections.len()),
        ("devices", capabilities.devices.len()),
    ] {
        measure.require(count > 0, format!("no {what}"));
    }
    let gru = capabilities.cells.contains(&CellKind::Gru);
    measure.require(!gru || !capabilities.gru_forms.is_empty(), "no gru_forms, although there is a gru");
    for cell in suite.cells_without_a_case() {
        measure.require(false, format!("{cell} is listed, and the suite has no case for it that can be built"));
    }
    for exclusion in &capabilities.exclusions {
        let alone = exclusion.settings().len() < 2;
        measure.require(!alone, format!("`{exclusion}` is excluded, which is no combination of settings"));
    }
    for row in first.native_defaults.iter().flat_map(crate::defaults::NativeDefaults::rows) {
        measure.require(!row.source.trim().is_empty(), format!("no source of {}", row.item));
    }
}

/// A small model must be had on every device that is listed.
fn devices(suite: &mut Suite<'_>, measure: &mut Measure) -> Result<(), BackendError> {
    let Some(good) = Good::of(suite) else { return Ok(()) };
    for device in suite.capabilities().devices.clone() {
        let spec = ModelSpec { device, ..good.spec.clone() };
        if suite.can(&spec, &mut []) {
            measure.case(format!("building on {device}, which is listed"));
            let built = suite.build(&spec, &good.weights).map(drop);
            measure.require(built.is_ok(), built.err().map_or_else(String::new, |error| error.to_string()));
        }
    }
    Ok(())
}

/// A model that can be built, to come back to after refusals.
struct Good {
    spec: ModelSpec,
    weights: WeightMap,
    batch: Rows,
}

impl Good {
    fn of(suite: &Suite<'_>) -> Option<Self> {
        let spec = Stack::PLAIN.into_iter().map(|stack| suite.spec(stack)).find(|spec| suite.can(spec, &mut []))?;
        let mut random = Random::named("refusals");
        let weights = weights(&spec, &mut random).ok()?;
        let batch = Rows::drawn(&spec, 4, 9, Side::End, &mut random);
        Some(Self { spec, weights, batch })
    }

    fn logits(&self, suite: &mut Suite<'_>) -> Result<Vec<f32>, BackendError> {
        suite.build(&self.spec, &self.weights)?.predict_batch(self.batch.tokens()?)
    }
}

/// Something that can't be built: the case's name, the spec, the weights, the kind of error and what its message must name.
type Unbuildable = (String, ModelSpec, WeightMap, ErrorKind, String);

/// Tries to build what can't be built. Each must be refused, and the good model be had as before when all are done.
fn refuse(
    suite: &mut Suite<'_>,
    good: &Good,
    wishes: Vec<Unbuildable>,
    measure: &mut Measure,
) -> Result<(), BackendError> {
    let before = good.logits(suite)?;
    for (case, spec, weights, kind, mentions) in wishes {
        measure.case(case);
        judge(suite.build(&spec, &weights).map(drop), kind, &mentions, measure);
    }
    measure.require(good.logits(suite)? == before, "other logits after the refusal");
    Ok(())
}

fn judge(result: Result<(), BackendError>, kind: ErrorKind, mentions: &str, measure: &mut Measure) {
    let found = result.as_ref().err().map(|error| (error.kind, error.message.as_str()));
    measure.refusal(kind, mentions, found.ok_or("no error"));
}

fn weights_refused(suite: &mut Suite<'_>, good: &Good, measure: &mut Measure) -> Result<(), BackendError> {
    type Spoil = fn(&Tensor) -> Option<Tensor>;
    let spoils: [(&str, Spoil); 5] = [
        ("missing", |_| None),
        ("of another shape", |tensor| {
            let shape = tensor.shape.iter().rev().map(|length| length + 1).collect();
            Some(Tensor { shape, data: tensor.data.clone() })
        }),
        ("too short", |tensor| Some(Tensor { data: tensor.data[1..].to_vec(), ..tensor.clone() })),
        ("not a number", |tensor| with(tensor, 0, f32::NAN)),
        ("infinite", |tensor| with(tensor, tensor.data.len() - 1, f32::NEG_INFINITY)),
    ];
    for (what, spoil) in spoils {
        let mut wishes = Vec::new();
        for (name, tensor) in good.weights.iter() {
            let weights = replaced(&good.weights, name, spoil(tensor))?;
            wishes.push((format!("{name} {what}"), good.spec.clone(), weights, ErrorKind::Weights, name.to_owned()));
        }
        refuse(suite, good, wishes, measure)?;
    }
    let name = "rnn.weight_ih_l9";
    let mut weights = good.weights.clone();
    weights.insert(name, Tensor { shape: vec![1], data: vec![0.0] })?;
    let case = "a weight that isn't the model's".to_owned();
    refuse(suite, good, vec![(case, good.spec.clone(), weights, ErrorKind::Weights, name.to_owned())], measure)
}

fn with(tensor: &Tensor, at: usize, value: f32) -> Option<Tensor> {
    let mut data = tensor.data.clone();
    data[at] = value;
    Some(Tensor { data, ..tensor.clone() })
}

/// The weights with one tensor replaced, or left out.
fn replaced(weights: &WeightMap, name: &str, tensor: Option<Tensor>) -> Result<WeightMap, WeightError> {
    let mut changed = WeightMap::new();
    for (other, tensor) in weights.iter().filter(|(other, _)| *other != name) {
        changed.insert(other, tensor.clone())?;
    }
    if let Some(tensor) = tensor {
        changed.insert(name, tensor)?;
    }
    Ok(changed)
}

fn specs_refused(suite: &mut Suite<'_>, good: &Good, measure: &mut Measure) -> Result<(), BackendError> {
    let wishes = spoiled_specs(&good.spec).into_iter().map(|(field, spec)| {
        (format!("{field} out of range"), spec, good.weights.clone(), ErrorKind::Spec, field.to_owned())
    });
    refuse(suite, good, wishes.collect(), measure)
}

/// Asks for everything that the backend says it can't do, alone or together, and for a device that nobody has.
fn unsupported_refused(suite: &mut Suite<'_>, good: &Good, measure: &mut Measure) -> Result<(), BackendError> {
    let mut unbuildable = Vec::new();
    for (setting, spec) in impossible_specs(suite.capabilities(), &good.spec) {
        let fitting = weights(&spec, &mut Random::named("unsupported"))?;
        unbuildable.push((setting.clone(), spec, fitting, ErrorKind::Unsupported, setting));
    }
    refuse(suite, good, unbuildable, measure)
}

fn batches_refused(suite: &mut Suite<'_>, good: &Good, measure: &mut Measure) -> Result<(), BackendError> {
    constructors(measure);
    let mut model = suite.build(&good.spec, &good.weights)?;
    let before = model.predict_batch(good.batch.tokens()?)?;
    let beyond = i32::try_from(good.spec.vocabulary_size).unwrap_or(i32::MAX);
    let long = vec![1; MAX_TIME + 1];
    let bad = [
        (
            "an id of the vocabulary's size",
            Rows::padded(&[vec![1, 2], vec![3, beyond]], 2, Side::End),
            format!("id {beyond}"),
        ),
        ("a negative id", Rows::padded(&[vec![-1, 2]], 2, Side::End), "id -1".to_owned()),
        ("the largest id", Rows::padded(&[vec![i32::MAX]], 1, Side::End), format!("id {}", i32::MAX)),
        ("too many steps", Rows::padded(&[long], MAX_TIME + 1, Side::End), format!("{} steps", MAX_TIME + 1)),
    ];
    for (what, rows, mentions) in &bad {
        type Call = fn(&mut dyn Model, &Rows) -> Result<(), BackendError>;
        let mut calls: Vec<(&str, Call)> = vec![
            ("training on", |model, rows| model.train_batch(rows.labelled()?, 0.01).map(drop)),
            ("predicting", |model, rows| model.predict_batch(rows.tokens()?).map(drop)),
        ];
        if suite.capabilities().input_gradient_norms {
            calls.push(("input gradients of", |model, rows| model.input_gradient_norms(rows.labelled()?).map(drop)));
        }
        for (doing, call) in calls {
            measure.case(format!("{doing} {what}"));
            judge(call(model.as_mut(), rows), ErrorKind::Batch, mentions, measure);
            measure.require(model.predict_batch(good.batch.tokens()?)? == before, "other logits after the refusal");
        }
    }
    measure.case("training on too many rows");
    let many = Rows::padded(&vec![vec![1]; MAX_BATCH + 1], 1, Side::End);
    let result = model.train_batch(many.labelled()?, 0.01).map(drop);
    judge(result, ErrorKind::Batch, &format!("{} rows", MAX_BATCH + 1), measure);
    for learning_rate in [-0.1, f64::NAN, f64::INFINITY] {
        measure.case(format!("training with learning rate {learning_rate}"));
        let result = model.train_batch(good.batch.labelled()?, learning_rate).map(drop);
        judge(result, ErrorKind::Batch, "learning rate", measure);
    }
    measure.case("after all of them");
    measure.require(model.predict_batch(good.batch.tokens()?)? == before, "other logits than before");
    measure.require(model.weights()? == good.weights, "other weights than before");
    Ok(())
}

/// What can't even be written down as a batch.
fn constructors(measure: &mut Measure) {
    let side = Side::End;
    let batches: [(&str, Result<TokenBatch<'_>, BatchError>); 9] = [
        ("no rows", TokenBatch::new(&[], &[], 3, side)),
        ("no steps", TokenBatch::new(&[], &[1], 0, side)),
        ("too few ids", TokenBatch::new(&[1, 2, 3], &[2, 2], 2, side)),
        ("too many ids", TokenBatch::new(&[1, 2, 3], &[2], 2, side)),
        ("a length of 0", TokenBatch::new(&[0, 0], &[0], 2, side)),
        ("a negative length", TokenBatch::new(&[1, 0], &[-1], 2, side)),
        ("a length above the steps", TokenBatch::new(&[1, 2], &[3], 2, side)),
        ("a word in the end padding", TokenBatch::new(&[1, 2], &[1], 2, Side::End)),
        ("a word in the front padding", TokenBatch::new(&[1, 2], &[1], 2, Side::Front)),
    ];
    for (what, batch) in batches {
        measure.case(format!("a batch with {what}"));
        measure.require(batch.is_err(), "it was accepted");
    }
    for (what, labels) in [("a label of 2", &[1, 2][..]), ("a label too few", &[1]), ("a label too many", &[1, 0, 1])] {
        measure.case(format!("a batch with {what}"));
        let tokens = TokenBatch::new(&[1, 2], &[1, 1], 1, side);
        measure.require(tokens.is_ok_and(|tokens| LabelledBatch::new(tokens, labels).is_err()), "it was accepted");
    }
}
