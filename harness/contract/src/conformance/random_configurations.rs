//! A backend held against the reference where nobody looks: trainings drawn at random, far from the usual.
//!
//! No fixed tolerance serves for all of them. Weights that saturate and long rows make a training as sensitive as one likes, and Adam turns the sign of a
//! gradient that is nothing but rounding into a step of full size. So each training has a floor of its own: how far the reference parts from itself
//! when it keeps float32, when each weight is moved to a neighbouring float32, and when both. A deviation may be some times that, or
//! what careful float32 is allowed anywhere ([`super::CHECKS`]). A few draws can by chance all lie near the truth, so what goes beyond is held against more of them,
//! and against what the last digit of a probability is worth ([`Course::of_probabilities`]).

use crate::backend::{Backend, Model, StepReport};
use crate::checked::build_checked;
use crate::error::BackendError;
use crate::spec::{Device, Kernel, ModelSpec};
use crate::weights::{Tensor, WeightError, WeightMap};

use super::configuration::{self, Configuration};
use super::deviation::{self, PerWeight};
use super::random::Random;

/// How many floors a deviation may be. The floor is the largest of a few draws of something that has no largest.
const FLOORS: f64 = 10.0;

/// Draws of the floor beyond the first three, where a deviation goes beyond what those allow.
const MORE_DRAWS: u64 = 8;

/// A floor above this says that float32 does not determine the quantity: then it is not compared.
const UNDETERMINED: f64 = 0.05;

/// What is compared, with what is allowed whatever the floor: about what the suite's own checks allow.
const QUANTITIES: [(&str, f64); 6] = [
    ("logits before", 1e-5),
    ("input gradient norms", 1e-4),
    ("losses", 1e-5),
    ("gradient norms", 1e-4),
    ("weights", 1e-3),
    ("logits after", 1e-4),
];

/// What to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RandomOptions {
    /// How many trainings.
    pub count: u64,
    /// The seed of the first; each next one has the next.
    pub seed: u64,
    /// The kernels to examine; all that the backend has if empty.
    pub kernels: Vec<Kernel>,
}

/// One training, compared.
#[derive(Debug, Clone)]
pub struct Examined {
    /// What was trained.
    pub configuration: Configuration,
    /// For each quantity that was compared its name, the deviation, the floor and what is allowed.
    pub compared: Vec<Compared>,
    /// What could not be compared, since float32 does not determine it.
    pub undetermined: Vec<&'static str>,
    /// What the backend failed with.
    pub error: Option<BackendError>,
}

/// One quantity of a training, beside the reference's.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Which.
    pub quantity: &'static str,
    /// How far it lies from the reference's.
    pub deviation: f64,
    /// How far float32 alone takes the reference from itself.
    pub floor: f64,
    /// The most that passes.
    pub allowed: f64,
    /// Where the deviation is largest, if there is something to say.
    pub place: String,
}

impl Compared {
    /// Whether it deviates by no more than is allowed.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.deviation <= self.allowed
    }
}

impl Examined {
    /// Whether nothing deviates by more than is allowed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.error.is_none() && self.compared.iter().all(Compared::passes)
    }

    /// The quantity that came closest to what is allowed, or went farthest beyond.
    #[must_use]
    pub fn worst(&self) -> Option<&Compared> {
        let share = |compared: &Compared| compared.deviation / compared.allowed;
        self.compared.iter().max_by(|a, b| share(a).total_cmp(&share(b)))
    }
}

/// Draws trainings and holds the backend's against the reference's; `float32` is the reference that keeps float32. Each is handed to `progress` when it is done.
///
/// # Errors
/// What a reference fails with. What the examined backend fails with is in its result.
pub fn run_random(
    backend: &mut dyn Backend,
    [reference, float32]: [&mut dyn Backend; 2],
    options: &RandomOptions,
    progress: &mut dyn FnMut(&Examined),
) -> Result<Vec<Examined>, BackendError> {
    let (mine, theirs) = (backend.describe().capabilities, reference.describe().capabilities);
    let kernels = if options.kernels.is_empty() { mine.kernels.clone() } else { options.kernels.clone() };
    let mut all = Vec::new();
    for seed in (options.seed..=u64::MAX).take(usize::try_from(options.count).unwrap_or(usize::MAX)) {
        let Some(configuration) = configuration::draw(seed, &kernels, &mine, &theirs) else {
            return Err(BackendError::unable("any of a thousand models that were drawn"));
        };
        let examined = examine(backend, [&mut *reference, &mut *float32], configuration)?;
        progress(&examined);
        all.push(examined);
    }
    Ok(all)
}

