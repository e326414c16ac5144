//! The weights that the two models of a comparison start from.

use harness_contract::{BiasVectors, CellKind, ModelSpec, Tensor, TensorGroup, WeightError, WeightMap};

use super::arm::Arm;
use crate::train::{Stream, initial_weights};

/// Draws the initial weights of both arms with one seed, each by its own initialisers. A tensor's numbers depend on seed, name, shape and
/// initialiser, so equal settings give equal bytes. Where the arms have different numbers of bias vectors, the one vector is the sum
/// of the two that its initialisers give, so that both models begin as the same function wherever the layout allows it.
///
/// # Errors
/// As [`initial_weights`].
pub(super) fn initial_pair(arms: [&Arm; 2], seed: u64) -> Result<[WeightMap; 2], WeightError> {
    let layouts_differ = arms[0].spec.bias_vectors != arms[1].spec.bias_vectors;
    let draw = |arm: &Arm| {
        if layouts_differ && arm.spec.bias_vectors == BiasVectors::One {
            let two = ModelSpec { bias_vectors: BiasVectors::Two, ..arm.spec.clone() };
            with_one_bias_vector(&two, &initial_weights(&two, &arm.protocol.initializers, seed)?)
        } else {
            initial_weights(&arm.spec, &arm.protocol.initializers, seed)
        }
    };
    Ok([draw(arms[0])?, draw(arms[1])?])
}

/// The weights of a model with two bias vectors as those of one that has their sum. A GRU's new gate keeps the first alone: its second is
/// multiplied by the reset gate, and one vector has no place for it.
///
/// # Errors
/// A bias that is missing.
pub(super) fn with_one_bias_vector(spec: &ModelSpec, weights: &WeightMap) -> Result<WeightMap, WeightError> {
    let shared_rows = match spec.cell {
        CellKind::Gru => 2 * spec.hidden_size,
        CellKind::Rnn | CellKind::Lstm => spec.cell.gates() * spec.hidden_size,
    };
    let mut folded = WeightMap::new();
    for parameter in spec.parameters() {
        let tensor = weights.get(&parameter.name)?;
        match parameter.group {
            TensorGroup::RecurrentBias => {}
            TensorGroup::InputBias => {
                let second = weights.get(&parameter.name.replace("bias_ih", "bias_hh"))?;
                let sum = |(row, (a, b)): (usize, (&f32, &f32))| if row < shared_rows { a + b } else { *a };
                let data = tensor.data.iter().zip(&second.data).enumerate().map(sum).collect();
                folded.insert(parameter.name, Tensor { shape: tensor.shape.clone(), data })?;
            }
            _ => folded.insert(parameter.name, tensor.clone())?,
        }
    }
    Ok(folded)
}

/// The same weights, each that is not 0 moved to the float32 above or below it, by the toss of a seeded coin.
///
/// # Errors
/// None: the names are those of the given weights.
pub(super) fn moved_by_one_rounding(weights: &WeightMap, seed: u64) -> Result<WeightMap, WeightError> {
    let mut moved = WeightMap::new();
    for (name, tensor) in weights.iter() {
        let mut coin = Stream::new(seed, &format!("rounding of {name}"));
        let mut next = |value: &f32| match *value {
            0.0 => 0.0,
            value if coin.uniform() < 0.5 => value.next_down(),
            value => value.next_up(),
        };
        let data = tensor.data.iter().map(&mut next).collect();
        moved.insert(name, Tensor { shape: tensor.shape.clone(), data })?;
    }
    Ok(moved)
}
