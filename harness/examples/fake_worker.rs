//! A backend for the tests of the harness, without a framework: a bag-of-words model that learns in a second. Started under another
//! name it misbehaves; the name after `study-backend-` says how.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, ExitCode, Stdio, abort, exit};
use std::thread::sleep;
use std::time::Duration;

use harness_contract::defaults::{Batching, DropoutPlace, PatienceRule, ThresholdMode};
use harness_contract::wire::{MAX_PAYLOAD_BYTES, PROTOCOL_VERSION, Reply, ReplyFrame, read_request, write_frame};
use harness_contract::{
    AdamSpec, Backend, BackendError, BackendInfo, BiasCorrection, BiasVectors, Capabilities, CellKind, ClipForm,
    Device, Element, Elements, EpsilonPlacement, ErrorKind, GradientNorms, GruForm, Initializer, Kernel, LabelledBatch,
    LibraryVersion, Model, ModelSpec, ModelState, NativeDefaults, PlateauDefaults, Pooling, RepeatedWords, Side,
    Sourced, StatePart, StepReport, Tensor, TensorGroup, TokenBatch, WeightDecayForm, WeightMap, serve,
};

/// Text that a terminal would act on: it clears the screen and turns what follows around.
const SPEAKS_TO_TERMINALS: &str = "1\u{1b}[2J\u{202e}0\0";

/// Bytes that a worker in a flood writes to stderr, without one end of a line.
const FLOOD: usize = 400 << 20;

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
    match manner.as_str() {
        "mute" => return ExitCode::from(7),
        "version" => return answer_with_another_version(pipe),
        _ => {}
    }
    // A program that was replaced between the plan and the run.
    let version = if manner == "fickle" && File::create_new(format!("{name}.asked")).is_err() { "2" } else { "1" };
    serve(|| Ok(Fake { manner, version, pipe }))
}

fn answer_with_another_version(pipe: OwnedFd) -> ExitCode {
    let Ok(Some((number, _hello))) = read_request(&mut std::io::stdin().lock()) else { return ExitCode::FAILURE };
    let reply = Reply::Hello { protocol: PROTOCOL_VERSION + 1, info: None };
    let header = serde_json::to_vec(&ReplyFrame { compute_ns: 0, reply }).unwrap_or_default();
    match write_frame(&mut File::from(pipe), number, &header, &[]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
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
    number: u32,
}

impl Backend for Fake {
    fn describe(&self) -> BackendInfo {
        BackendInfo {
            name: self.manner.clone(),
            numerics: 1,
            portable: Vec::new(),
            libraries: vec![LibraryVersion {
                name: "fake".into(),
                version: if self.manner == "escapes" { SPEAKS_TO_TERMINALS.into() } else { self.version.into() },
            }],
            capabilities: capabilities(),
            native_defaults: Some(native_defaults()),
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
            number: 1,
        }))
    }
}

impl FakeModel {
    fn misbehave(&mut self) {
        let written = match self.manner.as_str() {
            "abort" => {
                let _ = writeln!(std::io::stderr(), "about to abort");
                abort()
            }
            "exit" => exit(3),
            "leak" => self.leave_a_child(false),
            "leak-pipe" => self.leave_a_child(true),
            "flood" => {
                let piece = vec![b'~'; 1 << 20];
                for _ in 0..FLOOD / piece.len() {
                    let _ = std::io::stderr().write_all(&piece);
                }
                exit(5)
            }
            "vandal" => {
                let runs = fs::read_dir("runs/small/runs").into_iter().flatten().flatten();
                let own = runs.filter(|entry| entry.file_name().to_string_lossy().contains("vandal"));
                own.for_each(|entry| drop(fs::remove_dir_all(entry.path())));
                Ok(())
            }
            "hang" => loop {
                sleep(Duration::from_secs(1));
            },
            // A library that prints where it should not; descriptor 1 leads to stderr by now.
            "print" => writeln!(std::io::stdout(), "a native library greets its user"),
            // One that gets at the pipe all the same.
            "scribble" => self.pipe.write_all(b"this is no frame, and long enough to be taken for one"),
            "truncate" => {
                let [n0, n1, n2, n3] = self.number.to_le_bytes();
                let _ = self.pipe.write_all(&[9, 0, 0, 0, 0, 0, 0, 0, n0, n1, n2, n3, b'{']);
                exit(0)
            }
            "oversize" => {
                let mut prefix = 2u32.to_le_bytes().to_vec();
                prefix.extend_from_slice(&u32::try_from(MAX_PAYLOAD_BYTES + 1).unwrap_or(u32::MAX).to_le_bytes());
                prefix.extend_from_slice(&self.number.to_le_bytes());
                self.pipe.write_all(&prefix)
            }
            // A reply to the request before, once more.
            "repeat" => self.reply(self.number - 1, 0, Reply::Step { clipped: false }, &[0; 16]),
            "surplus" => {
                let message = "no memory".to_owned();
                self.reply(self.number, 0, Reply::Error { error: ErrorKind::Framework, message }, &[0; 16])
            }
            "timeless" => self.reply(self.number, u64::MAX, Reply::Step { clipped: false }, &[0; 16]),
            _ => Ok(()),
        };
        if written.is_err() {
            exit(4);
        }
    }