fn examine(
    backend: &mut dyn Backend,
    [reference, float32]: [&mut dyn Backend; 2],
    configuration: Configuration,
) -> Result<Examined, BackendError> {
    let input_gradients =
        [&*backend, &*reference, &*float32].iter().all(|backend| backend.describe().capabilities.input_gradient_norms);
    let initial = configuration.weights()?;
    let moved = |draw| neighbours(&initial, configuration.seed, draw);
    let of_reference = |backend: &mut dyn Backend, initial: &WeightMap| {
        let spec = own(&configuration.spec, backend);
        Course::of(backend, &spec, &configuration, initial, input_gradients)
    };
    let expected = of_reference(reference, &initial)?;
    let apart = |course: Course| course.deviations(&configuration.spec, &expected);
    let first = moved(0)?;
    let mut floors = vec![
        apart(of_reference(float32, &initial)?),
        apart(of_reference(reference, &first)?),
        apart(of_reference(float32, &first)?),
    ];
    let found = match Course::of(backend, &configuration.spec, &configuration, &initial, input_gradients) {
        Ok(found) => apart(found),
        Err(error) => {
            let (compared, undetermined) = (Vec::new(), Vec::new());
            return Ok(Examined { configuration, compared, undetermined, error: Some(error) });
        }
    };
    let (mut compared, mut undetermined) = compare(&found, &floors);
    if !compared.iter().all(Compared::passes) {
        floors.push(expected.of_probabilities(&configuration)?);
        (compared, undetermined) = compare(&found, &floors);
    }
    for draw in 1..=MORE_DRAWS {
        if compared.iter().all(Compared::passes) {
            break;
        }
        floors.push(apart(of_reference(float32, &moved(draw)?)?));
        (compared, undetermined) = compare(&found, &floors);
    }
    Ok(Examined { configuration, compared, undetermined, error: None })
}

/// What is compared, and what float32 does not determine.
fn compare(found: &Deviations, floors: &[Deviations]) -> (Vec<Compared>, Vec<&'static str>) {
    let (mut compared, mut undetermined) = (Vec::new(), Vec::new());
    for (at, ((quantity, least), (deviation, place))) in QUANTITIES.into_iter().zip(found).enumerate() {
        let floor = floors.iter().map(|floor| floor[at].0).fold(0.0, f64::max);
        if floor > UNDETERMINED {
            undetermined.push(quantity);
            continue;
        }
        let (deviation, place, allowed) = (*deviation, place.clone(), least.max(FLOORS * floor));
        compared.push(Compared { quantity, deviation, floor, allowed, place });
    }
    (compared, undetermined)
}

/// The spec on a reference's own kernel and device.
fn own(spec: &ModelSpec, backend: &dyn Backend) -> ModelSpec {
    let capabilities = backend.describe().capabilities;
    let kernel = capabilities.kernels.first().copied().unwrap_or(Kernel::Stock);
    let device = capabilities.devices.first().copied().unwrap_or(Device::Cpu);
    ModelSpec { kernel, device, ..spec.clone() }
}

/// Each weight that is not 0 moved to the float32 above or below it, in one of many draws.
fn neighbours(weights: &WeightMap, seed: u64, draw: u64) -> Result<WeightMap, WeightError> {
    let mut coin = Random::named(&format!("neighbours {draw} of {seed}"));
    let mut moved = WeightMap::new();
    for (name, tensor) in weights.iter() {
        let mut next = |&value: &f32| match value {
            0.0 => 0.0,
            value if coin.below(2) == 0 => value.next_down(),
            value => value.next_up(),
        };
        let data = tensor.data.iter().map(&mut next).collect();
        moved.insert(name, Tensor { shape: tensor.shape.clone(), data })?;
    }
    Ok(moved)
}

/// How far each of the [`QUANTITIES`] of a course lies from another's, and where.
type Deviations = [(f64, String); QUANTITIES.len()];

/// What a training shows.
struct Course {
    initial: WeightMap,
    logits: [Vec<f32>; 2],
    input_gradients: Vec<f32>,
    reports: Vec<StepReport>,
    weights: WeightMap,
}

impl Course {
    fn of(
        backend: &mut dyn Backend,
        spec: &ModelSpec,
        configuration: &Configuration,
        initial: &WeightMap,
        input_gradients: bool,
    ) -> Result<Self, BackendError> {
        let mut model = build_checked(backend, spec, initial)?;
        let logits = |model: &mut dyn Model| -> Result<Vec<f32>, BackendError> {
            let mut logits = Vec::new();
            for (rows, _) in &configuration.steps {
                logits.extend(model.predict_batch(rows.tokens()?)?);
            }
            Ok(logits)
        };
        let before = logits(&mut *model)?;
        let norms = match configuration.steps.first() {
            Some((rows, _)) if input_gradients => model.input_gradient_norms(rows.labelled()?)?.norms,
            _ => Vec::new(),
        };
        let mut reports = Vec::new();
        for (rows, learning_rate) in &configuration.steps {
            reports.push(model.train_batch(rows.labelled()?, *learning_rate)?);
        }
        let weights = model.weights()?;
        let after = logits(&mut *model)?;
        Ok(Self { initial: initial.clone(), logits: [before, after], input_gradients: norms, reports, weights })
    }

