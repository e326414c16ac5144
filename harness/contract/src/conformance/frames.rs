//! What a worker must not accept, frame by frame, and what it must say in frames that the traits don't show.
//!
//! The traits can't express most of it: the harness checks what it sends, and a batch that makes no sense can't even be
//! made. So these checks speak to the worker itself, in headers and payloads written by hand, and after every refusal ask something good.

mod order;

use serde_json::{Value, json};

use crate::backend::BackendInfo;
use crate::batch::Side;
use crate::bounds::{MAX_AXES, MAX_TENSORS};
use crate::capabilities::Unsupported;
use crate::error::{BackendError, ErrorKind};
use crate::spec::{DropoutSpec, Kernel, ModelSpec};
use crate::state::Element;
use crate::weights::WeightMap;
use crate::wire::{
    Answer, Frame, PROTOCOL_VERSION, Reply, Request, StateHeader, StreamHeader, TensorHeader, batch_payload,
    weights_payload,
};

use super::Options;
use super::inputs::{MAX_BATCH, MAX_TIME, Rows, Stack, weights};
use super::measure::Measure;
use super::random::Random;
use super::report::Check;
use super::unbuildable::{impossible_specs, spoiled_specs};

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
        ("request-refused", requests),
        ("weights-refused", weights_refused),
        ("ability-refused", abilities_refused),
        ("state-refused", states_refused),
        ("spec-refused", specs_refused),
        ("unsupported-refused", unsupported_refused),
        ("batch-refused", batches_refused),
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

struct Talk<'a, 'b> {
    exchange: &'a mut Exchange<'b>,
    spec: ModelSpec,
}

/// A request that can be spoiled.
#[derive(Clone)]
struct Message {
    header: Value,
    payload: Vec<u8>,
}

impl Message {
    fn new(request: &Request, payload: Vec<u8>) -> Result<Self, BackendError> {
        let header = serde_json::to_value(request).map_err(|error| BackendError::framework("write a header", error))?;
        Ok(Self { header, payload })
    }

    fn frame(self) -> Frame {
        Frame { header: self.header.to_string().into_bytes(), payload: self.payload }
    }

    /// The same with something changed.
    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }
}

impl Talk<'_, '_> {
    fn build_of(&self, spec: &ModelSpec, weights: &WeightMap) -> Result<Message, BackendError> {
        let (tensors, payload) = weights_payload(weights);
        Message::new(&Request::Build { spec: Box::new(spec.clone()), tensors }, payload)
    }

    fn good_build(&self) -> Result<Message, BackendError> {
        self.build_of(&self.spec, &weights(&self.spec, &mut Random::named("frames"))?)
    }

    fn batch(&self) -> Rows {
        Rows::padded(&[vec![1, 2, 3], vec![4, 5]], 3, Side::End)
    }

    fn training(&self) -> Result<Message, BackendError> {
        let rows = self.batch();
        let batch = rows.labelled()?;
        let (header, payload) = batch_payload(batch.tokens(), batch.labels());
        Message::new(&Request::TrainBatch { batch: header, learning_rate: 0.01, update_norm: false }, payload)
    }

    fn prediction(&self) -> Result<Message, BackendError> {
        let rows = self.batch();
        let (header, payload) = batch_payload(rows.tokens()?, &[]);
        Message::new(&Request::PredictBatch { batch: header }, payload)
    }

    /// Builds the good model.
    fn build(&mut self) -> Result<(), BackendError> {
        let build = self.good_build()?;
        match (self.exchange)(build.frame())?.reply {
            Reply::Done => Ok(()),
            other => Err(unexpected("build", &other)),
        }
    }

    /// The bytes of the good model's logits.
    fn logits(&mut self) -> Result<Vec<u8>, BackendError> {
        let prediction = self.prediction()?;
        match (self.exchange)(prediction.frame())? {
            Answer { reply: Reply::Logits, payload, .. } => Ok(payload),
            Answer { reply, .. } => Err(unexpected("predict-batch", &reply)),
        }
    }

