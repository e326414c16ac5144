//! Training steps as Keras takes them: `keras_training.json`, which `keras_training.py` beside it wrote, and what a backend gives for the same weights
//! and batches. Tests of several crates read this file.

use harness_contract::{
    AdamSpec, Backend, BiasVectors, CellKind, ClipSpec, Kernel, LabelledBatch, Model, ModelSpec, Pooling, Side,
    StepReport, Tensor, TokenBatch, WeightDecayForm, WeightDecaySpec, WeightMap, build_checked,
};
use serde_json::Value;

const VOCABULARY: usize = 20;
const EMBEDDING: usize = 5;
const HIDDEN: usize = 6;
const LAYERS: usize = 2;
const TIME: usize = 9;
const BATCH: usize = 4;
const STEPS: u64 = 20;
const RATE: f64 = 0.01;

/// Every run that Keras made: 13 for each cell.
pub(crate) fn runs() -> Vec<Value> {
    let golden: Value = serde_json::from_str(include_str!("keras_training.json")).unwrap();
    let runs = golden["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3 * 13);
    runs.clone()
}

/// Trains a backend as a run says and compares losses, logits and weights, and how often clipping acted.
pub(crate) fn follow(backend: &mut dyn Backend, run: &Value, kernel: Kernel) {
    let spec = ModelSpec { kernel, ..spec(run) };
    let name = format!(
        "{}, {}, {kernel}, masking {}, padding {}, decay {}, clip {}",
        backend.describe().name,
        spec.cell,
        spec.masking,
        run["padding"],
        run["weight_decay"],
        run["clip"]
    );
    let initial: Vec<_> = keras_shapes(&spec)
        .iter()
        .enumerate()
        .map(|(number, &(rows, columns))| {
            let scaled = |value: f64| ((value - 0.5) * 1.5) as f32;
            noise(number as u64, rows * columns).into_iter().map(scaled).collect::<Vec<_>>()
        })
        .collect();
    let mut model = build_checked(backend, &spec, &canonical(&spec, &initial)).unwrap();
    let probe = Batch::new(STEPS, run);
    assert_close(
        &format!("{name}, logits before"),
        &model.predict_batch(probe.tokens()).unwrap(),
        &run["logits_before"],
        1e-6,
    );
    let reports: Vec<_> = (0..STEPS).map(|step| train(model.as_mut(), &Batch::new(step, run))).collect();
    let losses: Vec<_> = reports.iter().map(|report| report.loss as f32).collect();
    let clipped = reports.iter().filter(|report| report.clipped).count();
    let expected = match run["clip"]["acts"].as_str() {
        Some("always") => STEPS as usize..=STEPS as usize,
        Some("seldom") => 1..=STEPS as usize / 2,
        _ => 0..=0,
    };
    assert!(expected.contains(&clipped), "{name}: {clipped} of {STEPS} steps were clipped");
    // Both sides compute in float32; Adam's quotients of small numbers spread its rounding from step to step.
    assert_close(&format!("{name}, losses"), &losses, &run["losses"], 5e-6);
    assert_close(
        &format!("{name}, logits after"),
        &model.predict_batch(probe.tokens()).unwrap(),
        &run["logits_after"],
        3e-5,
    );
    let after: Vec<Vec<f32>> =
        run["weights_after"].as_array().unwrap().iter().map(|tensor| numbers(tensor).collect()).collect();
    let expected = canonical(&spec, &after);
    for (tensor, weights) in model.weights().unwrap().iter() {
        for (at, (&found, &wanted)) in weights.data.iter().zip(&expected.get(tensor).unwrap().data).enumerate() {
            assert!((found - wanted).abs() < 3e-5, "{name}: {tensor}[{at}] is {found}, Keras has {wanted}");
        }
    }
}

fn train(model: &mut dyn Model, batch: &Batch) -> StepReport {
    let labelled = LabelledBatch::new(batch.tokens(), &batch.labels).unwrap();
    model.train_batch(labelled, RATE).unwrap()
}

fn assert_close(what: &str, found: &[f32], expected: &Value, tolerance: f32) {
    let expected: Vec<f32> = numbers(expected).collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs() / expected.abs().max(1.0);
        assert!(difference <= tolerance, "{what}[{at}]: {found}, Keras has {expected}");
    }
}

fn numbers(list: &Value) -> impl Iterator<Item = f32> {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32)
}

