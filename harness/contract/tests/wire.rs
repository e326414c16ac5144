//! The wire format: its laws, its caps, and that it doesn't change without its version.

use harness_contract::wire::{
    BatchHeader, FrameError, MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES, PREFIX_BYTES, PROTOCOL_VERSION, Reply, ReplyFrame,
    Request, TensorHeader, batch_payload, read_batch, read_frame, read_weights, weights_payload, write_frame,
};
use harness_contract::{ErrorKind, Side, Tensor, TokenBatch, WeightMap};
use proptest::prelude::*;

/// The headers of version 2, byte for byte. If this test fails, the wire format has changed: move `PROTOCOL_VERSION`,
/// `backends/README.md` and this list together.
#[test]
fn the_protocol_version_moves_with_the_wire_format() {
    assert_eq!(PROTOCOL_VERSION, 2);
    assert_eq!(PREFIX_BYTES, 12);
    let batch = BatchHeader { rows: 2, time: 3, padding: Side::Front };
    let header = |request: &Request| serde_json::to_string(request).unwrap();
    assert_eq!(header(&Request::Hello { protocol: 2 }), r#"{"request":"hello","protocol":2}"#);
    assert_eq!(
        header(&Request::TrainBatch { batch, learning_rate: 0.001 }),
        r#"{"request":"train-batch","batch":{"rows":2,"time":3,"padding":"front"},"learning_rate":0.001}"#
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
    let answer = |reply| serde_json::to_string(&ReplyFrame { compute_ns: 5, reply }).unwrap();
    assert_eq!(
        answer(Reply::Hello { protocol: 2, info: None }),
        r#"{"compute_ns":5,"reply":{"kind":"hello","protocol":2,"info":null}}"#
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

#[test]
fn a_key_too_many_is_no_request() {
    for header in [
        r#"{"request":"weights","now":true}"#,
        r#"{"request":"hello","protocol":2,"name":"x"}"#,
        r#"{"request":"predict-batch","batch":{"rows":2,"time":3,"padding":"front","labels":0}}"#,
    ] {
        assert!(serde_json::from_str::<Request>(header).is_err(), "{header}");
    }
}

#[test]
fn a_frame_is_two_lengths_then_header_then_payload() {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, b"{}", &[7, 8, 9]).unwrap();
    assert_eq!(bytes, [2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, b'{', b'}', 7, 8, 9]);
}

#[test]
fn a_stream_that_ends_between_frames_has_no_next_frame_and_one_that_ends_inside_is_truncated() {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, b"{}", &[7, 8, 9]).unwrap();
    assert!(read_frame(&mut &bytes[..0]).unwrap().is_none());
    for end in 1..bytes.len() {
        assert!(matches!(read_frame(&mut &bytes[..end]), Err(FrameError::Truncated)), "cut at {end}");
    }
}

#[test]
fn a_length_over_its_cap_is_refused_before_it_is_read() {
    for (header, payload, part) in [(MAX_HEADER_BYTES + 1, 0, "header"), (0, MAX_PAYLOAD_BYTES + 1, "payload")] {
        let mut prefix = header.to_le_bytes().to_vec();
        prefix.extend_from_slice(&payload.to_le_bytes());
        match read_frame(&mut prefix.as_slice()) {
            Err(FrameError::TooLarge { part: found, .. }) => assert_eq!(found, part),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_huge_announced_payload_does_not_take_the_memory_it_announces() {
    let mut bytes = 0u32.to_le_bytes().to_vec();
    bytes.extend_from_slice(&MAX_PAYLOAD_BYTES.to_le_bytes());
    assert!(matches!(read_frame(&mut bytes.as_slice()), Err(FrameError::Truncated)));
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
    fn frames_come_back_as_they_were_sent(frames in prop::collection::vec((".{0,40}", prop::collection::vec(any::<u8>(), 0..200)), 0..5)) {
        let mut bytes = Vec::new();
        for (header, payload) in &frames {
            write_frame(&mut bytes, header.as_bytes(), payload).unwrap();
        }
        let mut stream = bytes.as_slice();
        for (header, payload) in &frames {
            let frame = read_frame(&mut stream).unwrap().unwrap();
            prop_assert_eq!(&frame.header, header.as_bytes());
            prop_assert_eq!(&frame.payload, payload);
        }
        prop_assert!(read_frame(&mut stream).unwrap().is_none());
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
