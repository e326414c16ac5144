//! Replies and requests that are changed on their way.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use harness::contract::wire::{BatchHeader, PROTOCOL_VERSION, Request, weights_payload, write_frame};
use harness::contract::{CellKind, ModelSpec, Side, Tensor, WeightMap};

use super::{Chance, Scale, Tally, seed, watched};
use crate::support::{Bench, small_study};

/// Grids of workers whose replies are changed, each from another seed, with one among them that nobody disturbs.
pub(super) fn replies(scale: Scale) -> Tally {
    let mut tally = Tally::of("mutated replies");
    for grid in 0..scale.of(1, 30) {
        let names: Vec<String> =
            (0..12).map(|own| format!("mutate-{}", seed() * 1000 + grid as u64 * 100 + own)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).chain(["fake"]).collect();
        let bench = Bench::new(&small_study(&names, &["rnn"]));
        let before = tally.complaints.len();
        let ended = watched(&bench, bench.run(&names, &["--deadline", "2", "--jobs", "2"]), |_| {});
        tally.take(&ended);
        tally.orphans(&bench);
        tally.runs(&bench.path("runs/small"));
        if ![Some(0), Some(3)].contains(&ended.code()) {
            tally.complaints.push(format!("{:?}: {}", ended.status, ended.words));
        }
        let results = bench.results();
        tally.note("the grid", before);
        for run in &results.runs {
            let before = tally.complaints.len();
            // Some changes are such that nobody can see them; every run has ended somehow.
            if run.record.is_none() && run.planned.unavailable.is_none() {
                tally.complaints.push(format!("{:?}", run.damaged));
            }
            if run.planned.key.backend == "fake" && run.record.as_ref().is_none_or(|record| record.test.is_none()) {
                tally.lost += 1;
            }
            tally.note(&run.planned.key.to_string(), before);
        }
    }
    tally
}

/// A conversation of the harness with a worker, as bytes.
fn conversation() -> Vec<u8> {
    let spec = ModelSpec::plain(CellKind::Rnn);
    let mut weights = WeightMap::new();
    for parameter in spec.parameters() {
        let data = vec![0.25; parameter.len()];
        weights.insert(parameter.name, Tensor { shape: parameter.shape, data }).unwrap();
    }
    let (tensors, payload) = weights_payload(&weights);
    let batch = BatchHeader { rows: 1, time: 2, padding: Side::End };
    let ids: Vec<u8> = [2_i32, 3, 2].into_iter().flat_map(i32::to_le_bytes).collect();
    let labelled = [&ids[..], &[1]].concat();
    let requests = [
        (Request::Hello { protocol: PROTOCOL_VERSION }, vec![]),
        (Request::Build { spec: Box::new(spec), tensors }, payload),
        (Request::TrainBatch { batch, learning_rate: 0.1, update_norm: false }, labelled.clone()),
        (Request::PredictBatch { batch }, ids),
        (Request::InputGradientNorms { batch }, labelled),
        (Request::State {}, vec![]),
        (Request::Weights {}, vec![]),
    ];
    let mut bytes = Vec::new();
    for (number, (request, payload)) in (0..).zip(requests) {
        write_frame(&mut bytes, number, &serde_json::to_vec(&request).unwrap(), &payload).unwrap();
    }
    bytes
}

/// Conversations with a few bytes changed, with the executable that a backend makes of the contract's loop.
pub(super) fn requests(scale: Scale) -> Tally {
    let mut tally = Tally::of("mutated requests");
    let bench = Bench::new("");
    let _ = bench.study(&["fake"]);
    let (whole, mut chance) = (conversation(), Chance(seed()));
    let answers = |bytes: &[u8]| {
        let errors = fs::File::create(bench.path("errors")).unwrap();
        let mut worker = Command::new(bench.path("study-backend-fake"));
        let mut worker = worker
            .current_dir(bench.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        // It may end before it has read everything.
        let _ = worker.stdin.take().unwrap().write_all(bytes);
        let mut said = Vec::new();
        worker.stdout.take().unwrap().read_to_end(&mut said).unwrap();
        (worker.wait().unwrap(), said, fs::read_to_string(bench.path("errors")).unwrap())
    };
    let (status, said, errors) = answers(&whole);
    assert!(status.success() && said.len() > 1000, "{errors}");
    for _ in 0..scale.of(150, 3000) {
        let before = tally.complaints.len();
        let mut bytes = whole.clone();
        for _ in 0..=chance.below(3) {
            let (at, byte) = (chance.below(bytes.len()), chance.next().to_le_bytes()[0]);
            match chance.below(5) {
                0 => bytes[at] ^= 1 << (byte % 8),
                1 => bytes[at] = byte,
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let (status, _, errors) = answers(&bytes);
        if errors.contains("panicked") || status.code().is_none_or(|code| code > 1) {
            tally.panics += 1;
            tally.complaints.push(format!("{status}: {errors}"));
        }
        tally.note("a conversation", before);
    }
    tally.orphans(&bench);
    tally
}

#[test]
fn no_changed_reply_costs_more_than_its_own_run() {
    replies(Scale::Short).check();
}

#[test]
fn no_changed_request_ends_a_worker_otherwise_than_by_its_own_word() {
    requests(Scale::Short).check();
}
