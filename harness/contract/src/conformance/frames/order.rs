//! Of several faults the one that is looked for first answers. Each case has two faults of neighbouring kinds, so that an order the other way round shows.

use serde_json::{Value, json};

use crate::backend::BackendInfo;
use crate::bounds::{MAX_AXES, MAX_NAME_BYTES, MAX_PARAMETERS, MAX_ROWS, MAX_TENSORS};
use crate::error::{BackendError, ErrorKind};
use crate::wire::{Request, StateHeader};

use super::super::measure::Measure;
use super::talk::{Message, Talk};

pub(super) fn refusal_order(
    talk: &mut Talk<'_, '_>,
    info: &BackendInfo,
    measure: &mut Measure,
) -> Result<(), BackendError> {
    builds(talk, measure)?;
    if info.capabilities.state.is_some() {
        states(talk, measure)?;
    }
    batches_without_a_model(talk, measure)?;
    talk.build()
}

/// A spec that makes no sense.
fn no_layers(message: &mut Message) {
    message.header["spec"]["layers"] = json!(0);
}

/// A device that nobody has.
fn no_device(message: &mut Message) {
    message.header["spec"]["device"] = json!("cuda:4095");
}

/// A payload of another length.
fn short(message: &mut Message) {
    message.payload.truncate(message.payload.len() - 1);
}

/// Lengthens a header's list of tensors.
fn extend(list: &mut Value, tensors: Vec<Value>) {
    if let Value::Array(list) = list {
        list.extend(tensors);
    }
}

/// A tensor without elements.
fn tensor(name: &str, shape: Value) -> Value {
    json!({"name": name, "shape": shape})
}

/// What the bounds of a list of tensors forbid, with what the message names.
fn over_a_bound() -> Vec<(&'static str, String, Vec<Value>)> {
    vec![
        ("an axis over its bound", "x".into(), vec![tensor("x", json!([0, MAX_PARAMETERS + 1]))]),
        ("too many axes", "x".into(), vec![tensor("x", json!(vec![0; MAX_AXES + 1]))]),
        ("a name over its bound", String::new(), vec![tensor(&"x".repeat(MAX_NAME_BYTES + 1), json!([0]))]),
        ("too many tensors", String::new(), vec![tensor("x", json!([0])); MAX_TENSORS]),
    ]
}

fn builds(talk: &mut Talk<'_, '_>, measure: &mut Measure) -> Result<(), BackendError> {
    let good = talk.good_build()?;
    let not_finite = |it: &mut Message| {
        let start = it.payload.len() - 4;
        it.payload[start..].copy_from_slice(&f32::NAN.to_le_bytes());
    };
    let mut spoiled = vec![
        (
            "a short payload and a spec that makes no sense".to_owned(),
            ErrorKind::Request,
            String::new(),
            good.with(|it| {
                no_layers(it);
                short(it);
            }),
        ),
        (
            "a short payload and an axis over its bound".to_owned(),
            ErrorKind::Request,
            String::new(),
            good.with(|it| {
                extend(&mut it.header["tensors"], vec![tensor("x", json!([0, MAX_PARAMETERS + 1]))]);
                short(it);
            }),
        ),
        (
            "a spec that makes no sense and a device that nobody has".to_owned(),
            ErrorKind::Spec,
            "layers".to_owned(),
            good.with(|it| {
                no_layers(it);
                no_device(it);
            }),
        ),
        (
            "a device that nobody has and a weight that is not a number".to_owned(),
            ErrorKind::Unsupported,
            "device = cuda:4095".to_owned(),
            good.with(|it| {
                no_device(it);
                not_finite(it);
            }),
        ),
    ];
    for (what, mentions, tensors) in over_a_bound() {
        let message = good.with(|it| {
            no_layers(it);
            extend(&mut it.header["tensors"], tensors);
        });
        spoiled.push((format!("{what} and a spec that makes no sense"), ErrorKind::Weights, mentions, message));
    }
    refuse(talk, "building with", spoiled, measure)
}

fn states(talk: &mut Talk<'_, '_>, measure: &mut Measure) -> Result<(), BackendError> {
    talk.build()?;
    let (state, payload) = talk.state()?;
    let resume = |state: StateHeader| {
        Message::new(&Request::Resume { spec: Box::new(talk.spec.clone()), state }, payload.clone())
    };
    let good = resume(state.clone())?;
    let steps = |it: &mut Message| it.header["state"]["steps"] = json!(u64::MAX);
    let mut spoiled = vec![
        (
            "a short payload and a spec that makes no sense".to_owned(),
            ErrorKind::Request,
            String::new(),
            good.with(|it| {
                no_layers(it);
                short(it);
            }),
        ),
        (
            "a spec that makes no sense and too many steps".to_owned(),
            ErrorKind::Spec,
            "layers".to_owned(),
            good.with(|it| {
                no_layers(it);
                steps(it);
            }),
        ),
        (
            "a device that nobody has and too many steps".to_owned(),
            ErrorKind::Unsupported,
            "device = cuda:4095".to_owned(),
            good.with(|it| {
                no_device(it);
                steps(it);
            }),
        ),
    ];
    for (what, mentions, tensors) in over_a_bound() {
        let message = good.with(|it| {
            no_layers(it);
            extend(&mut it.header["state"]["tensors"], tensors);
        });
        spoiled.push((format!("{what} and a spec that makes no sense"), ErrorKind::Weights, mentions, message));
    }
    refuse(talk, "going on from a state with", spoiled, measure)
}

/// Something that is refused: what is wrong with it, the kind of error and what its message must name.
type Spoiled = (String, ErrorKind, String, Message);

/// Each must be refused so.
fn refuse(
    talk: &mut Talk<'_, '_>,
    doing: &str,
    spoiled: Vec<Spoiled>,
    measure: &mut Measure,
) -> Result<(), BackendError> {
    spoiled.into_iter().try_for_each(|(what, kind, mentions, message)| {
        measure.case(format!("{doing} {what}"));
        talk.refused(message.frame(), kind, &mentions, measure)
    })
}

/// What can be told of a batch without a model is told before that there is none.
fn batches_without_a_model(talk: &mut Talk<'_, '_>, measure: &mut Measure) -> Result<(), BackendError> {
    let no_model = talk.good_build()?.with(no_layers);
    talk.refused(no_model.frame(), ErrorKind::Spec, "layers", measure)?;
    let empty = |message: Message| {
        message.with(|it| {
            it.header["batch"]["rows"] = json!(0);
            it.payload.clear();
        })
    };
    let many = talk.prediction()?.with(|it| {
        it.header["batch"] = json!({"rows": MAX_ROWS + 1, "time": 1, "padding": "end"});
        it.payload = [1, 0, 0, 0].repeat(2 * (MAX_ROWS + 1));
    });
    for (what, mentions, message) in [
        ("training on an empty batch", "empty", empty(talk.training()?)),
        ("predicting of an empty batch", "empty", empty(talk.prediction()?)),
        ("predicting of more rows than any batch has", "rows", many),
    ] {
        measure.case(format!("{what}, without a model"));
        talk.refused(message.frame(), ErrorKind::Batch, mentions, measure)?;
    }
    measure.case("predicting without a model");
    let prediction = talk.prediction()?;
    talk.refused(prediction.frame(), ErrorKind::Request, "", measure)
}
