//! Times training steps and predictions of the full-size model: `step_time [CELL] [KERNEL] [THREADS] [STEPS] [REACH]`.
//!
//! Prints one line: for batches of 32 rows of 400 steps the median of the time that a training step and a prediction
//! take, and the mean of the processor time of all threads, which other work on the machine disturbs less.
//!
//! All weights are uniform on `±1/8`, as PyTorch draws those of a layer of 64 units, so that gradients fade out long before the first step, which the fused kernel
//! makes use of. With `far` as `REACH` they are such that gradients reach it.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::time::Instant;

use backend_libtorch::new;
use harness_contract::{
    CellKind, ClipForm, ClipSpec, DropoutSpec, Kernel, LabelledBatch, ModelSpec, Side, Tensor, TokenBatch, WeightMap,
    build_checked,
};

const ROWS: usize = 32;
const TIME: usize = 400;
const VOCABULARY: usize = 30_000;
const HIDDEN: usize = 64;
/// Batches that are gone through in turn.
const BATCHES: usize = 16;

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
    let far = arguments.next().as_deref() == Some("far");
    let spec = ModelSpec {
        vocabulary_size: VOCABULARY,
        embedding_size: 128,
        hidden_size: HIDDEN,
        dropout: DropoutSpec { after_embedding: 0.2, between_layers: 0.2, after_last: 0.2, seed: 1 },
        clip: Some(ClipSpec { norm: 5.0, stabiliser: 1e-6, form: ClipForm::Gradient }),
        max_time: TIME,
        max_batch: ROWS,
        threads,
        kernel,
        ..ModelSpec::plain(cell)
    };
    let mut random = 1_u64;
    let mut uniform = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(random >> 32).unwrap_or_default()) / f64::from(u32::MAX)
    };
    let mut weights = WeightMap::new();
    for parameter in spec.parameters() {
        #[expect(clippy::cast_possible_truncation, reason = "weights are float32")]
        let mut data: Vec<_> = (0..parameter.len()).map(|_| ((uniform() - 0.5) * 0.25) as f32).collect();
        if far && parameter.name.contains("weight_hh") && cell == CellKind::Rnn {
            // The identity, so that the gradient is handed on nearly as it is.
            data.iter_mut()
                .enumerate()
                .for_each(|(at, weight)| *weight = f32::from(u8::from(at / HIDDEN == at % HIDDEN)));
        }
        if far && parameter.name.contains("bias_ih") && cell != CellKind::Rnn {
            // The gate that keeps the state is nearly open: the second of an LSTM and of a GRU.
            data[HIDDEN..2 * HIDDEN].fill(4.0);
        }
        weights.insert(parameter.name, Tensor { shape: parameter.shape, data })?;
    }
    // Word ranks spread as in running text: the density falls with the rank.
    #[expect(clippy::cast_possible_truncation, reason = "below the vocabulary's size")]
    let tokens: Vec<_> =
        (0..BATCHES * ROWS * TIME).map(|_| (f64::from(29_999).powf(uniform()) as i32).max(1)).collect();
    let labels: Vec<_> = (0..ROWS).map(|row| u8::from(row % 2 == 0)).collect();
    let lengths = [400; ROWS];
    let batches = tokens
        .chunks_exact(ROWS * TIME)
        .map(|tokens| LabelledBatch::new(TokenBatch::new(tokens, &lengths, TIME, Side::End)?, &labels))
        .collect::<Result<Vec<_>, _>>()?;
    let mut batches = batches.iter().copied().cycle();
    let mut next = move || batches.next().ok_or("no batch");

    let mut backend = new()?;
    let mut model = build_checked(&mut backend, &spec, &weights)?;
    let measured = |run: &mut dyn FnMut() -> Result<(), Box<dyn Error>>| -> Result<String, Box<dyn Error>> {
        run()?;
        run()?;
        let (mut wall, used) = (Vec::new(), processor_milliseconds()?);
        for _ in 0..steps.max(1) {
            let start = Instant::now();
            run()?;
            wall.push(start.elapsed().as_secs_f64() * 1e3);
        }
        #[expect(clippy::cast_precision_loss, reason = "a few steps")]
        let processor = (processor_milliseconds()? - used) / wall.len() as f64;
        wall.sort_by(f64::total_cmp);
        Ok(format!("{:.1} ms ({processor:.1} ms of processor time)", wall[wall.len() / 2]))
    };
    let mut batch = next.clone();
    let train = measured(&mut || Ok(model.train_batch(batch()?, 1e-3).map(drop)?))?;
    let predict = measured(&mut || Ok(model.predict_batch(next()?.tokens()).map(drop)?))?;
    println!("{cell} {kernel} threads {threads}: training step {train}, prediction {predict}");
    Ok(())
}

/// What all threads of this process have computed so far, those that have ended too, from its `stat`, which counts in
/// hundredths of a second.
fn processor_milliseconds() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is the program's name in parentheses; what the process and the kernel for it took are the 14th and
    // the 15th.
    let (_, fields) = text.rsplit_once(')').ok_or("no program name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? * 10.0)
}
