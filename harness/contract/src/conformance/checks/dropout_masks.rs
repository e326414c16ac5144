//! Reading a backend's dropout masks through its gradients.
//!
//! With an embedding of zeros and no bias but those below, every layer's output is 0, so whatever a mask multiplies is 0 and the
//! forward pass doesn't depend on the masks. The gradient does: what flows back through a mask is multiplied by it, element by element. If every position of the batch holds a
//! word of its own, the gradient of that word's embedding is the gradient at that position, and its quotient by the same gradient without
//! dropout is the mask itself, as long as each element of the masked place reaches its own element of the embedding. For `after_embedding` it does. For the other two places the layer
//! below the mask is made transparent: the candidate's input kernel is the identity, all other kernels are 0, and the gate that would carry the state to
//! the next step (the LSTM's forget gate, the GRU's update gate) is closed by a bias of -80.

use crate::batch::Side;
use crate::error::BackendError;
use crate::parameters::{Parameter, TensorGroup};
use crate::spec::{CellKind, DropoutSpec, ModelSpec};
use crate::weights::{Tensor, WeightMap};

use super::super::deviation::gates;
use super::super::gradient;
use super::super::inputs::{Rows, Stack};
use super::super::measure::Measure;
use super::super::random::Random;
use super::super::suite::Suite;

/// A quotient of two gradients that went through the same few products.
const VALUES: f64 = 1e-4;
/// Standard deviations. Inputs and seed are fixed, so a good backend passes always or never; by chance one in a million checks would fail.
const DEVIATIONS: f64 = 5.0;
/// Columns of the embedding and units of a layer; equal, for the identity.
const WIDTH: usize = 8;

/// A place where dropout acts, with a batch of `[rows, time]` that reads it.
#[derive(Clone, Copy)]
struct Place {
    name: &'static str,
    dropout: DropoutSpec,
    layers: usize,
    rows: usize,
    time: usize,
    /// Whether only the last step of each row goes through the mask.
    last_step: bool,
}

const RATE: f64 = 0.3;

const PLACES: [Place; 3] = [
    Place {
        name: "after the embedding",
        dropout: DropoutSpec { after_embedding: RATE, seed: 8, ..DropoutSpec::NONE },
        layers: 1,
        rows: 24,
        time: 6,
        last_step: false,
    },
    Place {
        name: "between layers",
        dropout: DropoutSpec { between_layers: RATE, seed: 8, ..DropoutSpec::NONE },
        layers: 2,
        rows: 24,
        time: 6,
        last_step: false,
    },
    Place {
        name: "after the last layer",
        dropout: DropoutSpec { after_last: RATE, seed: 8, ..DropoutSpec::NONE },
        layers: 1,
        rows: 128,
        time: 2,
        last_step: true,
    },
];

pub(super) fn run(suite: &mut Suite<'_>) {
    for stack in Stack::PLAIN {
        for place in PLACES {
            let subject = format!("{}, {}", stack.name(), place.name);
            let checks = [("dropout-mask", VALUES), ("dropout-rate", DEVIATIONS)];
            suite.check_together(checks, &subject, |suite, measures| read(suite, stack, place, measures));
        }
    }
}

fn read(suite: &mut Suite<'_>, stack: Stack, place: Place, measures: &mut [Measure; 2]) -> Result<(), BackendError> {
    let spec = ModelSpec {
        vocabulary_size: place.rows * place.time + 1,
        embedding_size: WIDTH,
        hidden_size: WIDTH,
        layers: place.layers,
        max_batch: place.rows,
        dropout: place.dropout,
        ..gradient::reading(&suite.spec(stack))
    };
    if !suite.can(&spec, measures) {
        return Ok(());
    }
    let plain = ModelSpec { dropout: DropoutSpec::NONE, ..spec.clone() };
    let initial = weights(&spec, place)?;
    let words: Vec<i32> = (1..).take(place.rows * place.time).collect();
    let sequences: Vec<Vec<i32>> = words.chunks(place.time).map(<[i32]>::to_vec).collect();
    let batch = Rows::padded(&sequences, place.time, Side::End);

    let mut gradients = Vec::new();
    for spec in [&spec, &plain] {
        let mut model = suite.build(spec, &initial)?;
        let (gradient, _) = gradient::read(model.as_mut(), spec, &initial, batch.labelled()?)?;
        gradients.push(gradient.tensor("embedding.weight").to_vec());
    }
    let top = gradients[1].iter().fold(0.0_f64, |top, g| top.max(g.abs()));
    // Word 0 is the padding, of which there is none; word k stands at position k - 1.
    let time = if place.last_step { 1 } else { place.time };
    let mut mask = Vec::with_capacity(place.rows * time * WIDTH);
    for (position, &word) in batch.ids().iter().enumerate() {
        if place.last_step && (position + 1) % place.time != 0 {
            continue;
        }
        let first = usize::try_from(word).unwrap_or(0) * WIDTH;
        for (with, without) in gradients[0][first..][..WIDTH].iter().zip(&gradients[1][first..][..WIDTH]) {
            // A gradient too small to divide by would say nothing.
            mask.push((without.abs() > 1e-7 * top).then(|| with / without));
        }
    }
    let [values, rate] = measures;
    values.case(format!("{} elements", mask.len()));
    rate.case(format!("{} elements", mask.len()));
    let unread = mask.iter().filter(|element| element.is_none()).count();
    values.require(unread * 20 < mask.len(), format!("{unread} elements can't be read"));
    let kept = 1.0 / (1.0 - RATE);
    for (at, value) in mask.iter().enumerate().filter_map(|(at, value)| value.map(|value| (at, value))) {
        let place = || format!("a multiplier of {value:.4} at row {}, step {}", at / (time * WIDTH), at / WIDTH % time);
        values.see(value.abs().min((value - kept).abs()) / kept, place());
    }
    statistics(&mask, time, rate);
    Ok(())
}

