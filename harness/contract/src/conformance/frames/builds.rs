//! Models that can't be built: weights that don't fit, specs that make no sense, and settings that the backend lacks.

use serde_json::{Value, json};

use crate::backend::BackendInfo;
use crate::bounds::{MAX_AXES, MAX_TENSORS};
use crate::error::{BackendError, ErrorKind};

use super::super::inputs::weights;
use super::super::measure::Measure;
use super::super::random::Random;
use super::super::unbuildable::{impossible_specs, spoiled_specs};
use super::talk::{Message, Talk};

pub(super) fn weights_refused(
    talk: &mut Talk<'_, '_>,
    _: &BackendInfo,
    measure: &mut Measure,
) -> Result<(), BackendError> {
    let good = talk.good_build()?;
    let fitting = weights(&talk.spec, &mut Random::named("frames"))?;
    let Some((last, tensor)) = fitting.iter().last() else { return Ok(()) };
    let (last, bytes) = (last.to_owned(), 4 * tensor.data.len());
    let tensors = |it: &mut Message, change: &dyn Fn(&mut Vec<Value>)| {
        it.header["tensors"].as_array_mut().map(change);
    };
    let missing = good.with(|it| {
        tensors(it, &|tensors| drop(tensors.pop()));
        it.payload.truncate(it.payload.len() - bytes);
    });
    let twice = good.with(|it| {
        tensors(it, &|tensors| tensors.extend(tensors.last().cloned()));
        it.payload.extend(vec![0; bytes]);
    });
    let unknown = good.with(|it| {
        tensors(it, &|tensors| tensors.push(json!({"name": "rnn.weight_ih_l9", "shape": [1]})));
        it.payload.extend_from_slice(&[0; 4]);
    });
    let misshapen = good.with(|it| {
        tensors(it, &|tensors| {
            for tensor in tensors.iter_mut().filter(|tensor| tensor["name"] == "embedding.weight") {
                tensor["shape"] = json!([talk.spec.embedding_size, talk.spec.vocabulary_size]);
            }
        });
    });
    let not_finite = good.with(|it| {
        let start = it.payload.len() - 4;
        it.payload[start..].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let empty = |name: &str, shape: Value| {
        let tensor = json!({"name": name, "shape": shape});
        good.with(|it| tensors(it, &|tensors| tensors.push(tensor.clone())))
    };
    let endless = empty("rnn.weight_ih_l9", json!([u64::MAX, u64::MAX, 0]));
    let many_axes = empty("rnn.weight_ih_l9", json!(vec![0; MAX_AXES + 1]));
    let many = good.with(|it| {
        let tensor = json!({"name": "x", "shape": [0]});
        tensors(it, &|tensors| tensors.extend(std::iter::repeat_n(tensor.clone(), MAX_TENSORS)));
    });
    let short = good.with(|it| it.payload.truncate(it.payload.len() - 1));
    let spoiled = [
        ("a weight missing", ErrorKind::Weights, last.as_str(), missing),
        ("a weight twice", ErrorKind::Weights, &last, twice),
        ("a weight of another model", ErrorKind::Weights, "rnn.weight_ih_l9", unknown),
        ("a weight of another shape", ErrorKind::Weights, "embedding.weight", misshapen),
        ("a weight that is not a number", ErrorKind::Weights, &last, not_finite),
        ("a tensor of two axes longer than memory and one of 0", ErrorKind::Weights, "rnn.weight_ih_l9", endless),
        ("a tensor of too many axes", ErrorKind::Weights, "rnn.weight_ih_l9", many_axes),
        ("too many tensors", ErrorKind::Weights, "", many),
        ("a payload a byte short", ErrorKind::Request, "", short),
    ];
    let prediction = talk.prediction()?;
    for (what, kind, name, message) in spoiled {
        talk.build()?;
        measure.case(format!("building with {what}"));
        talk.refused(message.frame(), kind, name, measure)?;
        // "One that is refused leaves no model."
        measure.case(format!("predicting after a build with {what}"));
        talk.refused(prediction.clone().frame(), ErrorKind::Request, "", measure)?;
    }
    talk.build()
}

pub(super) fn specs_refused(
    talk: &mut Talk<'_, '_>,
    _: &BackendInfo,
    measure: &mut Measure,
) -> Result<(), BackendError> {
    let fitting = weights(&talk.spec, &mut Random::named("frames"))?;
    for (field, spec) in spoiled_specs(&talk.spec) {
        measure.case(format!("{field} out of range"));
        let build = talk.build_of(&spec, &fitting)?;
        talk.refused(build.frame(), ErrorKind::Spec, field, measure)?;
    }
    talk.build()
}

pub(super) fn unsupported_refused(
    talk: &mut Talk<'_, '_>,
    info: &BackendInfo,
    measure: &mut Measure,
) -> Result<(), BackendError> {
    for (setting, spec) in impossible_specs(&info.capabilities, &talk.spec) {
        measure.case(&setting);
        let build = talk.build_of(&spec, &weights(&spec, &mut Random::named("frames"))?)?;
        talk.refused(build.frame(), ErrorKind::Unsupported, &setting, measure)?;
    }
    talk.build()
}
