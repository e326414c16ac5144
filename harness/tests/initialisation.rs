//! The harness' initialisers against fresh weights of the real layers.
//!
//! `backends/python/{keras,pytorch}_fresh.py` drew those and `golden/` beside them holds what they look like; the initialisers are those that the
//! live frameworks name in `{keras,pytorch}_defaults.json`, which tests of the two backends hold against what they state.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use harness::contract::{AdamSpec, CellKind, Initializer, ModelSpec, NativeDefaults, RepeatedWords, TensorGroup};
use harness::train::initial_weights;
use serde::Deserialize;

const KERAS: [&str; 2] = [
    include_str!("../../backends/python/golden/keras_fresh.json"),
    include_str!("../../backends/python/golden/keras_defaults.json"),
];
const PYTORCH: [&str; 2] = [
    include_str!("../../backends/python/golden/pytorch_fresh.json"),
    include_str!("../../backends/python/golden/pytorch_defaults.json"),
];

/// Of all comparisons together one in ten thousand would fail by chance; seeds are fixed, so it is always or never.
const BY_CHANCE: f64 = 1e-6;
/// Standard deviations that a moment may be off; a normal variable is so far off once in two million.
const DEVIATIONS: f64 = 5.0;

#[derive(Deserialize)]
struct Golden {
    tensors: Vec<Fresh>,
}

