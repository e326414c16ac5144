//! What [`HARNESS_NUMERICS`] stands for: the initial weights and batches that equal settings give, to the last bit, as digests.

use std::collections::BTreeMap;
use std::fmt::Write;

use harness_contract::defaults::Batching;
use harness_contract::{CellKind, Initializer, ModelSpec, Side, TensorGroup};
use sha2::{Digest, Sha256};

use super::{BatchSettings, evaluation_batches, initial_weights, training_batches};
use crate::data::EncodedSplit;
use crate::plan::HARNESS_NUMERICS;

const INITIALIZERS: [Initializer; 10] = [
    Initializer::Zeros,
    Initializer::Ones,
    Initializer::Normal { mean: 0.5, std: 2.0 },
    Initializer::Uniform { low: -0.05, high: 0.05 },
    Initializer::HiddenUniform,
    Initializer::FanInUniform,
    Initializer::GlorotUniform,
    Initializer::Orthogonal,
    Initializer::OrthogonalPerGate,
    Initializer::UnitForgetBias,
];

/// Every weight of a model of each cell, with this distribution for all of them.
fn weights(initializer: Initializer) -> Sha256 {
    let mut digest = Sha256::new();
    for cell in CellKind::ALL {
        let spec = ModelSpec { bidirectional: true, layer_norm: true, hidden_size: 13, ..ModelSpec::plain(cell) };
        let all: BTreeMap<_, _> = TensorGroup::ALL.map(|group| (group, initializer)).into();
        for (name, tensor) in initial_weights(&spec, &all, 7).unwrap().iter() {
            digest.update(name);
            tensor.data.iter().for_each(|weight| digest.update(weight.to_le_bytes()));
        }
    }
    digest
}

/// Every number of the batches of two epochs and of an evaluation.
fn batches(batching: Batching) -> Sha256 {
    let review = |row: u32| {
        (row, u8::from(row.is_multiple_of(3)), (0..1 + row * 7919 % 60).map(|at| (2 + at * row % 90) as i32).collect())
    };
    let split = EncodedSplit::from_reviews::<Vec<i32>>((0..700).map(review));
    let settings =
        BatchSettings { rows: 6, max_length: 40, padding: Side::Front, gap: 3, batching, ..BatchSettings::PLAIN };
    let mut digest = Sha256::new();
    let epochs = (1..=2).flat_map(|epoch| training_batches(&split, &settings, 7, epoch));
    for reviews in epochs.chain(evaluation_batches(&split, &settings)) {
        let batch = settings.assemble(&split, &reviews);
        let labelled = batch.labelled().unwrap();
        let tokens = labelled.tokens();
        [tokens.tokens(), tokens.lengths()].concat().iter().for_each(|number| digest.update(number.to_le_bytes()));
        digest.update(labelled.labels());
    }
    digest
}

#[test]
fn numbers_that_change_need_another_version() {
    let mut text = format!("numerics {HARNESS_NUMERICS}\n");
    let mut line = |what: String, digest: Sha256| {
        let digits = digest.finalize().iter().take(8).fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        });
        let _ = writeln!(text, "{what:<24} {digits}");
    };
    for initializer in INITIALIZERS {
        line(initializer.to_string(), weights(initializer));
    }
    for batching in [Batching::Static, Batching::Dynamic, Batching::LengthBucketed] {
        line(format!("{batching:?}"), batches(batching));
    }
    let committed = include_str!("numerics.txt");
    assert!(
        text == committed,
        "other numbers than `HARNESS_NUMERICS` stands for: make it one more, or mend what changed them. Now:\n{text}committed:\n{committed}"
    );
}
