//! The fused kernel beside the stock one, in float32 as they are used.

use harness_contract::{CellKind, DropoutSpec, Kernel, Model, ModelSpec, Side};
use tch::{Kind, Tensor};

use super::{Rows, small_spec, weights};
use crate::dropout;
use crate::input::{self, Input};
use crate::model::LibtorchModel;
use crate::network::Network;

/// A model of the study's hidden and embedding size over short texts and few words.
fn spec(cell: CellKind, kernel: Kernel) -> ModelSpec {
    let dropout = DropoutSpec { after_embedding: 0.2, between_layers: 0.2, after_last: 0.2, seed: 9 };
    ModelSpec { vocabulary_size: 300, embedding_size: 128, hidden_size: 64, dropout, kernel, ..small_spec(cell) }
}

/// Weights of the size that PyTorch starts from.
fn small_weights(spec: &ModelSpec) -> harness_contract::WeightMap {
    let mut weights = weights(spec, 6);
    for parameter in spec.parameters() {
        weights.get_mut(&parameter.name).unwrap().data.iter_mut().for_each(|value| *value *= 0.15);
    }
    weights
}

/// The largest difference, relative to the largest value.
fn difference(found: &Tensor, expected: &Tensor) -> f64 {
    ((found - expected).abs().max() / expected.abs().max()).double_value(&[])
}

#[test]
fn both_kernels_give_the_same_logits_and_gradients() {
    for cell in CellKind::ALL {
        for (rows, time) in [(32, 60), (5, 33), (1, 1)] {
            let of = |kernel| {
                let spec = spec(cell, kernel);
                let rows = Rows::new(&spec, rows, time, Side::Front, 3);
                let mut network = Network::new(&spec, &small_weights(&spec), Kind::Float).unwrap();
                let (input, _) = Input::new(rows.tokens(), &spec, network.options.1).unwrap();
                let targets = input::targets(rows.batch(), &network.spec, network.options).unwrap();
                let masks = dropout::draw(&spec, 1, input.time, input.rows, network.options).unwrap();
                let gradient = network.gradient(&input, &targets, &masks).unwrap();
                let logits = network.logits(&input).unwrap();
                let views = network.layout.views(&gradient.core).unwrap();
                (Tensor::from(gradient.loss), logits, gradient.tokens, views)
            };
            let (stock, fused) = (of(Kernel::Stock), of(Kernel::Fused));
            // Float32 keeps 6e-8 of a number; sums over hundreds of steps and rows lose a few bits more.
            let close = |found: &Tensor, expected: &Tensor, what: &str| {
                let difference = difference(found, expected);
                assert!(difference < 5e-6, "{cell}, {rows} rows of {time} steps, {what}: {difference:e}");
            };
            close(&fused.0, &stock.0, "loss");
            close(&fused.1, &stock.1, "logits");
            close(&fused.2, &stock.2, "gradient of the tokens");
            let parameters = spec(cell, Kernel::Stock).parameters();
            assert_eq!(stock.3.len() + 1, parameters.len());
            for ((fused, stock), parameter) in fused.3.iter().zip(&stock.3).zip(&parameters[1..]) {
                if time == 1 && parameter.name.contains("weight_hh") {
                    // One step from a state of zeros: no gradient on either side.
                    assert!(fused.abs().max().double_value(&[]) == 0.0 && stock.abs().max().double_value(&[]) == 0.0);
                } else {
                    close(fused, stock, &parameter.name);
                }
            }
        }
    }
}