    /// Whether the good model is there and gives these bytes.
    fn predicts(&mut self, before: &[u8]) -> Result<bool, BackendError> {
        let prediction = self.prediction()?;
        let answer = (self.exchange)(prediction.frame())?;
        Ok(answer.reply == Reply::Logits && answer.payload == before)
    }

    /// The bytes that a good training step reports, and whether it was clipped.
    fn step(&mut self) -> Result<Vec<u8>, BackendError> {
        let training = self.training()?;
        match (self.exchange)(training.frame())? {
            Answer { reply: Reply::Step { clipped }, mut payload, .. } => {
                payload.push(u8::from(clipped));
                Ok(payload)
            }
            Answer { reply, .. } => Err(unexpected("train-batch", &reply)),
        }
    }

    /// The good model's state.
    fn state(&mut self) -> Result<(StateHeader, Vec<u8>), BackendError> {
        match (self.exchange)(Message::new(&Request::State {}, Vec::new())?.frame())? {
            Answer { reply: Reply::State { state }, payload, .. } => Ok((state, payload)),
            Answer { reply, .. } => Err(unexpected("state", &reply)),
        }
    }

    /// Greets again what was greeted before.
    fn greet(&mut self) -> Result<Reply, BackendError> {
        let hello = Message::new(&Request::Hello { protocol: PROTOCOL_VERSION }, Vec::new())?;
        Ok((self.exchange)(hello.frame())?.reply)
    }

    /// Sends what must be refused with an error of this kind that mentions this.
    fn refused(
        &mut self,
        frame: Frame,
        kind: ErrorKind,
        mentions: &str,
        measure: &mut Measure,
    ) -> Result<(), BackendError> {
        self.refused_naming(frame, kind, &[mentions], measure)
    }

    /// The same of a message that must mention several things.
    fn refused_naming(
        &mut self,
        frame: Frame,
        kind: ErrorKind,
        mentions: &[&str],
        measure: &mut Measure,
    ) -> Result<(), BackendError> {
        let reply = (self.exchange)(frame)?.reply;
        for mentions in mentions {
            match &reply {
                Reply::Error { error, message } => measure.refusal(kind, mentions, Ok((*error, message))),
                other => measure.refusal(kind, mentions, Err(&other.to_string())),
            }
        }
        Ok(())
    }
}

fn unexpected(request: &str, reply: &Reply) -> BackendError {
    BackendError::new(ErrorKind::Framework, format!("a good `{request}` was answered with {reply}"))
}

