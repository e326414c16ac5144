//! Workers that let pass what they should refuse: the loop that serves the reference, with a mistake in how it takes frames.

use std::collections::BTreeSet;

use backend_reference::ReferenceBackend;
use harness_contract::conformance::{Check, Options, Outcome, run_frames};
use harness_contract::serve::Session;
use harness_contract::wire::{Frame, PROTOCOL_VERSION, Reply};
use harness_contract::{Backend, BiasVectors, CellKind, Exclusion};

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// Nothing.
    Nothing,
    /// A combination that the capabilities exclude is built all the same.
    ExclusionIgnored,
    /// Any label that is not 0 is taken for 1.
    LabelsUnchecked,
    /// Bytes behind the announced payload are dropped.
    LongPayloadTaken,
    /// A refused build leaves the model of before.
    ModelSurvivesRefusal,
    /// Errors say that something is wrong, but not what.
    NothingNamed,
}

/// What the checks of frames say of a worker with this mistake.
pub(crate) fn examined(mistake: Mistake) -> Vec<Check> {
    let mut backend: ReferenceBackend = backend_reference::new();
    let mut info = backend.describe();
    if mistake == Mistake::ExclusionIgnored {
        let exclusion = Exclusion { cell: Some(CellKind::Lstm), ..Exclusion::default() };
        info.capabilities.exclusions = vec![Exclusion { bias_vectors: Some(BiasVectors::Two), ..exclusion }];
    }
    let mut session = Session::new(&mut backend);
    let hello = format!(r#"{{"request":"hello","protocol":{PROTOCOL_VERSION}}}"#);
    session.answer(&Frame { header: hello.into_bytes(), payload: Vec::new() });
    let mut last_build = None;
    let mut exchange = |mut frame: Frame| {
        let header = String::from_utf8_lossy(&frame.header).into_owned();
        let training = header.contains("train-batch");
        match mistake {
            // The labels of two rows are the last two bytes of the suite's good batch.
            Mistake::LabelsUnchecked if training && frame.payload.len() == 34 => {
                frame.payload[32..].iter_mut().for_each(|label| *label = (*label).min(1));
            }
            Mistake::LongPayloadTaken if training && frame.payload.len() == 35 => frame.payload.truncate(34),
            _ => {}
        }
        let (answer, payload) = session.answer(&frame);
        let mut reply = answer.reply;
        match (&mut reply, mistake) {
            (Reply::Error { message, .. }, Mistake::NothingNamed) => *message = "that won't do".into(),
            (Reply::Error { .. }, Mistake::ModelSurvivesRefusal) if header.contains(r#""build""#) => {
                // Builds again what was there before.
                if let Some(frame) = &last_build {
                    session.answer(frame);
                }
            }
            (Reply::Done, _) => last_build = Some(frame),
            _ => {}
        }
        Ok((reply, payload))
    };
    run_frames(&mut exchange, &info, &Options::default(), &mut |_| {})
}

fn caught(mistake: Mistake) -> BTreeSet<String> {
    let checks = examined(mistake);
    assert_eq!(checks.len(), 5);
    checks.into_iter().filter(|check| check.outcome == Outcome::Fail).map(|check| check.name).collect()
}

fn only(name: &str) -> BTreeSet<String> {
    BTreeSet::from([name.to_owned()])
}

#[test]
fn a_worker_without_a_mistake_refuses_what_it_should() {
    assert_eq!(caught(Mistake::Nothing), BTreeSet::new());
}

#[test]
fn a_worker_that_builds_an_excluded_combination_is_caught() {
    assert_eq!(caught(Mistake::ExclusionIgnored), only("unsupported-refused"));
}

#[test]
fn a_worker_that_takes_any_label_is_caught() {
    assert_eq!(caught(Mistake::LabelsUnchecked), only("batch-refused"));
}

#[test]
fn a_worker_that_takes_more_bytes_than_announced_is_caught() {
    assert_eq!(caught(Mistake::LongPayloadTaken), only("request-refused"));
}

#[test]
fn a_worker_whose_model_outlives_a_refused_build_is_caught() {
    assert_eq!(caught(Mistake::ModelSurvivesRefusal), only("weights-refused"));
}

#[test]
fn a_worker_that_does_not_name_what_is_wrong_is_caught_everywhere() {
    assert_eq!(caught(Mistake::NothingNamed).len(), 5);
}
