//! Twenty steps of training beside PyTorch itself. `golden/pytorch.py` made `golden/pytorch.json` and says how.
#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

use std::collections::BTreeMap;

use backend_libtorch::new;
use harness_contract::{
    Backend, CellKind, ClipForm, ClipSpec, Kernel, LabelledBatch, Model, ModelSpec, Side, Tensor, TokenBatch,
    WeightDecayForm, WeightDecaySpec, WeightMap, build_checked,
};
use serde::Deserialize;

/// Both sides compute in float32 with the same kernels for most operations and in the same order for few. Twenty steps
/// of Adam let single roundings grow to some 1e-6; a wrong formula shows at 1e-4 at the latest.
const TOLERANCE: f64 = 2e-5;

#[derive(Deserialize)]
struct Golden {
    torch: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    cell: CellKind,
    case: String,
    masking: bool,
    clip: Option<f64>,
    decoupled: bool,
    weight_decay: f64,
    batches: Vec<Batch>,
    initial: BTreeMap<String, Values>,
    token_gradient_norms: Vec<f64>,
    steps: Vec<Step>,
    weights: BTreeMap<String, Values>,
    logits: Vec<f64>,
}

#[derive(Deserialize)]
struct Batch {
    tokens: Vec<i32>,
    lengths: Vec<i32>,
    labels: Vec<u8>,
}

#[derive(Deserialize)]
struct Values {
    shape: Vec<usize>,
    data: Vec<f32>,
}

#[derive(Deserialize)]
struct Step {
    loss: f64,
    gradient_norm: f64,
    learning_rate: f64,
}

impl Batch {
    fn tokens(&self) -> TokenBatch<'_> {
        TokenBatch::new(&self.tokens, &self.lengths, self.tokens.len() / self.lengths.len(), Side::End).unwrap()
    }

    fn labelled(&self) -> LabelledBatch<'_> {
        LabelledBatch::new(self.tokens(), &self.labels).unwrap()
    }
}

impl Case {
    fn spec(&self, kernel: Kernel) -> ModelSpec {
        let (embedding, recurrent) = (&self.initial["embedding.weight"], &self.initial["rnn.weight_hh_l0"]);
        ModelSpec {
            vocabulary_size: embedding.shape[0],
            embedding_size: embedding.shape[1],
            hidden_size: recurrent.shape[1],
            masking: self.masking,
            clip: self.clip.map(|norm| ClipSpec { norm, stabiliser: 1e-6, form: ClipForm::Gradient }),
            weight_decay: WeightDecaySpec {
                rate: self.weight_decay,
                form: if self.decoupled { WeightDecayForm::Decoupled } else { WeightDecayForm::Coupled },
            },
            max_time: 9,
            max_batch: 6,
            kernel,
            ..ModelSpec::plain(self.cell)
        }
    }

    fn build(&self, kernel: Kernel) -> Box<dyn Model> {
        build_checked(&mut new().unwrap(), &self.spec(kernel), &weight_map(&self.initial)).unwrap()
    }
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/pytorch.json")).unwrap()
}

fn weight_map(values: &BTreeMap<String, Values>) -> WeightMap {
    let mut map = WeightMap::new();
    for (name, values) in values {
        map.insert(name, Tensor { shape: values.shape.clone(), data: values.data.clone() }).unwrap();
    }
    map
}

fn assert_close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= TOLERANCE * (1.0 + expected.abs()), "{what}: {found}, not {expected}");
}

/// Calls `check` with every case under every kernel.
fn for_every_case(check: impl Fn(&Case, Kernel, &str)) {
    let kernels = new().unwrap().describe().capabilities.kernels;
    let golden = golden();
    assert_eq!(golden.cases.len(), 9);
    for case in &golden.cases {
        for &kernel in &kernels {
            check(case, kernel, &format!("{} {} with kernel {kernel}", case.cell, case.case));
        }
    }
}

#[test]
fn the_golden_file_comes_from_the_libtorch_in_use() {
    let info = new().unwrap().describe();
    let libtorch = info.libraries.into_iter().find(|library| library.name == "libtorch").unwrap();
    assert_eq!(golden().torch.split('+').next().unwrap(), libtorch.version);
}

#[test]
fn twenty_steps_are_those_of_pytorch() {
    for_every_case(|case, kernel, what| {
        let mut model = case.build(kernel);
        let mut clipped = 0;
        for (at, step) in case.steps.iter().enumerate() {
            let batch = &case.batches[at % case.batches.len()];
            let report = model.train_batch(batch.labelled(), step.learning_rate).unwrap();
            assert_close(report.loss, step.loss, &format!("{what}, loss {at}"));
            assert_close(report.gradient_norm, step.gradient_norm, &format!("{what}, norm {at}"));
            assert_eq!(report.clipped, case.clip.is_some_and(|norm| step.gradient_norm > norm));
            clipped += usize::from(report.clipped);
        }
        assert_eq!(clipped > 0, case.case == "packed", "{what}: {clipped} clipped steps");
        let weights = model.weights().unwrap();
        let expected = weight_map(&case.weights);
        for (name, tensor) in weights.iter() {
            for (&found, &expected) in tensor.data.iter().zip(&expected.get(name).unwrap().data) {
                assert_close(f64::from(found), f64::from(expected), &format!("{what}, {name}"));
            }
        }
        for (found, &expected) in model.predict_batch(case.batches[0].tokens()).unwrap().into_iter().zip(&case.logits) {
            assert_close(f64::from(found), expected, &format!("{what}, logit"));
        }
    });
}

#[test]
fn token_gradient_norms_are_those_of_pytorch() {
    for_every_case(|case, kernel, what| {
        let norms = case.build(kernel).input_gradient_norms(case.batches[0].labelled()).unwrap().norms;
        assert_eq!(norms.len(), case.token_gradient_norms.len());
        assert!(norms.iter().any(|&norm| norm > 0.0));
        for (found, &expected) in norms.into_iter().zip(&case.token_gradient_norms) {
            // These are small: relative to themselves.
            let found = f64::from(found);
            assert!((found - expected).abs() <= 1e-7 + 1e-4 * expected, "{what}: {found}, not {expected}");
        }
    });
}
