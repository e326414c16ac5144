//! A backend for the tests of the harness, without a framework: a bag-of-words model that learns in a second. Started under another
//! name it misbehaves; the name after `study-backend-` says how. `tests/process/torture/manners.rs` has what becomes of each.

mod about;
mod greeting;
mod manners;
mod mutation;

use std::cell::Cell;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use harness_contract::{
    Backend, BackendError, BackendInfo, Elements, ErrorKind, GradientNorms, LabelledBatch, LibraryVersion, Model,
    ModelSpec, ModelState, StatePart, StepReport, Tensor, TokenBatch, WeightMap, serve,
};

/// Text that a terminal would act on: it clears the screen and turns what follows around.
const SPEAKS_TO_TERMINALS: &str = "1\u{1b}[2J\u{202e}0\0";

/// Text that a reader of Markdown, HTML or LaTeX would act on.
const SPEAKS_TO_READERS: &str =
    "![x](https://example.org/x.png) [y](https://example.org) <script>z</script> \\input{w} | @all";

/// Training calls before a misbehaving worker misbehaves.
const GOOD_STEPS: u64 = 3;

fn main() -> ExitCode {
    let name = std::env::args().next().unwrap_or_default();
    let manner = name.rsplit("study-backend-").next().unwrap_or("fake").to_owned();
    // The pipe is kept open beside the one that `serve` takes, for those who write into it behind its back.
    let pipe = match std::io::stdout().as_fd().try_clone_to_owned() {
        Ok(pipe) => pipe,
        Err(_) => return ExitCode::FAILURE,
    };
    if let Some(code) = greeting::misgreet(&manner, &pipe) {
        return code;
    }
    // A program that was replaced between the plan and the run.
    if manner.starts_with("meet-") && !greeting::meet(&name) {
        return ExitCode::FAILURE;
    }
    let version = if manner == "fickle" && File::create_new(format!("{name}.asked")).is_err() { "2" } else { "1" };
    let fake = Fake { manner: manner.clone(), version, pipe };
    match manner.strip_prefix("mutate-").and_then(|seed| seed.parse().ok()) {
        Some(seed) => mutation::serve_mutated(fake, seed),
        None => serve(|| Ok(fake)),
    }
}

struct Fake {
    manner: String,
    version: &'static str,
    pipe: OwnedFd,
}

struct FakeModel {
    manner: String,
    pipe: File,
    spec: ModelSpec,
    weights: WeightMap,
    steps: u64,
    /// Of the request that is answered, where the model was built by the first one after `hello`.
    number: Cell<u32>,
}

impl Backend for Fake {
    fn describe(&self) -> BackendInfo {
        BackendInfo {
            name: self.manner.clone(),
            numerics: 1,
            portable: Vec::new(),
            libraries: vec![LibraryVersion {
                name: "fake".into(),
                version: match self.manner.as_str() {
                    "escapes" => SPEAKS_TO_TERMINALS.into(),
                    "links" => SPEAKS_TO_READERS.into(),
                    _ => self.version.into(),
                },
            }],
            capabilities: about::capabilities(),
            native_defaults: Some(about::native_defaults()),
        }
    }

    fn build(&mut self, spec: &ModelSpec, initial: &WeightMap) -> Result<Box<dyn Model>, BackendError> {
        self.model(spec, initial.clone(), 0)
    }

    fn resume(&mut self, spec: &ModelSpec, state: &ModelState) -> Result<Box<dyn Model>, BackendError> {
        match self.manner.as_str() {
            "forgetful" => return Err(BackendError::new(ErrorKind::State, "stream: nobody here draws from `dropout`")),
            "exhausted" => return Err(BackendError::framework("take the state", "no memory")),
            _ => {}
        }
        let mut weights = WeightMap::new();
        for parameter in spec.parameters() {
            let data = state.float32(StatePart::Weights, &parameter.name)?.to_vec();
            weights.insert(parameter.name, Tensor { shape: parameter.shape, data })?;
        }
        self.model(spec, weights, state.steps)
    }
}

impl Fake {
    fn model(&self, spec: &ModelSpec, weights: WeightMap, steps: u64) -> Result<Box<dyn Model>, BackendError> {
        let pipe = self.pipe.try_clone().map_err(|error| BackendError::framework("clone the pipe", error))?;
        Ok(Box::new(FakeModel {
            manner: self.manner.clone(),
            pipe: pipe.into(),
            spec: spec.clone(),
            weights,
            steps,
            number: Cell::new(1),
        }))
    }
}

