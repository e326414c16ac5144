//! The optimiser against its formulas, written out element by element in float64.

use harness_contract::{
    AdamSpec, CellKind, ClipForm, ClipSpec, EpsilonPlacement, Model, ModelSpec, RepeatedWords, Side, WeightDecayForm,
    WeightDecaySpec,
};
use tch::{Device, Kind, Tensor};

use super::{Numbers, Rows, small_spec, weights};
use crate::adam::{Adam, Step};
use crate::clipping::{Clipping, clipping};
use crate::dropout::Masks;
use crate::embedding;
use crate::input::{self, Input, Occurrences};
use crate::model::LibtorchModel;
use crate::network::Network;
use crate::parameters::{Layout, Parameters, to_host};

const STEPS: u64 = 5;
const LEARNING_RATES: [f64; 3] = [0.01, 0.003, 0.02];

/// A step whose update nobody measures.
fn unmeasured(clip: f64, learning_rate: f64) -> Step {
    Step { clipping: by(clip), learning_rate, measured: false }
}

/// Every combination of the optimiser's settings that acts differently.
fn settings() -> Vec<ModelSpec> {
    let mut all = Vec::new();
    for epsilon_placement in [EpsilonPlacement::AfterCorrection, EpsilonPlacement::Hat] {
        for repeated_words in [RepeatedWords::SumThenSquare, RepeatedWords::SquareThenSum] {
            for clip in [
                None,
                Some(ClipSpec { norm: 0.05, stabiliser: 1e-6, form: ClipForm::Gradient }),
                Some(ClipSpec { norm: 1e6, stabiliser: 0.0, form: ClipForm::Gradient }),
            ] {
                for (rate, form) in [
                    (0.0, WeightDecayForm::Coupled),
                    (0.1, WeightDecayForm::Coupled),
                    (0.1, WeightDecayForm::Decoupled),
                ] {
                    // An epsilon of the size of the moments' roots, so that its place shows.
                    let adam =
                        AdamSpec { epsilon: 1e-3, epsilon_placement, repeated_words, ..small_spec(CellKind::Gru).adam };
                    let weight_decay = WeightDecaySpec { rate, form };
                    all.push(ModelSpec { adam, clip, weight_decay, layers: 1, ..small_spec(CellKind::Gru) });
                }
            }
        }
    }
    all
}

