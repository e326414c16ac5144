//! The conformance suite seen from both sides: the reference passes it, and models with planted mistakes don't.
#![cfg(test)]

mod lacking;
mod planted;
mod random;
mod workers;

use std::collections::BTreeSet;

use harness_contract::conformance::{CHECKS, Options, Outcome, Report, run, run_elsewhere};

use planted::{Mistake, Planted};

#[test]
fn the_reference_passes_every_check_that_is_listed() {
    let mut report =
        run(&mut backend_reference::new(), &mut backend_reference::new(), &Options::default(), &mut |_| {});
    report.checks.extend(workers::examined(workers::Mistake::Nothing));
    report.checks.extend(workers::examined_in_another_version(workers::Mistake::Nothing));
    let failures: Vec<_> = report.failures().collect();
    assert!(report.passed(), "{failures:#?}");
    assert_eq!(report.count(Outcome::Skipped), 0);
    let run: BTreeSet<_> = report.checks.iter().map(|check| check.name.as_str()).collect();
    let listed: BTreeSet<_> = CHECKS.iter().map(|(name, _)| *name).collect();
    assert_eq!(run, listed);
}

/// What the suite, or some of its checks, say of a backend with this mistake.
fn examined(mistake: Mistake, only: &[&str]) -> Report {
    let options = Options { only: only.iter().map(|&name| name.to_owned()).collect(), ..Options::default() };
    run(&mut Planted(mistake), &mut backend_reference::new(), &options, &mut |_| {})
}

#[test]
fn a_capability_that_is_missing_skips_its_checks_by_name() {
    let report = examined(Mistake::Nothing, &[]);
    assert!(report.passed(), "{}", report.markdown());
    let skipped = report.checks.iter().filter(|check| check.outcome == Outcome::Skipped);
    let missing: BTreeSet<_> = skipped.flat_map(|check| &check.missing).map(String::as_str).collect();
    assert_eq!(missing, BTreeSet::from(["bidirectional", "layer_norm"]));
}

/// Asserts that each of these checks fails where this mistake is planted.
fn caught(mistake: Mistake, by: &[&str]) {
    let report = examined(mistake, by);
    let failed: BTreeSet<_> = report.failures().map(|check| check.name.as_str()).collect();
    for name in by {
        assert!(failed.contains(name), "{mistake:?} was not caught by {name}, but by {failed:?}");
    }
}

#[test]
fn swapped_gates_are_caught_by_logits_and_gradients() {
    caught(Mistake::GatesSwapped, &["logits", "loss", "gradients", "input-gradients"]);
}

#[test]
fn epsilon_inside_the_root_is_caught_by_the_trajectories() {
    caught(Mistake::EpsilonInsideTheRoot, &["adam-losses", "adam-weights"]);
}

#[test]
fn the_other_place_of_epsilon_is_caught_by_the_trajectories() {
    caught(Mistake::EpsilonPlacementIgnored, &["adam-losses", "adam-weights"]);
}

#[test]
fn repeated_words_treated_the_other_way_are_caught_by_the_trajectories() {
    caught(Mistake::RepeatedWordsIgnored, &["adam-losses", "adam-weights"]);
}

#[test]
fn exact_bias_corrections_where_float32_is_asked_for_are_caught_by_the_trajectories() {
    caught(Mistake::BiasCorrectionIgnored, &["adam-weights"]);
}

#[test]
fn a_loss_of_labels_as_they_are_where_they_are_to_be_smoothed_is_caught_by_the_trajectories() {
    caught(Mistake::LabelSmoothingIgnored, &["adam-losses", "adam-weights"]);
}

#[test]
fn clipping_by_the_other_norm_is_caught_by_the_gradients_and_the_trajectories() {
    caught(Mistake::ClipFormIgnored, &["clipped-gradients", "adam-weights"]);
}

#[test]
fn occurrences_that_clipping_does_not_sum_are_caught_by_the_trajectories() {
    caught(Mistake::ClippingKeepsOccurrences, &["adam-weights"]);
}

#[test]
fn dropout_in_predictions_is_caught_by_comparing_them_with_those_of_a_model_without() {
    caught(Mistake::DropoutInPrediction, &["dropout-prediction"]);
}

#[test]
fn dropout_without_scaling_is_caught_in_the_masks() {
    caught(Mistake::DropoutUnscaled, &["dropout-mask"]);
}

#[test]
fn dropout_masks_shared_by_all_steps_of_a_row_are_caught_by_their_correlation() {
    caught(Mistake::DropoutSharedOverTime, &["dropout-rate"]);
}

#[test]
fn dropout_masks_that_repeat_every_step_are_caught_by_equal_losses() {
    caught(Mistake::DropoutMasksRepeat, &["dropout-seed"]);
}

#[test]
fn a_seed_rounded_to_53_bits_is_caught_by_its_neighbour_s_losses() {
    caught(Mistake::SeedRounded, &["dropout-seed"]);
}

#[test]
fn a_device_that_is_listed_but_not_there_is_caught() {
    caught(Mistake::DeviceMissing, &["description"]);
}

#[test]
fn a_cell_that_is_listed_and_that_no_case_is_made_of_is_caught() {
    caught(Mistake::CellMissing, &["description"]);
}

#[test]
fn gradients_through_other_masks_than_the_loss_are_caught_by_differences() {
    caught(Mistake::DropoutOtherMasksBackward, &["dropout-gradients"]);
}

#[test]
fn an_ignored_mask_is_caught_by_padding_and_by_logits() {
    caught(Mistake::MaskIgnored, &["prediction-padding", "logits", "gradients"]);
}

