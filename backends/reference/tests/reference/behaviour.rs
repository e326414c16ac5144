//! What the reference promises as a backend: repeatable, undisturbed by predictions, honest in its reports.

use backend_reference::{DropoutMasks, ReferenceModel};
use harness_contract::{
    CellKind, ClipForm, ClipSpec, DropoutSpec, LabelledBatch, Model, ModelSpec, Side, TokenBatch, build_checked,
};

const TOKENS: [i32; 12] = [3, 2, 2, 8, 0, 0, 1, 7, 3, 4, 6, 2];

fn batch() -> LabelledBatch<'static> {
    LabelledBatch::new(TokenBatch::new(&TOKENS, &[4, 6], 6, Side::End).unwrap(), &[1, 0]).unwrap()
}

fn with_dropout(seed: u64) -> ModelSpec {
    let dropout = DropoutSpec { after_embedding: 0.2, between_layers: 0.2, after_last: 0.2, seed };
    ModelSpec { dropout, ..crate::models::spec(CellKind::Gru) }
}

fn model(spec: &ModelSpec) -> Box<dyn Model> {
    build_checked(&mut backend_reference::new(), spec, &crate::models::weights(spec)).unwrap()
}

#[test]
fn weights_come_back_as_they_went_in() {
    for cell in CellKind::ALL {
        let spec = crate::models::spec(cell);
        assert_eq!(model(&spec).weights().unwrap(), crate::models::weights(&spec));
    }
}

#[test]
fn the_same_seed_trains_to_the_same_bytes_and_another_does_not() {
    let trained = |seed| {
        let mut model = model(&with_dropout(seed));
        for _ in 0..3 {
            model.train_batch(batch(), 0.01).unwrap();
        }
        model.weights().unwrap()
    };
    assert_eq!(trained(1), trained(1));
    assert_ne!(trained(1), trained(2));
}

#[test]
fn predictions_between_steps_disturb_nothing() {
    let mut alone = model(&with_dropout(1));
    let mut watched = model(&with_dropout(1));
    for _ in 0..3 {
        alone.train_batch(batch(), 0.01).unwrap();
        let before = watched.predict_batch(batch().tokens()).unwrap();
        watched.input_gradient_norms(batch()).unwrap();
        assert_eq!(watched.predict_batch(batch().tokens()).unwrap(), before);
        watched.train_batch(batch(), 0.01).unwrap();
    }
    assert_eq!(alone.weights().unwrap(), watched.weights().unwrap());
}

#[test]
fn dropout_drops_its_rate_and_keeps_the_expectation() {
    let spec = ModelSpec {
        dropout: DropoutSpec { after_embedding: 0.3, between_layers: 0.0, after_last: 0.0, seed: 11 },
        ..crate::models::spec(CellKind::Rnn)
    };
    let masks = DropoutMasks::draw(&spec, 4, 100, 100);
    let mask = masks.after_embedding.unwrap();
    let dropped = mask.iter().filter(|&&keep| keep == 0.0).count() as f64 / mask.len() as f64;
    // Five standard deviations of a binomial share of 30,000.
    assert!((dropped - 0.3).abs() < 5.0 * (0.21_f64 / 30_000.0).sqrt(), "{dropped}");
    assert!(mask.iter().all(|&keep| keep == 0.0 || keep == 1.0 / 0.7));
    assert!(masks.between_layers.is_empty() && masks.after_last.is_none());
    assert_ne!(DropoutMasks::draw(&spec, 5, 100, 100).after_embedding.unwrap(), mask);
}

#[test]
fn the_report_holds_the_norm_before_clipping_and_whether_it_was_clipped() {
    let mut spec = crate::models::spec(CellKind::Lstm);
    let norm = ReferenceModel::new(&spec, &crate::models::weights(&spec))
        .unwrap()
        .gradients(batch(), &DropoutMasks::none())
        .parameters
        .norm();
    for (factor, clipped) in [(0.5, true), (2.0, false)] {
        spec.clip = Some(ClipSpec { norm: norm * factor, stabiliser: 0.0, form: ClipForm::Gradient });
        let report = model(&spec).train_batch(batch(), 0.01).unwrap();
        assert_eq!((report.gradient_norm, report.clipped), (norm, clipped));
    }
}

#[test]
fn a_learning_rate_of_0_moves_no_weight_but_the_moments() {
    let spec = crate::models::spec(CellKind::Rnn);
    let mut waited = model(&spec);
    waited.train_batch(batch(), 0.0).unwrap();
    assert_eq!(waited.weights().unwrap(), crate::models::weights(&spec));
    let mut fresh = model(&spec);
    let other = LabelledBatch::new(batch().tokens(), &[0, 0]).unwrap();
    waited.train_batch(other, 0.01).unwrap();
    fresh.train_batch(other, 0.01).unwrap();
    assert_ne!(waited.weights().unwrap(), fresh.weights().unwrap());
}
