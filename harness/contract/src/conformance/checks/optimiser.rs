//! Adam over many steps, with everything that can be set about it.

use crate::batch::Side;
use crate::capabilities;
use crate::error::BackendError;
use crate::spec::{
    AdamSpec, BiasCorrection, BiasVectors, ClipForm, ClipSpec, EpsilonPlacement, ModelSpec, RepeatedWords,
    WeightDecayForm, WeightDecaySpec,
};

use super::super::deviation::{self, PerWeight};
use super::super::inputs::{MAX_BATCH, MAX_TIME, Rows, Stack, weights};
use super::super::measure::Measure;
use super::super::random::Random;
use super::super::suite::Suite;

const STEPS: usize = 50;

/// Losses of size 1; each step's rounding is carried into the next, and an Elman network carries it farthest: 1.5e-5 after 48 steps was
/// seen of TensorFlow's operations, 6.1e-6 of libtorch's, 2.2e-7 and less of gated cells.
const LOSSES: f64 = 3e-5;
/// Relative to the farthest that a weight of the block moved.
const WEIGHTS: f64 = 2e-4;

/// Changing learning rates, 0 among them.
const LEARNING_RATES: [f64; 5] = [0.01, 0.005, 0.0, 0.02, 0.001];

pub(super) fn run(suite: &mut Suite<'_>) {
    let checks = [("adam-losses", LOSSES), ("adam-weights", WEIGHTS)];
    // Every cell with epsilons as small as the frameworks have them ...
    for stack in Stack::PLAIN {
        suite.check_together(checks, &stack.name(), |suite, measures| {
            let spec = suite.spec(stack);
            trajectory(
                suite,
                &ModelSpec { clip: Some(ClipSpec { norm: 0.2, stabiliser: 1e-6, form: ClipForm::Gradient }), ..spec },
                measures,
            )
        });
    }
    for stack in Stack::PLAIN {
        suite.check_together(checks, &format!("{}, one bias vector", stack.name()), |suite, measures| {
            trajectory(suite, &ModelSpec { bias_vectors: BiasVectors::One, ..suite.spec(stack) }, measures)
        });
    }
    // ... and one of them with every setting, and an epsilon large enough that its place can't be mistaken.
    for placement in [EpsilonPlacement::AfterCorrection, EpsilonPlacement::Hat] {
        for repeated_words in [RepeatedWords::SumThenSquare, RepeatedWords::SquareThenSum] {
            for (words, clip, weight_decay) in additions() {
                let subject = format!("{}, {}{words}", name(placement), words_name(repeated_words));
                suite.check_together(checks, &subject, |suite, measures| {
                    let spec = suite.spec(Stack::PLAIN[1]);
                    let adam = AdamSpec { epsilon: 1e-3, epsilon_placement: placement, repeated_words, ..spec.adam };
                    let weight_decay = weight_decay.unwrap_or(spec.weight_decay);
                    trajectory(suite, &ModelSpec { adam, clip, weight_decay, ..spec }, measures)
                });
            }
        }
    }
    // A second beta so near 1 that the float32 nearest to it lies a hundredth of the distance off.
    for bias_correction in [BiasCorrection::Float64, BiasCorrection::Float32] {
        let subject = format!("bias corrections in {}", capabilities::name(&bias_correction));
        suite.check_together(checks, &subject, |suite, measures| {
            let spec = suite.spec(Stack::PLAIN[1]);
            let adam = AdamSpec { beta2: 0.999_999, bias_correction, ..spec.adam };
            trajectory(suite, &ModelSpec { adam, ..spec }, measures)
        });
    }
    for label_smoothing in [0.1, 0.5] {
        suite.check_together(checks, &format!("labels smoothed by {label_smoothing}"), |suite, measures| {
            trajectory(suite, &ModelSpec { label_smoothing, ..suite.spec(Stack::PLAIN[1]) }, measures)
        });
    }
    suite.check_together(checks, "betas of 0", |suite, measures| {
        let spec = suite.spec(Stack::PLAIN[1]);
        let adam = AdamSpec { beta1: 0.0, beta2: 0.0, epsilon: 1e-2, ..spec.adam };
        trajectory(suite, &ModelSpec { adam, ..spec }, measures)
    });
    for stack in Stack::PLAIN {
        suite.check("learning-rate-zero", &stack.name(), 0.0, |suite, measure| {
            learning_rate_zero(suite, stack, measure)
        });
    }
}

/// A norm that no gradient of a trajectory reaches. Clipping over occurrences matters all the same: it sums them.
const NEVER: f64 = 1e3;

