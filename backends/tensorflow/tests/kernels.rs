//! Both kernels take the same steps, and take them again byte for byte, on two threads too.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use harness_contract::{
    AdamSpec, BiasVectors, CellKind, ClipForm, ClipSpec, DropoutSpec, EpsilonPlacement, Kernel, LabelledBatch,
    ModelSpec, Pooling, RepeatedWords, Side, StepReport, Tensor, TokenBatch, WeightDecayForm, WeightDecaySpec,
    WeightMap, build_checked,
};

/// Batches that take every path: full ones of two lengths, and one of too few rows for the compiled kernel.
const BATCHES: [(usize, usize); 4] = [(4, 11), (4, 5), (3, 11), (4, 12)];

#[test]
fn the_compiled_kernel_agrees_with_the_stock_kernel() {
    for cell in CellKind::ALL {
        for spec in [small(cell), masked(cell)] {
            let stock = train(&ModelSpec { kernel: Kernel::Stock, ..spec.clone() }, &BATCHES);
            let fused = train(&ModelSpec { kernel: Kernel::Fused, ..spec }, &BATCHES);
            for (step, (stock, fused)) in stock.reports.iter().zip(&fused.reports).enumerate() {
                // Dropout is on, so equal losses also say that both drew the same masks.
                let close = |a: f64, b: f64| (a - b).abs() <= 2e-6 * b.abs().max(0.1);
                assert!(close(fused.loss, stock.loss), "{cell}, step {step}: {fused:?} and {stock:?}");
                assert!(
                    close(fused.gradient_norm, stock.gradient_norm),
                    "{cell}, step {step}: {fused:?} and {stock:?}"
                );
                assert_eq!(fused.clipped, stock.clipped, "{cell}, step {step}");
            }
            for ((name, stock), (_, fused)) in stock.weights.iter().zip(fused.weights.iter()) {
                for (at, (stock, fused)) in stock.data.iter().zip(&fused.data).enumerate() {
                    assert!((stock - fused).abs() < 1e-5, "{cell}: {name}[{at}] is {fused}, stock {stock}");
                }
            }
        }
    }
}

/// Rows in the two numbers that decide how they are predicted: one chunk, and one that is padded or predicted by the other graph.
const ROWS: [usize; 3] = [250, 128 + 40, 90];

#[test]
fn compiled_predictions_agree_with_the_stock_kernel_before_and_after_a_step() {
    for cell in CellKind::ALL {
        for spec in [small(cell), masked(cell)] {
            let mut models = [Kernel::Stock, Kernel::Fused].map(|kernel| {
                let spec = ModelSpec { kernel, ..spec.clone() };
                build_checked(&mut backend_tensorflow::new().unwrap(), &spec, &weights(&spec)).unwrap()
            });
            let step = batch(&spec, 4, 12, 1);
            for rows in ROWS {
                for time in [spec.max_time, 7] {
                    let questions = batch(&spec, rows, time, rows as u64);
                    let [stock, fused] =
                        models.each_mut().map(|model| model.predict_batch(questions.tokens()).unwrap());
                    assert_eq!(fused.len(), rows);
                    for (row, (stock, fused)) in stock.iter().zip(&fused).enumerate() {
                        assert!((stock - fused).abs() < 3e-6, "{cell}: row {row} of {rows} is {fused}, stock {stock}");
                    }
                }
                for model in &mut models {
                    model.train_batch(step.labelled(), 0.01).unwrap();
                }
            }
        }
    }
}

#[test]
fn training_on_two_threads_repeats_byte_for_byte() {
    for cell in CellKind::ALL {
        for kernel in [Kernel::Stock, Kernel::Fused] {
            let spec = ModelSpec { kernel, ..large(cell) };
            let batches = [(16, 30), (16, 30), (9, 30)];
            let (once, again) = (train(&spec, &batches), train(&spec, &batches));
            assert_eq!(once.reports, again.reports, "{cell}, {kernel}");
            assert!(once.weights == again.weights, "{cell}, {kernel}: weights differ from run to run");
        }
    }
}

#[test]
fn kernels_answer_the_description_in_order_of_preference() {
    let info = harness_contract::Backend::describe(&backend_tensorflow::new().unwrap());
    assert_eq!(info.capabilities.kernels, [Kernel::Fused, Kernel::Stock]);
}

