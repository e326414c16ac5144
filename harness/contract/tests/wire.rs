//! The wire format: its laws, its caps, and that it doesn't change without its version.

use std::collections::BTreeMap;

use harness_contract::wire::{
    BatchHeader, FrameError, MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES, PREFIX_BYTES, PROTOCOL_VERSION, Reply, ReplyFrame,
    Request, StateHeader, StreamHeader, TensorHeader, batch_payload, read_batch, read_reply, read_report, read_request,
    read_state, read_weights, report_payload, state_payload, weights_payload, write_frame,
};
use harness_contract::{
    BackendInfo, Element, Elements, ErrorKind, ModelSpec, ModelState, Side, StateTensor, StepReport, Tensor,
    TokenBatch, WeightMap,
};
use proptest::prelude::*;

/// The headers of version 3, byte for byte, with a whole spec and a whole description. If this test fails, the wire format has changed: move `PROTOCOL_VERSION`,
/// `backends/README.md` and this list together.
#[test]
fn the_protocol_version_moves_with_the_wire_format() {
    assert_eq!(PROTOCOL_VERSION, 3);
    assert_eq!(PREFIX_BYTES, 12);
    let batch = BatchHeader { rows: 2, time: 3, padding: Side::Front };
    let header = |request: &Request| serde_json::to_string(request).unwrap();
    assert_eq!(header(&Request::Hello { protocol: 3 }), r#"{"request":"hello","protocol":3}"#);
    let spec: Box<ModelSpec> = serde_json::from_str(SPEC).unwrap();
    let tensors = vec![TensorHeader { name: "head.bias".into(), shape: vec![1] }];
    assert_eq!(
        header(&Request::Build { spec: spec.clone(), tensors: tensors.clone() }),
        format!(r#"{{"request":"build","spec":{SPEC},"tensors":[{{"name":"head.bias","shape":[1]}}]}}"#)
    );
    assert_eq!(
        header(&Request::TrainBatch { batch, learning_rate: 0.001, update_norm: true }),
        r#"{"request":"train-batch","batch":{"rows":2,"time":3,"padding":"front"},"learning_rate":0.001,"update_norm":true}"#
    );
    assert_eq!(
        header(&Request::PredictBatch { batch }),
        r#"{"request":"predict-batch","batch":{"rows":2,"time":3,"padding":"front"}}"#
    );
    assert_eq!(header(&Request::Weights {}), r#"{"request":"weights"}"#);
    assert_eq!(
        header(&Request::InputGradientNorms { batch }),
        r#"{"request":"input-gradient-norms","batch":{"rows":2,"time":3,"padding":"front"}}"#
    );
    assert_eq!(header(&Request::State {}), r#"{"request":"state"}"#);
    let streams = vec![StreamHeader { name: "dropout".into(), position: vec![7, u64::MAX] }];
    let state = StateHeader { steps: 7, streams, element: Element::Float32, tensors };
    const STATE: &str = r#"{"steps":7,"streams":[{"name":"dropout","position":[7,18446744073709551615]}],"element":"float32","tensors":[{"name":"head.bias","shape":[1]}]}"#;
    assert_eq!(
        header(&Request::Resume { spec, state: state.clone() }),
        format!(r#"{{"request":"resume","spec":{SPEC},"state":{STATE}}}"#)
    );
    let answer = |reply| serde_json::to_string(&ReplyFrame { compute_ns: 5, reply }).unwrap();
    assert_eq!(
        answer(Reply::Hello { protocol: 3, info: None }),
        r#"{"compute_ns":5,"reply":{"kind":"hello","protocol":3,"info":null}}"#
    );
    let info: BackendInfo = serde_json::from_str(INFO).unwrap();
    assert_eq!(
        answer(Reply::Hello { protocol: 3, info: Some(info.into()) }),
        format!(r#"{{"compute_ns":5,"reply":{{"kind":"hello","protocol":3,"info":{INFO}}}}}"#)
    );
    assert_eq!(
        answer(Reply::State { state }),
        format!(r#"{{"compute_ns":5,"reply":{{"kind":"state","state":{STATE}}}}}"#)
    );
    assert_eq!(answer(Reply::Done), r#"{"compute_ns":5,"reply":{"kind":"done"}}"#);
    assert_eq!(answer(Reply::Step { clipped: true }), r#"{"compute_ns":5,"reply":{"kind":"step","clipped":true}}"#);
    assert_eq!(answer(Reply::Logits), r#"{"compute_ns":5,"reply":{"kind":"logits"}}"#);
    assert_eq!(
        answer(Reply::Weights { tensors: vec![TensorHeader { name: "head.bias".into(), shape: vec![1] }] }),
        r#"{"compute_ns":5,"reply":{"kind":"weights","tensors":[{"name":"head.bias","shape":[1]}]}}"#
    );
    assert_eq!(answer(Reply::GradientNorms), r#"{"compute_ns":5,"reply":{"kind":"gradient-norms"}}"#);
    assert_eq!(
        answer(Reply::Error { error: ErrorKind::Batch, message: "no".into() }),
        r#"{"compute_ns":5,"reply":{"kind":"error","error":"batch","message":"no"}}"#
    );
}

/// A whole spec as a header has it.
const SPEC: &str = include_str!("wire_spec.json").trim_ascii_end();

/// A whole description as a header has it.
const INFO: &str = include_str!("wire_info.json").trim_ascii_end();

#[test]
fn the_frame_of_hello_is_the_same_in_every_version() {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, 0, br#"{"request":"hello","protocol":2}"#, &[]).unwrap();
    let mut of_version_2 = vec![32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    of_version_2.extend_from_slice(br#"{"request":"hello","protocol":2}"#);
    assert_eq!(bytes, of_version_2);
}

#[test]
fn a_key_too_many_is_no_request() {
    for header in [
        r#"{"request":"weights","now":true}"#,
        r#"{"request":"hello","protocol":3,"name":"x"}"#,
        r#"{"request":"predict-batch","batch":{"rows":2,"time":3,"padding":"front","labels":0}}"#,
    ] {
        assert!(serde_json::from_str::<Request>(header).is_err(), "{header}");
    }
}

#[test]
fn a_frame_is_two_lengths_and_a_number_then_header_then_payload() {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, 258, b"{}", &[7, 8, 9]).unwrap();
    assert_eq!(bytes, [2, 0, 0, 0, 3, 0, 0, 0, 2, 1, 0, 0, b'{', b'}', 7, 8, 9]);
}

#[test]
fn a_stream_that_ends_between_frames_has_no_next_frame_and_one_that_ends_inside_is_truncated() {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, 4, b"{}", &[7, 8, 9]).unwrap();
    assert!(read_request(&mut &bytes[..0]).unwrap().is_none());
    assert!(read_reply(&mut &bytes[..0], 4, 3).unwrap().is_none());
    for end in 1..bytes.len() {
        assert!(matches!(read_request(&mut &bytes[..end]), Err(FrameError::Truncated)), "cut at {end}");
        assert!(matches!(read_reply(&mut &bytes[..end], 4, 3), Err(FrameError::Truncated)), "cut at {end}");
    }
}

/// A prefix alone.
fn prefix(header: u32, payload: u32, number: u32) -> Vec<u8> {
    [header, payload, number].iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn a_length_over_its_cap_is_refused_before_it_is_read() {
    let most = u32::try_from(MAX_PAYLOAD_BYTES).unwrap();
    for (header, payload, part) in [(MAX_HEADER_BYTES + 1, 0, "header"), (0, most + 1, "payload")] {
        match read_request(&mut prefix(header, payload, 0).as_slice()) {
            Err(FrameError::TooLarge { part: found, .. }) => assert_eq!(found, part),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_reply_larger_than_its_request_lets_it_be_is_refused_before_it_is_read() {
    match read_reply(&mut prefix(2, 17, 5).as_slice(), 5, 16) {
        Err(FrameError::TooLarge { part: "payload", bytes: 17, cap: 16 }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reply_to_another_request_is_refused() {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, 4, b"{}", &[]).unwrap();
    for number in [0, 3, 5, u32::MAX] {
        match read_reply(&mut bytes.as_slice(), number, 16) {
            Err(FrameError::Number { expected, found: 4 }) => assert_eq!(expected, number),
            other => panic!("{other:?}"),
        }
    }
    assert!(read_reply(&mut bytes.as_slice(), 4, 16).unwrap().is_some());
}

#[test]
fn a_huge_announced_payload_does_not_take_the_memory_it_announces() {
    let bytes = prefix(0, u32::try_from(MAX_PAYLOAD_BYTES).unwrap(), 0);
    assert!(matches!(read_request(&mut bytes.as_slice()), Err(FrameError::Truncated)));
}

#[test]
fn a_report_has_a_third_number_only_where_it_was_asked_for() {
    for update_norm in [None, Some(0.5)] {
        let report = StepReport { loss: f64::INFINITY, gradient_norm: 2.0, clipped: true, update_norm };
        let payload = report_payload(&report);
        assert_eq!(read_report(true, &payload, update_norm.is_some()).unwrap(), report);
        assert!(read_report(true, &payload, update_norm.is_none()).is_err());
    }
}

#[test]
fn a_list_of_tensors_is_bounded_whatever_its_elements_come_to() {
    let tensor = |name: &str, shape: &[usize]| TensorHeader { name: name.into(), shape: shape.to_vec() };
    let refused = |tensors: &[TensorHeader], reason: &str| {
        let error = read_weights(tensors, &[]).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    refused(&[tensor("x", &[usize::MAX, usize::MAX, 0])], "has an axis of length 18446744073709551615, over the bound");
    refused(&[tensor("x", &[0; 9])], "the number of axes of `x` is 9, over the bound of 8");
    refused(&[tensor(&"x".repeat(257), &[0])], "257, over the bound of 256");
    refused(&vec![tensor("x", &[0]); 1930], "the length 1930, over the bound of 1929");
    refused(&[tensor("x", &[1 << 40])], "the payload has 0 bytes");
}

#[test]
fn a_payload_of_another_length_than_announced_is_refused() {
    let header = BatchHeader { rows: 2, time: 3, padding: Side::End };
    for length in [0, 31, 33, 34, 35] {
        assert!(read_batch(header, &vec![0; length], false).is_err(), "{length}");
    }
    assert!(read_batch(header, &[0; 32], false).is_ok());
    assert!(read_batch(header, &[0; 34], true).is_ok());
    let huge = BatchHeader { rows: usize::MAX, time: usize::MAX, padding: Side::End };
    assert!(read_batch(huge, &[], true).is_err());
    let tensors = [TensorHeader { name: "x".into(), shape: vec![usize::MAX, usize::MAX, usize::MAX] }];
    assert!(read_weights(&tensors, &[0; 4]).is_err());
}

proptest! {
    #[test]
    fn frames_come_back_as_they_were_sent(frames in prop::collection::vec((any::<u32>(), ".{0,40}", prop::collection::vec(any::<u8>(), 0..200)), 0..5)) {
        let mut bytes = Vec::new();
        for (number, header, payload) in &frames {
            write_frame(&mut bytes, *number, header.as_bytes(), payload).unwrap();
        }
        let mut stream = bytes.as_slice();
        for (number, header, payload) in &frames {
            let (found, frame) = read_request(&mut stream).unwrap().unwrap();
            prop_assert_eq!(found, *number);
            prop_assert_eq!(&frame.header, header.as_bytes());
            prop_assert_eq!(&frame.payload, payload);
        }
        prop_assert!(read_request(&mut stream).unwrap().is_none());
    }

    #[test]
    fn states_come_back_bit_for_bit(bits in prop::collection::vec(any::<u64>(), 4..=4), steps: u64, double: bool) {
        let data = if double {
            Elements::Float64(bits.iter().map(|bits| f64::from_bits(*bits)).collect())
        } else {
            Elements::Float32(bits.iter().map(|bits| f32::from_bits(*bits as u32)).collect())
        };
        let streams = BTreeMap::from([("dropout".to_owned(), bits)]);
        let mut state = ModelState::new(steps, streams);
        state.insert("weights/x".into(), StateTensor { shape: vec![2, 2], data }).unwrap();
        let (header, payload) = state_payload(&state);
        let again = state_payload(&read_state(&header, &payload).unwrap());
        prop_assert_eq!(again, (header, payload));
    }

    #[test]
    fn weights_come_back_bit_for_bit(values in prop::collection::vec(any::<u32>(), 6..=6)) {
        let data: Vec<f32> = values.iter().map(|bits| f32::from_bits(*bits)).collect();
        let mut weights = WeightMap::new();
        weights.insert("b", Tensor { shape: vec![2, 2], data: data[..4].to_vec() }).unwrap();
        weights.insert("a", Tensor { shape: vec![2], data: data[4..].to_vec() }).unwrap();
        let (tensors, payload) = weights_payload(&weights);
        let back = read_weights(&tensors, &payload).unwrap();
        let bits = |weights: &WeightMap, name: &str| {
            weights.get(name).unwrap().data.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
        };
        prop_assert_eq!(bits(&back, "a"), bits(&weights, "a"));
        prop_assert_eq!(bits(&back, "b"), bits(&weights, "b"));
    }

    #[test]
    fn batches_come_back_as_they_were_sent(lengths in prop::collection::vec(1i32..6, 1..9), front: bool) {
        let padding = if front { Side::Front } else { Side::End };
        let time = 5;
        let mut tokens = vec![0; lengths.len() * time];
        for (row, &length) in lengths.iter().enumerate() {
            let start = if front { time - length as usize } else { 0 };
            tokens[row * time + start..row * time + start + length as usize].fill(row as i32 + 1);
        }
        let labels: Vec<u8> = lengths.iter().map(|length| (length % 2) as u8).collect();
        let batch = TokenBatch::new(&tokens, &lengths, time, padding).unwrap();
        let (header, payload) = batch_payload(batch, &labels);
        let parts = read_batch(header, &payload, true).unwrap();
        let back = parts.labelled().unwrap();
        prop_assert_eq!(back.tokens().tokens(), tokens.as_slice());
        prop_assert_eq!(back.tokens().lengths(), lengths.as_slice());
        prop_assert_eq!(back.labels(), labels.as_slice());
    }
}

#[test]
fn a_header_is_an_object_in_which_everything_stands_as_it_is_written() {
    let build = format!(r#"{{"request":"build","spec":{SPEC},"tensors":[{{"name":"head.bias","shape":[1]}}]}}"#);
    let step = r#"{"request":"train-batch","batch":{"rows":2,"time":3,"padding":"end"},"learning_rate":0}"#;
    assert!(Request::read(build.as_bytes()).is_ok() && Request::read(step.as_bytes()).is_ok());
    let changed = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        text.replacen(from, to, 1)
    };
    for header in [
        r#"["weights"]"#.to_owned(),
        changed(step, r#"{"rows":2,"time":3,"padding":"end"}"#, r#"[2,3,"end"]"#),
        changed(step, r#""rows":2"#, r#""rows":2.0"#),
        changed(step, r#""rows":2"#, r#""rows":2,"rows":2"#),
        changed(step, r#""padding":"end""#, r#""padding":{"end":null}"#),
        changed(&build, r#"{"name":"head.bias","shape":[1]}"#, r#"["head.bias",[1]]"#),
        changed(&build, r#""device":"cpu""#, r#""device":"cuda:01""#),
        changed(&build, r#""device":"cpu""#, r#""device":"cuda:+1""#),
        changed(&build, r#""clip":"#, r#""clips":"#),
    ] {
        assert!(Request::read(header.as_bytes()).is_err(), "{header}");
    }
}

#[test]
fn a_spec_says_that_it_does_not_clip() {
    let mut spec: serde_json::Value = serde_json::from_str(SPEC).unwrap();
    spec["clip"] = serde_json::Value::Null;
    assert_eq!(serde_json::from_value::<ModelSpec>(spec.clone()).unwrap().clip, None);
    spec.as_object_mut().unwrap().remove("clip");
    assert!(serde_json::from_value::<ModelSpec>(spec).unwrap_err().to_string().contains("clip"));
}
