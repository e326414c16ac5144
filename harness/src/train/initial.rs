//! Initial weights, drawn by the harness so that two backends can start from the very same numbers.

use std::collections::BTreeMap;

use harness_contract::{CellKind, Initializer, ModelSpec, Parameter, Tensor, TensorGroup, WeightError, WeightMap};

use super::order::Stream;

/// Draws the weights of a model. Each tensor has a stream of its own, named after it, so that a tensor's numbers don't depend
/// on which others there are. Groups without an initialiser are drawn as zeros (ones for a norm's scale).
///
/// # Errors
/// None that a checked spec can cause; the type is that of [`WeightMap::insert`].
pub fn initial_weights(
    spec: &ModelSpec,
    initializers: &BTreeMap<TensorGroup, Initializer>,
    seed: u64,
) -> Result<WeightMap, WeightError> {
    let mut weights = WeightMap::new();
    for parameter in spec.parameters() {
        let fallback = if parameter.group == TensorGroup::NormScale { Initializer::Ones } else { Initializer::Zeros };
        let initializer = initializers.get(&parameter.group).copied().unwrap_or(fallback);
        let mut stream = Stream::new(seed, &parameter.name);
        let data = draw(initializer, &parameter, spec, &mut stream);
        weights.insert(parameter.name, Tensor { shape: parameter.shape, data })?;
    }
    Ok(weights)
}

#[expect(clippy::cast_possible_truncation, reason = "weights are float32")]
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn draw(initializer: Initializer, parameter: &Parameter, spec: &ModelSpec, stream: &mut Stream) -> Vec<f32> {
    let count = parameter.len();
    let mut uniform = |low: f64, high: f64| -> Vec<f32> {
        (0..count).map(|_| (low + (high - low) * stream.uniform()) as f32).collect()
    };
    let rows = parameter.shape.first().copied().unwrap_or(1);
    let columns = parameter.shape.get(1).copied().unwrap_or(1);
    match initializer {
        Initializer::Zeros => vec![0.0; count],
        Initializer::Ones => vec![1.0; count],
        Initializer::Normal { mean, std } => (0..count).map(|_| (mean + std * stream.normal()) as f32).collect(),
        Initializer::Uniform { low, high } => uniform(low, high),
        Initializer::HiddenUniform => {
            let limit = 1.0 / (spec.hidden_size as f64).sqrt();
            uniform(-limit, limit)
        }
        Initializer::FanInUniform => {
            let limit = 1.0 / (fan_in(parameter, spec) as f64).sqrt();
            uniform(-limit, limit)
        }
        Initializer::GlorotUniform => {
            let limit = (6.0 / (rows + columns) as f64).sqrt();
            uniform(-limit, limit)
        }
        Initializer::Orthogonal => orthogonal(rows, columns, stream),
        Initializer::OrthogonalPerGate => {
            let gates = spec.cell.gates();
            (0..gates).flat_map(|_| orthogonal(rows / gates, columns, stream)).collect()
        }
        Initializer::UnitForgetBias => {
            let hidden = spec.hidden_size;
            let forget = if spec.cell == CellKind::Lstm { hidden..2 * hidden } else { 0..0 };
            (0..count).map(|index| if forget.contains(&index) { 1.0 } else { 0.0 }).collect()
        }
    }
}

/// The columns of the kernel that a tensor is, or that a bias belongs to.
fn fan_in(parameter: &Parameter, spec: &ModelSpec) -> usize {
    match parameter.group {
        TensorGroup::HeadBias => spec.hidden_size * spec.directions(),
        TensorGroup::RecurrentBias | TensorGroup::InputBias => spec.hidden_size,
        _ => parameter.shape.last().copied().unwrap_or(1),
    }
}

/// A `[rows, columns]` matrix whose shorter side is orthonormal, uniformly distributed (Mezzadri 2007, arXiv math-ph/0609050): the
/// Q of a Gaussian matrix's QR decomposition with the signs of R's diagonal taken out, which Gram-Schmidt gives by itself.
/// Each vector is orthogonalised twice, which is enough in double precision (Giraud et al. 2005).
#[expect(clippy::cast_possible_truncation, reason = "weights are float32")]
fn orthogonal(rows: usize, columns: usize, stream: &mut Stream) -> Vec<f32> {
    let (long, short) = (rows.max(columns), rows.min(columns));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(short);
    while basis.len() < short {
        let mut vector: Vec<f64> = (0..long).map(|_| stream.normal()).collect();
        for _ in 0..2 {
            for other in &basis {
                let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
        }
        let norm = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
        // A draw that lies within the span of the others to rounding has probability 0; it is drawn again.
        if norm > 1e-6 {
            vector.iter_mut().for_each(|a| *a /= norm);
            basis.push(vector);
        }
    }
    let element = |row: usize, column: usize| if rows >= columns { basis[column][row] } else { basis[row][column] };
    (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).map(|(r, c)| element(r, c) as f32).collect()
}
