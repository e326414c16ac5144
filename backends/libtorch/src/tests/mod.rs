//! Small models and batches, and the tests that need more of a model than the contract shows.

mod adam;
mod gradients;
mod kernels;
mod repeatability;
mod semantics;

use harness_contract::{CellKind, Kernel, LabelledBatch, ModelSpec, Side, Tensor, TokenBatch, WeightMap};

/// The kernels under test.
const KERNELS: [Kernel; 2] = [Kernel::Stock, Kernel::Fused];

/// A small model with odd sizes, two layers and everything optional switched off.
fn small_spec(cell: CellKind) -> ModelSpec {
    ModelSpec {
        vocabulary_size: 13,
        embedding_size: 5,
        hidden_size: 3,
        max_time: 64,
        max_batch: 64,
        ..ModelSpec::plain(cell)
    }
}

/// Numbers in `[0, 1)` that look random and are always the same: Knuth's MMIX generator.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / (f64::from(u32::MAX) + 1.0)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() * f64::from(u32::try_from(end).unwrap())) as usize
    }
}

/// Weights uniform on `±0.8`, large enough that gates leave their linear range.
fn weights(spec: &ModelSpec, seed: u64) -> WeightMap {
    let mut numbers = Numbers(seed);
    let mut map = WeightMap::new();
    for parameter in spec.parameters() {
        let data = (0..parameter.len()).map(|_| ((numbers.next() - 0.5) * 1.6) as f32).collect();
        map.insert(parameter.name, Tensor { shape: parameter.shape, data }).unwrap();
    }
    map
}

/// A batch that owns its rows.
#[derive(Clone)]
struct Rows {
    tokens: Vec<i32>,
    lengths: Vec<i32>,
    labels: Vec<u8>,
    time: usize,
    padding: Side,
}

impl Rows {
    /// Rows of different lengths, the longest of `time` tokens, with few different words so that many repeat.
    fn new(spec: &ModelSpec, rows: usize, time: usize, padding: Side, seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let lengths: Vec<_> = (0..rows).map(|row| if row == 0 { time } else { 1 + numbers.below(time) }).collect();
        let texts = lengths
            .iter()
            .map(|&length| (0..length).map(|_| 1 + numbers.below(spec.vocabulary_size - 1) as i32).collect())
            .collect();
        let labels = (0..rows).map(|_| u8::from(numbers.next() < 0.5)).collect();
        Self::padded(texts, labels, time, padding)
    }

    /// These texts, padded to `time` steps.
    fn padded(texts: Vec<Vec<i32>>, labels: Vec<u8>, time: usize, padding: Side) -> Self {
        let lengths = texts.iter().map(|text| text.len() as i32).collect();
        let tokens = texts
            .into_iter()
            .flat_map(|text| {
                let pad = vec![0; time - text.len()];
                match padding {
                    Side::Front => [pad, text].concat(),
                    Side::End => [text, pad].concat(),
                }
            })
            .collect();
        Self { tokens, lengths, labels, time, padding }
    }

    fn tokens(&self) -> TokenBatch<'_> {
        TokenBatch::new(&self.tokens, &self.lengths, self.time, self.padding).unwrap()
    }

    fn batch(&self) -> LabelledBatch<'_> {
        LabelledBatch::new(self.tokens(), &self.labels).unwrap()
    }

    /// The row's text, without its padding.
    fn text(&self, row: usize) -> Vec<i32> {
        self.tokens().row(row)[self.tokens().valid_steps(row)].to_vec()
    }
}
