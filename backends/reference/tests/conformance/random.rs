//! Trainings drawn at random, seen from both sides.

use harness_contract::Backend;
use harness_contract::conformance::{Examined, RandomOptions, run_random};

use super::planted::{Mistake, Planted};

fn examined(backend: &mut dyn Backend, count: u64) -> Vec<Examined> {
    drawn(backend, count, 1)
}

fn drawn(backend: &mut dyn Backend, count: u64, seed: u64) -> Vec<Examined> {
    let (mut reference, mut float32) = (backend_reference::new(), backend_reference::in_float32());
    let options = RandomOptions { count, seed, kernels: Vec::new() };
    run_random(backend, [&mut reference, &mut float32], &options, &mut |_| {}).unwrap()
}

#[test]
fn the_reference_passes_in_either_precision_and_nearly_all_of_it_is_compared() {
    for all in [examined(&mut backend_reference::new(), 24), examined(&mut Planted(Mistake::Nothing), 24)] {
        let failures: Vec<_> = all.iter().filter(|examined| !examined.passed()).collect();
        assert!(failures.is_empty(), "{failures:?}");
        let (compared, left_out): (Vec<_>, Vec<_>) =
            all.iter().map(|examined| (examined.compared.len(), examined.undetermined.len())).unzip();
        assert!(compared.iter().sum::<usize>() > 4 * left_out.iter().sum::<usize>(), "{compared:?}, {left_out:?}");
    }
}

#[test]
fn the_same_seed_draws_the_same_training_and_another_another() {
    let labels = || -> Vec<_> {
        let all = examined(&mut backend_reference::new(), 4);
        all.iter().map(|examined| (examined.configuration.label(), examined.compared.clone())).collect()
    };
    let first = labels();
    assert_eq!(first, labels());
    assert_ne!(first[0].0, first[1].0);
}

#[test]
fn mistakes_are_caught() {
    for mistake in [
        Mistake::GatesSwapped,
        Mistake::EpsilonInsideTheRoot,
        Mistake::EpsilonPlacementIgnored,
        Mistake::RepeatedWordsIgnored,
        Mistake::ClipFormIgnored,
        Mistake::ClippingKeepsOccurrences,
        Mistake::MaskIgnored,
        Mistake::LastStepOffByOne,
        Mistake::ForgetBiasMissing,
        Mistake::TimeTruncated,
        Mistake::HiddenBiasTrained,
        Mistake::AbsentWordsStay,
        Mistake::PaddingGetsNoGradient,
        Mistake::ClippedPerTensor,
        Mistake::ClipStabiliserIgnored,
        Mistake::NormAfterClipping,
        Mistake::LossSummed,
        Mistake::HeadNotDecayed,
        Mistake::PredictionMovesAWeight,
    ] {
        // Most are caught by the first few.
        let caught = (1..24)
            .step_by(3)
            .any(|seed| drawn(&mut Planted(mistake), 3, seed).iter().any(|examined| !examined.passed()));
        assert!(caught, "{mistake:?} was not caught");
    }
}
