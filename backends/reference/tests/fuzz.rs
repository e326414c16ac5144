//! Both ends of the wire under frames that were changed at random: whatever comes, the serving loop answers or ends, and the reading side
//! takes it or refuses it. Neither panics, and neither asks for more memory than the bounds allow.
#![cfg(test)]

use std::time::Duration;

use harness_contract::wire::{
    BatchHeader, Frame, PREFIX_BYTES, PROTOCOL_VERSION, Reply, Request, StateHeader, floats_from_bytes, read_reply,
    read_report, read_request, read_state, read_weights, state_payload, understand, weights_payload, write_frame,
};
use harness_contract::{Backend, CellKind, Element, ModelSpec, Side, Tensor, WeightMap, serve};
use serde_json::Value;

/// Conversations and replies that are tried.
const TRIES: u64 = 10_000;

/// What either end may need beside what the test itself holds: the largest frame's first part (64 MiB) twice, and what a small model takes.
const MEMORY: u64 = 512 << 20;

/// SplitMix64, so that every run tries the same.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound.max(1) as u64) as usize
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

fn spec() -> ModelSpec {
    let mut spec = ModelSpec::plain(CellKind::Lstm);
    spec.dropout.after_embedding = 0.25;
    spec
}

fn weights(spec: &ModelSpec) -> WeightMap {
    let mut weights = WeightMap::new();
    for parameter in spec.parameters() {
        let data = (0..parameter.len()).map(|at| (at % 7) as f32 / 10.0 - 0.3).collect();
        weights.insert(parameter.name, Tensor { shape: parameter.shape, data }).unwrap();
    }
    weights
}

/// A good conversation: every request once at least.
fn conversation() -> Vec<Frame> {
    let spec = spec();
    let (tensors, payload) = weights_payload(&weights(&spec));
    let batch = BatchHeader { rows: 2, time: 3, padding: Side::End };
    let ids: Vec<u8> = [1_i32, 2, 3, 4, 5, 0, 3, 2].into_iter().flat_map(i32::to_le_bytes).collect();
    let labelled = [&ids[..], &[0, 1]].concat();
    let frame = |request: &Request, payload: &[u8]| Frame {
        header: serde_json::to_vec(request).unwrap(),
        payload: payload.to_vec(),
    };
    let mut backend = backend_reference::new();
    let state = backend.build(&spec, &weights(&spec)).unwrap().state().unwrap();
    let (state, state_bytes) = state_payload(&state);
    let spec = Box::new(spec);
    vec![
        frame(&Request::Hello { protocol: PROTOCOL_VERSION }, &[]),
        frame(&Request::Build { spec: spec.clone(), tensors }, &payload),
        frame(&Request::TrainBatch { batch, learning_rate: 0.01, update_norm: false }, &labelled),
        frame(&Request::TrainBatch { batch, learning_rate: 0.01, update_norm: true }, &labelled),
        frame(&Request::PredictBatch { batch }, &ids),
        frame(&Request::Weights {}, &[]),
        frame(&Request::InputGradientNorms { batch }, &labelled),
        frame(&Request::State {}, &[]),
        frame(&Request::Resume { spec, state }, &state_bytes),
        frame(&Request::PredictBatch { batch }, &ids),
    ]
}

/// Numbers that overflow, vanish or lie just beyond a bound.
const DELICATE: [&str; 16] = [
    "0",
    "1",
    "-1",
    "65",
    "16385",
    "20000000",
    "2147483648",
    "4294967297",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
    "-0.0",
    "2.0",
    "null",
    "\"\"",
];

/// Puts something else in the place of a value somewhere in a header.
fn change_header(header: &[u8], random: &mut Random) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(header) else { return header.to_vec() };
    let other = match random.below(4) {
        0 => serde_json::from_str(&"[".repeat(100).chars().chain("]".repeat(100).chars()).collect::<String>()).unwrap(),
        1 => Value::String("x".repeat(random.below(5000))),
        // One that the parser can't hold stands as text, and is put in as it is below.
        _ => Value::String(format!("<{}>", random.one_of(&DELICATE))),
    };
    let places = places(&value);
    let place = random.one_of(&places).clone();
    if let Some(found) = value.pointer_mut(&place) {
        match (random.below(4), found) {
            (0, Value::Object(map)) => {
                let keys: Vec<_> = map.keys().cloned().collect();
                map.remove(random.one_of(&keys));
            }
            (1, Value::Array(list)) => list.extend(list.clone()),
            (2, Value::Object(map)) => drop(map.insert("more".into(), other)),
            (_, found) => *found = other,
        }
    }
    value.to_string().replace("\"<", "").replace(">\"", "").into_bytes()
}

/// Where values stand in a header, as JSON pointers.
fn places(value: &Value) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut below =
        |key: String, value: &Value| all.extend(places(value).into_iter().map(|rest| format!("/{key}{rest}")));
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| below(key.replace('/', "~1"), value)),
        Value::Array(list) => list.iter().enumerate().for_each(|(at, value)| below(at.to_string(), value)),
        _ => {}
    }
    all
}

