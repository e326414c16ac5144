//! Laws of the parts that need no process.

use harness_contract::{BiasVectors, CellKind, ModelSpec, TensorGroup, WeightMap};
use proptest::prelude::*;

use super::difference::{first_above, tensor_differences};
use super::initial::{moved_by_one_rounding, with_one_bias_vector};
use super::*;
use crate::train::initial_weights;

/// A comparison whose losses differ by these shares, step by step.
fn comparison(differences: &[f64]) -> Comparison {
    let pair = |(place, difference): (usize, &f64)| StepPair {
        step: place as u64 + 1,
        loss: [0.5, 0.5 * (1.0 - difference)],
        gradient_norm: [1.0, 1.0],
    };
    Comparison {
        cell: CellKind::Lstm,
        subject: Subject::Pair,
        identity: String::new(),
        arms: [arm(), arm()],
        ending: Ending::Completed,
        steps: differences.iter().enumerate().map(pair).collect(),
        readings: Vec::new(),
    }
}

fn arm() -> ArmRecord {
    let text = include_str!("test_protocol.toml");
    ArmRecord {
        name: "one".into(),
        backend: crate::record::BackendRecord { name: "one".into(), libraries: Vec::new() },
        protocol: toml::from_str(text).unwrap(),
    }
}

/// The initial weights of a small model of which no tensor is 0.
fn weights(spec: &ModelSpec) -> WeightMap {
    let uniform = harness_contract::Initializer::Uniform { low: -1.0, high: 1.0 };
    initial_weights(spec, &TensorGroup::ALL.map(|group| (group, uniform)).into(), 5).unwrap()
}

fn reading(step: u64, tensors: &[(&str, f64)]) -> Reading {
    let tensor = |(name, distance): &(&str, f64)| TensorDifference {
        name: (*name).into(),
        difference: Difference { distance: *distance, norm: 2.0, largest: 0.0 },
    };
    Reading {
        step,
        logits: Difference { distance: 0.0, norm: 1.0, largest: 0.0 },
        tensors: tensors.iter().map(tensor).collect(),
    }
}

#[test]
fn losses_part_at_the_first_step_above_a_threshold_and_equal_to_it_is_not_above() {
    let walked = comparison(&[0.0, 2f64.powi(-10), 0.0, 2f64.powi(-3)]);
    assert_eq!(walked.loss_parts(1e-6), Some(2));
    assert_eq!(walked.loss_parts(2f64.powi(-10)), Some(4));
    assert_eq!(walked.loss_parts(0.5), None);
    let running: Vec<_> = walked.running_loss_difference().into_iter().map(|(_, value)| value).collect();
    assert_eq!(running, [0.0, 2f64.powi(-10), 2f64.powi(-10), 2f64.powi(-3)]);
}

#[test]
fn weights_part_in_the_tensor_that_is_farthest_between_two_readings() {
    let mut walked = comparison(&[]);
    walked.readings = vec![
        reading(0, &[("a", 0.0), ("b", 0.0)]),
        reading(10, &[("a", 1e-7), ("b", 0.0)]),
        reading(14, &[("a", 0.2), ("b", 0.4)]),
    ];
    let part = walked.weights_part(1e-2).unwrap();
    assert_eq!((part.below, part.step, part.tensor.name.as_str()), (Some(10), 14, "b"));
    assert_eq!(walked.weights_part(0.3), None);
}

#[test]
fn equal_numbers_differ_by_nothing_and_opposite_ones_by_two() {
    assert_eq!(relative([0.0, 0.0]), 0.0);
    assert_eq!(relative([3.0, 3.0]), 0.0);
    assert_eq!(relative([-1.0, 1.0]), 2.0);
    assert_eq!(Difference::between(&[0.0; 3], &[0.0; 3]).relative(), 0.0);
    let difference = Difference::between(&[3.0, 0.0], &[0.0, 4.0]);
    assert_eq!((difference.distance, difference.norm, difference.largest), (5.0, 4.0, 4.0));
}

