//! Each cell with one unit, against its equations written out once more with plain numbers.
//!
//! Differences prove that the gradients fit the forward pass; these prove that the forward pass is the one that the papers and the frameworks
//! describe: order of the gates, which of them are squashed how, where the biases and the reset gate stand.

use backend_reference::ReferenceModel;
use harness_contract::{BiasVectors, CellKind, GruForm, ModelSpec, Pooling, Side, Tensor, TokenBatch, WeightMap};

const X: [f64; 3] = [0.5, -1.25, 2.0];
const HEAD: (f64, f64) = (1.5, -0.25);

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Input, recurrent, and both bias weights of each gate.
type Gate = (f64, f64, f64, f64);

/// One unit, one layer, an embedding of one column that maps ids 1, 2, 3 to [`X`] and the padding to -3.
fn model(cell: CellKind, form: GruForm, gates: &[Gate], change: impl Fn(&mut ModelSpec)) -> ReferenceModel {
    let mut spec = ModelSpec {
        vocabulary_size: 4,
        embedding_size: 1,
        hidden_size: 1,
        layers: 1,
        gru_form: form,
        bias_vectors: BiasVectors::Two,
        ..crate::models::spec(cell)
    };
    change(&mut spec);
    let mut weights = WeightMap::new();
    let mut insert = |name: &str, shape: Vec<usize>, data: Vec<f64>| {
        weights.insert(name, Tensor { shape, data: data.into_iter().map(|x| x as f32).collect() }).unwrap();
    };
    let rows = gates.len();
    insert("embedding.weight", vec![4, 1], vec![-3.0, X[0], X[1], X[2]]);
    insert("rnn.weight_ih_l0", vec![rows, 1], gates.iter().map(|gate| gate.0).collect());
    insert("rnn.weight_hh_l0", vec![rows, 1], gates.iter().map(|gate| gate.1).collect());
    insert("rnn.bias_ih_l0", vec![rows], gates.iter().map(|gate| gate.2).collect());
    insert("rnn.bias_hh_l0", vec![rows], gates.iter().map(|gate| gate.3).collect());
    insert("head.weight", vec![1, 1], vec![HEAD.0]);
    insert("head.bias", vec![1], vec![HEAD.1]);
    ReferenceModel::new(&spec, &weights).unwrap()
}

// Dyadic numbers, so that rounding to f32 changes none of them.
const GATES: [Gate; 4] =
    [(0.5, -0.75, 0.25, 0.125), (-0.25, 0.5, 1.0, -0.5), (1.25, 0.375, -0.125, 0.625), (0.75, -0.5, 0.0625, -0.25)];

fn rnn_step(h: f64, x: f64) -> f64 {
    let (w, u, b, c) = GATES[0];
    (w * x + b + u * h + c).tanh()
}

fn lstm_step((h, c): (f64, f64), x: f64) -> (f64, f64) {
    let sum = |gate: usize| GATES[gate].0 * x + GATES[gate].2 + GATES[gate].1 * h + GATES[gate].3;
    let (input, forget, candidate, output) = (sigmoid(sum(0)), sigmoid(sum(1)), sum(2).tanh(), sigmoid(sum(3)));
    let c = forget * c + input * candidate;
    (output * c.tanh(), c)
}

fn gru_step(form: GruForm, h: f64, x: f64) -> f64 {
    let from_input = |gate: usize| GATES[gate].0 * x + GATES[gate].2;
    let reset = sigmoid(from_input(0) + GATES[0].1 * h + GATES[0].3);
    let update = sigmoid(from_input(1) + GATES[1].1 * h + GATES[1].3);
    let candidate = match form {
        GruForm::ResetAfter => (from_input(2) + reset * (GATES[2].1 * h + GATES[2].3)).tanh(),
        GruForm::ResetBefore => (from_input(2) + GATES[2].1 * (reset * h) + GATES[2].3).tanh(),
    };
    (1.0 - update) * candidate + update * h
}

fn same(found: &[f64], h: f64) {
    let expected = HEAD.0 * h + HEAD.1;
    assert!((found[0] - expected).abs() < 1e-15, "{} against {expected}", found[0]);
}

fn three_tokens() -> TokenBatch<'static> {
    TokenBatch::new(&[1, 2, 3], &[3], 3, Side::End).unwrap()
}

#[test]
fn rnn_is_the_equation_of_elman() {
    let model = model(CellKind::Rnn, GruForm::ResetAfter, &GATES[..1], |_| {});
    same(&model.logits(three_tokens()), X.into_iter().fold(0.0, rnn_step));
}

#[test]
fn lstm_has_gates_i_f_g_o() {
    let model = model(CellKind::Lstm, GruForm::ResetAfter, &GATES, |_| {});
    same(&model.logits(three_tokens()), X.into_iter().fold((0.0, 0.0), lstm_step).0);
}

#[test]
fn gru_has_gates_r_z_n_in_both_forms() {
    for form in [GruForm::ResetAfter, GruForm::ResetBefore] {
        let model = model(CellKind::Gru, form, &GATES[..3], |_| {});
        same(&model.logits(three_tokens()), X.into_iter().fold(0.0, |h, x| gru_step(form, h, x)));
    }
}

#[test]
fn a_masked_step_leaves_the_state_and_an_unmasked_one_does_not() {
    let front = TokenBatch::new(&[0, 0, 1], &[1], 3, Side::Front).unwrap();
    let end = TokenBatch::new(&[1, 0, 0], &[1], 3, Side::End).unwrap();
    let masked = model(CellKind::Rnn, GruForm::ResetAfter, &GATES[..1], |spec| spec.masking = true);
    let read = rnn_step(0.0, X[0]);
    same(&masked.logits(front), read);
    same(&masked.logits(end), read);

    let plain = model(CellKind::Rnn, GruForm::ResetAfter, &GATES[..1], |_| {});
    same(&plain.logits(front), rnn_step(rnn_step(rnn_step(0.0, -3.0), -3.0), X[0]));
    same(&plain.logits(end), rnn_step(rnn_step(read, -3.0), -3.0));
    let last_token =
        model(CellKind::Rnn, GruForm::ResetAfter, &GATES[..1], |spec| spec.pooling = Pooling::LastValidStep);
    same(&last_token.logits(end), read);
}
