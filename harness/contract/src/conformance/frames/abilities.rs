//! Requests for what a backend may lack, of one that has it and of one that doesn't.

use serde_json::json;

use crate::backend::BackendInfo;
use crate::error::{BackendError, ErrorKind};
use crate::state::Element;
use crate::wire::{Answer, Reply, Request, StateHeader};

use super::super::measure::Measure;
use super::talk::{Message, Talk, as_gradient_norms, unexpected};

/// Asks for each ability that the backend says it lacks.
pub(super) fn abilities_refused(
    talk: &mut Talk<'_, '_>,
    info: &BackendInfo,
    measure: &mut Measure,
) -> Result<(), BackendError> {
    talk.build()?;
    let before = talk.logits()?;
    if !info.capabilities.input_gradient_norms {
        measure.case("input gradient norms");
        let norms = talk.training()?.with(as_gradient_norms);
        talk.refused(norms.frame(), ErrorKind::Unsupported, "input_gradient_norms", measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    if info.capabilities.update_norm {
        measure.case("a step of which the update is measured");
        let measured = talk.training()?.with(|it| it.header["update_norm"] = json!(true));
        match (talk.exchange)(measured.frame())? {
            Answer { reply: Reply::Step { .. }, payload, .. } => {
                measure.require(payload.len() == 24, "the report has not three numbers");
            }
            Answer { reply, .. } => return Err(unexpected("train-batch", &reply)),
        }
    } else {
        measure.case("a step of which the update should be measured");
        let measured = talk.training()?.with(|it| it.header["update_norm"] = json!(true));
        talk.refused(measured.frame(), ErrorKind::Unsupported, "update_norm", measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    if info.capabilities.state.is_none() {
        measure.case("the state");
        let state = Message::new(&Request::State {}, Vec::new())?;
        talk.refused(state.frame(), ErrorKind::Unsupported, "state", measure)?;
        measure.case("going on from a state");
        let header = StateHeader { steps: 0, streams: Vec::new(), element: Element::Float32, tensors: Vec::new() };
        let resume = Request::Resume { spec: Box::new(talk.spec.clone()), state: header };
        talk.refused(Message::new(&resume, Vec::new())?.frame(), ErrorKind::Unsupported, "state", measure)?;
    }
    talk.build()
}
