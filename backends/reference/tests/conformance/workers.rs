//! Workers that let pass what they should refuse: the loop that serves the reference, with a mistake in how it takes frames.

use std::collections::BTreeSet;
use std::time::Duration;

use backend_reference::ReferenceBackend;
use harness_contract::conformance::{Check, Options, Outcome, run_another_version, run_frames};
use harness_contract::serve::Session;
use harness_contract::wire::{Answer, Frame, PROTOCOL_VERSION, Reply};
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
    /// Errors don't say which row it is.
    RowNotNamed,
    /// Errors don't say which step it is.
    StepNotNamed,
    /// 2.0 is taken for 2.
    FractionTaken,
    /// A list of values is taken for an object.
    ListTaken,
    /// Of a key that comes twice the last is taken.
    KeyTwiceTaken,
    /// A spec without a word about clipping doesn't clip.
    ClipMayBeAbsent,
    /// `cuda:01` is `cuda:1`.
    DeviceHasTwoNames,
    /// A header that says `build` and is no request ends the model.
    NoRequestDropsTheModel,
    /// No batch may have more rows than training.
    RowsOfAllBatchesBounded,
    /// An axis may be of any length.
    AxisUnbounded,
    /// The spec is looked at before the length of the payload.
    SpecBeforePayload,
    /// The spec is looked at before the list of tensors.
    SpecBeforeTensors,
    /// Batches are looked at only where there is a model.
    ModelBeforeBatch,
    /// It never says how long it computed.
    NoTime,
    /// A `hello` of another version is answered like one of its own.
    AnyVersionSpoken,
    /// A `hello` of another version is refused.
    OtherVersionRefused,
    /// A `hello` of another version is answered whatever stands behind it.
    PayloadOfOtherVersionTaken,
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
    let mut built = false;
    let mut exchange = |mut frame: Frame| {
        let header = String::from_utf8_lossy(&frame.header).into_owned();
        let training = header.contains("train-batch");
        match mistake {
            // The labels of two rows are the last two bytes of the suite's good batch.
            Mistake::LabelsUnchecked if training && frame.payload.len() == 34 => {
                frame.payload[32..].iter_mut().for_each(|label| *label = (*label).min(1));
            }
            // The sixth id is the padding of the second row.
            Mistake::PredictionsUnchecked if header.contains("predict-batch") && frame.payload.len() == 32 => {
                frame.payload[20..24].fill(0);
            }
            Mistake::HelloDropsTheModel if header.contains("hello") => {
                if let Some(Frame { header, .. }) = &last_build {
                    session.answer(&Frame { header: header.clone(), payload: Vec::new() });
                }
            }
            Mistake::LongPayloadTaken if training && frame.payload.len() == 35 => frame.payload.truncate(34),
            _ => frame.header = read_wrongly(mistake, &header).into_bytes(),
        }
        if mistake == Mistake::SpecBeforeTensors && header.contains(NO_LAYERS) {
            frame = without_tensors(&frame);
        }
        let (mut answer, payload) = session.answer(&frame);
        let mut reply = answer.reply;
        match (&mut reply, mistake) {
            (Reply::Hello { info: Some(said), .. }, Mistake::ExclusionIgnored) => **said = info.clone(),
            (Reply::Error { message, .. }, Mistake::NothingNamed) => *message = "that won't do".into(),
            (Reply::Error { message, .. }, Mistake::RowNotNamed) => *message = message.replace("row ", "a row, "),
            (Reply::Error { message, .. }, Mistake::StepNotNamed) => *message = message.replace("step ", "a step, "),
            (Reply::Error { error: ErrorKind::Request, .. }, Mistake::SpecBeforePayload)
                if header.contains(NO_LAYERS) =>
            {
                reply = session.answer(&without_tensors(&frame)).0.reply;
            }
            (Reply::Error { message, .. }, Mistake::NoRequestDropsTheModel)
                if header.contains(r#""build""#) && message.contains("can't be understood") =>
            {
                if let Some(Frame { header, .. }) = &last_build {
                    session.answer(&Frame { header: header.clone(), payload: Vec::new() });
                }
            }
            (Reply::GradientNorms, Mistake::RowsOfAllBatchesBounded) if header.contains(r#""rows":7"#) => {
                reply = refused(ErrorKind::Batch, "the batch has 7 rows");
            }
            (Reply::Error { error: ErrorKind::Batch, .. }, Mistake::ModelBeforeBatch) if !built => {
                reply = refused(ErrorKind::Request, "there is no model");
            }
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
        if header.contains(r#""build""#) {
            built = reply == Reply::Done;
        }
        if mistake == Mistake::NoTime {
            answer.compute_ns = 0;
        }
        Ok(Answer { reply, payload, compute: Duration::from_nanos(answer.compute_ns) })
    };
    run_frames(&mut exchange, &info, &Options::default(), &mut |_| {})
}

/// A spec that makes no sense, as the checks of the order of refusals have it.
const NO_LAYERS: &str = r#""layers":0"#;

fn refused(error: ErrorKind, message: &str) -> Reply {
    Reply::Error { error, message: message.into() }
}

/// The header as a worker with this mistake reads it.
fn read_wrongly(mistake: Mistake, header: &str) -> String {
    match mistake {
        Mistake::FractionTaken => header.replace(":2.0", ":2").replace(":7.0", ":7"),
        Mistake::ListTaken if header == r#"["weights"]"# => r#"{"request":"weights"}"#.into(),
        Mistake::ListTaken => header.replace(r#"[2,3,"end"]"#, r#"{"rows":2,"time":3,"padding":"end"}"#),
        Mistake::KeyTwiceTaken => header.replacen(r#""request":"weights","#, "", 1).replacen(r#"{"layers":2,"#, "{", 1),
        Mistake::ClipMayBeAbsent if header.contains(r#""spec":{"#) && !header.contains(r#""clip":"#) => {
            header.replacen(r#""spec":{"#, r#""spec":{"clip":null,"#, 1)
        }
        Mistake::DeviceHasTwoNames => header.replace("cuda:01", "cuda:1").replace("cuda:+1", "cuda:1"),
        Mistake::AxisUnbounded => header.replace("[0,134217729]", "[0,1]"),
        _ => header.to_owned(),
    }
}

/// The same request with no tensors, and with the payload of none.
fn without_tensors(frame: &Frame) -> Frame {
    let mut header: serde_json::Value = serde_json::from_slice(&frame.header).unwrap();
    let place = if header["request"] == "resume" { &mut header["state"] } else { &mut header };
    place["tensors"] = serde_json::json!([]);
    Frame { header: header.to_string().into_bytes(), payload: Vec::new() }
}

/// What is said of a worker with this mistake that is spoken to in another version.
pub(crate) fn examined_in_another_version(mistake: Mistake) -> Vec<Check> {
    let mut backend: ReferenceBackend = backend_reference::new();
    let mut session = Session::new(&mut backend);
    let mut exchange = |mut frame: Frame| {
        if mistake == Mistake::AnyVersionSpoken {
            frame.header = format!(r#"{{"request":"hello","protocol":{PROTOCOL_VERSION}}}"#).into_bytes();
        }
        if mistake == Mistake::PayloadOfOtherVersionTaken {
            frame.payload.clear();
        }
        let (answer, payload) = session.answer(&frame);
        let reply = match answer.reply {
            Reply::Hello { .. } if mistake == Mistake::OtherVersionRefused => refused(ErrorKind::Request, "no"),
            reply => reply,
        };
        Ok(Answer { reply, payload, compute: Duration::ZERO })
    };
    run_another_version(&mut exchange, &Options::default(), &mut |_| {})
}

fn caught(mistake: Mistake) -> BTreeSet<String> {
    let checks = examined(mistake);
    assert_eq!(checks.len(), 9);
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
    let by = ["refusal-order", "weights-refused"].map(str::to_owned);
    assert_eq!(caught(Mistake::ModelSurvivesRefusal), BTreeSet::from(by));
}

#[test]
fn a_worker_whose_model_outlives_a_build_with_a_bad_payload_is_caught() {
    assert_eq!(caught(Mistake::ModelSurvivesBadPayload), only("weights-refused"));
}

#[test]
fn a_worker_that_does_not_name_what_is_wrong_is_caught_everywhere() {
    assert_eq!(caught(Mistake::NothingNamed).len(), 7);
}

#[test]
fn a_worker_that_does_not_name_the_row_is_caught() {
    assert_eq!(caught(Mistake::RowNotNamed), only("batch-refused"));
}

#[test]
fn a_worker_that_does_not_name_the_step_is_caught() {
    assert_eq!(caught(Mistake::StepNotNamed), only("batch-refused"));
}

#[test]
fn a_worker_that_takes_a_fraction_for_an_integer_is_caught() {
    assert_eq!(caught(Mistake::FractionTaken), only("request-refused"));
}

#[test]
fn a_worker_that_takes_a_list_for_an_object_is_caught() {
    assert_eq!(caught(Mistake::ListTaken), only("request-refused"));
}

#[test]
fn a_worker_that_takes_a_key_twice_is_caught() {
    assert_eq!(caught(Mistake::KeyTwiceTaken), only("request-refused"));
}

#[test]
fn a_worker_for_which_no_word_about_clipping_is_none_is_caught() {
    assert_eq!(caught(Mistake::ClipMayBeAbsent), only("request-refused"));
}

#[test]
fn a_worker_that_reads_a_device_by_two_names_is_caught() {
    assert_eq!(caught(Mistake::DeviceHasTwoNames), only("request-refused"));
}

#[test]
fn a_worker_whose_model_ends_by_what_is_no_request_is_caught() {
    assert_eq!(caught(Mistake::NoRequestDropsTheModel), only("request-refused"));
}

#[test]
fn a_worker_that_bounds_the_rows_of_every_batch_is_caught() {
    assert_eq!(caught(Mistake::RowsOfAllBatchesBounded), only("batch-refused"));
}

#[test]
fn a_worker_that_takes_an_axis_of_any_length_is_caught() {
    assert_eq!(caught(Mistake::AxisUnbounded), only("refusal-order"));
}

#[test]
fn a_worker_that_looks_at_the_spec_before_the_payload_is_caught() {
    assert_eq!(caught(Mistake::SpecBeforePayload), only("refusal-order"));
}

#[test]
fn a_worker_that_looks_at_the_spec_before_the_tensors_is_caught() {
    assert_eq!(caught(Mistake::SpecBeforeTensors), only("refusal-order"));
}

#[test]
fn a_worker_that_looks_at_batches_only_with_a_model_is_caught() {
    assert_eq!(caught(Mistake::ModelBeforeBatch), only("refusal-order"));
}

#[test]
fn a_worker_that_never_computed_is_caught() {
    assert_eq!(caught(Mistake::NoTime), only("compute-time"));
}

#[test]
fn a_worker_that_takes_another_version_wrongly_is_caught() {
    let outcome = |mistake| examined_in_another_version(mistake).iter().map(|check| check.outcome).collect::<Vec<_>>();
    assert_eq!(outcome(Mistake::Nothing), [Outcome::Pass]);
    for mistake in [Mistake::AnyVersionSpoken, Mistake::OtherVersionRefused, Mistake::PayloadOfOtherVersionTaken] {
        assert_eq!(outcome(mistake), [Outcome::Fail], "{mistake:?}");
    }
}