/// Changes some of a frame, or of the bytes it is written as.
fn spoiled(number: u32, frame: &Frame, random: &mut Random) -> Vec<u8> {
    let mut frame = frame.clone();
    match random.below(8) {
        0..=3 => frame.header = change_header(&frame.header, random),
        4 => frame.payload.truncate(random.below(frame.payload.len())),
        5 => frame.payload.extend(vec![7; random.below(64)]),
        6 if !frame.payload.is_empty() => {
            for _ in 0..1 + random.below(8) {
                let at = random.below(frame.payload.len());
                frame.payload[at] = random.bits() as u8;
            }
        }
        _ => {}
    }
    let mut bytes = Vec::new();
    write_frame(&mut bytes, number, &frame.header, &frame.payload).unwrap();
    match random.below(8) {
        0 => {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        1 => {
            // Announces another length.
            let at = 4 * random.below(2);
            let length = *random.one_of(&[0_u32, 1, 255, 1 << 20, (1 << 20) + 1, 1 << 30, 3 << 30, u32::MAX]);
            bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
        }
        2 => bytes.truncate(random.below(bytes.len())),
        3 => {
            let at = PREFIX_BYTES + random.below(bytes.len() - PREFIX_BYTES);
            bytes.splice(at..at, vec![random.bits() as u8; random.below(16)]);
        }
        _ => {}
    }
    bytes
}

/// From now on memory beyond this is refused, which ends the test's process.
fn bound_memory() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let kilobytes: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
    let maximum = (kilobytes << 10) + MEMORY;
    setrlimit(Resource::As, Rlimit { current: Some(maximum), maximum: Some(maximum) }).unwrap();
}

#[test]
fn whatever_comes_the_serving_loop_answers_or_ends_and_the_reading_side_takes_or_refuses() {
    bound_memory();
    let good = conversation();
    let (mut whole, mut answered, mut refused) = (0, 0, 0);
    for seed in 0..TRIES {
        let mut random = Random(seed);
        let at = 1 + random.below(good.len() - 1);
        let mut bytes = Vec::new();
        for (number, frame) in (0_u32..).zip(&good) {
            let last = random.below(4) == 0;
            if number as usize == at || (number as usize > at && last) {
                bytes.extend(spoiled(number, frame, &mut random));
            } else {
                write_frame(&mut bytes, number, &frame.header, &frame.payload).unwrap();
            }
        }
        let mut replies = Vec::new();
        let mut backend = backend_reference::new();
        let ended = serve::serve_on(&mut backend, bytes.as_slice(), &mut replies);
        whole += u64::from(ended.is_ok());
        // As many good replies, in order, as there were frames that could be read.
        let (mut asked, mut replies) = (bytes.as_slice(), replies.as_slice());
        while let Ok(Some((number, _))) = read_request(&mut asked) {
            let reply = read_reply(&mut replies, number, u64::MAX).unwrap().unwrap();
            let answer = understand(reply, Duration::from_secs(3600)).unwrap();
            answered += 1;
            refused += u64::from(matches!(answer.reply, Reply::Error { .. }));
            if matches!(answer.reply, Reply::Hello { info: None, .. }) {
                break;
            }
        }
        assert!(replies.is_empty(), "seed {seed}: more replies than requests");
    }
    // The changes must reach every way out, or this shows nothing.
    assert!(whole > TRIES / 4 && whole < TRIES, "{whole} conversations came to their end");
    assert!(refused > TRIES / 4 && answered > 4 * TRIES, "{refused} of {answered} requests were refused");
    replies_changed_at_random(&good);
}

/// The other end, after the same bound on memory.
fn replies_changed_at_random(good: &[Frame]) {
    let mut bytes = Vec::new();
    for (number, frame) in (0_u32..).zip(good) {
        write_frame(&mut bytes, number, &frame.header, &frame.payload).unwrap();
    }
    let mut replies = Vec::new();
    serve::serve_on(&mut backend_reference::new(), bytes.as_slice(), &mut replies).unwrap();
    let mut stream = replies.as_slice();
    let replies: Vec<Frame> = (0..).map_while(|number| read_reply(&mut stream, number, u64::MAX).unwrap()).collect();
    assert_eq!(replies.len(), good.len());
    let spec = spec();
    let weights = 4 * spec.parameter_count();
    let largest = [0, 0, 16, 24, 8, weights, 24, 6 * weights, 0, 8];
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..TRIES {
        let mut random = Random(seed ^ 0xABCD);
        let at = random.below(replies.len());
        let bytes = spoiled(at as u32, &replies[at], &mut random);
        if understood(&bytes, at as u32, largest[at], &spec) { taken += 1 } else { refused += 1 }
    }
    assert!(taken > TRIES / 20 && refused > TRIES / 4, "{taken} taken, {refused} refused");
}

/// Whether a reply passes everything that the harness asks of it.
fn understood(mut bytes: &[u8], number: u32, largest: u64, spec: &ModelSpec) -> bool {
    let Ok(Some(frame)) = read_reply(&mut bytes, number, largest) else { return false };
    assert!(frame.payload.len() as u64 <= largest);
    let Ok(answer) = understand(frame, Duration::from_secs(1)) else { return false };
    match answer.reply {
        Reply::Hello { .. } | Reply::Done | Reply::Error { .. } => answer.payload.is_empty(),
        Reply::Step { clipped } => read_report(clipped, &answer.payload, largest == 24).is_ok(),
        Reply::Logits => floats_from_bytes(&answer.payload, 2).is_ok(),
        Reply::GradientNorms => floats_from_bytes(&answer.payload, 6).is_ok(),
        Reply::Weights { tensors } => {
            read_weights(&tensors, &answer.payload).is_ok_and(|weights| weights.check_shapes(spec).is_ok())
        }
        Reply::State { state } => {
            let header: StateHeader = state;
            read_state(&header, &answer.payload).is_ok_and(|state| state.check(spec, Element::Float64).is_ok())
        }
    }
}
