//! Batches that make no sense, and that a step is not used up by one.

use serde_json::json;

use crate::backend::BackendInfo;
use crate::batch::Side;
use crate::error::{BackendError, ErrorKind};
use crate::spec::{DropoutSpec, ModelSpec};
use crate::wire::{Reply, Request, batch_payload};

use super::super::inputs::{MAX_BATCH, MAX_TIME, Rows};
use super::super::measure::Measure;
use super::talk::{Message, Talk, as_gradient_norms, write_int};

pub(super) fn batches_refused(
    talk: &mut Talk<'_, '_>,
    info: &BackendInfo,
    measure: &mut Measure,
) -> Result<(), BackendError> {
    talk.build()?;
    let before = talk.logits()?;
    let good = talk.training()?;
    let beyond = i32::try_from(talk.spec.vocabulary_size).unwrap_or(i32::MAX);
    // Two rows of three steps: six ids, two lengths, two labels.
    let put = |place: usize, value: i32| good.with(|it| write_int(&mut it.payload, place, value));
    let long = Rows::padded(&[vec![1; MAX_TIME + 1]], MAX_TIME + 1, Side::End);
    let many = Rows::padded(&vec![vec![1]; MAX_BATCH + 1], 1, Side::End);
    let of_rows = |rows: &Rows| -> Result<Message, BackendError> {
        let batch = rows.labelled()?;
        let (header, payload) = batch_payload(batch.tokens(), batch.labels());
        Message::new(&Request::TrainBatch { batch: header, learning_rate: 0.01, update_norm: false }, payload)
    };
    let no_rows = good.with(|it| {
        it.header["batch"]["rows"] = json!(0);
        it.payload.clear();
    });
    let no_steps = good.with(|it| {
        it.header["batch"]["time"] = json!(0);
        it.payload.drain(..24);
    });
    for (what, mentions, message) in [
        ("an id of the vocabulary's size", vec![&*format!("id {beyond}"), "row 0", "step 1"], put(1, beyond)),
        ("a negative id", vec!["id -1", "row 0", "step 1"], put(1, -1)),
        ("a word in the padding", vec!["row 1", "step 2"], put(5, 1)),
        ("a length of 0", vec!["length 0", "row 0"], put(6, 0)),
        ("a negative length", vec!["length -1", "row 0"], put(6, -1)),
        ("a length above the steps", vec!["length 4", "row 0"], put(6, 4)),
        ("a label of 2", vec!["label 2", "row 1"], good.with(|it| it.payload[33] = 2)),
        ("no rows", vec!["empty"], no_rows),
        ("no steps", vec!["empty"], no_steps),
        ("too many steps", vec![&*format!("{} steps", MAX_TIME + 1)], of_rows(&long)?),
        ("too many rows", vec![&*format!("{} rows", MAX_BATCH + 1)], of_rows(&many)?),
        ("a negative learning rate", vec!["learning rate"], good.with(|it| it.header["learning_rate"] = json!(-0.1))),
    ] {
        measure.case(format!("training with {what}"));
        talk.refused_naming(message.frame(), ErrorKind::Batch, &mentions, measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    let predicting = talk.prediction()?;
    for (what, mentions, place, value) in [
        ("an id of the vocabulary's size", vec![&*format!("id {beyond}"), "row 0", "step 1"], 1, beyond),
        ("a word in the padding", vec!["row 1", "step 2"], 5, 1),
        ("a length above the steps", vec!["length 4", "row 0"], 6, 4),
    ] {
        measure.case(format!("predicting with {what}"));
        let message = predicting.with(|it| write_int(&mut it.payload, place, value));
        talk.refused_naming(message.frame(), ErrorKind::Batch, &mentions, measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    if info.capabilities.input_gradient_norms {
        measure.case("input gradients of more rows than training may have");
        let reply = (talk.exchange)(of_rows(&many)?.with(as_gradient_norms).frame())?.reply;
        measure.require(reply == Reply::GradientNorms, format!("it was answered with {reply}"));
    }
    undisturbed_by_refusals(talk, info, measure)
}

/// A refused batch must not use up a step: neither Adam's count nor dropout's masks go on. Logits don't show that, the steps after it do.
fn undisturbed_by_refusals(
    talk: &mut Talk<'_, '_>,
    info: &BackendInfo,
    measure: &mut Measure,
) -> Result<(), BackendError> {
    let plain = talk.spec.clone();
    let dropout = DropoutSpec { after_embedding: 0.25, after_last: 0.25, seed: 11, ..DropoutSpec::NONE };
    let with_dropout = ModelSpec { dropout, ..plain.clone() };
    if info.capabilities.check(&with_dropout).is_ok() {
        talk.spec = with_dropout;
    }
    let good = talk.training()?;
    let bad = [
        good.with(|it| write_int(&mut it.payload, 1, -1)),
        good.with(|it| it.payload[33] = 2),
        good.with(|it| it.header["learning_rate"] = json!(-0.1)),
        good.with(|it| it.payload.truncate(it.payload.len() - 1)),
    ];
    let mut trained = |bad: &[Message]| -> Result<Vec<Vec<u8>>, BackendError> {
        talk.build()?;
        let mut left = Vec::new();
        for _ in 0..3 {
            left.push(talk.step()?);
            for message in bad {
                let reply = (talk.exchange)(message.clone().frame())?.reply;
                measure.require(matches!(reply, Reply::Error { .. }), format!("a bad batch was answered with {reply}"));
            }
        }
        left.push(talk.logits()?);
        Ok(left)
    };
    let alone = trained(&[])?;
    let disturbed = trained(&bad)?;
    measure.case("training with refused batches between the steps");
    for (at, (found, expected)) in disturbed.iter().zip(&alone).enumerate() {
        let what = if at < 3 { format!("step {}", at + 1) } else { "the logits afterwards".to_owned() };
        measure.require(found == expected, format!("{what}: other bytes than without the refusals"));
    }
    talk.spec = plain;
    talk.build()
}