fn spec(run: &Value) -> ModelSpec {
    let cell = serde_json::from_value(run["cell"].clone()).unwrap();
    ModelSpec {
        vocabulary_size: VOCABULARY,
        embedding_size: EMBEDDING,
        hidden_size: HIDDEN,
        layers: LAYERS,
        bias_vectors: if cell == CellKind::Gru { BiasVectors::Two } else { BiasVectors::One },
        pooling: if run["masking"] == true { Pooling::LastValidStep } else { Pooling::LastStep },
        masking: run["masking"].as_bool().unwrap(),
        adam: AdamSpec::KERAS,
        clip: run["clip"].as_object().map(|clip| ClipSpec {
            norm: clip["norm"].as_f64().unwrap(),
            stabiliser: 0.0,
            form: serde_json::from_value(clip["form"].clone()).unwrap(),
        }),
        weight_decay: WeightDecaySpec { rate: run["weight_decay"].as_f64().unwrap(), form: WeightDecayForm::Decoupled },
        max_time: TIME,
        max_batch: BATCH,
        ..ModelSpec::plain(cell)
    }
}

struct Batch {
    ids: Vec<i32>,
    lengths: Vec<i32>,
    labels: Vec<u8>,
    padding: Side,
}

impl Batch {
    /// `batch` of the script: squared noise, so that words repeat.
    fn new(step: u64, run: &Value) -> Self {
        let mut ids: Vec<_> = noise(1000 + step, BATCH * TIME)
            .into_iter()
            .map(|value| 1 + (value * value * (VOCABULARY - 1) as f64).floor() as i32)
            .collect();
        let padded = run["padding"] != "none";
        let padding = if run["padding"] == "front" { Side::Front } else { Side::End };
        for (row, ids) in ids.chunks_mut(TIME).enumerate().filter(|_| padded) {
            match padding {
                Side::Front => ids[..row].fill(0),
                Side::End => ids[TIME - row..].fill(0),
            }
        }
        let lengths = (0..BATCH).map(|row| (TIME - if padded { row } else { 0 }) as i32).collect();
        let labels = noise(2000 + step, BATCH).into_iter().map(|value| u8::from(value < 0.5)).collect();
        Self { ids, lengths, labels, padding }
    }

    fn tokens(&self) -> TokenBatch<'_> {
        TokenBatch::new(&self.ids, &self.lengths, TIME, self.padding).unwrap()
    }
}

/// `noise` of the script.
fn noise(stream: u64, count: usize) -> Vec<f64> {
    (0..count as u64)
        .map(|index| {
            let mut x = (index + stream * 1_000_003).wrapping_mul(2_654_435_761) & 0xFFFF_FFFF;
            x ^= x >> 16;
            x = x.wrapping_mul(2_246_822_519) & 0xFFFF_FFFF;
            x ^= x >> 13;
            (x >> 8) as f64 / f64::from(1 << 24)
        })
        .collect()
}

/// Rows and columns of Keras' tensors, in the order of `get_weights`.
fn keras_shapes(spec: &ModelSpec) -> Vec<(usize, usize)> {
    let columns = spec.cell.gates() * HIDDEN;
    let mut shapes = vec![(VOCABULARY, EMBEDDING)];
    for layer in 0..LAYERS {
        let bias_vectors = if spec.bias_vectors == BiasVectors::Two { 2 } else { 1 };
        shapes.extend([(spec.input_size(layer), columns), (HIDDEN, columns), (bias_vectors, columns)]);
    }
    shapes.extend([(HIDDEN, 1), (1, 1)]);
    shapes
}

/// Keras' tensors in the canonical layout: kernels transposed, gates z, r, h of the GRU as r, z, n.
fn canonical(spec: &ModelSpec, keras: &[Vec<f32>]) -> WeightMap {
    let mut weights = WeightMap::new();
    let mut put =
        |name: String, shape: Vec<usize>, data: Vec<f32>| weights.insert(name, Tensor { shape, data }).unwrap();
    let gates = spec.cell.gates();
    let gate_of = |gate: usize| if spec.cell == CellKind::Gru { [1, 0, 2][gate] } else { gate };
    let columns = gates * HIDDEN;
    let transposed = |kernel: &[f32]| {
        let rows = kernel.len() / columns;
        let row_of = |at: usize| gate_of(at / HIDDEN) * HIDDEN + at % HIDDEN;
        (0..columns).flat_map(|at| (0..rows).map(move |row| kernel[row * columns + row_of(at)])).collect::<Vec<_>>()
    };
    put("embedding.weight".into(), vec![VOCABULARY, EMBEDDING], keras[0].clone());
    for layer in 0..LAYERS {
        let [kernel, recurrent, bias] = [1, 2, 3].map(|at| &keras[3 * layer + at]);
        put(format!("rnn.weight_ih_l{layer}"), vec![columns, spec.input_size(layer)], transposed(kernel));
        put(format!("rnn.weight_hh_l{layer}"), vec![columns, HIDDEN], transposed(recurrent));
        for (name, vector) in ["bias_ih", "bias_hh"].iter().zip(bias.chunks(columns)) {
            put(format!("rnn.{name}_l{layer}"), vec![columns], transposed(vector));
        }
    }
    put("head.weight".into(), vec![1, HIDDEN], keras[keras.len() - 2].clone());
    put("head.bias".into(), vec![1], keras[keras.len() - 1].clone());
    weights
}