/// The share of dropped elements, and the correlation of neighbours along each axis, both in standard deviations of what chance allows.
#[expect(clippy::cast_precision_loss, reason = "a few thousand elements")]
fn statistics(mask: &[Option<f64>], time: usize, rate: &mut Measure) {
    let dropped: Vec<Option<f64>> =
        mask.iter().map(|value| value.map(|value| if value.abs() < 0.5 { 1.0 - RATE } else { -RATE })).collect();
    let read = dropped.iter().flatten().count() as f64;
    let variance = RATE * (1.0 - RATE);
    let sum: f64 = dropped.iter().flatten().sum();
    rate.see(sum.abs() / (variance * read).sqrt(), format!("a share of {:.3}", RATE + sum / read));
    for (axis, stride) in [("units", 1), ("steps", WIDTH), ("rows", time * WIDTH)] {
        let pairs = dropped.iter().zip(dropped.iter().skip(stride)).enumerate();
        let products: Vec<f64> = pairs
            // Neighbours along an axis, not the last of one line with the first of the next.
            .filter(|(at, _)| match axis {
                "units" => (at + 1) % WIDTH != 0,
                "steps" => at / WIDTH % time != time - 1,
                _ => true,
            })
            .filter_map(|(_, (a, b))| Some((*a)? * (*b)?))
            .collect();
        if !products.is_empty() {
            let sum: f64 = products.iter().sum();
            rate.see(sum.abs() / (variance * (products.len() as f64).sqrt()), format!("neighbouring {axis}"));
        }
    }
}

/// Weights that make the masks of a place readable.
fn weights(spec: &ModelSpec, place: Place) -> Result<WeightMap, BackendError> {
    let mut random = Random::named(place.name);
    let transparent = |name: &str| place.dropout.after_embedding == 0.0 && name.ends_with("_l0");
    let mut weights = WeightMap::new();
    for parameter in spec.parameters() {
        let mut data = vec![0.0; parameter.len()];
        let kernel = matches!(parameter.group, TensorGroup::InputKernel | TensorGroup::RecurrentKernel);
        if transparent(&parameter.name) {
            make_transparent(spec.cell, &parameter, &mut data);
        } else if kernel || parameter.group == TensorGroup::HeadKernel {
            data.fill_with(|| random.around_zero(0.5));
        }
        weights.insert(parameter.name, Tensor { shape: parameter.shape, data })?;
    }
    Ok(weights)
}

fn make_transparent(cell: CellKind, parameter: &Parameter, data: &mut [f32]) {
    let (candidate, carrying) = match cell {
        CellKind::Rnn => ("", None),
        CellKind::Lstm => ("g", Some("f")),
        CellKind::Gru => ("n", Some("z")),
    };
    let block = |gate: &str| gates(cell, parameter.group).iter().position(|other| *other == gate);
    match parameter.group {
        TensorGroup::InputKernel => {
            let first = block(candidate).unwrap_or(0) * WIDTH;
            for unit in 0..WIDTH {
                data[(first + unit) * WIDTH + unit] = 1.0;
            }
        }
        TensorGroup::InputBias => {
            if let Some(gate) = carrying.and_then(block) {
                data[gate * WIDTH..(gate + 1) * WIDTH].fill(-80.0);
            }
        }
        _ => {}
    }
}
