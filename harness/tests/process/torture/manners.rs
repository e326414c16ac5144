//! Workers that do what no backend should: each in a row with what becomes of it.

use std::fs;

use harness::record::{Outcome, RunResult};

use super::{Scale, Tally, watched};
use crate::support::{Bench, small_study};

/// What becomes of a run.
enum Becomes {
    /// Its backend can't be asked, for a reason that says this.
    Unavailable(&'static str),
    /// It fails, for a reason that says this.
    Failed(&'static str),
    /// The deadline passes.
    TimedOut,
    /// This is not finite.
    Diverged(&'static str),
    /// Nothing that matters.
    Completed,
}

use Becomes::{Completed, Diverged, Failed, TimedOut, Unavailable};

const MANNERS: [(&str, Becomes); 57] = [
    // Before they have said what they are.
    ("mute", Unavailable("exited with code 7 when asked `hello`")),
    ("stillborn", Unavailable("was ended by signal 6 when asked `hello`")),
    ("unlinked", Unavailable("libfake.so.1: cannot open; run `just setup` and `just build`")),
    ("chatty", Unavailable("it begins with `Welc`: did something print to stdout?")),
    ("half-hello", Unavailable("the stream ended inside a frame")),
    ("vast-hello", Unavailable("a header of 2147483648 bytes, over the cap")),
    ("version", Unavailable("of the wire format, this program version")),
    ("nameless", Unavailable("answered `hello` with")),
    ("misnumbered", Unavailable("a reply is numbered 5, the request was 0")),
    ("laden", Unavailable("a payload of 9 bytes, over the cap of 0")),
    ("no-json", Unavailable("its header can't be understood: expected value")),
    ("no-text", Unavailable("its header can't be understood")),
    ("nested", Unavailable("its header can't be understood")),
    ("eager", Unavailable("answered `hello` with `done`")),
    // In the middle of their training: how they end.
    ("abort", Failed("was ended by signal 6 when asked `train-batch`")),
    ("exit", Failed("exited with code 3 when asked `train-batch`")),
    ("panic", Failed("exited with code 101 when asked `train-batch`")),
    ("fault", Failed("was ended by signal 8 when asked `train-batch`")),
    ("leak", Failed("exited with code 6 and left `sleep` (process ")),
    ("leak-pipe", Failed("exited with code 6 and left `sleep` (process ")),
    ("leak-hidden", Failed("exited with code 6 and left `sleep` (process ")),
    ("flood", Failed("exited with code 5")),
    ("lines", Failed("exited with code 5")),
    ("hang", TimedOut),
    ("stop", TimedOut),
    ("brood", TimedOut),
    ("trickle", TimedOut),
    // What they do to the disk.
    ("vandal", Failed("the run's process exited with code 1: error: failed to make the run")),
    ("squatter", Failed("the run's process exited with code 1: error: failed to make the run")),
    // What they answer.
    ("fickle", Failed("the backend is not the one that was asked: it has fake 2 now, and had fake 1")),
    ("print", Completed),
    ("scribble", Failed("broke the wire format")),
    ("torrent", Failed("broke the wire format")),
    ("truncate", Failed("the stream ended inside a frame")),
    ("oversize", Failed("over the cap of 16")),
    ("vast-header", Failed("a header of 4294967295 bytes, over the cap")),
    ("repeat", Failed("a reply is numbered")),
    ("forward", Failed("a reply is numbered")),
    ("surplus", Failed("with a payload of 16 bytes, where none belongs")),
    ("timeless", Failed("it says that it computed for")),
    ("short-step", Failed("the payload has 8 bytes")),
    ("long-step", Failed("a payload of 24 bytes, over the cap of 16")),
    ("other-kind", Failed("the answer to `train-batch` doesn't fit it: `logits`")),
    ("no-object", Failed("its header can't be understood")),
    ("more-fields", Failed("the answer to `train-batch` doesn't fit it: `done`")),
    ("twice", Failed("duplicate field `compute_ns`")),
    ("no-unicode", Failed("its header can't be understood")),
    ("few-logits", Failed("the answer to `predict-batch` doesn't fit it")),
    ("long-winded", Failed("no memory no memory")),
    ("escapes", Failed("no memory 1\\u{1b}[2J\\u{202e}0\\0")),
    ("links", Failed("no memory ![x](https://example.org/x.png)")),
    // What they give.
    ("weightless", Failed("the answer to `weights` doesn't fit it")),
    ("boundless", Failed("has an axis of length 1099511627776, over the bound")),
    ("diverge", Diverged("the loss")),
    ("huge-loss", Diverged("the loss")),
    ("infinite-norm", Diverged("the gradient norm")),
    ("nan-logit", Diverged("a logit of the validation split")),
];

/// Those whose weights, gradients or states are looked at beside the rest.
const MORE: [(&str, Becomes); 6] = [
    ("nan", Failed("weight `head.bias` is not finite at element 0")),
    ("misnamed", Failed("weight `head.bias` is missing")),
    ("turned", Failed("the answer to `weights` doesn't fit it")),
    ("many", Failed("the answer to `weights` doesn't fit it: a list of tensors has the length 20000, over the bound")),
    ("foreign-state", Failed("the model's state needs")),
    ("nan-gradients", Diverged("a gradient of the inputs")),
];

/// What a reader of a document would act on, if it came from a worker.
const LIVE: [(&str, &[&str]); 2] = [
    ("report.md", &["](https", "<script", "https://example", "@all", "\u{1b}", "\u{202e}"]),
    ("results.tex", &["\\input", "\u{1b}", "\u{202e}"]),
];

/// Why a run did not become what it should have.
fn otherwise(run: &RunResult, expected: &Becomes) -> Option<String> {
    let outcome = run.record.as_ref().map(|record| &record.outcome);
    let fits = match (expected, outcome) {
        (Unavailable(reason), None) => run.planned.unavailable.as_ref().is_some_and(|why| why.contains(reason)),
        (Failed(part), Some(Outcome::Failed { reason, .. })) => reason.contains(part) && reason.len() < 3000,
        (TimedOut, Some(Outcome::TimedOut { request, .. })) => request == "train-batch",
        (Diverged(what), Some(Outcome::Diverged { what: found, .. })) => found == what,
        (Completed, Some(Outcome::Completed)) => true,
        _ => false,
    };
    (!fits).then(|| format!("became {outcome:?}, unavailable: {:?}", run.planned.unavailable))
}

/// One grid of all of them, with a run that behaves among them.
pub(super) fn manners(scale: Scale) -> Tally {
    let mut tally = Tally::of("misbehaving workers");
    for _ in 0..scale.of(1, 3) {
        let rows = || MANNERS.iter().chain(&MORE);
        let names: Vec<&str> = rows().map(|(name, _)| *name).chain(["fake"]).collect();
        let study = small_study(&names, &["rnn"]).replace("epochs = 2", "epochs = 2\ninput_gradient_norms = true");
        let bench = Bench::new(&study);
        let before = tally.complaints.len();
        let ended = watched(&bench, bench.run(&names, &["--deadline", "8", "--jobs", "2"]), |_| {});
        tally.take(&ended);
        tally.orphans(&bench);
        tally.runs(&bench.path("runs/small"));
        if ended.code() != Some(3) {
            tally.complaints.push(format!("{:?}: {}", ended.status, ended.words));
        }
        let results = bench.results();
        let run = |name: &str| results.runs.iter().find(|run| run.planned.key.backend == name).unwrap();
        if otherwise(run("fake"), &Completed).is_some() {
            tally.lost += 1;
        }
        for (document, signs) in LIVE {
            let text = fs::read_to_string(bench.path("runs/small/report").join(document)).unwrap_or_default();
            if text.is_empty() {
                tally.complaints.push(format!("there is no {document}: {}", ended.words));
            }
            for sign in signs.iter().filter(|sign| text.contains(**sign)) {
                tally.complaints.push(format!("{document} has a live {sign:?}"));
            }
        }
        tally.note("the grid", before);
        for (name, expected) in rows() {
            let before = tally.complaints.len();
            tally.complaints.extend(otherwise(run(name), expected));
            tally.note(name, before);
        }
        // What one grid did not finish, the next does not wedge on.
        let before = tally.complaints.len();
        let again = watched(&bench, bench.run(&["fake"], &["--only", "fake", "--set", "epochs=2"]), |_| {});
        if !again.words.contains("fake-rnn-base-s1  had ended (completed)") {
            tally.wedged += 1;
            tally.complaints.push(again.words);
        }
        tally.note("the grid once more", before);
    }
    tally
}

#[test]
fn every_manner_of_misbehaving_becomes_what_it_should_and_costs_nobody_else() {
    manners(Scale::Short).check();
}
