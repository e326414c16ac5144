//! Workers that let pass what they should refuse: the loop that serves the reference, with a mistake in how it takes frames.

use std::collections::BTreeSet;

use backend_reference::ReferenceBackend;
use harness_contract::conformance::{Check, Options, Outcome, run_frames};
use harness_contract::serve::Session;
use harness_contract::wire::{Frame, PROTOCOL_VERSION, Reply};
use harness_contract::{Backend, BiasVectors, CellKind, ErrorKind, Exclusion};

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
    /// Predictions don't look at lengths and padding: a word in the padding is taken for padding.
    PredictionsUnchecked,
    /// A refused batch uses up a step.
    RefusalTakesAStep,
    /// A second `hello` ends the model.
    HelloDropsTheModel,
    /// A build whose payload can't be read leaves the model of before.
    ModelSurvivesBadPayload,
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
    let mut last_step = None;
    let mut exchange = |mut frame: Frame| {
        let header = String::from_utf8_lossy(&frame.header).into_owned();
        let training = header.contains("train-batch");
        match mistake {
            // The labels of two rows are the last two bytes of the suite's good batch.
            Mistake::LabelsUnchecked if training && frame.payload.len() == 34 => {
                frame.payload[32..].iter_mut().for_each(|label| *label = (*label).min(1));
            }
            // The sixth id is the padding of the second row.
            Mistake::PredictionsUnchecked if header.contains("predict-batch") => frame.payload[20..24].fill(0),
            Mistake::HelloDropsTheModel if header.contains("hello") => {
                if let Some(Frame { header, .. }) = &last_build {
                    session.answer(&Frame { header: header.clone(), payload: Vec::new() });
                }
            }
            Mistake::LongPayloadTaken if training && frame.payload.len() == 35 => frame.payload.truncate(34),
            _ => {}
        }
        let (answer, payload) = session.answer(&frame);
        let mut reply = answer.reply;
        match (&mut reply, mistake) {
            (Reply::Hello { info: Some(said), .. }, Mistake::ExclusionIgnored) => **said = info.clone(),
            (Reply::Error { message, .. }, Mistake::NothingNamed) => *message = "that won't do".into(),
            (Reply::Error { error: ErrorKind::Request, .. }, Mistake::ModelSurvivesBadPayload)
                if header.contains(r#""build""#) =>
            {
                if let Some(frame) = &last_build {
                    session.answer(frame);
                }
            }
            (Reply::Error { .. }, Mistake::ModelSurvivesRefusal) if header.contains(r#""build""#) => {
                // Builds again what was there before.
                if let Some(frame) = &last_build {
                    session.answer(frame);
                }
            }
            (Reply::Error { .. }, Mistake::RefusalTakesAStep) if training => {
                // A step with rate 0 moves no weight, but Adam's count and dropout's masks go on.
                if let Some(frame) = &last_step {
                    session.answer(frame);
                }
            }
            (Reply::Step { .. }, Mistake::RefusalTakesAStep) => {
                let header = header.replace(r#""learning_rate":0.01"#, r#""learning_rate":0.0"#).into_bytes();
                last_step = Some(Frame { header, payload: frame.payload });
            }
            (Reply::Done, _) => {
                last_build = Some(frame);
                last_step = None;
            }
            _ => {}
        }
        Ok((reply, payload))
    };
    run_frames(&mut exchange, &info, &Options::default(), &mut |_| {})
}

fn caught(mistake: Mistake) -> BTreeSet<String> {
    let checks = examined(mistake);
    assert_eq!(checks.len(), 7);
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
fn a_worker_that_predicts_without_looking_at_the_padding_is_caught() {
    assert_eq!(caught(Mistake::PredictionsUnchecked), only("batch-refused"));
}

#[test]
fn a_worker_for_which_a_refused_batch_is_a_step_is_caught() {
    assert_eq!(caught(Mistake::RefusalTakesAStep), only("batch-refused"));
}

#[test]
fn a_worker_whose_model_a_second_hello_ends_is_caught() {
    assert_eq!(caught(Mistake::HelloDropsTheModel), only("request-refused"));
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
fn a_worker_whose_model_outlives_a_build_with_a_bad_payload_is_caught() {
    assert_eq!(caught(Mistake::ModelSurvivesBadPayload), only("weights-refused"));
}

#[test]
fn a_worker_that_does_not_name_what_is_wrong_is_caught_everywhere() {
    assert_eq!(caught(Mistake::NothingNamed).len(), 6);
}