struct Trained {
    reports: Vec<StepReport>,
    weights: WeightMap,
}

/// Takes a step on a batch of each size.
fn train(spec: &ModelSpec, batches: &[(usize, usize)]) -> Trained {
    let mut backend = backend_tensorflow::new().unwrap();
    let mut model = build_checked(&mut backend, spec, &weights(spec)).unwrap();
    let mut reports = Vec::new();
    for (step, &(rows, time)) in batches.iter().enumerate() {
        reports.push(model.train_batch(batch(spec, rows, time, 100 + step as u64).labelled(), 0.01).unwrap());
    }
    Trained { reports, weights: model.weights().unwrap() }
}

/// Reviews, padded to `time` steps at the end; of different lengths where the spec has masks.
struct Reviews {
    tokens: Vec<i32>,
    lengths: Vec<i32>,
    labels: Vec<u8>,
    time: usize,
}

fn batch(spec: &ModelSpec, rows: usize, time: usize, seed: u64) -> Reviews {
    let mut draw = numbers(seed);
    let lengths: Vec<_> = (0..rows).map(|row| (time - if spec.masking { row % time } else { 0 }) as i32).collect();
    let mut tokens = vec![0; rows * time];
    for (row, &length) in lengths.iter().enumerate() {
        for token in &mut tokens[row * time..row * time + length as usize] {
            // Squared, so that words repeat.
            *token = (draw().powi(2) * spec.vocabulary_size as f32) as i32;
        }
    }
    let labels = (0..rows).map(|_| u8::from(draw() < 0.5)).collect();
    Reviews { tokens, lengths, labels, time }
}

impl Reviews {
    fn tokens(&self) -> TokenBatch<'_> {
        TokenBatch::new(&self.tokens, &self.lengths, self.time, Side::End).unwrap()
    }

    fn labelled(&self) -> LabelledBatch<'_> {
        LabelledBatch::new(self.tokens(), &self.labels).unwrap()
    }
}

fn weights(spec: &ModelSpec) -> WeightMap {
    let mut draw = numbers(7);
    let mut weights = WeightMap::new();
    for parameter in spec.parameters() {
        let data = (0..parameter.len()).map(|_| draw() - 0.5).collect();
        weights.insert(parameter.name, Tensor { shape: parameter.shape, data }).unwrap();
    }
    weights
}

/// Numbers in [0, 1) from a linear congruential generator.
fn numbers(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    }
}

/// Dropout everywhere, clipping, and Adam as Keras computes it.
fn small(cell: CellKind) -> ModelSpec {
    ModelSpec {
        vocabulary_size: 30,
        embedding_size: 5,
        hidden_size: 6,
        dropout: DropoutSpec { after_embedding: 0.1, between_layers: 0.2, after_last: 0.3, seed: 5 },
        adam: AdamSpec::KERAS,
        clip: Some(ClipSpec { norm: 0.5, stabiliser: 1e-6, form: ClipForm::Gradient }),
        weight_decay: WeightDecaySpec { rate: 0.1, form: WeightDecayForm::Decoupled },
        max_time: 12,
        max_batch: 4,
        ..ModelSpec::plain(cell)
    }
}

/// The other branches: answers at different steps, one bias vector, coupled decay, Adam as PyTorch computes it.
fn masked(cell: CellKind) -> ModelSpec {
    let small = small(cell);
    ModelSpec {
        bias_vectors: BiasVectors::One,
        pooling: Pooling::LastValidStep,
        masking: true,
        layers: 1,
        adam: AdamSpec {
            epsilon_placement: EpsilonPlacement::AfterCorrection,
            repeated_words: RepeatedWords::SumThenSquare,
            ..small.adam
        },
        clip: None,
        weight_decay: WeightDecaySpec { rate: 0.1, form: WeightDecayForm::Coupled },
        ..small
    }
}

/// Large enough for TensorFlow to divide its operations among threads.
fn large(cell: CellKind) -> ModelSpec {
    ModelSpec {
        vocabulary_size: 3000,
        embedding_size: 64,
        hidden_size: 48,
        max_time: 30,
        max_batch: 16,
        threads: 2,
        ..small(cell)
    }
}