impl FakeModel {
    /// Another request is being answered.
    fn asked(&self) {
        self.number.set(self.number.get() + 1);
    }

    fn logit(&self, ids: &[i32]) -> Result<f32, BackendError> {
        let embedding = self.weights.get("embedding.weight")?;
        let columns = embedding.shape[1];
        Ok(ids.iter().filter(|id| **id > 1).map(|&id| embedding.data[id.unsigned_abs() as usize * columns]).sum())
    }
}

impl Model for FakeModel {
    fn train_batch(&mut self, batch: LabelledBatch<'_>, learning_rate: f64) -> Result<StepReport, BackendError> {
        self.steps += 1;
        self.asked();
        if self.steps > GOOD_STEPS {
            self.misbehave();
        }
        if self.manner == "slow" {
            sleep(Duration::from_millis(50));
        }
        // One whose steps depend on how many there were, and take long enough to be interrupted.
        let mut pace = 10.0;
        if ["counting", "forgetful", "exhausted"].contains(&self.manner.as_str()) {
            sleep(Duration::from_millis(10));
            pace += (self.steps % 7) as f32;
        }
        if self.manner == "drift" && self.steps > GOOD_STEPS {
            // One tensor goes its own way, by as much as its bias is far from 1.
            let bias = self.weights.get_mut("head.bias")?;
            bias.data.iter_mut().for_each(|value| *value += 0.5 * (1.0 - *value));
        }
        if self.steps > GOOD_STEPS
            && let Some(message) = self.complaint()
        {
            return Err(BackendError::new(ErrorKind::Framework, message));
        }
        if self.steps > GOOD_STEPS
            && let Some((loss, gradient_norm)) = self.wild_numbers()
        {
            return Ok(StepReport { loss, gradient_norm, clipped: true, update_norm: None });
        }
        let tokens = batch.tokens();
        let mut loss = 0.0;
        let mut square = 0.0;
        for (row, &label) in batch.labels().iter().enumerate() {
            let logit = self.logit(tokens.row(row))?;
            let probability = 1.0 / (1.0 + (-logit).exp());
            let error = probability - f32::from(label);
            loss -= f64::from(if label == 1 { probability } else { 1.0 - probability }.max(1e-7).ln());
            square += f64::from(error * error);
            let embedding = self.weights.get_mut("embedding.weight")?;
            let columns = embedding.shape[1];
            for &id in tokens.row(row).iter().filter(|id| **id > 1) {
                embedding.data[id.unsigned_abs() as usize * columns] -= pace * learning_rate as f32 * error;
            }
        }
        let rows = tokens.rows() as f64;
        Ok(StepReport { loss: loss / rows, gradient_norm: (square / rows).sqrt(), clipped: false, update_norm: None })
    }

    fn predict_batch(&mut self, tokens: TokenBatch<'_>) -> Result<Vec<f32>, BackendError> {
        self.asked();
        let mut logits: Vec<f32> =
            (0..tokens.rows()).map(|row| self.logit(tokens.row(row))).collect::<Result<_, _>>()?;
        match self.manner.as_str() {
            "few-logits" => logits.truncate(1),
            "nan-logit" => logits[0] = f32::NAN,
            _ => {}
        }
        Ok(logits)
    }

    fn weights(&self) -> Result<WeightMap, BackendError> {
        self.asked();
        self.other_weights().unwrap_or_else(|| Ok(self.weights.clone()))
    }

    fn state(&self) -> Result<ModelState, BackendError> {
        self.asked();
        if self.manner == "foreign-state" {
            let other = ModelSpec { hidden_size: self.spec.hidden_size + 1, ..self.spec.clone() };
            return ModelState::of(&other, (self.steps, [].into()), |_, _, parameter| {
                Ok(Elements::Float32(vec![0.0; parameter.len()]))
            });
        }
        ModelState::of(&self.spec, (self.steps, [].into()), |part, _, parameter| {
            Ok(Elements::Float32(match part {
                StatePart::Weights => self.weights.get(&parameter.name)?.data.clone(),
                StatePart::FirstMoment | StatePart::SecondMoment => vec![0.0; parameter.len()],
            }))
        })
    }

    fn input_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, BackendError> {
        self.asked();
        let norm = if self.manner == "nan-gradients" { f32::NAN } else { 0.5 };
        Ok(GradientNorms { norms: vec![norm; batch.tokens().rows() * batch.tokens().time()] })
    }
}
