//! What is no request.

use serde_json::{Value, json};

use crate::backend::BackendInfo;
use crate::error::{BackendError, ErrorKind};
use crate::wire::{Frame, PROTOCOL_VERSION, Reply};

use super::super::measure::Measure;
use super::talk::{Message, Talk};

/// Headers that are no requests, and payloads of another length than announced.
pub(super) fn requests(talk: &mut Talk<'_, '_>, info: &BackendInfo, measure: &mut Measure) -> Result<(), BackendError> {
    talk.build()?;
    let before = talk.logits()?;
    let training = talk.training()?;
    let headers = [
        ("no JSON", b"{".to_vec()),
        ("no UTF-8", b"\xff\xfe".to_vec()),
        ("nothing", Vec::new()),
        ("no object", b"[]".to_vec()),
        ("a list of its values", br#"["weights"]"#.to_vec()),
        ("a key twice", br#"{"request":"weights","request":"weights"}"#.to_vec()),
        ("an unknown request", br#"{"request":"fly"}"#.to_vec()),
        ("a key too many", br#"{"request":"weights","now":true}"#.to_vec()),
        ("a key too few", br#"{"request":"hello"}"#.to_vec()),
        ("another type", br#"{"request":"hello","protocol":"two"}"#.to_vec()),
    ];
    for (what, header) in headers {
        measure.case(format!("a header with {what}"));
        talk.refused(Frame { header, payload: Vec::new() }, ErrorKind::Request, "", measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    let spoiled = [
        ("a learning rate that is no number", training.with(|it| it.header["learning_rate"] = Value::Null)),
        ("a list in the place of the batch", training.with(|it| it.header["batch"] = json!([2, 3, "end"]))),
        ("a fraction in the place of the rows", training.with(|it| it.header["batch"]["rows"] = json!(2.0))),
        ("a padding that is none", training.with(|it| it.header["batch"]["padding"] = json!("both"))),
        ("a payload a byte short", training.with(|it| it.payload.truncate(it.payload.len() - 1))),
        ("a payload a byte long", training.with(|it| it.payload.push(0))),
        ("no payload", training.with(|it| it.payload.clear())),
        ("more rows than any payload holds", training.with(|it| it.header["batch"]["rows"] = json!(u64::MAX / 2))),
    ];
    for (what, message) in spoiled {
        measure.case(format!("training with {what}"));
        talk.refused(message.frame(), ErrorKind::Request, "", measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    for request in ["hello", "weights", "state"] {
        measure.case(format!("a payload behind `{request}`"));
        let mut header = json!({"request": request});
        if request == "hello" {
            header["protocol"] = json!(PROTOCOL_VERSION);
        }
        talk.refused(Message { header, payload: vec![0; 4] }.frame(), ErrorKind::Request, "", measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    measure.case("a second `hello`");
    let reply = talk.greet()?;
    let same = matches!(&reply, Reply::Hello { info: Some(again), .. } if **again == *info);
    measure.require(same, format!("it was answered with {reply}, or with another description"));
    measure.require(talk.logits()? == before, "other logits after it");
    builds_that_are_none(talk, &before, measure)
}

/// Headers that say `build` and are no requests: they change nothing.
fn builds_that_are_none(talk: &mut Talk<'_, '_>, before: &[u8], measure: &mut Measure) -> Result<(), BackendError> {
    let good = talk.good_build()?;
    let without = |key: &str| {
        good.with(|it| {
            it.header["spec"].as_object_mut().map(|spec| spec.remove(key));
        })
    };
    let with = |key: &str, value: Value| good.with(|it| it.header["spec"][key] = value);
    let mut twice = good.clone().frame();
    let text = good.header["spec"].to_string();
    let again = text.replacen('{', r#"{"layers":2,"#, 1);
    twice.header = good.header.to_string().replacen(&text, &again, 1).into_bytes();
    for (what, mentions, frame) in [
        ("a key of the spec too few", "masking", without("masking").frame()),
        ("no word about clipping", "clip", without("clip").frame()),
        ("a key of the spec too many", "colour", with("colour", json!(1)).frame()),
        ("a key of the spec twice", "", twice),
        ("an unknown cell", "", with("cell", json!("foo")).frame()),
        ("a fraction in the place of a size", "", with("hidden_size", json!(7.0)).frame()),
        ("a sign in a device", "", with("device", json!("cuda:+1")).frame()),
        ("a leading zero in a device", "", with("device", json!("cuda:01")).frame()),
        ("a key too many", "", good.with(|it| it.header["now"] = json!(true)).frame()),
    ] {
        measure.case(format!("building with {what}"));
        talk.refused(frame, ErrorKind::Request, mentions, measure)?;
        measure.case(format!("predicting after a build with {what}, which is no request"));
        measure.require(talk.predicts(before)?, "the model is gone, or gives other logits");
    }
    Ok(())
}