#[test]
fn an_id_of_0_that_is_masked_is_caught_by_logits_and_gradients() {
    caught(Mistake::IdZeroMasked, &["logits", "gradients", "input-gradients"]);
}

#[test]
fn an_answer_read_one_step_early_is_caught_by_logits() {
    caught(Mistake::LastStepOffByOne, &["logits", "gradients", "input-gradients"]);
}

#[test]
fn a_missing_forget_bias_is_caught_by_logits_and_gradients() {
    caught(Mistake::ForgetBiasMissing, &["logits", "gradients"]);
}

#[test]
fn a_gate_whose_gradient_is_one_per_cent_small_is_caught_and_named() {
    let report = examined(Mistake::GateGradientScaled, &["gradients"]);
    let found: Vec<_> = report.failures().filter(|check| check.name == "gradients").collect();
    let gate =
        |detail: &'_ str| detail.split(" (and ").next().and_then(|place| place.rsplit(": ").next()).map(str::to_owned);
    let gates: BTreeSet<_> = found.iter().filter_map(|check| gate(&check.detail)).collect();
    assert_eq!(found.len(), 8, "{found:#?}");
    assert!(found.iter().all(|check| check.deviation.is_some_and(|deviation| (deviation - 0.01).abs() < 1e-4)));
    assert!(gates.contains("rnn.weight_hh_l0 gate o") || gates.contains("rnn.weight_hh_l1 gate o"), "{gates:?}");
    caught(Mistake::GateGradientScaled, &["gradients", "clipped-gradients", "adam-weights"]);
}

#[test]
fn a_gradient_that_stops_30_steps_back_is_caught_by_a_model_that_remembers() {
    caught(Mistake::TimeTruncated, &["gradients", "input-gradients"]);
}

#[test]
fn a_bias_that_should_not_be_there_is_caught_by_the_trajectories() {
    caught(Mistake::HiddenBiasTrained, &["adam-losses", "adam-weights"]);
}

#[test]
fn words_that_keep_still_while_absent_are_caught_by_the_trajectories() {
    caught(Mistake::AbsentWordsStay, &["adam-losses", "adam-weights"]);
}

#[test]
fn padding_without_a_gradient_is_caught_by_gradients() {
    caught(Mistake::PaddingGetsNoGradient, &["gradients", "input-gradients"]);
}

#[test]
fn clipping_tensor_by_tensor_is_caught_by_clipped_gradients() {
    caught(Mistake::ClippedPerTensor, &["clipped-gradients", "adam-weights"]);
}

#[test]
fn bias_vectors_that_are_clipped_apart_are_caught_by_clipped_gradients() {
    caught(Mistake::BiasVectorsClippedApart, &["clipped-gradients"]);
}

#[test]
fn an_infinite_norm_that_clips_nothing_is_caught() {
    caught(Mistake::InfiniteNormIgnored, &["infinite-norm"]);
}

#[test]
fn a_forgotten_stabiliser_is_caught_by_flag_and_gradients() {
    caught(Mistake::ClipStabiliserIgnored, &["clipped-flag", "clipped-gradients"]);
}

#[test]
fn a_norm_reported_after_clipping_is_caught() {
    caught(Mistake::NormAfterClipping, &["unclipped-norm"]);
}

#[test]
fn a_loss_that_is_summed_is_caught() {
    caught(Mistake::LossSummed, &["loss", "zero-weights", "gradients", "gradient-norm"]);
}

#[test]
fn a_weight_that_escapes_decay_is_caught_by_the_trajectories() {
    caught(Mistake::HeadNotDecayed, &["adam-weights"]);
}

#[test]
fn predictions_that_use_up_dropout_masks_are_caught_by_training() {
    caught(Mistake::PredictionDisturbsTheStream, &["training-undisturbed"]);
    let report = examined(Mistake::PredictionDisturbsTheStream, &["training-undisturbed"]);
    let named = |detail: &str| detail.starts_with("predicting between steps: ");
    assert!(report.failures().all(|check| named(&check.detail)), "{}", report.markdown());
}

#[test]
fn a_state_that_loses_a_part_is_caught_whichever_it_is() {
    for mistake in [
        Mistake::StateRoundsWeights,
        Mistake::StateForgetsFirstMoments,
        Mistake::StateForgetsSecondMoments,
        Mistake::StateForgetsSteps,
        Mistake::StateForgetsStream,
    ] {
        caught(mistake, &["state-resumes"]);
        let mut backends = [Planted(mistake), Planted(mistake)];
        let [here, there] = &mut backends;
        let checks = run_elsewhere(here, there, &Options::default(), &mut |_| {});
        assert!(checks.iter().all(|check| check.outcome == Outcome::Fail), "{mistake:?}: {checks:?}");
    }
}

#[test]
fn the_reference_goes_on_in_another_backend_of_its_kind() {
    let [mut here, mut there] = [backend_reference::new(), backend_reference::new()];
    let checks = run_elsewhere(&mut here, &mut there, &Options::default(), &mut |_| {});
    assert!(checks.iter().all(|check| check.outcome == Outcome::Pass && check.cases == 4), "{checks:?}");
}

#[test]
fn the_norm_of_something_else_is_caught() {
    caught(Mistake::UpdateNormOfTheGradient, &["update-norm"]);
}

#[test]
fn a_step_that_is_another_one_when_measured_is_caught() {
    caught(Mistake::MeasuringDraws, &["measuring-changes-nothing"]);
}

#[test]
fn predictions_that_move_a_weight_are_caught() {
    caught(Mistake::PredictionMovesAWeight, &["prediction-repeats", "training-undisturbed"]);
}
