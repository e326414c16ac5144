//! The same spec, weights, batches and threads give the same bytes, whatever else the process does.

use harness_contract::{CellKind, DropoutSpec, Model, ModelSpec, RepeatedWords, Side, WeightMap};
use tch::{Device, Kind};

use super::{KERNELS, Rows, small_spec, weights};
use crate::dropout;
use crate::model::LibtorchModel;

const DROPOUT: DropoutSpec = DropoutSpec { after_embedding: 0.2, between_layers: 0.3, after_last: 0.4, seed: 77 };

/// A model large enough that libtorch shares its work among threads.
fn spec(cell: CellKind) -> ModelSpec {
    let mut spec =
        ModelSpec { vocabulary_size: 800, embedding_size: 64, hidden_size: 48, dropout: DROPOUT, ..small_spec(cell) };
    spec.adam.repeated_words = RepeatedWords::SquareThenSum;
    spec
}

fn model(spec: &ModelSpec) -> LibtorchModel {
    LibtorchModel::new(spec, &weights(spec, 4), Kind::Float).unwrap()
}

fn batches(spec: &ModelSpec) -> Vec<Rows> {
    // Changing lengths and a short last batch.
    [(32, 30), (32, 21), (7, 30), (32, 30)]
        .into_iter()
        .enumerate()
        .map(|(at, (rows, time))| Rows::new(spec, rows, time, Side::Front, at as u64))
        .collect()
}

fn train(model: &mut LibtorchModel, spec: &ModelSpec) -> (WeightMap, Vec<u64>) {
    let reports = batches(spec)
        .iter()
        .flat_map(|rows| {
            let report = model.train_batch(rows.batch(), 0.01).unwrap();
            [report.loss.to_bits(), report.gradient_norm.to_bits()]
        })
        .collect();
    (model.weights().unwrap(), reports)
}

fn specs() -> impl Iterator<Item = ModelSpec> {
    CellKind::ALL.into_iter().flat_map(|cell| KERNELS.into_iter().map(move |kernel| ModelSpec { kernel, ..spec(cell) }))
}

#[test]
fn training_twice_gives_the_same_bytes() {
    for spec in specs() {
        for threads in [1, 2] {
            let spec = ModelSpec { threads, ..spec.clone() };
            let first = train(&mut model(&spec), &spec);
            assert_eq!(first, train(&mut model(&spec), &spec));
            let mut other = spec.clone();
            other.dropout.seed += 1;
            assert_ne!(first, train(&mut model(&other), &other), "another seed, other masks");
        }
    }
}

#[test]
fn predictions_and_norms_in_between_change_nothing() {
    for spec in specs() {
        let expected = train(&mut model(&spec), &spec);
        let mut asked = model(&spec);
        let mut reports = Vec::new();
        for rows in batches(&spec) {
            let logits = asked.predict_batch(rows.tokens()).unwrap();
            assert_eq!(logits, asked.predict_batch(rows.tokens()).unwrap());
            asked.input_gradient_norms(rows.batch()).unwrap();
            let report = asked.train_batch(rows.batch(), 0.01).unwrap();
            reports.extend([report.loss.to_bits(), report.gradient_norm.to_bits()]);
        }
        assert_eq!((asked.weights().unwrap(), reports), expected);
    }
}

#[test]
fn models_trained_in_turns_are_those_trained_alone() {
    for spec in specs() {
        let mut other = spec.clone();
        (other.dropout.seed, other.threads) = (1, 2);
        let (alone, other_alone) = (train(&mut model(&spec), &spec), train(&mut model(&other), &other));
        let (mut one, mut two) = (model(&spec), model(&other));
        for rows in batches(&spec) {
            one.train_batch(rows.batch(), 0.01).unwrap();
            two.train_batch(rows.batch(), 0.01).unwrap();
        }
        assert_eq!(one.weights().unwrap(), alone.0);
        assert_eq!(two.weights().unwrap(), other_alone.0);
    }
}

#[test]
fn models_trained_at_the_same_time_are_those_trained_alone() {
    let spec = spec(CellKind::Rnn);
    let expected = train(&mut model(&spec), &spec);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| train(&mut model(&spec), &spec))).collect();
        for run in runs {
            assert_eq!(run.join().unwrap(), expected);
        }
    });
}

#[test]
fn masks_keep_the_share_they_should_and_scale_it_up() {
    let spec = spec(CellKind::Lstm);
    let options = (Kind::Float, Device::Cpu);
    let masks = dropout::draw(&spec, 1, 400, 32, options).unwrap();
    assert_eq!(masks.between_layers.len(), 1);
    for (mask, rate, shape) in [
        (masks.after_embedding.unwrap(), 0.2, vec![400, 32, 64]),
        (masks.between_layers[0].copy(), 0.3, vec![400, 32, 48]),
        (masks.after_last.unwrap(), 0.4, vec![32, 48]),
    ] {
        assert_eq!(mask.size(), shape);
        let kept = mask.gt(0.0).to_kind(Kind::Double);
        let (share, elements) = (kept.mean(None).double_value(&[]), mask.numel() as f64);
        // Five standard deviations of a binomial share.
        let deviation = (rate * (1.0 - rate) / elements).sqrt();
        assert!((share - (1.0 - rate)).abs() < 5.0 * deviation, "{share} kept at rate {rate}");
        let scaled = mask.eq(0.0).logical_or(&(&mask - 1.0 / (1.0 - rate)).abs().lt(1e-6));
        assert!(bool::try_from(scaled.all()).unwrap());
    }
}

#[test]
fn masks_depend_on_seed_and_step_alone() {
    let spec = spec(CellKind::Lstm);
    let mask = |seed, step| {
        let spec = ModelSpec { dropout: DropoutSpec { seed, ..DROPOUT }, ..spec.clone() };
        dropout::draw(&spec, step, 9, 8, (Kind::Float, Device::Cpu)).unwrap().after_embedding.unwrap()
    };
    let base = mask(1, 1);
    assert_eq!(base, mask(1, 1));
    for (seed, step) in [(1, 2), (2, 1), (0, 0), (u64::MAX, 1)] {
        let agreement = base.eq_tensor(&mask(seed, step)).to_kind(Kind::Double).mean(None).double_value(&[]);
        // Two unrelated masks agree on 0.8^2 + 0.2^2 of 4608 elements, give or take 0.007.
        assert!((agreement - 0.68).abs() < 0.035, "seed {seed}, step {step}: {agreement}");
    }
}