/// The formulas of the contract, one element at a time.
struct Written {
    weights: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Written {
    fn new(weights: Vec<f64>) -> Self {
        Self { first: vec![0.0; weights.len()], second: vec![0.0; weights.len()], weights }
    }

    /// `occurrences` holds, for each element, the gradients whose sum is its gradient.
    fn step(&mut self, spec: &ModelSpec, t: i32, occurrences: &[Vec<f64>], clip: f64, learning_rate: f64) {
        let AdamSpec { beta1, beta2, epsilon, epsilon_placement, repeated_words, .. } = spec.adam;
        let WeightDecaySpec { rate, form } = spec.weight_decay;
        for (at, occurrences) in occurrences.iter().enumerate() {
            let mut parts: Vec<_> = occurrences.iter().map(|gradient| gradient * clip).collect();
            match form {
                WeightDecayForm::Coupled => parts.push(rate * self.weights[at]),
                WeightDecayForm::Decoupled => self.weights[at] *= 1.0 - learning_rate * rate,
            }
            let sum: f64 = parts.iter().sum();
            let square = match repeated_words {
                RepeatedWords::SumThenSquare => sum * sum,
                RepeatedWords::SquareThenSum => parts.iter().map(|part| part * part).sum(),
            };
            self.first[at] = beta1 * self.first[at] + (1.0 - beta1) * sum;
            self.second[at] = beta2 * self.second[at] + (1.0 - beta2) * square;
            let (correction1, correction2) = (1.0 - beta1.powi(t), 1.0 - beta2.powi(t));
            self.weights[at] -= match epsilon_placement {
                EpsilonPlacement::AfterCorrection => {
                    learning_rate * (self.first[at] / correction1) / ((self.second[at] / correction2).sqrt() + epsilon)
                }
                EpsilonPlacement::Hat => {
                    learning_rate * correction2.sqrt() / correction1 * self.first[at]
                        / (self.second[at].sqrt() + epsilon)
                }
            };
        }
    }
}

/// Clipping that multiplies everything by one factor.
fn by(factor: f64) -> Clipping {
    Clipping { norm: 1.0, core: factor, words: factor, idle: 0.0, clipped: factor < 1.0 }
}

fn doubles(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_kind(Kind::Double).contiguous();
    let mut data = vec![0.0; tensor.numel()];
    let len = data.len();
    tensor.copy_data(&mut data, len);
    data
}

/// Five steps of a whole model in this kind, beside the formulas fed with the same model's gradients.
fn follows_the_formulas(spec: &ModelSpec, kind: Kind, tolerance: f64) {
    let rows = Rows::new(spec, 6, 8, Side::End, 21);
    let initial = weights(spec, 3);
    let mut network = Network::new(spec, &initial, kind).unwrap();
    let mut adam = Adam::new(&network.layout, network.options).unwrap();
    let mut embedding = Written::new(doubles(&network.parameters.embedding));
    let mut core = Written::new(doubles(&network.parameters.core));
    for t in 1..=STEPS {
        let learning_rate = LEARNING_RATES[t as usize % 3];
        let (input, aligned) = Input::new(rows.tokens(), spec, Device::Cpu).unwrap();
        let targets = input::targets(rows.batch(), &network.spec, network.options).unwrap();
        let gradient = network.gradient(&input, &targets, &Masks::default()).unwrap();
        let occurrences = Occurrences::new(&aligned, spec.vocabulary_size);
        let compact = embedding::collect(&gradient.tokens, occurrences, spec.adam.repeated_words, 1).unwrap();
        let seen = clipping(spec, &network.layout, &gradient, &compact).unwrap();
        adam.update(
            spec,
            network.parameters_mut(),
            &gradient.core,
            &compact,
            Step { clipping: seen, learning_rate, measured: false },
        )
        .unwrap();

        let core_gradient: Vec<_> = doubles(&gradient.core).into_iter().map(|value| vec![value]).collect();
        let mut by_word = vec![Vec::new(); spec.vocabulary_size * spec.embedding_size];
        let tokens = doubles(&gradient.tokens);
        for (place, occurrence) in tokens.chunks(spec.embedding_size).enumerate() {
            let (step, row) = (place / 6, place % 6);
            let word = usize::try_from(rows.tokens[row * rows.time + step]).unwrap();
            for (column, &value) in occurrence.iter().enumerate() {
                by_word[word * spec.embedding_size + column].push(value);
            }
        }
        let squared: f64 = core_gradient.iter().chain(&by_word).map(|parts| parts.iter().sum::<f64>().powi(2)).sum();
        let norm = squared.sqrt();
        assert!((seen.norm - norm).abs() <= tolerance * norm, "{} for {norm}", seen.norm);
        let clip = spec.clip.map_or(1.0, |clip| (clip.norm / (norm + clip.stabiliser)).min(1.0));
        // Repeated words are a matter of the embedding only.
        let mut plain = spec.clone();
        plain.adam.repeated_words = RepeatedWords::SumThenSquare;
        core.step(&plain, t as i32, &core_gradient, clip, learning_rate);
        embedding.step(spec, t as i32, &by_word, clip, learning_rate);
    }
    for (found, expected) in [(&network.parameters.embedding, &embedding), (&network.parameters.core, &core)] {
        for (found, expected) in doubles(found).iter().zip(&expected.weights) {
            assert!((found - expected).abs() <= tolerance, "{found} for {expected} with {spec:?}");
        }
    }
}

#[test]
fn the_chain_of_operations_follows_the_formulas_in_double_precision() {
    for spec in settings() {
        follows_the_formulas(&spec, Kind::Double, 1e-12);
    }
}

#[test]
fn the_pass_over_main_memory_follows_the_formulas_in_single_precision() {
    // Weights are below 1 and move by up to 0.1 in five steps: a few units in the last place of 1.
    for spec in settings() {
        follows_the_formulas(&spec, Kind::Float, 1e-6);
    }
}

#[test]
fn threads_do_not_change_the_update() {
    let spec = ModelSpec { vocabulary_size: 1_001, embedding_size: 7, ..small_spec(CellKind::Rnn) };
    let layout = Layout::new(&spec);
    let options = (Kind::Float, Device::Cpu);
    let mut numbers = Numbers(5);
    let mut random = |rows: i64| {
        let values: Vec<_> = (0..rows * 7).map(|_| (numbers.next() - 0.5) as f32).collect();
        Tensor::from_slice(&values).view([rows, 7])
    };
    let words = vec![0, 1_000, 3, 500, 501, 17];
    let gradient = embedding::EmbeddingGradient { words, sum: random(6), squares: Some(random(6).square()) };
    let start = random(1_001);
    let updated = |threads| {
        let spec = ModelSpec { threads, ..spec.clone() };
        let mut adam = Adam::new(&layout, options).unwrap();
        let mut parameters = Parameters { embedding: start.copy(), core: layout.zeros(options).unwrap().core };
        let core = layout.zeros(options).unwrap().core;
        let step = Step { clipping: by(0.5), learning_rate: 0.01, measured: true };
        let moved = [(); 3].map(|()| adam.update(&spec, &mut parameters, &core, &gradient, step).unwrap());
        (to_host(&parameters.embedding).unwrap(), moved)
    };
    let one = updated(1);
    assert!(one.0.iter().all(|value| value.is_finite()));
    assert_ne!(one.0, to_host(&start).unwrap());
    for threads in [2, 3, 64, 5_000] {
        assert_eq!(one, updated(threads), "with {threads} threads");
    }
}

#[test]
fn words_that_do_not_occur_move_by_their_moments() {
    let spec = small_spec(CellKind::Lstm);
    let texts = |word| Rows::padded(vec![vec![word; 4]; 2], vec![0, 1], 4, Side::End);
    let mut model = LibtorchModel::new(&spec, &weights(&spec, 1), Kind::Float).unwrap();
    let row =
        |model: &LibtorchModel, word: usize| model.weights().unwrap().get("embedding.weight").unwrap().data[word * 5];
    let (seen, unseen) = (row(&model, 4), row(&model, 9));
    model.train_batch(texts(4).batch(), 0.01).unwrap();
    let after_one = row(&model, 4);
    assert_ne!(seen, after_one);
    model.train_batch(texts(5).batch(), 0.01).unwrap();
    assert_ne!(after_one, row(&model, 4), "a word seen before goes on moving");
    assert_eq!(unseen, row(&model, 9), "a word never seen stays");
}

#[test]
fn the_moment_of_a_word_that_stays_away_fades_to_zero() {
    let spec = ModelSpec { layers: 1, ..small_spec(CellKind::Rnn) };
    let layout = Layout::new(&spec);
    let options = (Kind::Float, Device::Cpu);
    let mut adam = Adam::new(&layout, options).unwrap();
    let mut parameters = layout.zeros(options).unwrap();
    let core = layout.zeros(options).unwrap().core;
    let step = |adam: &mut Adam, parameters: &mut Parameters, words: Vec<i64>| {
        let sum = Tensor::ones([words.len() as i64, 5], options);
        let gradient = embedding::EmbeddingGradient { words, sum, squares: None };
        adam.update(&spec, parameters, &core, &gradient, unmeasured(1.0, 1e-3)).unwrap();
    };
    step(&mut adam, &mut parameters, vec![4]);
    // 0.1 * 0.9^820 is subnormal: without care it would stay there for hundreds of slow steps.
    for _ in 0..820 {
        step(&mut adam, &mut parameters, vec![5]);
    }
    let settled = to_host(&parameters.embedding.get(4)).unwrap();
    assert!(settled[0] < -1e-3);
    step(&mut adam, &mut parameters, vec![5]);
    assert_eq!(settled, to_host(&parameters.embedding.get(4)).unwrap());
    assert!(adam.first_moment_of_word(4).iter().all(|&value| value == 0.0));
}

#[test]
fn a_learning_rate_of_zero_leaves_the_weights_and_advances_the_moments() {
    for spec in settings() {
        let rows = Rows::new(&spec, 5, 6, Side::End, 2);
        let initial = weights(&spec, 9);
        let mut still = LibtorchModel::new(&spec, &initial, Kind::Float).unwrap();
        let mut fresh = LibtorchModel::new(&spec, &initial, Kind::Float).unwrap();
        still.train_batch(rows.batch(), 0.0).unwrap();
        still.train_batch(rows.batch(), 0.0).unwrap();
        assert_eq!(still.weights().unwrap(), initial);
        // Other words now, so that momentum of the first batch is what tells the two apart.
        let other = Rows::new(&spec, 5, 6, Side::End, 3);
        still.train_batch(other.batch(), 0.01).unwrap();
        fresh.train_batch(other.batch(), 0.01).unwrap();
        assert_ne!(still.weights().unwrap(), fresh.weights().unwrap());
    }
}
