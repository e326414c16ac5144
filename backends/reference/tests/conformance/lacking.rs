//! Backends that honestly lack an ability: the suite leaves out what they can't do, and says so. What every backend must have is missed.

use std::time::Duration;

use backend_reference::ReferenceBackend;
use harness_contract::conformance::{Options, Outcome, Report, run, run_elsewhere, run_frames};
use harness_contract::serve::Session;
use harness_contract::wire::{Answer, Frame, PROTOCOL_VERSION};
use harness_contract::{
    Backend, BackendError, BackendInfo, BiasCorrection, BiasVectors, Capabilities, CellKind, ClipForm,
    EpsilonPlacement, GruForm, Model, ModelSpec, ModelState, RepeatedWords, WeightDecayForm, WeightMap,
};

/// Takes abilities away.
type Without = fn(&mut Capabilities);

/// The reference with abilities taken away. What it does not list is refused for it, as for every backend.
struct Lacking(ReferenceBackend, Without);

impl Lacking {
    fn new(without: Without) -> Self {
        Self(backend_reference::new(), without)
    }
}

impl Backend for Lacking {
    /// Without what only makes the suite longer.
    fn describe(&self) -> BackendInfo {
        let mut info = self.0.describe();
        info.capabilities.bidirectional = false;
        info.capabilities.layer_norm = false;
        (self.1)(&mut info.capabilities);
        info
    }

    fn build(&mut self, spec: &ModelSpec, initial: &WeightMap) -> Result<Box<dyn Model>, BackendError> {
        self.0.build(spec, initial)
    }

    fn resume(&mut self, spec: &ModelSpec, state: &ModelState) -> Result<Box<dyn Model>, BackendError> {
        self.0.resume(spec, state)
    }
}