/// Headers that are no requests, and payloads of another length than announced.
fn requests(talk: &mut Talk<'_, '_>, info: &BackendInfo, measure: &mut Measure) -> Result<(), BackendError> {
    talk.build()?;
    let before = talk.logits()?;
    let training = talk.training()?;
    let headers = [
        ("no JSON", b"{".to_vec()),
        ("no UTF-8", b"\xff\xfe".to_vec()),
        ("nothing", Vec::new()),
        ("no object", b"[]".to_vec()),
        ("a list of its values", br#"["weights"]"#.to_vec()),
        ("a key twice", br#"{"request":"weights","request":"weights"}"#.to_vec()),
        ("an unknown request", br#"{"request":"fly"}"#.to_vec()),
        ("a key too many", br#"{"request":"weights","now":true}"#.to_vec()),
        ("a key too few", br#"{"request":"hello"}"#.to_vec()),
        ("another type", br#"{"request":"hello","protocol":"two"}"#.to_vec()),
    ];
    for (what, header) in headers {
        measure.case(format!("a header with {what}"));
        talk.refused(Frame { header, payload: Vec::new() }, ErrorKind::Request, "", measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    let spoiled = [
        ("a learning rate that is no number", training.with(|it| it.header["learning_rate"] = Value::Null)),
        ("a list in the place of the batch", training.with(|it| it.header["batch"] = json!([2, 3, "end"]))),
        ("a fraction in the place of the rows", training.with(|it| it.header["batch"]["rows"] = json!(2.0))),
        ("a padding that is none", training.with(|it| it.header["batch"]["padding"] = json!("both"))),
        ("a payload a byte short", training.with(|it| it.payload.truncate(it.payload.len() - 1))),
        ("a payload a byte long", training.with(|it| it.payload.push(0))),
        ("no payload", training.with(|it| it.payload.clear())),
        ("more rows than any payload holds", training.with(|it| it.header["batch"]["rows"] = json!(u64::MAX / 2))),
    ];
    for (what, message) in spoiled {
        measure.case(format!("training with {what}"));
        talk.refused(message.frame(), ErrorKind::Request, "", measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    for request in ["hello", "weights", "state"] {
        measure.case(format!("a payload behind `{request}`"));
        let mut header = json!({"request": request});
        if request == "hello" {
            header["protocol"] = json!(PROTOCOL_VERSION);
        }
        talk.refused(Message { header, payload: vec![0; 4] }.frame(), ErrorKind::Request, "", measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    measure.case("a second `hello`");
    let reply = talk.greet()?;
    let same = matches!(&reply, Reply::Hello { info: Some(again), .. } if **again == *info);
    measure.require(same, format!("it was answered with {reply}, or with another description"));
    measure.require(talk.logits()? == before, "other logits after it");
    builds_that_are_none(talk, &before, measure)
}

/// Headers that say `build` and are no requests: they change nothing.
fn builds_that_are_none(talk: &mut Talk<'_, '_>, before: &[u8], measure: &mut Measure) -> Result<(), BackendError> {
    let good = talk.good_build()?;
    let without = |key: &str| {
        good.with(|it| {
            it.header["spec"].as_object_mut().map(|spec| spec.remove(key));
        })
    };
    let with = |key: &str, value: Value| good.with(|it| it.header["spec"][key] = value);
    let mut twice = good.clone().frame();
    let text = good.header["spec"].to_string();
    let again = text.replacen('{', r#"{"layers":2,"#, 1);
    twice.header = good.header.to_string().replacen(&text, &again, 1).into_bytes();
    for (what, mentions, frame) in [
        ("a key of the spec too few", "masking", without("masking").frame()),
        ("no word about clipping", "clip", without("clip").frame()),
        ("a key of the spec too many", "colour", with("colour", json!(1)).frame()),
        ("a key of the spec twice", "", twice),
        ("an unknown cell", "", with("cell", json!("foo")).frame()),
        ("a fraction in the place of a size", "", with("hidden_size", json!(7.0)).frame()),
        ("a sign in a device", "", with("device", json!("cuda:+1")).frame()),
        ("a leading zero in a device", "", with("device", json!("cuda:01")).frame()),
        ("a key too many", "", good.with(|it| it.header["now"] = json!(true)).frame()),
    ] {
        measure.case(format!("building with {what}"));
        talk.refused(frame, ErrorKind::Request, mentions, measure)?;
        measure.case(format!("predicting after a build with {what}, which is no request"));
        measure.require(talk.predicts(before)?, "the model is gone, or gives other logits");
    }
    Ok(())
}

fn weights_refused(talk: &mut Talk<'_, '_>, _: &BackendInfo, measure: &mut Measure) -> Result<(), BackendError> {
    let good = talk.good_build()?;
    let fitting = weights(&talk.spec, &mut Random::named("frames"))?;
    let Some((last, tensor)) = fitting.iter().last() else { return Ok(()) };
    let (last, bytes) = (last.to_owned(), 4 * tensor.data.len());
    let tensors = |it: &mut Message, change: &dyn Fn(&mut Vec<Value>)| {
        it.header["tensors"].as_array_mut().map(change);
    };
    let missing = good.with(|it| {
        tensors(it, &|tensors| drop(tensors.pop()));
        it.payload.truncate(it.payload.len() - bytes);
    });
    let twice = good.with(|it| {
        tensors(it, &|tensors| tensors.extend(tensors.last().cloned()));
        it.payload.extend(vec![0; bytes]);
    });
    let unknown = good.with(|it| {
        tensors(it, &|tensors| tensors.push(json!({"name": "rnn.weight_ih_l9", "shape": [1]})));
        it.payload.extend_from_slice(&[0; 4]);
    });
    let misshapen = good.with(|it| {
        tensors(it, &|tensors| {
            for tensor in tensors.iter_mut().filter(|tensor| tensor["name"] == "embedding.weight") {
                tensor["shape"] = json!([talk.spec.embedding_size, talk.spec.vocabulary_size]);
            }
        });
    });
    let not_finite = good.with(|it| {
        let start = it.payload.len() - 4;
        it.payload[start..].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let empty = |name: &str, shape: Value| {
        let tensor = json!({"name": name, "shape": shape});
        good.with(|it| tensors(it, &|tensors| tensors.push(tensor.clone())))
    };
    let endless = empty("rnn.weight_ih_l9", json!([u64::MAX, u64::MAX, 0]));
    let many_axes = empty("rnn.weight_ih_l9", json!(vec![0; MAX_AXES + 1]));
    let many = good.with(|it| {
        let tensor = json!({"name": "x", "shape": [0]});
        tensors(it, &|tensors| tensors.extend(std::iter::repeat_n(tensor.clone(), MAX_TENSORS)));
    });
    let short = good.with(|it| it.payload.truncate(it.payload.len() - 1));
    let spoiled = [
        ("a weight missing", ErrorKind::Weights, last.as_str(), missing),
        ("a weight twice", ErrorKind::Weights, &last, twice),
        ("a weight of another model", ErrorKind::Weights, "rnn.weight_ih_l9", unknown),
        ("a weight of another shape", ErrorKind::Weights, "embedding.weight", misshapen),
        ("a weight that is not a number", ErrorKind::Weights, &last, not_finite),
        ("a tensor of two axes longer than memory and one of 0", ErrorKind::Weights, "rnn.weight_ih_l9", endless),
        ("a tensor of too many axes", ErrorKind::Weights, "rnn.weight_ih_l9", many_axes),
        ("too many tensors", ErrorKind::Weights, "", many),
        ("a payload a byte short", ErrorKind::Request, "", short),
    ];
    let prediction = talk.prediction()?;
    for (what, kind, name, message) in spoiled {
        talk.build()?;
        measure.case(format!("building with {what}"));
        talk.refused(message.frame(), kind, name, measure)?;
        // "One that is refused leaves no model."
        measure.case(format!("predicting after a build with {what}"));
        talk.refused(prediction.clone().frame(), ErrorKind::Request, "", measure)?;
    }
    talk.build()
}

/// Asks for each ability that the backend says it lacks.
fn abilities_refused(talk: &mut Talk<'_, '_>, info: &BackendInfo, measure: &mut Measure) -> Result<(), BackendError> {
    talk.build()?;
    let before = talk.logits()?;
    if !info.capabilities.input_gradient_norms {
        measure.case("input gradient norms");
        let norms = talk.training()?.with(as_gradient_norms);
        talk.refused(norms.frame(), ErrorKind::Unsupported, "input_gradient_norms", measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    if info.capabilities.update_norm {
        measure.case("a step of which the update is measured");
        let measured = talk.training()?.with(|it| it.header["update_norm"] = json!(true));
        match (talk.exchange)(measured.frame())? {
            Answer { reply: Reply::Step { .. }, payload, .. } => {
                measure.require(payload.len() == 24, "the report has not three numbers");
            }
            Answer { reply, .. } => return Err(unexpected("train-batch", &reply)),
        }
    } else {
        measure.case("a step of which the update should be measured");
        let measured = talk.training()?.with(|it| it.header["update_norm"] = json!(true));
        talk.refused(measured.frame(), ErrorKind::Unsupported, "update_norm", measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    if info.capabilities.state.is_none() {
        measure.case("the state");
        let state = Message::new(&Request::State {}, Vec::new())?;
        talk.refused(state.frame(), ErrorKind::Unsupported, "state", measure)?;
        measure.case("going on from a state");
        let header = StateHeader { steps: 0, streams: Vec::new(), element: Element::Float32, tensors: Vec::new() };
        let resume = Request::Resume { spec: Box::new(talk.spec.clone()), state: header };
        talk.refused(Message::new(&resume, Vec::new())?.frame(), ErrorKind::Unsupported, "state", measure)?;
    }
    talk.build()
}

/// Spoils a state in every way that doesn't take knowing its streams.
fn states_refused(talk: &mut Talk<'_, '_>, info: &BackendInfo, measure: &mut Measure) -> Result<(), BackendError> {
    let Some(element) = info.capabilities.state else {
        measure.lacks(&Unsupported { setting: "state".into(), supported: "only trainings at once".into() });
        return Ok(());
    };
    talk.build()?;
    talk.step()?;
    let (header, payload) = talk.state()?;
    let logits = talk.logits()?;
    let resume = |state: StateHeader, payload: Vec<u8>| {
        Message::new(&Request::Resume { spec: Box::new(talk.spec.clone()), state }, payload)
    };
    let with = |change: &dyn Fn(&mut StateHeader)| {
        let mut changed = header.clone();
        change(&mut changed);
        resume(changed, payload.clone())
    };
    let width = usize::try_from(element.bytes()).unwrap_or(8);
    let other = if element == Element::Float32 { Element::Float64 } else { Element::Float32 };
    let elements = payload.len() / width;
    let Some((last, tensors)) = header.tensors.split_last() else {
        measure.require(false, "a state without tensors");
        return Ok(());
    };
    let kept = payload.len() - width * last.shape.iter().product::<usize>();
    let mut spoiled = vec![
        (
            "a tensor missing",
            last.name.clone(),
            resume(StateHeader { tensors: tensors.to_vec(), ..header.clone() }, payload[..kept].to_vec())?,
        ),
        (
            "a tensor of another model",
            "weights/x".into(),
            with(&|it| it.tensors.push(TensorHeader { name: "weights/x".into(), shape: vec![0] }))?,
        ),
        (
            "a tensor twice",
            last.name.clone(),
            resume(
                StateHeader { tensors: header.tensors.iter().chain([last]).cloned().collect(), ..header.clone() },
                [&payload[..], &payload[kept..]].concat(),
            )?,
        ),
        ("a tensor of another shape", header.tensors[0].name.clone(), with(&|it| it.tensors[0].shape.push(1))?),
        (
            "elements of another kind",
            String::new(),
            resume(
                StateHeader { element: other, ..header.clone() },
                vec![0; elements * usize::try_from(other.bytes()).unwrap_or(8)],
            )?,
        ),
        ("more steps than can be counted", "steps".into(), with(&|it| it.steps = u64::MAX)?),
    ];
    let unknown = StreamHeader { name: "not a stream of anyone".into(), position: vec![1] };
    spoiled.push(("a stream of nobody", "stream".into(), with(&|it| it.streams.push(unknown.clone()))?));
    for (at, stream) in header.streams.iter().enumerate() {
        spoiled.push(("a stream missing", stream.name.clone(), with(&|it| drop(it.streams.remove(at)))?));
        spoiled.push(("a stream without a word", stream.name.clone(), with(&|it| it.streams[at].position.clear())?));
        spoiled.push(("a stream twice", stream.name.clone(), with(&|it| it.streams.push(stream.clone()))?));
    }
    let good = resume(header.clone(), payload.clone())?;
    let prediction = talk.prediction()?;
    for (what, mentions, message) in spoiled {
        talk.build()?;
        measure.case(format!("going on from a state with {what}"));
        talk.refused(message.frame(), ErrorKind::State, &mentions, measure)?;
        measure.case(format!("predicting after a state with {what}"));
        talk.refused(prediction.clone().frame(), ErrorKind::Request, "", measure)?;
    }
    measure.case("going on from the good state after all of them");
    match (talk.exchange)(good.frame())?.reply {
        Reply::Done => measure.require(talk.logits()? == logits, "other logits than where it was taken"),
        other => return Err(unexpected("resume", &other)),
    }
    talk.build()
}

fn specs_refused(talk: &mut Talk<'_, '_>, _: &BackendInfo, measure: &mut Measure) -> Result<(), BackendError> {
    let fitting = weights(&talk.spec, &mut Random::named("frames"))?;
    for (field, spec) in spoiled_specs(&talk.spec) {
        measure.case(format!("{field} out of range"));
        let build = talk.build_of(&spec, &fitting)?;
        talk.refused(build.frame(), ErrorKind::Spec, field, measure)?;
    }
    talk.build()
}

fn unsupported_refused(talk: &mut Talk<'_, '_>, info: &BackendInfo, measure: &mut Measure) -> Result<(), BackendError> {
    for (setting, spec) in impossible_specs(&info.capabilities, &talk.spec) {
        measure.case(&setting);
        let build = talk.build_of(&spec, &weights(&spec, &mut Random::named("frames"))?)?;
        talk.refused(build.frame(), ErrorKind::Unsupported, &setting, measure)?;
    }
    talk.build()
}

fn batches_refused(talk: &mut Talk<'_, '_>, info: &BackendInfo, measure: &mut Measure) -> Result<(), BackendError> {
    talk.build()?;
    let before = talk.logits()?;
    let good = talk.training()?;
    let beyond = i32::try_from(talk.spec.vocabulary_size).unwrap_or(i32::MAX);
    // Two rows of three steps: six ids, two lengths, two labels.
    let put = |place: usize, value: i32| good.with(|it| write_int(&mut it.payload, place, value));
    let long = Rows::padded(&[vec![1; MAX_TIME + 1]], MAX_TIME + 1, Side::End);
    let many = Rows::padded(&vec![vec![1]; MAX_BATCH + 1], 1, Side::End);
    let of_rows = |rows: &Rows| -> Result<Message, BackendError> {
        let batch = rows.labelled()?;
        let (header, payload) = batch_payload(batch.tokens(), batch.labels());
        Message::new(&Request::TrainBatch { batch: header, learning_rate: 0.01, update_norm: false }, payload)
    };
    let no_rows = good.with(|it| {
        it.header["batch"]["rows"] = json!(0);
        it.payload.clear();
    });
    let no_steps = good.with(|it| {
        it.header["batch"]["time"] = json!(0);
        it.payload.drain(..24);
    });
    for (what, mentions, message) in [
        ("an id of the vocabulary's size", vec![&*format!("id {beyond}"), "row 0", "step 1"], put(1, beyond)),
        ("a negative id", vec!["id -1", "row 0", "step 1"], put(1, -1)),
        ("a word in the padding", vec!["row 1", "step 2"], put(5, 1)),
        ("a length of 0", vec!["length 0", "row 0"], put(6, 0)),
        ("a negative length", vec!["length -1", "row 0"], put(6, -1)),
        ("a length above the steps", vec!["length 4", "row 0"], put(6, 4)),
        ("a label of 2", vec!["label 2", "row 1"], good.with(|it| it.payload[33] = 2)),
        ("no rows", vec!["empty"], no_rows),
        ("no steps", vec!["empty"], no_steps),
        ("too many steps", vec![&*format!("{} steps", MAX_TIME + 1)], of_rows(&long)?),
        ("too many rows", vec![&*format!("{} rows", MAX_BATCH + 1)], of_rows(&many)?),
        ("a negative learning rate", vec!["learning rate"], good.with(|it| it.header["learning_rate"] = json!(-0.1))),
    ] {
        measure.case(format!("training with {what}"));
        talk.refused_naming(message.frame(), ErrorKind::Batch, &mentions, measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    let predicting = talk.prediction()?;
    for (what, mentions, place, value) in [
        ("an id of the vocabulary's size", vec![&*format!("id {beyond}"), "row 0", "step 1"], 1, beyond),
        ("a word in the padding", vec!["row 1", "step 2"], 5, 1),
        ("a length above the steps", vec!["length 4", "row 0"], 6, 4),
    ] {
        measure.case(format!("predicting with {what}"));
        let message = predicting.with(|it| write_int(&mut it.payload, place, value));
        talk.refused_naming(message.frame(), ErrorKind::Batch, &mentions, measure)?;
        measure.require(talk.logits()? == before, "other logits after the refusal");
    }
    if info.capabilities.input_gradient_norms {
        measure.case("input gradients of more rows than training may have");
        let reply = (talk.exchange)(of_rows(&many)?.with(as_gradient_norms).frame())?.reply;
        measure.require(reply == Reply::GradientNorms, format!("it was answered with {reply}"));
    }
    undisturbed_by_refusals(talk, info, measure)
}

/// Makes a request for input gradient norms of one for a training step.
fn as_gradient_norms(message: &mut Message) {
    message.header = json!({"request": "input-gradient-norms", "batch": message.header["batch"]});
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

/// Puts a number in the place of the one that is `place` int32 from the payload's beginning.
fn write_int(payload: &mut [u8], place: usize, value: i32) {
    payload[4 * place..4 * place + 4].copy_from_slice(&value.to_le_bytes());
}

/// A refused batch must not use up a step: neither Adam's count nor dropout's masks go on. Logits don't show that, the steps after it do.
fn undisturbed_by_refusals(
    talk: &mut Talk<'_, '_>,
    info: &BackendInfo,
    measure: &mut Measure,
) -> Result<(), BackendError> {
    let plain = talk.spec.clone();
    let dropout = DropoutSpec { after_embedding: 0.25, after_last: 0.25, seed: 11, ..DropoutSpec::NONE };
    let with_dropout = ModelSpec { dropout, ..plain.clone() };
    if info.capabilities.check(&with_dropout).is_ok() {
        talk.spec = with_dropout;
    }
    let good = talk.training()?;
    let bad = [
        good.with(|it| write_int(&mut it.payload, 1, -1)),
        good.with(|it| it.payload[33] = 2),
        good.with(|it| it.header["learning_rate"] = json!(-0.1)),
        good.with(|it| it.payload.truncate(it.payload.len() - 1)),
    ];
    let mut trained = |bad: &[Message]| -> Result<Vec<Vec<u8>>, BackendError> {
        talk.build()?;
        let mut left = Vec::new();
        for _ in 0..3 {
            left.push(talk.step()?);
            for message in bad {
                let reply = (talk.exchange)(message.clone().frame())?.reply;
                measure.require(matches!(reply, Reply::Error { .. }), format!("a bad batch was answered with {reply}"));
            }
        }
        left.push(talk.logits()?);
        Ok(left)
    };
    let alone = trained(&[])?;
    let disturbed = trained(&bad)?;
    measure.case("training with refused batches between the steps");
    for (at, (found, expected)) in disturbed.iter().zip(&alone).enumerate() {
        let what = if at < 3 { format!("step {}", at + 1) } else { "the logits afterwards".to_owned() };
        measure.require(found == expected, format!("{what}: other bytes than without the refusals"));
    }
    talk.spec = plain;
    talk.build()
}
