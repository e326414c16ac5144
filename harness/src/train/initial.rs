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

#[cfg(test)]
mod tests {
    use harness_contract::{BiasVectors, GruForm};
    use proptest::prelude::*;

    use super::*;

    fn tensor(spec: &ModelSpec, group: TensorGroup, initializer: Initializer, seed: u64) -> Tensor {
        let initializers = BTreeMap::from([(group, initializer)]);
        let weights = initial_weights(spec, &initializers, seed).unwrap();
        let name = spec.parameters().into_iter().find(|parameter| parameter.group == group).unwrap().name;
        weights.get(&name).unwrap().clone()
    }

    /// The largest deviation of `A^T A` from the identity, over the shorter side.
    fn deviation_from_orthonormal(data: &[f32], rows: usize, columns: usize) -> f64 {
        let short = rows.min(columns);
        let at = |vector: usize, index: usize| {
            f64::from(if rows >= columns { data[index * columns + vector] } else { data[vector * columns + index] })
        };
        let long = rows.max(columns);
        let mut worst: f64 = 0.0;
        for i in 0..short {
            for j in 0..short {
                let dot: f64 = (0..long).map(|k| at(i, k) * at(j, k)).sum();
                worst = worst.max((dot - if i == j { 1.0 } else { 0.0 }).abs());
            }
        }
        worst
    }

    #[test]
    fn weights_fit_their_spec_whatever_the_layout() {
        for cell in CellKind::ALL {
            for bias_vectors in [BiasVectors::One, BiasVectors::Two] {
                for (bidirectional, layer_norm) in [(false, false), (true, false), (false, true), (true, true)] {
                    let spec = ModelSpec { bias_vectors, bidirectional, layer_norm, ..ModelSpec::plain(cell) };
                    initial_weights(&spec, &BTreeMap::new(), 1).unwrap().check(&spec).unwrap();
                }
            }
        }
        assert_eq!(ModelSpec::plain(CellKind::Gru).gru_form, GruForm::ResetAfter);
    }

    #[test]
    fn an_orthogonal_kernel_has_orthonormal_columns_as_a_whole() {
        for cell in CellKind::ALL {
            let spec = ModelSpec::plain(cell);
            let kernel = tensor(&spec, TensorGroup::RecurrentKernel, Initializer::Orthogonal, 3);
            let (rows, columns) = (kernel.shape[0], kernel.shape[1]);
            assert!(deviation_from_orthonormal(&kernel.data, rows, columns) < 1e-6);
        }
    }

    #[test]
    fn an_orthogonal_kernel_per_gate_has_an_orthogonal_block_for_each_gate() {
        let spec = ModelSpec::plain(CellKind::Lstm);
        let kernel = tensor(&spec, TensorGroup::RecurrentKernel, Initializer::OrthogonalPerGate, 3);
        let hidden = spec.hidden_size;
        for block in kernel.data.chunks(hidden * hidden) {
            assert!(deviation_from_orthonormal(block, hidden, hidden) < 1e-6);
        }
    }

    #[test]
    fn the_forget_bias_is_one_in_the_second_gate_of_an_lstm_and_nowhere_else() {
        let spec = ModelSpec::plain(CellKind::Lstm);
        let bias = tensor(&spec, TensorGroup::InputBias, Initializer::UnitForgetBias, 1);
        let hidden = spec.hidden_size;
        let ones: Vec<usize> = (0..bias.data.len()).filter(|&index| bias.data[index] == 1.0).collect();
        assert_eq!(ones, (hidden..2 * hidden).collect::<Vec<_>>());
        let gru = tensor(&ModelSpec::plain(CellKind::Gru), TensorGroup::InputBias, Initializer::UnitForgetBias, 1);
        assert!(gru.data.iter().all(|value| *value == 0.0));
    }

    #[test]
    fn uniform_initialisers_fill_their_range_and_no_more() {
        let spec = ModelSpec { hidden_size: 64, embedding_size: 128, ..ModelSpec::plain(CellKind::Lstm) };
        for (group, initializer, limit) in [
            (TensorGroup::RecurrentKernel, Initializer::HiddenUniform, 1.0 / 8.0),
            (TensorGroup::InputKernel, Initializer::GlorotUniform, (6.0f64 / f64::from(128 + 256)).sqrt()),
            (TensorGroup::Embedding, Initializer::Uniform { low: -0.05, high: 0.05 }, 0.05),
        ] {
            let data = tensor(&spec, group, initializer, 5).data;
            let largest = data.iter().fold(0.0f64, |largest, value| largest.max(f64::from(value.abs())));
            assert!(largest <= limit * (1.0 + 1e-7) && largest > 0.99 * limit, "{group:?}: {largest} of {limit}");
            let square = data.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / data.len() as f64;
            assert!((square / (limit * limit / 3.0) - 1.0).abs() < 0.05, "{group:?}");
        }
    }

    #[test]
    fn a_bias_of_a_linear_layer_takes_the_fan_in_of_its_kernel() {
        let spec = ModelSpec { hidden_size: 64, ..ModelSpec::plain(CellKind::Rnn) };
        let draws = (0..200).map(|seed| tensor(&spec, TensorGroup::HeadBias, Initializer::FanInUniform, seed).data[0]);
        let largest = draws.fold(0.0f32, |largest, value| largest.max(value.abs()));
        assert!(largest <= 0.125 && largest > 0.115, "{largest}");
    }

    proptest! {
        #[test]
        fn a_tensor_depends_on_seed_and_name_alone(seed: u64) {
            let one = ModelSpec::plain(CellKind::Gru);
            let two = ModelSpec { bias_vectors: BiasVectors::One, layers: 1, ..one.clone() };
            let normal = Initializer::Normal { mean: 0.0, std: 1.0 };
            let draw = |spec| tensor(spec, TensorGroup::RecurrentKernel, normal, seed);
            prop_assert_eq!(draw(&one), draw(&two));
        }
    }
}