#[test]
fn both_kernels_train_alike_over_twenty_steps() {
    for cell in CellKind::ALL {
        let train = |kernel| {
            let spec = spec(cell, kernel);
            let mut model = LibtorchModel::new(&spec, &small_weights(&spec), Kind::Float).unwrap();
            let losses: Vec<_> = (0..20)
                .map(|step| {
                    // Lengths and numbers of rows change, so buffers are made anew and used in part.
                    let (rows, time) = [(32, 40), (32, 25), (9, 40)][step % 3];
                    let rows = Rows::new(&spec, rows, time, Side::Front, step as u64);
                    model.train_batch(rows.batch(), 1e-3).unwrap().loss
                })
                .collect();
            (losses, model.weights().unwrap())
        };
        let (stock, fused) = (train(Kernel::Stock), train(Kernel::Fused));
        for (step, (fused, stock)) in fused.0.iter().zip(&stock.0).enumerate() {
            assert!((fused - stock).abs() < 2e-6, "{cell}, loss of step {step}: {fused}, not {stock}");
        }
        // Adam's first steps are the sign of the gradient times the learning rate of 1e-3: where a gradient is as small
        // as its rounding, a weight may go its own way for some of them. All others agree closely.
        let (mut far, mut all) = (0, 0);
        for (name, fused) in fused.1.iter() {
            for (fused, stock) in fused.data.iter().zip(&stock.1.get(name).unwrap().data) {
                let difference = (fused - stock).abs();
                assert!(difference < 4e-3, "{cell}, {name}: {difference:e}");
                far += usize::from(difference > 2e-5);
                all += 1;
            }
        }
        assert!(far * 1_000 < all, "{cell}: {far} of {all} weights differ by more than 2e-5");
    }
}

/// Loss, gradients of the tokens and of every other parameter but the embedding, and logits.
fn computed(spec: &ModelSpec, rows: &Rows) -> (Tensor, Tensor, Tensor, Tensor) {
    let mut network = Network::new(spec, &small_weights(spec), Kind::Float).unwrap();
    let (input, _) = Input::new(rows.tokens(), spec, network.options.1).unwrap();
    let targets = input::targets(rows.batch(), &network.spec, network.options).unwrap();
    let masks = dropout::draw(spec, 1, input.time, input.rows, network.options).unwrap();
    let gradient = network.gradient(&input, &targets, &masks).unwrap();
    (Tensor::from(gradient.loss), gradient.tokens, gradient.core, network.logits(&input).unwrap())
}

#[test]
fn threads_change_no_bit_of_a_row() {
    for cell in CellKind::ALL {
        let spec = spec(cell, Kernel::Fused);
        let rows = Rows::new(&spec, 35, 20, Side::Front, 3);
        let one = computed(&spec, &rows);
        for threads in [2, 3, 64] {
            let many = computed(&ModelSpec { threads, ..spec.clone() }, &rows);
            assert_eq!((&one.0, &one.1, &one.3), (&many.0, &many.1, &many.3), "{cell}, {threads} threads");
            // Sums over the rows are added thread by thread.
            let difference = difference(&many.2, &one.2);
            assert!(difference < 2e-6, "{cell}, {threads} threads: {difference:e}");
        }
    }
}

#[test]
fn steps_that_no_gradient_reaches_are_left_out_without_a_trace() {
    let time = 400;
    for cell in CellKind::ALL {
        let [stock, fused] = [Kernel::Stock, Kernel::Fused].map(|kernel| {
            let spec = ModelSpec { max_time: time, ..spec(cell, kernel) };
            computed(&spec, &Rows::new(&spec, 3, time, Side::End, 3))
        });
        if cell == CellKind::Rnn {
            assert!(fused.1.get(0).abs().max().double_value(&[]) == 0.0, "a gradient reaches the first step");
        }
        for (found, expected) in [(&fused.1, &stock.1), (&fused.2, &stock.2), (&fused.3, &stock.3)] {
            let difference = difference(found, expected);
            assert!(difference < 5e-6, "{cell}: {difference:e}");
        }
    }
}

#[test]
fn predictions_are_those_of_the_weights_as_they_are_now() {
    for cell in CellKind::ALL {
        let spec = spec(cell, Kernel::Fused);
        let rows = Rows::new(&spec, 9, 12, Side::Front, 3);
        let mut model = LibtorchModel::new(&spec, &small_weights(&spec), Kind::Float).unwrap();
        let before = model.predict_batch(rows.tokens()).unwrap();
        model.train_batch(rows.batch(), 0.01).unwrap();
        let after = model.predict_batch(rows.tokens()).unwrap();
        assert_ne!(before, after);
        let mut fresh = LibtorchModel::new(&spec, &model.weights().unwrap(), Kind::Float).unwrap();
        assert_eq!(after, fresh.predict_batch(rows.tokens()).unwrap(), "{cell}");
    }
}