/// What the whole suite says of such a backend: in frames, through the traits, and from one process to another.
fn examined(without: Without) -> Report {
    let options = Options::default();
    let [mut backend, mut other] = [Lacking::new(without), Lacking::new(without)];
    let info = backend.describe();
    let mut session = Session::new(&mut other);
    let hello = format!(r#"{{"request":"hello","protocol":{PROTOCOL_VERSION}}}"#);
    session.answer(&Frame { header: hello.into_bytes(), payload: Vec::new() });
    let mut exchange = |frame: Frame| {
        let (answer, payload) = session.answer(&frame);
        Ok(Answer { reply: answer.reply, payload, compute: Duration::from_nanos(answer.compute_ns) })
    };
    let frames = run_frames(&mut exchange, &info, &options, &mut |_| {});
    let mut report = run(&mut backend, &mut backend_reference::new(), &options, &mut |_| {});
    report.checks.extend(frames);
    report.checks.extend(run_elsewhere(&mut backend, &mut other, &options, &mut |_| {}));
    report
}

/// Asserts that the suite passes, and that what it leaves out for want of an ability has this name.
fn passes(cases: &[(Without, &str)]) {
    for &(without, missing) in cases {
        let report = examined(without);
        let failures: Vec<_> = report.failures().collect();
        assert!(report.passed(), "without {missing}: {failures:#?}");
        let noted = report.checks.iter().any(|check| check.missing.iter().any(|setting| setting == missing));
        assert!(noted, "nothing says that {missing} is missing: {}", report.markdown());
        let silent = report.checks.iter().find(|it| it.outcome == Outcome::Skipped && it.missing.is_empty());
        assert!(silent.is_none(), "without {missing}: {silent:?} is skipped for no reason");
    }
}

#[test]
fn a_backend_of_fewer_cells_and_layouts_passes() {
    passes(&[
        (|can| can.cells = vec![CellKind::Lstm], "cell = rnn"),
        (|can| can.cells = vec![CellKind::Rnn], "cell = lstm"),
        (|can| (can.cells, can.gru_forms) = (vec![CellKind::Rnn, CellKind::Lstm], Vec::new()), "cell = gru"),
        (|can| can.gru_forms = vec![GruForm::ResetBefore], "gru_form = reset-after"),
        (|can| can.gru_forms = vec![GruForm::ResetAfter], "gru_form = reset-before"),
        (|can| can.bias_vectors = vec![BiasVectors::One], "bias_vectors = two"),
        (|can| can.bias_vectors = vec![BiasVectors::Two], "bias_vectors = one"),
        (|can| can.max_layers = Some(1), "layers = 2"),
    ]);
}

#[test]
fn a_backend_of_fewer_ways_to_take_a_step_passes() {
    passes(&[
        (|can| can.weight_decay_forms.clear(), "weight_decay.form = coupled"),
        (|can| can.weight_decay_forms = vec![WeightDecayForm::Coupled], "weight_decay.form = decoupled"),
        (|can| can.clip_forms.clear(), "clip.form = gradient"),
        (|can| can.clip_forms = vec![ClipForm::Gradient], "clip.form = occurrences"),
        (|can| can.clip_forms = vec![ClipForm::Occurrences], "clip.form = gradient"),
        (|can| can.clip_forms = vec![ClipForm::EachVariable], "clip.form = gradient"),
        (|can| can.epsilon_placements = vec![EpsilonPlacement::Hat], "adam.epsilon_placement = after-correction"),
        (|can| can.repeated_words = vec![RepeatedWords::SquareThenSum], "adam.repeated_words = sum-then-square"),
        (|can| can.bias_corrections = vec![BiasCorrection::Float32], "adam.bias_correction = float64"),
    ]);
}

#[test]
fn a_backend_without_an_optional_ability_passes() {
    passes(&[
        (|can| can.dropout = false, "dropout"),
        (|can| can.masking = false, "masking"),
        (|can| can.input_gradient_norms = false, "input_gradient_norms"),
        (|can| can.update_norm = false, "update_norm"),
        (|can| can.state = None, "state"),
    ]);
}

#[test]
fn a_backend_that_lacks_several_things_at_once_passes() {
    passes(&[
        (
            |can| {
                can.cells = vec![CellKind::Lstm];
                can.weight_decay_forms.clear();
            },
            "weight_decay.form = coupled",
        ),
        (
            |can| {
                (can.dropout, can.masking) = (false, false);
                can.clip_forms.clear();
            },
            "clip.form = gradient",
        ),
        (|can| (can.input_gradient_norms, can.update_norm, can.state) = (false, false, None), "update_norm"),
        (
            |can| {
                can.repeated_words = vec![RepeatedWords::SumThenSquare];
                can.epsilon_placements = vec![EpsilonPlacement::AfterCorrection];
            },
            "adam.epsilon_placement = hat",
        ),
    ]);
}

#[test]
fn a_backend_with_none_of_them_passes() {
    fn nothing(can: &mut Capabilities) {
        *can = Capabilities {
            cells: vec![CellKind::Rnn],
            kernels: can.kernels.clone(),
            bias_vectors: vec![BiasVectors::One],
            epsilon_placements: vec![EpsilonPlacement::Hat],
            repeated_words: vec![RepeatedWords::SumThenSquare],
            clip_forms: Vec::new(),
            devices: can.devices.clone(),
            max_layers: Some(1),
            ..Capabilities::default()
        };
    }
    passes(&[(nothing, "weight_decay.form = coupled"), (nothing, "clip.form = gradient"), (nothing, "dropout")]);
}

#[test]
fn a_list_that_must_not_be_empty_is_missed_by_name() {
    let cases: [(Without, &str); 8] = [
        (|can| can.cells.clear(), "no cells"),
        (|can| can.kernels.clear(), "no kernels"),
        (|can| can.bias_vectors.clear(), "no bias_vectors"),
        (|can| can.gru_forms.clear(), "no gru_forms"),
        (|can| can.epsilon_placements.clear(), "no epsilon_placements"),
        (|can| can.repeated_words.clear(), "no repeated_words"),
        (|can| can.bias_corrections.clear(), "no bias_corrections"),
        (|can| can.devices.clear(), "no devices"),
    ];
    for (without, message) in cases {
        let only = vec!["description".to_owned()];
        let options = Options { only, ..Options::default() };
        let report = run(&mut Lacking::new(without), &mut backend_reference::new(), &options, &mut |_| {});
        let named = report.failures().any(|check| check.detail.contains(message));
        assert!(named && !report.passed(), "{message}: {}", report.markdown());
    }
}