    /// How far the last digit of a probability takes gradients, and weights with them. The gradient of a logit is `(p - label) / rows`, and there are
    /// two ways in which nothing but that digit is left of it:
    ///
    /// - Every answer is nearly sure and right. Float32 has no number between `1 - 2^-24` and 1, beside losses `1 - p` that are small themselves.
    ///   TensorFlow's logistic function is 1 from 16.6 on, where the nearest float32 is 1 from 17.3 on.
    /// - The rows of a batch cancel. With a head of zeros every row has one logit, and as many ones as zeros leave `p - 1/2` of terms of a half:
    ///   that bias alone moves the norm by the last digit of `p`, whatever the norm is.
    fn of_probabilities(&self, configuration: &Configuration) -> Result<Deviations, BackendError> {
        let digit = 0.5 * f64::from(f32::EPSILON);
        let (mut sure, mut cancelling) = (Vec::new(), 0.0_f64);
        for ((rows, _), report) in configuration.steps.iter().zip(&self.reports) {
            let rows = u32::try_from(rows.tokens()?.rows()).unwrap_or(u32::MAX);
            sure.push(digit / (report.loss * f64::from(rows)));
            if report.gradient_norm > 0.0 {
                cancelling = cancelling.max(digit / report.gradient_norm);
            }
        }
        let (first, most) = (sure.first().copied().unwrap_or(0.0), sure.iter().copied().fold(0.0, f64::max));
        Ok([0.0, first, 0.0, most.max(cancelling), most, 0.0].map(|floor| (floor, String::new())))
    }

    /// How far each of the [`QUANTITIES`] lies from another course's, and where.
    fn deviations(&self, spec: &ModelSpec, expected: &Self) -> Deviations {
        let pairs = || self.reports.iter().zip(&expected.reports);
        let largest = |of: fn(f64, f64) -> f64, value: fn(&StepReport) -> f64| {
            pairs().map(|(found, expected)| of(value(found), value(expected))).fold(0.0, f64::max)
        };
        let change = |course: &Self| PerWeight::change(spec, &course.initial, &course.weights, 1.0);
        let here = String::new;
        [
            (deviation::logits(&self.logits[0], &expected.logits[0]), here()),
            (deviation::overall(&self.input_gradients, &expected.input_gradients), here()),
            (largest(deviation::scalar, |report| report.loss), here()),
            (largest(deviation::relative_scalar, |report| report.gradient_norm), here()),
            change(self).deviation(spec, &change(expected), 1e-3),
            (deviation::logits(&self.logits[1], &expected.logits[1]), here()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Capabilities;
    use crate::spec::{BiasVectors, CellKind, EpsilonPlacement, GruForm, RepeatedWords, WeightDecayForm};

    #[test]
    fn a_gradient_whose_rows_cancel_is_known_to_a_digit_of_its_probabilities() {
        let able = Capabilities {
            cells: vec![CellKind::Rnn],
            kernels: vec![Kernel::Stock],
            bias_vectors: vec![BiasVectors::Two],
            gru_forms: vec![GruForm::ResetAfter],
            epsilon_placements: vec![EpsilonPlacement::AfterCorrection, EpsilonPlacement::Hat],
            repeated_words: vec![RepeatedWords::SumThenSquare, RepeatedWords::SquareThenSum],
            weight_decay_forms: vec![WeightDecayForm::Coupled, WeightDecayForm::Decoupled],
            devices: vec![Device::Cpu],
            ..Capabilities::default()
        };
        let configuration = configuration::draw(1, &[Kernel::Stock], &able, &able).unwrap();
        let worth = |gradient_norm| {
            let report = StepReport { loss: f64::ln(2.0), gradient_norm, clipped: false, update_norm: None };
            let course = Course {
                initial: WeightMap::new(),
                logits: [Vec::new(), Vec::new()],
                input_gradients: Vec::new(),
                reports: vec![report; configuration.steps.len()],
                weights: WeightMap::new(),
            };
            let floors = course.of_probabilities(&configuration).unwrap();
            (floors[3].0, floors[4].0)
        };
        let (of_large, of_weights) = worth(1.0);
        assert_eq!(of_large, of_weights.max(2.0_f64.powi(-24)));
        assert_eq!(worth(1e-4), (2.0_f64.powi(-24) / 1e-4, of_weights));
        // One that is 0 says nothing of the others.
        assert_eq!(worth(0.0), (of_weights, of_weights));
    }
}