    /// Starts a child in a session of its own, which keeps stderr and, if `pipe`, the pipe to the harness, and ends.
    fn leave_a_child(&mut self, pipe: bool) -> ! {
        let mut child = Command::new("setsid");
        child.args(["--fork", "sleep", "61"]).stdin(Stdio::null());
        if pipe && let Ok(own) = self.pipe.try_clone() {
            child.stdout(own);
        }
        let _ = child.status();
        // Until it has left this process' group.
        sleep(Duration::from_millis(300));
        exit(6)
    }

    /// Writes a reply past the loop that serves it.
    fn reply(&mut self, number: u32, compute_ns: u64, reply: Reply, payload: &[u8]) -> std::io::Result<()> {
        let header = serde_json::to_vec(&ReplyFrame { compute_ns, reply })?;
        write_frame(&mut self.pipe, number, &header, payload).map_err(std::io::Error::other)
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
        self.number += 1;
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
        if self.manner == "escapes" && self.steps > GOOD_STEPS {
            return Err(BackendError::new(ErrorKind::Framework, format!("no memory {SPEAKS_TO_TERMINALS}")));
        }
        if self.manner == "diverge" && self.steps > GOOD_STEPS {
            return Ok(StepReport { loss: f64::NAN, gradient_norm: f64::INFINITY, clipped: true, update_norm: None });
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
        self.number += 1;
        (0..tokens.rows()).map(|row| self.logit(tokens.row(row))).collect()
    }

    fn weights(&self) -> Result<WeightMap, BackendError> {
        if self.manner == "nan" {
            let mut weights = self.weights.clone();
            weights.get_mut("head.bias")?.data[0] = f32::NAN;
            return Ok(weights);
        }
        if self.manner == "misnamed" {
            let mut weights = WeightMap::new();
            for (name, tensor) in self.weights.iter() {
                weights.insert(name.replace("head.bias", "head.bia\u{1b}s"), tensor.clone())?;
            }
            return Ok(weights);
        }
        Ok(self.weights.clone())
    }

    fn state(&self) -> Result<ModelState, BackendError> {
        ModelState::of(&self.spec, (self.steps, [].into()), |part, _, parameter| {
            Ok(Elements::Float32(match part {
                StatePart::Weights => self.weights.get(&parameter.name)?.data.clone(),
                StatePart::FirstMoment | StatePart::SecondMoment => vec![0.0; parameter.len()],
            }))
        })
    }

    fn input_gradient_norms(&mut self, batch: LabelledBatch<'_>) -> Result<GradientNorms, BackendError> {
        Ok(GradientNorms { norms: vec![0.5; batch.tokens().rows() * batch.tokens().time()] })
    }
}

fn capabilities() -> Capabilities {
    Capabilities {
        // No GRU, so that a run can be unsupported.
        cells: vec![CellKind::Rnn, CellKind::Lstm],
        kernels: vec![Kernel::Stock],
        bias_vectors: vec![BiasVectors::One, BiasVectors::Two],
        epsilon_placements: vec![EpsilonPlacement::Hat],
        repeated_words: vec![RepeatedWords::SumThenSquare],
        masking: true,
        dropout: true,
        input_gradient_norms: true,
        state: Some(Element::Float32),
        devices: vec![Device::Cpu],
        ..Capabilities::default()
    }
}

fn native_defaults() -> NativeDefaults {
    fn sourced<T>(value: T) -> Sourced<T> {
        Sourced::new(value, "made up")
    }
    let adam = AdamSpec {
        repeated_words: RepeatedWords::SumThenSquare,
        bias_correction: BiasCorrection::Float64,
        ..AdamSpec::KERAS
    };
    let plateau = PlateauDefaults {
        factor: 0.1,
        patience: 10,
        threshold: 1e-4,
        threshold_mode: ThresholdMode::Absolute,
        patience_rule: PatienceRule::AtPatience,
        cooldown: 0,
        min_learning_rate: 0.0,
        min_change: 0.0,
    };
    NativeDefaults {
        initializers: TensorGroup::ALL.into_iter().map(|group| (group, sourced(Initializer::Zeros))).collect(),
        bias_vectors: CellKind::ALL.into_iter().map(|cell| (cell, sourced(BiasVectors::One))).collect(),
        gru_form: sourced(GruForm::ResetAfter),
        adam: sourced(adam),
        learning_rate: sourced(1e-3),
        clip_stabiliser: sourced(0.0),
        clip_form: sourced(ClipForm::Gradient),
        weight_decay_form: sourced(WeightDecayForm::Decoupled),
        dropout_places: sourced(vec![DropoutPlace::AfterLast]),
        padding: sourced(Side::End),
        truncation: sourced(Side::End),
        batching: sourced(Batching::Dynamic),
        masking: sourced(false),
        pooling: sourced(Pooling::LastValidStep),
        plateau: sourced(plateau),
    }
}
