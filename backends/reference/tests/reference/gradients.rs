//! The gradients that are written out by hand, against central differences of the loss, for every
//! parameter of every kind of model.
//!
//! With a displacement of 1e-5 the truncation error of a central difference is of order 1e-10 and the rounding error of the two losses
//! divided by it of order 1e-11, so agreement to 1e-7 of a tensor's largest entry leaves no room for a wrong term.

use backend_reference::{DropoutMasks, Inputs, Parameters, backward, forward};
use harness_contract::{
    BiasVectors, CellKind, DropoutSpec, GruForm, LabelledBatch, ModelSpec, Pooling, Side, TokenBatch,
};

const DISPLACEMENT: f64 = 1e-5;
const TOLERANCE: f64 = 1e-7;

/// Three rows of 1, 4 and 6 tokens with repeated words; padding where `side` says.
fn batch(side: Side) -> (Vec<i32>, [i32; 3], [u8; 3]) {
    let tokens = match side {
        Side::End => [[5, 0, 0, 0, 0, 0], [3, 2, 2, 8, 0, 0], [1, 7, 3, 4, 6, 2]],
        Side::Front => [[0, 0, 0, 0, 0, 5], [0, 0, 3, 2, 2, 8], [1, 7, 3, 4, 6, 2]],
    };
    (tokens.concat(), [1, 4, 6], [1, 0, 1])
}

fn loss(spec: &ModelSpec, weights: &Parameters, inputs: &Inputs, masks: &DropoutMasks, labels: &[u8]) -> f64 {
    let pass = forward(spec, weights, inputs, masks);
    let targets: Vec<_> = labels.iter().map(|&label| spec.target(label)).collect();
    backend_reference::binary_cross_entropy(&pass.logits, &targets).0
}

/// Compares every entry of every tensor, and that all tensors have a gradient at all.
fn check(spec: &ModelSpec, side: Side, case: &str) {
    spec.check().unwrap();
    let (tokens, lengths, labels) = batch(side);
    let batch = LabelledBatch::new(TokenBatch::new(&tokens, &lengths, 6, side).unwrap(), &labels).unwrap();
    batch.tokens().check(spec).unwrap();
    let inputs = Inputs::new(spec, batch.tokens());
    let masks = DropoutMasks::draw(spec, 0, 3, 6);
    let weights = Parameters::from_weights(spec, &crate::models::weights(spec)).unwrap();

    let pass = forward(spec, &weights, &inputs, &masks);
    let gradients = backward(spec, &weights, &inputs, &masks, &pass, &labels);
    let mut moved = weights.clone();
    for (tensor, parameter) in spec.parameters().iter().enumerate() {
        let analytic = gradients.parameters.tensors()[tensor];
        let largest = analytic.iter().fold(0.0_f64, |largest, g| largest.max(g.abs()));
        assert!(largest > 1e-6, "{case}: {} has no gradient", parameter.name);
        for (at, analytic) in analytic.iter().enumerate() {
            let weight = weights.tensors()[tensor][at];
            let mut at_displacement = |displacement: f64| {
                moved.tensors_mut()[tensor][at] = weight + displacement;
                loss(spec, &moved, &inputs, &masks, &labels)
            };
            let numeric = (at_displacement(DISPLACEMENT) - at_displacement(-DISPLACEMENT)) / (2.0 * DISPLACEMENT);
            moved.tensors_mut()[tensor][at] = weight;
            let deviation = (numeric - analytic).abs() / largest;
            assert!(
                deviation < TOLERANCE,
                "{case}: {}[{at}] is {analytic} where differences give {numeric}",
                parameter.name
            );
        }
    }
}

/// The cells and the GRU's forms.
fn cells() -> [(CellKind, GruForm); 4] {
    [
        (CellKind::Rnn, GruForm::ResetAfter),
        (CellKind::Lstm, GruForm::ResetAfter),
        (CellKind::Gru, GruForm::ResetAfter),
        (CellKind::Gru, GruForm::ResetBefore),
    ]
}

fn for_all_cells(side: Side, change: impl Fn(&mut ModelSpec)) {
    for (cell, gru_form) in cells() {
        let mut spec = crate::models::spec(cell);
        spec.gru_form = gru_form;
        change(&mut spec);
        check(&spec, side, &format!("{cell} {gru_form:?} {side}"));
    }
}

#[test]
fn every_parameter_with_one_two_and_three_layers() {
    for layers in 1..=3 {
        for_all_cells(Side::End, |spec| spec.layers = layers);
    }
}

#[test]
fn every_parameter_with_one_bias_vector() {
    for_all_cells(Side::End, |spec| spec.bias_vectors = BiasVectors::One);
}

#[test]
fn every_parameter_with_smoothed_labels() {
    for_all_cells(Side::End, |spec| spec.label_smoothing = 0.3);
}

#[test]
fn every_parameter_with_padding_at_the_front() {
    for_all_cells(Side::Front, |_| {});
}

#[test]
fn every_parameter_with_masking_at_either_end() {
    for side in [Side::Front, Side::End] {
        for_all_cells(side, |spec| spec.masking = true);
    }
}

#[test]
fn every_parameter_where_the_answer_is_the_last_token() {
    for_all_cells(Side::End, |spec| spec.pooling = Pooling::LastValidStep);
}

#[test]
fn every_parameter_in_both_directions_masked_and_not() {
    for masking in [false, true] {
        for_all_cells(Side::Front, |spec| {
            spec.bidirectional = true;
            spec.masking = masking;
        });
    }
}

#[test]
fn every_parameter_with_layer_norm_in_one_and_both_directions() {
    for bidirectional in [false, true] {
        for_all_cells(Side::End, |spec| {
            spec.layer_norm = true;
            spec.bidirectional = bidirectional;
        });
    }
}

#[test]
fn every_parameter_under_given_dropout_masks() {
    for_all_cells(Side::End, |spec| {
        spec.layers = 3;
        spec.dropout = DropoutSpec { after_embedding: 0.2, between_layers: 0.3, after_last: 0.4, seed: 5 };
    });
}

#[test]
fn every_parameter_with_all_of_it_together() {
    for_all_cells(Side::Front, |spec| {
        spec.layers = 3;
        spec.bidirectional = true;
        spec.layer_norm = true;
        spec.masking = true;
        spec.pooling = Pooling::LastValidStep;
        spec.bias_vectors = BiasVectors::One;
        spec.dropout = DropoutSpec { after_embedding: 0.2, between_layers: 0.3, after_last: 0.4, seed: 6 };
    });
}

#[test]
fn a_word_that_occurs_often_gets_the_sum_over_its_occurrences() {
    let spec = crate::models::spec(CellKind::Lstm);
    let (tokens, lengths, labels) = batch(Side::End);
    let inputs = Inputs::new(&spec, TokenBatch::new(&tokens, &lengths, 6, Side::End).unwrap());
    let weights = Parameters::from_weights(&spec, &crate::models::weights(&spec)).unwrap();
    let pass = forward(&spec, &weights, &inputs, &DropoutMasks::none());
    let gradients = backward(&spec, &weights, &inputs, &DropoutMasks::none(), &pass, &labels);
    for word in 0..spec.vocabulary_size {
        for column in 0..spec.embedding_size {
            let occurrences = tokens.iter().enumerate().filter(|&(_, &token)| token as usize == word);
            let sum: f64 = occurrences.map(|(at, _)| gradients.occurrences[at * spec.embedding_size + column]).sum();
            let found = gradients.parameters.embedding[word * spec.embedding_size + column];
            assert!((sum - found).abs() < 1e-15, "word {word}: {sum} against {found}");
        }
    }
}
