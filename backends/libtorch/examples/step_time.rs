//! Times training steps and predictions of the full-size model: `step_time [CELL] [KERNEL] [THREADS] [STEPS]`.
//!
//! Prints one line: the median milliseconds of a training step and of a prediction for a batch of 32 rows of 400 steps.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::time::Instant;

use backend_libtorch::new;
use harness_contract::{
    AdamSpec, BiasVectors, CellKind, ClipSpec, Device, DropoutSpec, EpsilonPlacement, GruForm, Kernel, LabelledBatch,
    ModelSpec, Pooling, RepeatedWords, Side, Tensor, TokenBatch, WeightDecayForm, WeightDecaySpec, WeightMap,
    build_checked,
};

const ROWS: usize = 32;
const TIME: usize = 400;
const VOCABULARY: usize = 30_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let cell = match arguments.next().as_deref() {
        Some("rnn") => CellKind::Rnn,
        Some("gru") => CellKind::Gru,
        _ => CellKind::Lstm,
    };
    let kernel = if arguments.next().as_deref() == Some("fused") { Kernel::Fused } else { Kernel::Stock };
    let threads = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let steps: usize = arguments.next().map_or(Ok(20), |text| text.parse())?;
    let spec = ModelSpec {
        cell,
        vocabulary_size: VOCABULARY,
        embedding_size: 128,
        hidden_size: 64,
        layers: 2,
        bidirectional: false,
        layer_norm: false,
        bias_vectors: BiasVectors::Two,
        gru_form: GruForm::ResetAfter,
        pooling: Pooling::LastStep,
        masking: false,
        dropout: DropoutSpec { after_embedding: 0.2, between_layers: 0.2, after_last: 0.2, seed: 1 },
        adam: AdamSpec {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            epsilon_placement: EpsilonPlacement::AfterCorrection,
            repeated_words: RepeatedWords::SumThenSquare,
        },
        clip: Some(ClipSpec { norm: 5.0, stabiliser: 1e-6 }),
        weight_decay: WeightDecaySpec { rate: 0.0, form: WeightDecayForm::Coupled },
        max_time: TIME,
        max_batch: ROWS,
        threads,
        device: Device::Cpu,
        kernel,
    };
    let mut random = 1_u64;
    let mut uniform = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(random >> 32).unwrap_or_default()) / f64::from(u32::MAX)
    };
    let mut weights = WeightMap::new();
    for parameter in spec.parameters() {
        #[expect(clippy::cast_possible_truncation, reason = "weights are float32")]
        let data = (0..parameter.len()).map(|_| ((uniform() - 0.5) * 0.25) as f32).collect();
        weights.insert(parameter.name, Tensor { shape: parameter.shape, data })?;
    }
    // Word ranks spread as in running text: the density falls with the rank.
    #[expect(clippy::cast_possible_truncation, reason = "below the vocabulary's size")]
    let tokens: Vec<_> = (0..ROWS * TIME).map(|_| (f64::from(29_999).powf(uniform()) as i32).max(1)).collect();
    let labels: Vec<_> = (0..ROWS).map(|row| u8::from(row % 2 == 0)).collect();
    let lengths = [400; ROWS];
    let batch = LabelledBatch::new(TokenBatch::new(&tokens, &lengths, TIME, Side::End)?, &labels)?;

    let mut backend = new()?;
    let mut model = build_checked(&mut backend, &spec, &weights)?;
    let median = |run: &mut dyn FnMut() -> Result<(), Box<dyn Error>>| -> Result<f64, Box<dyn Error>> {
        let mut times = Vec::new();
        for _ in 0..steps + 2 {
            let start = Instant::now();
            run()?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        times.drain(..2);
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    };
    let train = median(&mut || Ok(model.train_batch(batch, 1e-3).map(drop)?))?;
    let predict = median(&mut || Ok(model.predict_batch(batch.tokens()).map(drop)?))?;
    println!("{cell} {kernel} threads {threads}: training step {train:.1} ms, prediction {predict:.1} ms");
    Ok(())
}
