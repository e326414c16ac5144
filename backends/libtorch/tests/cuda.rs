//! A card beside the processor: the same training steps on both, and how long a step takes on the card.
//!
//! Skipped, and says so, where libtorch finds no card. How to run it stands in `backends/README.md`.
#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

use std::time::Instant;

use backend_libtorch::new;
use harness_contract::{
    Backend, CellKind, ClipForm, ClipSpec, Device, DropoutSpec, LabelledBatch, Model, ModelSpec, Side, Tensor,
    TokenBatch, WeightMap, build_checked,
};

const TIME: usize = 400;
const VOCABULARY: usize = 30_000;
/// Steps that are compared.
const COMPARED: usize = 3;
/// Steps that are timed.
const TIMED: usize = 20;
const LEARNING_RATE: f64 = 1e-3;

#[test]
fn a_card_trains_as_the_processor_does() {
    let devices = new().unwrap().describe().capabilities.devices;
    let Some(&card) = devices.iter().find(|device| matches!(device, Device::Cuda(_))) else {
        println!("skipped: libtorch finds no card; `just setup cuda` fetches the libraries for one");
        return;
    };
    // By default cuDNN multiplies in TF32, which keeps 10 bits of each factor. The variable makes it float32.
    let tolerance = if std::env::var("NVIDIA_TF32_OVERRIDE").as_deref() == Ok("0") {
        1e-4
    } else {
        println!("compared to TF32's precision; with NVIDIA_TF32_OVERRIDE=0 it is float32's");
        1e-2
    };
    for cell in CellKind::ALL {
        for rows in [32, 512] {
            let spec = spec(cell, rows);
            let initial = weights(&spec);
            let [mut on_processor, mut on_card] = [Device::Cpu, card].map(|device| {
                let spec = ModelSpec { device, ..spec.clone() };
                build_checked(&mut new().unwrap(), &spec, &initial).unwrap()
            });
            let case = format!("{cell}, {rows} rows");
            for step in 0..COMPARED {
                let batch = Batch::new(rows, step as u64);
                let expected = on_processor.train_batch(batch.labelled(), LEARNING_RATE).unwrap();
                let found = on_card.train_batch(batch.labelled(), LEARNING_RATE).unwrap();
                assert_close(found.loss, expected.loss, tolerance, &format!("{case}, loss of step {step}"));
                let what = format!("{case}, gradient norm of step {step}");
                assert_close(found.gradient_norm, expected.gradient_norm, tolerance, &what);
            }
            let batch = Batch::new(rows, 99);
            let expected = on_processor.predict_batch(batch.labelled().tokens()).unwrap();
            let found = on_card.predict_batch(batch.labelled().tokens()).unwrap();
            assert_eq!(found.len(), expected.len());
            for (row, (found, expected)) in found.into_iter().zip(expected).enumerate() {
                assert_close(found.into(), expected.into(), tolerance, &format!("{case}, logit {row}"));
            }
            println!("{case}: {:.2} ms a step on {card}", milliseconds_a_step(&mut *on_card, &batch));
        }
    }
}

/// The median; a step's report has its loss, so the card has finished when it is there.
fn milliseconds_a_step(model: &mut dyn Model, batch: &Batch) -> f64 {
    let mut times: Vec<_> = (0..TIMED)
        .map(|_| {
            let start = Instant::now();
            model.train_batch(batch.labelled(), LEARNING_RATE).unwrap();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[TIMED / 2]
}

fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let difference = (found - expected).abs();
    assert!(
        difference <= tolerance * (1.0 + expected.abs()),
        "{what}: {found} on the card, {expected} on the processor"
    );
}

/// The study's model. The masks of its dropout are drawn by the host, so both devices have the same.
fn spec(cell: CellKind, rows: usize) -> ModelSpec {
    ModelSpec {
        vocabulary_size: VOCABULARY,
        embedding_size: 128,
        hidden_size: 64,
        dropout: DropoutSpec { after_embedding: 0.2, between_layers: 0.2, after_last: 0.2, seed: 1 },
        clip: Some(ClipSpec { norm: 5.0, stabiliser: 1e-6, form: ClipForm::Gradient }),
        max_time: TIME,
        max_batch: rows,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        ..ModelSpec::plain(cell)
    }
}

/// Numbers in `[0, 1)` that look random and are always the same: Knuth's MMIX generator.
fn numbers(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from((state >> 32) as u32) / f64::from(u32::MAX)
    }
}

/// Weights of the size that PyTorch starts from.
fn weights(spec: &ModelSpec) -> WeightMap {
    let mut uniform = numbers(7);
    let mut weights = WeightMap::new();
    for parameter in spec.parameters() {
        let data = (0..parameter.len()).map(|_| ((uniform() - 0.5) * 0.25) as f32).collect();
        weights.insert(parameter.name, Tensor { shape: parameter.shape, data }).unwrap();
    }
    weights
}

/// Rows of full length, with word ranks as in running text.
struct Batch {
    tokens: Vec<i32>,
    lengths: Vec<i32>,
    labels: Vec<u8>,
}

impl Batch {
    fn new(rows: usize, seed: u64) -> Self {
        let mut uniform = numbers(seed);
        let tokens = (0..rows * TIME).map(|_| (29_999_f64.powf(uniform()) as i32).max(1)).collect();
        Self { tokens, lengths: vec![TIME as i32; rows], labels: (0..rows).map(|row| (row % 2) as u8).collect() }
    }

    fn labelled(&self) -> LabelledBatch<'_> {
        let tokens = TokenBatch::new(&self.tokens, &self.lengths, TIME, Side::End).unwrap();
        LabelledBatch::new(tokens, &self.labels).unwrap()
    }
}
