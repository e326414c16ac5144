//! Gradients against central differences, in float64.
//!
//! For a random direction `d` within one parameter tensor, `(L(w + h d) - L(w - h d)) / 2h` equals the gradient times
//! `d` up to `h^2` times third derivatives and the loss' rounding over `h`. With `h = 1e-5` and losses and derivatives
//! of order 1 these are about 1e-10 and 1e-11, so the tolerance of 1e-8, absolute and relative, leaves room for neither
//! a wrong term nor an unlucky direction.

use harness_contract::{BiasVectors, CellKind, DropoutSpec, ModelSpec, Pooling, RepeatedWords, Side};
use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

use super::{KERNELS, Numbers, Rows, small_spec, weights};
use crate::dropout;
use crate::embedding;
use crate::input::{self, Input, Occurrences};
use crate::network::Network;
use crate::parameters::Parameters;

const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-8;

struct Difference {
    network: Network,
    rows: Rows,
}

impl Difference {
    fn new(spec: &ModelSpec, rows: Rows) -> Self {
        let network = Network::new(spec, &weights(spec, 7), Kind::Double).unwrap();
        Self { network, rows }
    }

    /// The loss, the core's gradient and the dense gradient of the embedding.
    fn gradient(&mut self) -> (f64, Parameters) {
        let spec = self.network.spec.clone();
        let options = self.network.options;
        let (input, aligned) = Input::new(self.rows.tokens(), &spec, options.1).unwrap();
        let targets = input::targets(self.rows.batch(), &self.network.spec, options).unwrap();
        let masks = dropout::draw(&spec, 1, input.time, input.rows, options).unwrap();
        let gradient = self.network.gradient(&input, &targets, &masks).unwrap();
        let occurrences = Occurrences::new(&aligned, spec.vocabulary_size);
        let compact = embedding::collect(&gradient.tokens, occurrences, RepeatedWords::SumThenSquare, 1).unwrap();
        let mut dense = self.network.layout.zeros(options).unwrap();
        let _ = dense.embedding.index_add_(0, &Tensor::from_slice(&compact.words), &compact.sum);
        dense.core = gradient.core.copy();
        (gradient.loss, dense)
    }

    /// Moves the weights by `amount` times `direction`.
    fn shift(&mut self, direction: &Parameters, amount: f64) {
        let parameters = self.network.parameters_mut();
        let _ = parameters.embedding.g_add_(&(&direction.embedding * amount));
        let _ = parameters.core.g_add_(&(&direction.core * amount));
    }

    /// A direction within one parameter tensor: -1 for the embedding, else its place among the others.
    fn direction(&self, tensor: i64, numbers: &mut Numbers) -> Parameters {
        let direction = self.network.layout.zeros((Kind::Double, Device::Cpu)).unwrap();
        let target = match usize::try_from(tensor) {
            Ok(place) => self.network.layout.views(&direction.core).unwrap().remove(place),
            Err(_) => direction.embedding.shallow_clone(),
        };
        let values: Vec<_> = (0..target.numel()).map(|_| numbers.next() * 2.0 - 1.0).collect();
        target.shallow_clone().copy_(&Tensor::from_slice(&values).view_as(&target));
        direction
    }

    fn check(&mut self) {
        let (_, gradient) = self.gradient();
        let tensors = self.network.spec.parameters();
        let mut numbers = Numbers(11);
        for (place, parameter) in tensors.iter().enumerate() {
            let direction = self.direction(place as i64 - 1, &mut numbers);
            let analytic = (&gradient.embedding * &direction.embedding).sum(None).double_value(&[])
                + (&gradient.core * &direction.core).sum(None).double_value(&[]);
            self.shift(&direction, STEP);
            let above = self.gradient().0;
            self.shift(&direction, -2.0 * STEP);
            let below = self.gradient().0;
            self.shift(&direction, STEP);
            let numeric = (above - below) / (2.0 * STEP);
            assert!(
                (analytic - numeric).abs() <= TOLERANCE * (1.0 + numeric.abs()),
                "{} with {} kernel, {}: {analytic} by the model, {numeric} by differences",
                self.network.spec.cell,
                self.network.spec.kernel,
                parameter.name,
            );
            assert!(analytic != 0.0, "{} gets no gradient in {:?}", parameter.name, self.network.spec);
        }
    }
}

fn for_all_kernels(spec: &ModelSpec, rows: &Rows) {
    for kernel in KERNELS {
        Difference::new(&ModelSpec { kernel, ..spec.clone() }, rows.clone()).check();
    }
}