#[test]
fn a_loss_that_is_no_number_is_above_every_threshold() {
    assert_eq!(first_above([0.0, f64::NAN, 1.0], 1e9), Some(1));
}

#[test]
fn one_bias_vector_is_the_sum_of_two_save_where_a_gru_resets_the_second() {
    for cell in CellKind::ALL {
        let two = ModelSpec::plain(cell);
        let one = ModelSpec { bias_vectors: BiasVectors::One, ..two.clone() };
        let whole = weights(&two);
        let folded = with_one_bias_vector(&two, &whole).unwrap();
        folded.check(&one).unwrap();
        let of = |name: &str| &whole.get(name).unwrap().data;
        let (first, second) = (of("rnn.bias_ih_l1"), of("rnn.bias_hh_l1"));
        let shared = if cell == CellKind::Gru { 2 * two.hidden_size } else { first.len() };
        for (row, value) in folded.get("rnn.bias_ih_l1").unwrap().data.iter().enumerate() {
            assert_eq!(*value, if row < shared { first[row] + second[row] } else { first[row] });
        }
        let apart = tensor_differences([&two, &one], [&whole, &folded]).unwrap();
        assert!(apart.iter().all(|tensor| tensor.difference.distance == 0.0), "{apart:?}");
        let names: Vec<_> = apart.iter().map(|tensor| tensor.name.clone()).collect();
        assert_eq!(names, one.parameters().into_iter().map(|own| own.name).collect::<Vec<_>>());
    }
}

#[test]
fn a_rounding_moves_every_weight_to_a_neighbour_and_leaves_zeros() {
    let spec = ModelSpec::plain(CellKind::Rnn);
    let mut whole = weights(&spec);
    whole.get_mut("head.bias").unwrap().data[0] = 0.0;
    let moved = moved_by_one_rounding(&whole, 3).unwrap();
    moved.check(&spec).unwrap();
    let mut ways = [0, 0];
    for (name, tensor) in whole.iter() {
        for (before, after) in tensor.data.iter().zip(&moved.get(name).unwrap().data) {
            assert_eq!(*before == 0.0, before == after, "{name}");
            if before != after {
                assert!([before.next_up(), before.next_down()].contains(after), "{name}");
                ways[usize::from(after > before)] += 1;
            }
        }
    }
    assert!(ways[0] > 100 && ways[1] > 100, "{ways:?}");
}

#[test]
fn a_record_survives_its_file() {
    let mut walked = comparison(&[0.1, 0.2]);
    walked.readings = vec![reading(1, &[("a", 0.3)])];
    walked.ending = Ending::Diverged { arm: 1, step: 3, what: "the loss".into() };
    let text = serde_json::to_string(&walked).unwrap();
    assert_eq!(serde_json::from_str::<Comparison>(&text).unwrap(), walked);
    assert!(walked.is_settled());
    walked.ending = Ending::Failed { arm: 0, reason: "died".into(), last_words: String::new() };
    assert!(!walked.is_settled());
}

proptest! {
    #[test]
    fn the_first_value_above_a_threshold_has_none_above_it_before(
        values in prop::collection::vec(0.0..1.0_f64, 0..40), threshold in 0.0..1.0_f64
    ) {
        match first_above(values.iter().copied(), threshold) {
            Some(place) => {
                prop_assert!(values[place] > threshold);
                prop_assert!(values[..place].iter().all(|value| *value <= threshold));
            }
            None => prop_assert!(values.iter().all(|value| *value <= threshold)),
        }
    }

    #[test]
    fn readings_ascend_from_nothing_to_the_last_step(steps in 1u64..5000, every in prop::option::of(1u64..300)) {
        let readings = reading_steps(steps, every);
        prop_assert_eq!((readings[0], readings[readings.len() - 1]), (0, steps));
        prop_assert!(readings.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
