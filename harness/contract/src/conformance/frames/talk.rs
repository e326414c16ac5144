//! Messages to a worker that was greeted, good ones and what can be spoiled of them.

use serde_json::{Value, json};

use crate::batch::Side;
use crate::error::{BackendError, ErrorKind};
use crate::spec::ModelSpec;
use crate::weights::WeightMap;
use crate::wire::{Answer, Frame, PROTOCOL_VERSION, Reply, Request, StateHeader, batch_payload, weights_payload};

use super::super::inputs::{Rows, weights};
use super::super::measure::Measure;
use super::super::random::Random;
use super::Exchange;

/// A worker, and the model that every good request is about.
pub(super) struct Talk<'a, 'b> {
    pub(super) exchange: &'a mut Exchange<'b>,
    pub(super) spec: ModelSpec,
}

/// A request that can be spoiled.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) header: Value,
    pub(super) payload: Vec<u8>,
}

impl Message {
    pub(super) fn new(request: &Request, payload: Vec<u8>) -> Result<Self, BackendError> {
        let header = serde_json::to_value(request).map_err(|error| BackendError::framework("write a header", error))?;
        Ok(Self { header, payload })
    }

    pub(super) fn frame(self) -> Frame {
        Frame { header: self.header.to_string().into_bytes(), payload: self.payload }
    }

    /// The same with something changed.
    pub(super) fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }
}

impl Talk<'_, '_> {
    pub(super) fn build_of(&self, spec: &ModelSpec, weights: &WeightMap) -> Result<Message, BackendError> {
        let (tensors, payload) = weights_payload(weights);
        Message::new(&Request::Build { spec: Box::new(spec.clone()), tensors }, payload)
    }

    pub(super) fn good_build(&self) -> Result<Message, BackendError> {
        self.build_of(&self.spec, &weights(&self.spec, &mut Random::named("frames"))?)
    }

    pub(super) fn batch(&self) -> Rows {
        Rows::padded(&[vec![1, 2, 3], vec![4, 5]], 3, Side::End)
    }

    pub(super) fn training(&self) -> Result<Message, BackendError> {
        let rows = self.batch();
        let batch = rows.labelled()?;
        let (header, payload) = batch_payload(batch.tokens(), batch.labels());
        Message::new(&Request::TrainBatch { batch: header, learning_rate: 0.01, update_norm: false }, payload)
    }

    pub(super) fn prediction(&self) -> Result<Message, BackendError> {
        let rows = self.batch();
        let (header, payload) = batch_payload(rows.tokens()?, &[]);
        Message::new(&Request::PredictBatch { batch: header }, payload)
    }

    /// Builds the good model.
    pub(super) fn build(&mut self) -> Result<(), BackendError> {
        let build = self.good_build()?;
        match (self.exchange)(build.frame())?.reply {
            Reply::Done => Ok(()),
            other => Err(unexpected("build", &other)),
        }
    }

    /// The bytes of the good model's logits.
    pub(super) fn logits(&mut self) -> Result<Vec<u8>, BackendError> {
        let prediction = self.prediction()?;
        match (self.exchange)(prediction.frame())? {
            Answer { reply: Reply::Logits, payload, .. } => Ok(payload),
            Answer { reply, .. } => Err(unexpected("predict-batch", &reply)),
        }
    }

    /// Whether the good model is there and gives these bytes.
    pub(super) fn predicts(&mut self, before: &[u8]) -> Result<bool, BackendError> {
        let prediction = self.prediction()?;
        let answer = (self.exchange)(prediction.frame())?;
        Ok(answer.reply == Reply::Logits && answer.payload == before)
    }

    /// The bytes that a good training step reports, and whether it was clipped.
    pub(super) fn step(&mut self) -> Result<Vec<u8>, BackendError> {
        let training = self.training()?;
        match (self.exchange)(training.frame())? {
            Answer { reply: Reply::Step { clipped }, mut payload, .. } => {
                payload.push(u8::from(clipped));
                Ok(payload)
            }
            Answer { reply, .. } => Err(unexpected("train-batch", &reply)),
        }
    }

    /// The good model's state.
    pub(super) fn state(&mut self) -> Result<(StateHeader, Vec<u8>), BackendError> {
        match (self.exchange)(Message::new(&Request::State {}, Vec::new())?.frame())? {
            Answer { reply: Reply::State { state }, payload, .. } => Ok((state, payload)),
            Answer { reply, .. } => Err(unexpected("state", &reply)),
        }
    }

    /// Greets again what was greeted before.
    pub(super) fn greet(&mut self) -> Result<Reply, BackendError> {
        let hello = Message::new(&Request::Hello { protocol: PROTOCOL_VERSION }, Vec::new())?;
        Ok((self.exchange)(hello.frame())?.reply)
    }

    /// Sends what must be refused with an error of this kind that mentions this.
    pub(super) fn refused(
        &mut self,
        frame: Frame,
        kind: ErrorKind,
        mentions: &str,
        measure: &mut Measure,
    ) -> Result<(), BackendError> {
        self.refused_naming(frame, kind, &[mentions], measure)
    }

    /// The same of a message that must mention several things.
    pub(super) fn refused_naming(
        &mut self,
        frame: Frame,
        kind: ErrorKind,
        mentions: &[&str],
        measure: &mut Measure,
    ) -> Result<(), BackendError> {
        let reply = (self.exchange)(frame)?.reply;
        for mentions in mentions {
            match &reply {
                Reply::Error { error, message } => measure.refusal(kind, mentions, Ok((*error, message))),
                other => measure.refusal(kind, mentions, Err(&other.to_string())),
            }
        }
        Ok(())
    }
}

pub(super) fn unexpected(request: &str, reply: &Reply) -> BackendError {
    BackendError::new(ErrorKind::Framework, format!("a good `{request}` was answered with {reply}"))
}

/// Makes a request for input gradient norms of one for a training step.
pub(super) fn as_gradient_norms(message: &mut Message) {
    message.header = json!({"request": "input-gradient-norms", "batch": message.header["batch"]});
}

/// Puts a number in the place of the one that is `place` int32 from the payload's beginning.
pub(super) fn write_int(payload: &mut [u8], place: usize, value: i32) {
    payload[4 * place..4 * place + 4].copy_from_slice(&value.to_le_bytes());
}
