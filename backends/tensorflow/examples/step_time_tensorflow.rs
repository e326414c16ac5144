//! Times training steps and predictions of the published study's model, with Keras' defaults: `step_time [CELL] [KERNEL] [THREADS] [STEPS]`.
//!
//! Prints one line: for a batch of 32 rows of 400 steps the median of the time that a training step takes, for 32 and for 512 rows that of a
//! prediction, and of the processor time of all threads, which other work on the machine disturbs less; how long it took from the start of the
//! process to the end of the first step, and the most memory that the process ever had.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::time::Instant;

use backend_tensorflow::new;
use harness_contract::{
    AdamSpec, BiasVectors, CellKind, DropoutSpec, Kernel, LabelledBatch, ModelSpec, Side, Tensor, TokenBatch,
    WeightMap, build_checked,
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
    let kernel = if arguments.next().as_deref() == Some("stock") { Kernel::Stock } else { Kernel::Fused };
    let threads = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let steps: usize = arguments.next().map_or(Ok(20), |text| text.parse())?;
    let spec = ModelSpec {
        vocabulary_size: VOCABULARY,
        embedding_size: 128,
        hidden_size: 64,
        bias_vectors: if cell == CellKind::Gru { BiasVectors::Two } else { BiasVectors::One },
        dropout: DropoutSpec { after_embedding: 0.2, between_layers: 0.0, after_last: 0.2, seed: 1 },
        adam: AdamSpec::KERAS,
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
    let loaded = processor_milliseconds()? / 1e3;
    let mut model = build_checked(&mut backend, &spec, &weights)?;
    let built = processor_milliseconds()? / 1e3;
    model.train_batch(batch, 1e-3)?;
    let first = seconds_of_life()?;
    let first_processor = processor_milliseconds()? / 1e3;
    let medians = |run: &mut dyn FnMut() -> Result<(), Box<dyn Error>>| -> Result<String, Box<dyn Error>> {
        let (mut wall, mut processor) = (Vec::new(), Vec::new());
        for _ in 0..steps + 2 {
            let (start, used) = (Instant::now(), processor_milliseconds()?);
            run()?;
            wall.push(start.elapsed().as_secs_f64() * 1e3);
            processor.push(processor_milliseconds()? - used);
        }
        let [wall, processor] = [wall, processor].map(|mut times| {
            times.drain(..2);
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        });
        Ok(format!("{wall:.1} ms ({processor:.1} ms of processor time)"))
    };
    let train = medians(&mut || Ok(model.train_batch(batch, 1e-3).map(drop)?))?;
    let after_training = peak_memory()?;
    let predict = medians(&mut || Ok(model.predict_batch(batch.tokens()).map(drop)?))?;
    let many = [tokens.as_slice(); 16].concat();
    let lengths = [400; 16 * ROWS];
    let large = TokenBatch::new(&many, &lengths, TIME, Side::End)?;
    let predict_large = medians(&mut || Ok(model.predict_batch(large).map(drop)?))?;
    println!(
        "{cell} {kernel} threads {threads}: training step {train}, prediction of {ROWS} rows {predict}, of {} rows {predict_large}; \
         first step after {first:.2} s ({loaded:.2} s of processor time to load, {built:.2} s to build the model, {first_processor:.2} s to the end of the step), peak {after_training:.0} MB, with predictions {:.0} MB",
        16 * ROWS,
        peak_memory()?
    );
    Ok(())
}

/// How long ago this process was started, in seconds.
fn seconds_of_life() -> Result<f64, Box<dyn Error>> {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The 22nd field; the second, in parentheses, may hold spaces.
    let started = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(19)).ok_or("no start time")?;
    let uptime = std::fs::read_to_string("/proc/uptime")?;
    let now: f64 = uptime.split_whitespace().next().ok_or("no uptime")?.parse()?;
    Ok(now - started.parse::<f64>()? / TICKS_A_SECOND)
}

/// The most memory that this process has had, in MB.
fn peak_memory() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// What all threads of this process have computed so far, from the first field of their `schedstat`, in nanoseconds.
fn processor_milliseconds() -> Result<f64, Box<dyn Error>> {
    let mut total = 0.0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        total += text.split_whitespace().next().unwrap_or("0").parse::<f64>()? / 1e6;
    }
    Ok(total)
}
