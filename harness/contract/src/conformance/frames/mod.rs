//! What a worker must not accept, frame by frame, and what it must say in frames that the traits don't show.
//!
//! The traits can't express most of it: the harness checks what it sends, and a batch that makes no sense can't even be
//! made. So these checks speak to the worker itself, in headers and payloads written by hand, and after every refusal ask something good.

mod abilities;
mod batches;
mod builds;
mod order;
mod requests;
mod states;
mod talk;

use crate::backend::BackendInfo;
use crate::error::{BackendError, ErrorKind};
use crate::spec::Kernel;
use crate::wire::{Answer, Frame, PROTOCOL_VERSION, Reply, Request};

use super::Options;
use super::inputs::Stack;
use super::measure::Measure;
use super::report::Check;
use talk::{Message, Talk};

/// A conversation with a greeted worker: sends a frame as it is and gives the answer, whatever it says.
pub type Exchange<'a> = dyn FnMut(Frame) -> Result<Answer, BackendError> + 'a;

/// Where the checks stand in the report.
const SUBJECT: &str = "by the worker, in frames";

/// Examines what a worker refuses. `info` is what it answered to `hello`. Every finished check is handed to `progress` as well.
pub fn run_frames(
    exchange: &mut Exchange<'_>,
    info: &BackendInfo,
    options: &Options,
    progress: &mut dyn FnMut(&Check),
) -> Vec<Check> {
    let capabilities = &info.capabilities;
    let kernel = capabilities.kernels.first().copied().unwrap_or(Kernel::Stock);
    let specs = Stack::PLAIN.into_iter().map(|stack| stack.spec(capabilities, kernel));
    let Some(spec) = specs.into_iter().find(|spec| capabilities.check(spec).is_ok()) else { return Vec::new() };
    let mut talk = Talk { exchange, spec };
    type Body = fn(&mut Talk<'_, '_>, &BackendInfo, &mut Measure) -> Result<(), BackendError>;
    let checks: [(&str, Body); 9] = [
        ("request-refused", requests::requests),
        ("weights-refused", builds::weights_refused),
        ("ability-refused", abilities::abilities_refused),
        ("state-refused", states::states_refused),
        ("spec-refused", builds::specs_refused),
        ("unsupported-refused", builds::unsupported_refused),
        ("batch-refused", batches::batches_refused),
        ("refusal-order", order::refusal_order),
        ("compute-time", compute_time),
    ];
    let mut found = Vec::new();
    for (name, body) in checks {
        if options.only.is_empty() || options.only.iter().any(|only| only == name) {
            let mut measure = Measure::default();
            let result = body(&mut talk, info, &mut measure);
            let check = measure.conclude(name, SUBJECT, 0.0, result);
            progress(&check);
            found.push(check);
        }
    }
    found
}

/// Greets a worker in a version that nobody speaks, after which it ends: so this needs a worker of its own.
pub fn run_another_version(
    exchange: &mut Exchange<'_>,
    options: &Options,
    progress: &mut dyn FnMut(&Check),
) -> Vec<Check> {
    const NAME: &str = "another-version";
    if !options.only.is_empty() && !options.only.iter().any(|only| only == NAME) {
        return Vec::new();
    }
    let mut measure = Measure::default();
    let result = another_version(exchange, &mut measure);
    let check = measure.conclude(NAME, SUBJECT, 0.0, result);
    progress(&check);
    vec![check]
}

fn another_version(exchange: &mut Exchange<'_>, measure: &mut Measure) -> Result<(), BackendError> {
    let hello = Message::new(&Request::Hello { protocol: u32::MAX }, Vec::new())?;
    measure.case("a `hello` of another version with a payload");
    match exchange(hello.with(|it| it.payload.push(0)).frame())?.reply {
        Reply::Error { error, message } => measure.refusal(ErrorKind::Request, "", Ok((error, &message))),
        other => measure.refusal(ErrorKind::Request, "", Err(&other.to_string())),
    }
    measure.case("a `hello` of another version");
    let reply = exchange(hello.frame())?.reply;
    let own = matches!(&reply, Reply::Hello { protocol: PROTOCOL_VERSION, info: None });
    measure.require(own, format!("expected `hello` of version {PROTOCOL_VERSION} without `info`, got {reply}"));
    Ok(())
}

/// A step is some nanoseconds of work, and a worker says how many.
fn compute_time(talk: &mut Talk<'_, '_>, _: &BackendInfo, measure: &mut Measure) -> Result<(), BackendError> {
    talk.build()?;
    for (what, message) in [("training", talk.training()?), ("predicting", talk.prediction()?)] {
        measure.case(what);
        let answer = (talk.exchange)(message.frame())?;
        measure.require(!answer.compute.is_zero(), "`compute_ns` is 0");
    }
    Ok(())
}