/// Clipping and weight decay, alone and together.
fn additions() -> [(&'static str, Option<ClipSpec>, Option<WeightDecaySpec>); 9] {
    let clip = Some(ClipSpec { norm: 0.1, stabiliser: 1e-6, form: ClipForm::Gradient });
    let over_occurrences = |norm| Some(ClipSpec { norm, stabiliser: 0.0, form: ClipForm::Occurrences });
    let coupled = Some(WeightDecaySpec { rate: 0.05, form: WeightDecayForm::Coupled });
    let decoupled = Some(WeightDecaySpec { rate: 0.5, form: WeightDecayForm::Decoupled });
    [
        ("", None, None),
        (", clipped", clip, None),
        (", coupled decay", None, coupled),
        (", decoupled decay", None, decoupled),
        (", clipped, coupled decay", clip, coupled),
        (", clipped over occurrences", over_occurrences(0.1), None),
        (", each variable clipped", Some(ClipSpec { norm: 0.05, stabiliser: 0.0, form: ClipForm::EachVariable }), None),
        (", clipped over occurrences, never reached", over_occurrences(NEVER), None),
        (", clipped over occurrences, decoupled decay", over_occurrences(0.1), decoupled),
    ]
}

fn trajectory(suite: &mut Suite<'_>, spec: &ModelSpec, measures: &mut [Measure; 2]) -> Result<(), BackendError> {
    if !suite.can_compare(spec, measures) {
        return Ok(());
    }
    let [losses, moved] = measures;
    // Every trajectory of a cell starts from the same weights and sees the same batches.
    let mut random = Random::named(&format!("trajectory {}", spec.cell));
    let initial = weights(spec, &mut random)?;
    // Batches of all lengths with padding at both ends, the last of each round a short one.
    let shapes = [(MAX_BATCH, 17), (MAX_BATCH, 5), (MAX_BATCH, MAX_TIME), (MAX_BATCH, 9), (2, 12)];
    let sides = [Side::End, Side::Front, Side::End];
    let batches: Vec<Rows> = sides
        .into_iter()
        .flat_map(|side| shapes.map(|(rows, time)| (rows, time, side)))
        .map(|(rows, time, side)| Rows::drawn(spec, rows, time, side, &mut random))
        .collect();
    let mut model = suite.build(spec, &initial)?;
    let mut reference = suite.build_reference(spec, &initial)?;
    let mut clipped = 0;
    for (step, batch) in (0..STEPS).zip(batches.iter().cycle()) {
        // Over three rounds of batches and five rates every batch meets every rate.
        let learning_rate = LEARNING_RATES[(step + step / 5) % LEARNING_RATES.len()];
        losses.case(format!("step {}", step + 1));
        let found = model.train_batch(batch.labelled()?, learning_rate)?;
        let expected = reference.train_batch(batch.labelled()?, learning_rate)?;
        losses.see(deviation::scalar(found.loss, expected.loss), "");
        clipped += usize::from(expected.clipped);
    }
    // A trajectory that hardly clips would say nothing about clipping.
    let often = spec.clip.is_none_or(|clip| clip.norm == NEVER || clipped >= STEPS / 5);
    losses.require(often, format!("only {clipped} steps were clipped"));
    moved.case(format!("after {STEPS} steps"));
    let found = PerWeight::change(spec, &initial, &model.weights()?, 1.0);
    let expected = PerWeight::change(spec, &initial, &reference.weights()?, 1.0);
    let (difference, place) = found.deviation(spec, &expected, 0.0);
    moved.see(difference, place);
    Ok(())
}

fn learning_rate_zero(suite: &mut Suite<'_>, stack: Stack, measure: &mut Measure) -> Result<(), BackendError> {
    let plain = suite.spec(stack);
    let decays = [WeightDecayForm::Coupled, WeightDecayForm::Decoupled].map(|form| (0.1, form));
    for (rate, form) in [(0.0, plain.weight_decay.form)].into_iter().chain(decays) {
        let spec = ModelSpec { weight_decay: WeightDecaySpec { rate, form }, ..plain.clone() };
        if !suite.can(&spec, std::slice::from_mut(measure)) {
            continue;
        }
        let mut random = Random::named(&format!("learning rate 0 {}", stack.name()));
        let initial = weights(&spec, &mut random)?;
        let mut model = suite.build(&spec, &initial)?;
        let decay = if rate > 0.0 { capabilities::name(&form) } else { "no".into() };
        measure.case(format!("{decay} weight decay"));
        for _ in 0..3 {
            model.train_batch(Rows::drawn(&spec, 4, 9, Side::End, &mut random).labelled()?, 0.0)?;
        }
        let (differing, place) = deviation::bits(&model.weights()?, &initial);
        measure.see(differing as f64, place);
    }
    Ok(())
}

fn name(placement: EpsilonPlacement) -> &'static str {
    match placement {
        EpsilonPlacement::AfterCorrection => "epsilon after correction",
        EpsilonPlacement::Hat => "epsilon hat",
    }
}

fn words_name(repeated_words: RepeatedWords) -> &'static str {
    match repeated_words {
        RepeatedWords::SumThenSquare => "sum then square",
        RepeatedWords::SquareThenSum => "square then sum",
    }
}
