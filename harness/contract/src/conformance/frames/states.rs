//! States that no model can go on from.

use crate::backend::BackendInfo;
use crate::capabilities::Unsupported;
use crate::error::{BackendError, ErrorKind};
use crate::state::Element;
use crate::wire::{Reply, Request, StateHeader, StreamHeader, TensorHeader};

use super::super::measure::Measure;
use super::talk::{Message, Talk, unexpected};

/// Spoils a state in every way that doesn't take knowing its streams.
pub(super) fn states_refused(
    talk: &mut Talk<'_, '_>,
    info: &BackendInfo,
    measure: &mut Measure,
) -> Result<(), BackendError> {
    let Some(element) = info.capabilities.state else {
        measure.lacks(&Unsupported { setting: "state".into(), supported: "only trainings at once".into() });
        return Ok(());
    };
    talk.build()?;
    talk.step()?;
    let (header, payload) = talk.state()?;
    let logits = talk.logits()?;
    let resume = |state: StateHeader, payload: Vec<u8>| {
        Message::new(&Request::Resume { spec: Box::new(talk.spec.clone()), state }, payload)
    };
    let with = |change: &dyn Fn(&mut StateHeader)| {
        let mut changed = header.clone();
        change(&mut changed);
        resume(changed, payload.clone())
    };
    let width = usize::try_from(element.bytes()).unwrap_or(8);
    let other = if element == Element::Float32 { Element::Float64 } else { Element::Float32 };
    let elements = payload.len() / width;
    let Some((last, tensors)) = header.tensors.split_last() else {
        measure.require(false, "a state without tensors");
        return Ok(());
    };
    let kept = payload.len() - width * last.shape.iter().product::<usize>();
    let mut spoiled = vec![
        (
            "a tensor missing",
            last.name.clone(),
            resume(StateHeader { tensors: tensors.to_vec(), ..header.clone() }, payload[..kept].to_vec())?,
        ),
        (
            "a tensor of another model",
            "weights/x".into(),
            with(&|it| it.tensors.push(TensorHeader { name: "weights/x".into(), shape: vec![0] }))?,
        ),
        (
            "a tensor twice",
            last.name.clone(),
            resume(
                StateHeader { tensors: header.tensors.iter().chain([last]).cloned().collect(), ..header.clone() },
                [&payload[..], &payload[kept..]].concat(),
            )?,
        ),
        ("a tensor of another shape", header.tensors[0].name.clone(), with(&|it| it.tensors[0].shape.push(1))?),
        (
            "elements of another kind",
            String::new(),
            resume(
                StateHeader { element: other, ..header.clone() },
                vec![0; elements * usize::try_from(other.bytes()).unwrap_or(8)],
            )?,
        ),
        ("more steps than can be counted", "steps".into(), with(&|it| it.steps = u64::MAX)?),
    ];
    let unknown = StreamHeader { name: "not a stream of anyone".into(), position: vec![1] };
    spoiled.push(("a stream of nobody", "stream".into(), with(&|it| it.streams.push(unknown.clone()))?));
    for (at, stream) in header.streams.iter().enumerate() {
        spoiled.push(("a stream missing", stream.name.clone(), with(&|it| drop(it.streams.remove(at)))?));
        spoiled.push(("a stream without a word", stream.name.clone(), with(&|it| it.streams[at].position.clear())?));
        spoiled.push(("a stream twice", stream.name.clone(), with(&|it| it.streams.push(stream.clone()))?));
    }
    let good = resume(header.clone(), payload.clone())?;
    let prediction = talk.prediction()?;
    for (what, mentions, message) in spoiled {
        talk.build()?;
        measure.case(format!("going on from a state with {what}"));
        talk.refused(message.frame(), ErrorKind::State, &mentions, measure)?;
        measure.case(format!("predicting after a state with {what}"));
        talk.refused(prediction.clone().frame(), ErrorKind::Request, "", measure)?;
    }
    measure.case("going on from the good state after all of them");
    match (talk.exchange)(good.frame())?.reply {
        Reply::Done => measure.require(talk.logits()? == logits, "other logits than where it was taken"),
        other => return Err(unexpected("resume", &other)),
    }
    talk.build()
}
