//! What a batch may be, and what aligning one gives.

use harness_contract::align::align;
use harness_contract::{BatchError, LabelledBatch, ModelSpec, Pooling, Side, TokenBatch};

fn spec() -> ModelSpec {
    ModelSpec::plain(harness_contract::CellKind::Lstm)
}

#[test]
fn a_batch_that_no_model_could_be_given_is_refused_by_row_and_step() {
    let refuse = |tokens: &[i32], lengths: &[i32], time| TokenBatch::new(tokens, lengths, time, Side::End).unwrap_err();
    assert_eq!(refuse(&[], &[], 3), BatchError::Empty { rows: 0, time: 3 });
    assert_eq!(refuse(&[], &[1], 0), BatchError::Empty { rows: 1, time: 0 });
    assert_eq!(refuse(&[1, 2, 3], &[1, 1], 2), BatchError::Shape { found: 3, rows: 2, time: 2 });
    assert_eq!(refuse(&[1, 1], &[1, 0], 1), BatchError::Length { row: 1, length: 0, time: 1 });
    assert_eq!(refuse(&[1, 1], &[1, -4], 1), BatchError::Length { row: 1, length: -4, time: 1 });
    assert_eq!(refuse(&[1, 1], &[2, 1], 1), BatchError::Length { row: 0, length: 2, time: 1 });
    assert_eq!(refuse(&[1, 2, 1, 9], &[2, 1], 2), BatchError::Padding { row: 1, step: 1, id: 9 });
    let front = TokenBatch::new(&[7, 2], &[1], 2, Side::Front).unwrap_err();
    assert_eq!(front, BatchError::Padding { row: 0, step: 0, id: 7 });
}

#[test]
fn labels_are_zero_or_one_and_one_a_row() {
    let tokens = TokenBatch::new(&[1, 2], &[1, 1], 1, Side::End).unwrap();
    assert!(LabelledBatch::new(tokens, &[0, 1]).is_ok());
    assert_eq!(LabelledBatch::new(tokens, &[0]).unwrap_err(), BatchError::LabelCount { labels: 1, rows: 2 });
    assert_eq!(LabelledBatch::new(tokens, &[0, 2]).unwrap_err(), BatchError::Label { row: 1, label: 2 });
}

#[test]
fn a_batch_is_held_against_its_model() {
    let spec = spec();
    let fits = TokenBatch::new(&[0, 1, 2], &[3], 3, Side::End).unwrap();
    assert!(fits.check(&spec).is_ok());
    for id in [-1, 50] {
        let tokens = [1, id, 2];
        let batch = TokenBatch::new(&tokens, &[3], 3, Side::End).unwrap();
        assert_eq!(batch.check(&spec).unwrap_err(), BatchError::Id { row: 0, step: 1, id, vocabulary_size: 50 });
    }
    let long = vec![1; 21];
    let batch = TokenBatch::new(&long, &[21], 21, Side::End).unwrap();
    assert_eq!(batch.check(&spec).unwrap_err(), BatchError::Time { time: 21, max_time: 20 });
}

#[test]
fn without_masking_the_answer_is_read_where_the_spec_says() {
    let tokens = [0, 0, 5, 0, 6, 7];
    let batch = TokenBatch::new(&tokens, &[1, 2], 3, Side::Front).unwrap();
    let last = align(batch, &ModelSpec { pooling: Pooling::LastStep, ..spec() });
    assert_eq!((&*last.tokens, last.time, &*last.answers), (&tokens[..], 3, &[2, 2][..]));
    let tokens = [5, 0, 0, 6, 7, 0];
    let batch = TokenBatch::new(&tokens, &[1, 2], 3, Side::End).unwrap();
    let last = align(batch, &ModelSpec { pooling: Pooling::LastStep, ..spec() });
    assert_eq!(last.answers, [2, 2]);
    let valid = align(batch, &ModelSpec { pooling: Pooling::LastValidStep, ..spec() });
    assert_eq!(valid.answers, [0, 1]);
}

#[test]
fn with_masking_rows_are_moved_to_the_front_and_common_padding_is_dropped() {
    let spec = ModelSpec { masking: true, ..spec() };
    for (tokens, padding, shifts) in
        [([0, 0, 5, 0, 6, 7], Side::Front, [2, 1]), ([5, 0, 0, 6, 7, 0], Side::End, [0, 0])]
    {
        let batch = TokenBatch::new(&tokens, &[1, 2], 3, padding).unwrap();
        let aligned = align(batch, &spec);
        assert_eq!((&*aligned.tokens, aligned.time), (&[5, 0, 6, 7][..], 2));
        assert_eq!(aligned.answers, [0, 1]);
        assert_eq!(aligned.shifts, shifts);
        let restored = aligned.restore(&[1.0, 0.0, 2.0, 3.0], 3);
        let expected =
            if padding == Side::Front { [0.0, 0.0, 1.0, 0.0, 2.0, 3.0] } else { [1.0, 0.0, 0.0, 2.0, 3.0, 0.0] };
        assert_eq!(restored, expected);
    }
}