#[test]
fn every_parameter_of_every_cell_has_the_gradient_that_differences_give() {
    for cell in CellKind::ALL {
        for layers in 1..=3 {
            for bias_vectors in [BiasVectors::One, BiasVectors::Two] {
                let spec = ModelSpec { layers, bias_vectors, ..small_spec(cell) };
                for_all_kernels(&spec, &Rows::new(&spec, 4, 6, Side::Front, 3));
            }
        }
    }
}

#[test]
fn gradients_are_right_where_answers_lie_at_different_steps() {
    for cell in CellKind::ALL {
        for padding in [Side::Front, Side::End] {
            for (masking, pooling) in
                [(true, Pooling::LastStep), (true, Pooling::LastValidStep), (false, Pooling::LastValidStep)]
            {
                let spec = ModelSpec { masking, pooling, ..small_spec(cell) };
                for_all_kernels(&spec, &Rows::new(&spec, 5, 7, padding, 4));
            }
        }
    }
}

#[test]
fn gradients_are_those_of_the_loss_with_dropout_in_effect() {
    for cell in CellKind::ALL {
        let dropout = DropoutSpec { after_embedding: 0.3, between_layers: 0.4, after_last: 0.25, seed: 5 };
        let spec = ModelSpec { dropout, hidden_size: 6, layers: 3, ..small_spec(cell) };
        for_all_kernels(&spec, &Rows::new(&spec, 6, 5, Side::End, 5));
    }
}

#[test]
fn gradients_are_right_for_one_row_and_for_one_step() {
    for cell in CellKind::ALL {
        let spec = small_spec(cell);
        for_all_kernels(&spec, &Rows::new(&spec, 1, 4, Side::End, 6));
        // With one step the state is zero, so the recurrent kernel gets no gradient: compare the others.
        for kernel in KERNELS {
            let spec = ModelSpec { kernel, ..spec.clone() };
            let mut one_step = Difference::new(&spec, Rows::new(&spec, 3, 1, Side::End, 6));
            let (_, gradient) = one_step.gradient();
            let views = one_step.network.layout.views(&gradient.core).unwrap();
            for (parameter, gradient) in spec.parameters().iter().skip(1).zip(&views) {
                let largest = gradient.abs().max().double_value(&[]);
                assert_eq!(largest == 0.0, parameter.name.contains("weight_hh"), "{}: {largest}", parameter.name);
            }
        }
    }
}

#[test]
fn squared_occurrences_are_collected_by_word() {
    let spec = small_spec(CellKind::Rnn);
    let rows = Rows::new(&spec, 4, 9, Side::End, 8);
    let (_, aligned) = Input::new(rows.tokens(), &spec, Device::Cpu).unwrap();
    let gradients: Vec<f64> = {
        let mut numbers = Numbers(2);
        (0..9 * 4 * 5).map(|_| numbers.next() - 0.5).collect()
    };
    let tokens = Tensor::from_slice(&gradients).view([9, 4, 5]);
    let found = embedding::collect(&tokens, Occurrences::new(&aligned, 13), RepeatedWords::SquareThenSum, 1).unwrap();
    let squares = found.squares.unwrap();
    for (slot, &word) in found.words.iter().enumerate() {
        for column in 0..5 {
            let (mut sum, mut square) = (0.0, 0.0);
            for row in 0..4 {
                for step in 0..9 {
                    if i64::from(rows.tokens[row * 9 + step]) == word {
                        let value = gradients[(step * 4 + row) * 5 + column];
                        sum += value;
                        square += value * value;
                    }
                }
            }
            let at = [slot as i64, column as i64];
            assert!((found.sum.double_value(&at) - sum).abs() < 1e-14);
            assert!((squares.double_value(&at) - square).abs() < 1e-14);
        }
    }
    assert_eq!(found.words.iter().collect::<std::collections::BTreeSet<_>>().len(), found.words.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn gradients_are_right_whatever_the_sizes(
        cell in prop::sample::select(&CellKind::ALL),
        embedding_size in 1_usize..6,
        hidden_size in 1_usize..7,
        layers in 1_usize..4,
        rows in 1_usize..5,
        time in 2_usize..9,
        masking: bool,
        seed: u64,
    ) {
        let spec = ModelSpec { embedding_size, hidden_size, layers, masking, ..small_spec(cell) };
        for_all_kernels(&spec, &Rows::new(&spec, rows, time, Side::End, seed));
    }
}