/// What fresh draws of one tensor look like; `backends/python/fresh_weights.py` says how they are written.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fresh {
    cell: Option<CellKind>,
    tensor: String,
    shape: Vec<usize>,
    #[serde(default)]
    gates: Option<Vec<f64>>,
    #[serde(default)]
    drawn: Option<Distribution>,
    #[serde(default)]
    diagonal: Option<Distribution>,
    #[serde(default)]
    orthonormal: Option<Orthonormal>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Distribution {
    count: usize,
    low: f64,
    high: f64,
    mean: f64,
    square: f64,
    fourth: f64,
    quantiles: Vec<f64>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Orthonormal {
    whole: f64,
    per_gate: f64,
}

/// The model whose weights are drawn on both sides.
fn spec(cell: CellKind) -> ModelSpec {
    ModelSpec {
        embedding_size: 12,
        hidden_size: 8,
        layer_norm: true,
        adam: AdamSpec { repeated_words: RepeatedWords::SumThenSquare, ..AdamSpec::KERAS },
        max_time: 1,
        max_batch: 1,
        ..ModelSpec::plain(cell)
    }
}

fn fresh(framework: [&str; 2]) -> Vec<Fresh> {
    serde_json::from_str::<Golden>(framework[0]).unwrap().tensors
}

fn native(framework: [&str; 2]) -> BTreeMap<TensorGroup, Initializer> {
    let defaults: NativeDefaults = serde_json::from_str(framework[1]).unwrap();
    defaults.initializers.into_iter().map(|(group, initializer)| (group, initializer.value)).collect()
}

/// As many draws of a tensor as the golden file pooled, each a matrix or vector.
fn draws(fresh: &Fresh, initializers: &BTreeMap<TensorGroup, Initializer>) -> Vec<Vec<f64>> {
    let spec = spec(fresh.cell.unwrap_or(CellKind::Rnn));
    let size: usize = fresh.shape.iter().product();
    let count = fresh.drawn.as_ref().map_or(3, |drawn| drawn.count / size) as u64;
    (0..count)
        .map(|seed| {
            let weights = initial_weights(&spec, initializers, seed).unwrap();
            let tensor = weights.get(&fresh.tensor).unwrap();
            assert_eq!(tensor.shape, fresh.shape, "{}", fresh.tensor);
            tensor.data.iter().map(|&weight| f64::from(weight)).collect()
        })
        .collect()
}

fn group(fresh: &Fresh) -> TensorGroup {
    let parameters = spec(fresh.cell.unwrap_or(CellKind::Rnn)).parameters();
    parameters.into_iter().find(|parameter| parameter.name == fresh.tensor).unwrap().group
}

/// In what the harness' draws differ from fresh ones by more than chance.
fn differences(fresh: &Fresh, initializers: &BTreeMap<TensorGroup, Initializer>) -> Vec<String> {
    let draws = draws(fresh, initializers);
    let mut found = Vec::new();
    if let Some(gates) = &fresh.gates {
        let block = draws[0].len() / gates.len();
        for values in &draws {
            for (gate, (values, expected)) in values.chunks(block).zip(gates).enumerate() {
                if values.iter().any(|value| value != expected) {
                    found.push(format!("gate {gate} is {values:?}, not {expected}"));
                }
            }
        }
    }
    if let Some(expected) = &fresh.drawn {
        let bounded = !matches!(
            initializers[&group(fresh)],
            Initializer::Normal { .. } | Initializer::Orthogonal | Initializer::OrthogonalPerGate
        );
        found.extend(distributions_differ(&draws.concat(), expected, bounded));
    }
    let hidden = fresh.shape.last().copied().unwrap();
    if let Some(expected) = &fresh.diagonal {
        let diagonal = draws.iter().flat_map(|kernel| (0..hidden).map(|at| kernel[at * hidden + at]));
        let differing = distributions_differ(&diagonal.collect::<Vec<_>>(), expected, false);
        found.extend(differing.into_iter().map(|difference| format!("on the diagonal {difference}")));
    }
    if let Some(expected) = &fresh.orthonormal {
        let whole = draws.iter().map(|kernel| from_orthonormal(kernel, hidden)).fold(0.0, f64::max);
        let gates = draws.iter().flat_map(|kernel| kernel.chunks(hidden * hidden));
        let per_gate = gates.map(|gate| from_orthonormal(gate, hidden)).fold(0.0, f64::max);
        for (what, value, expected) in
            [("as a whole", whole, expected.whole), ("per gate", per_gate, expected.per_gate)]
        {
            // Float32 leaves some 1e-7 of orthonormal columns; what isn't orthonormal is far from it in one of hundreds of draws.
            if (value < 1e-5) != (expected < 1e-5) {
                found.push(format!("{what} its columns are {value} from orthonormal, not {expected}"));
            }
        }
    }
    found
}

/// Range, moments and distribution of pooled draws against the golden ones. The ends of a bounded distribution are known much more closely.
fn distributions_differ(draws: &[f64], expected: &Distribution, bounded: bool) -> Vec<String> {
    let mut found = Vec::new();
    let (n, m) = (draws.len() as f64, expected.count as f64);
    let (low, high) = draws.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| (low.min(x), high.max(x)));
    // The largest of n uniform draws lies more than 20 / n of the range below its end once in e^20; that of a distribution with tails is itself
    // spread widely.
    let slack = if bounded { 20.0 * (expected.high - expected.low) * (1.0 / n + 1.0 / m) } else { 0.5 * expected.high };
    for (end, value, expected) in [("low", low, expected.low), ("high", high, expected.high)] {
        if (value - expected).abs() > slack {
            found.push(format!("the {end} end is {value}, not {expected}"));
        }
    }
    for (power, expected) in [(1, expected.mean), (2, expected.square), (4, expected.fourth)] {
        let mean = draws.iter().map(|x| x.powi(power)).sum::<f64>() / n;
        let variance = draws.iter().map(|x| (x.powi(power) - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let deviations = (mean - expected) / (variance * (1.0 / n + 1.0 / m)).sqrt();
        if deviations.abs() > DEVIATIONS {
            found.push(format!("moment {power} is {mean}, not {expected}: {deviations:.1} standard deviations"));
        }
    }
    // Two-sample Kolmogorov-Smirnov: the critical value of its limiting distribution (Smirnov 1948), at the known quantiles.
    let critical = (-(BY_CHANCE / 2.0).ln() / 2.0 * (n + m) / (n * m)).sqrt();
    let statistic = kolmogorov_smirnov(draws, expected);
    if statistic > critical {
        found.push(format!("the distributions differ by {statistic:.4}, by chance by less than {critical:.4}"));
    }
    found
}

/// The largest difference of the two empirical distributions at the golden quantiles.
fn kolmogorov_smirnov(draws: &[f64], expected: &Distribution) -> f64 {
    let mut sorted = draws.to_vec();
    sorted.sort_by(f64::total_cmp);
    let parts = expected.quantiles.len() + 1;
    let at = |(index, quantile): (usize, &f64)| {
        let smaller = sorted.partition_point(|x| x < quantile) as f64 / sorted.len() as f64;
        let rank = (index + 1) * expected.count / parts;
        (smaller - rank as f64 / expected.count as f64).abs()
    };
    expected.quantiles.iter().enumerate().map(at).fold(0.0, f64::max)
}

/// The largest entry of `|W'W - 1|` of a row-major matrix with so many columns.
fn from_orthonormal(matrix: &[f64], columns: usize) -> f64 {
    let mut worst: f64 = 0.0;
    for i in 0..columns {
        for j in 0..columns {
            let dot: f64 = matrix.chunks(columns).map(|row| row[i] * row[j]).sum();
            worst = worst.max((dot - if i == j { 1.0 } else { 0.0 }).abs());
        }
    }
    worst
}

fn assert_drawn_alike(framework: [&str; 2], tensors: usize) {
    let fresh = fresh(framework);
    assert_eq!(fresh.len(), tensors);
    for fresh in &fresh {
        let found = differences(fresh, &native(framework));
        assert!(found.is_empty(), "{:?} {}: {found:#?}", fresh.cell, fresh.tensor);
    }
}

#[test]
fn weights_are_drawn_as_keras_draws_them() {
    assert_drawn_alike(KERAS, 25);
}

#[test]
fn weights_are_drawn_as_pytorch_draws_them() {
    assert_drawn_alike(PYTORCH, 29);
}

/// Initialisers that are nearly right are told from those that are.
#[test]
fn an_initialiser_that_is_not_quite_the_framework_s_is_noticed() {
    let glorot = (6.0_f64 / (12.0 + 32.0)).sqrt();
    for (framework, cell, tensor, wrong) in [
        (KERAS, Some(CellKind::Lstm), "rnn.weight_ih_l0", Initializer::Uniform { low: -glorot, high: 1.02 * glorot }),
        // The fans of one gate instead of all.
        (KERAS, Some(CellKind::Gru), "rnn.weight_ih_l0", Initializer::Uniform { low: -0.5477, high: 0.5477 }),
        (KERAS, Some(CellKind::Lstm), "rnn.weight_hh_l0", Initializer::OrthogonalPerGate),
        (KERAS, Some(CellKind::Rnn), "rnn.weight_hh_l1", Initializer::Normal { mean: 0.0, std: 0.35355 }),
        (KERAS, Some(CellKind::Lstm), "rnn.bias_ih_l1", Initializer::Zeros),
        (KERAS, Some(CellKind::Gru), "rnn.bias_hh_l0", Initializer::HiddenUniform),
        // The same variance, another distribution.
        (KERAS, None, "embedding.weight", Initializer::Normal { mean: 0.0, std: 0.05 / 3.0_f64.sqrt() }),
        (KERAS, None, "norm.weight_l0", Initializer::Zeros),
        (PYTORCH, None, "embedding.weight", Initializer::Normal { mean: 0.0, std: 1.03 }),
        (PYTORCH, Some(CellKind::Rnn), "rnn.weight_ih_l0", Initializer::FanInUniform),
        (PYTORCH, Some(CellKind::Gru), "rnn.weight_hh_l0", Initializer::Orthogonal),
        (PYTORCH, None, "head.bias", Initializer::Zeros),
    ] {
        let fresh = fresh(framework);
        let fresh = fresh.iter().find(|fresh| fresh.cell == cell && fresh.tensor == tensor).unwrap();
        let mut initializers = native(framework);
        assert_eq!(differences(fresh, &initializers), Vec::<String>::new());
        initializers.insert(group(fresh), wrong);
        assert!(!differences(fresh, &initializers).is_empty(), "{cell:?} {tensor} drawn as {wrong}");
    }
}
