//! Backends that honestly lack something: the suite asks them for the rest, and fails none for what it said that it lacks.

use harness_contract::conformance::{Options, run};
use harness_contract::{
    Backend, BackendError, BackendInfo, BiasVectors, Capabilities, CellKind, EpsilonPlacement, Model, ModelSpec,
    ModelState, RepeatedWords, WeightMap,
};

/// The reference with fewer capabilities.
struct Lesser(Capabilities);

impl Backend for Lesser {
    fn describe(&self) -> BackendInfo {
        BackendInfo { capabilities: self.0.clone(), ..backend_reference::new().describe() }
    }

    fn build(&mut self, spec: &ModelSpec, initial: &WeightMap) -> Result<Box<dyn Model>, BackendError> {
        backend_reference::new().build(spec, initial)
    }

    fn resume(&mut self, spec: &ModelSpec, state: &ModelState) -> Result<Box<dyn Model>, BackendError> {
        backend_reference::new().resume(spec, state)
    }
}

/// Takes something away.
type Less = fn(&mut Capabilities);

#[test]
fn a_backend_is_never_failed_for_what_it_says_that_it_lacks() {
    let lacks: [(&str, Less); 9] = [
        ("weight decay", |own| own.weight_decay_forms.clear()),
        ("clipping", |own| own.clip_forms.clear()),
        ("all but an LSTM, and weight decay", |own| {
            own.cells = vec![CellKind::Lstm];
            own.weight_decay_forms.clear();
        }),
        ("a GRU, and its forms", |own| {
            own.cells.retain(|cell| *cell != CellKind::Gru);
            own.gru_forms.clear();
        }),
        ("two bias vectors", |own| own.bias_vectors = vec![BiasVectors::One]),
        ("dropout, masking and clipping", |own| {
            (own.dropout, own.masking) = (false, false);
            own.clip_forms.clear();
        }),
        ("what is measured, and a state", |own| {
            (own.input_gradient_norms, own.update_norm, own.state) = (false, false, None);
        }),
        ("square then sum, and the hat", |own| {
            own.repeated_words = vec![RepeatedWords::SumThenSquare];
            own.epsilon_placements = vec![EpsilonPlacement::AfterCorrection];
        }),
        ("more than one layer", |own| own.max_layers = Some(1)),
    ];
    for (what, take_away) in lacks {
        let mut capabilities = backend_reference::new().describe().capabilities;
        take_away(&mut capabilities);
        let report = run(&mut Lesser(capabilities), &mut backend_reference::new(), &Options::default(), &mut |_| {});
        assert!(report.passed(), "without {what}: {:#?}", report.failures().collect::<Vec<_>>());
    }
}
