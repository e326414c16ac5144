//! The conformance suite: whether a backend computes what its spec says.
//!
//! [`run`] holds any [`Backend`] against another one that is trusted, the reference, through nothing but the contract's traits. So it
//! works in process and over the pipe alike, and a backend in any language can be examined. Inputs are drawn from one small generator that
//! is part of the suite, so every run feeds every backend the same numbers.
//!
//! Gradients are read from single optimiser steps; the module `gradient` says how, and why that is exact.
//!
//! What a worker itself refuses can't be seen through the traits, since the harness checks what it sends: [`run_frames`] speaks to one in frames.
//!
//! What is checked, under stable names, is in [`CHECKS`].

mod checks;
mod configuration;
mod deviation;
mod digests;
mod elsewhere;
mod frames;
mod gradient;
mod inputs;
mod measure;
mod random;
mod random_configurations;
mod report;
mod suite;
mod unbuildable;

pub use configuration::Configuration;
pub use digests::{Digested, digests};
pub use elsewhere::run_elsewhere;
pub use frames::{Exchange, run_another_version, run_frames};
pub use random_configurations::{Compared, Examined, RandomOptions, run_random};
pub use report::{Check, Outcome, Report};

use crate::backend::Backend;
use crate::spec::Kernel;

/// What a run of the suite covers. The default is all of it but the full-size models.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The kernels to examine; all that the backend has if empty.
    pub kernels: Vec<Kernel>,
    /// Names of checks to run, as in [`CHECKS`]; all if empty.
    pub only: Vec<String>,
    /// Whether logits, loss and gradients are compared at the published study's full size as well (embedding 128, hidden 64, 400
    /// steps, 32 rows), which costs the reference some seconds for each cell.
    pub study_size: bool,
}

/// Every check: its name, and what it shows.
pub const CHECKS: &[(&str, &str)] = &[
    (
        "description",
        "a backend says the same of itself every time, with a version for every library and a source for every native default, builds on every device it lists, and lists no cell that the suite has no case for",
    ),
    (
        "weights-round-trip",
        "weights come back from a fresh model byte for byte, signed zeros and subnormal numbers included",
    ),
    (
        "request-refused",
        "a frame that is no request, or whose payload is not what it announces, is refused, and the worker stays usable; a second hello changes nothing",
    ),
    (
        "weights-refused",
        "a missing, unknown, misshapen or non-finite weight is refused by name, and the backend stays usable",
    ),
    (
        "ability-refused",
        "a state or an update norm that the backend doesn't have is refused by the ability's name, and the worker stays usable",
    ),
    (
        "state-refused",
        "a tensor missing, unknown or misshapen, other elements, streams or too many steps are refused, and leave no model",
    ),
    ("spec-refused", "a spec that makes no sense is refused by field, and the backend stays usable"),
    (
        "unsupported-refused",
        "a spec outside the capabilities is refused by setting, an excluded combination by its settings, and the backend stays usable",
    ),
    (
        "batch-refused",
        "a bad id, length, label, shape or learning rate is refused, the next good call gives what it gave before, and training goes on as if nothing had happened",
    ),
    (
        "refusal-order",
        "of several faults of a build, a state or a batch the one that is looked for first answers, bounds of lists before the spec",
    ),
    ("compute-time", "a worker says how long it computed"),
    ("another-version", "a `hello` of another version is answered with the worker's own and without a description"),
    (
        "prediction-repeats",
        "predicting twice gives the same bytes; predictions and input gradients leave every weight as it was",
    ),
    (
        "prediction-by-row",
        "a row's logit is the same alone, permuted, among others, and in a batch larger than training batches",
    ),
    ("prediction-padding", "with masking a row's logit is the same whatever the length and the side of its padding"),
    (
        "logits",
        "logits equal the reference's: 1 to 3 layers, both bias layouts, both poolings, masked and not, 1 to 40 steps, padding at either end, batches of 1 and 5 rows",
    ),
    ("input-gradients", "input gradient norms equal the reference's, step by step, in the same cases"),
    ("loss", "the reported loss equals the reference's"),
    ("gradients", "the gradient of every gate of every weight equals the reference's"),
    ("gradient-norm", "the reported norm equals the reference's, and the norm of the gradients that were read"),
    (
        "infinite-norm",
        "a finite gradient whose norm is infinite is made 0, or NaN where the norm of all is over occurrences",
    ),
    ("clipped-flag", "a step says that it was clipped exactly where the reference says so"),
    (
        "clipped-gradients",
        "what enters the optimiser after clipping equals the reference's, with and without a stabiliser",
    ),
    ("unclipped-norm", "the norm that a clipped step reports is the one before clipping"),
    ("adam-losses", "losses of 50 steps with changing learning rates equal the reference's"),
    ("adam-weights", "so do the weights afterwards, relative to how far they moved"),
    ("learning-rate-zero", "a step with learning rate 0 leaves every weight as it was, weight decay or not"),
    ("zero-weights", "a model whose weights are all 0 gives logit 0 and loss ln 2"),
    ("training-repeats", "the same spec, weights and batches give the same bytes again, whatever was built in between"),
    (
        "training-undisturbed",
        "predicting, reading weights, input gradients and states between steps changes no byte of the training",
    ),
    (
        "state-resumes",
        "five steps, the state, a model made of it and five steps more give the bytes of ten, with dropout and clipping, in the same process and in another",
    ),
    (
        "update-norm",
        "the reported norm of an update is that of the difference of the weights, clipped, decayed and with learning rate 0",
    ),
    ("measuring-changes-nothing", "a step whose update is measured is the same step to the byte"),
    ("dropout-prediction", "dropout is off in predictions, before and after training steps"),
    ("dropout-mask", "each element is dropped or scaled by 1 / (1 - rate), nothing between"),
    (
        "dropout-rate",
        "the share of dropped elements is the rate, and neighbours are dropped independently (in standard deviations)",
    ),
    ("dropout-gradients", "gradients under dropout fit the differences of the loss under the same masks"),
    ("dropout-seed", "another seed, of all its 64 bits, gives other losses, and every step has masks of its own"),
    ("non-finite-loss", "an overflowing loss is reported, not an error, and the backend stays usable"),
];

/// Examines a backend. Every finished check is handed to `progress` as well, for those who watch.
///
/// `reference` is what is believed: the crate `backend-reference`, or any backend that itself was examined against it.
pub fn run(
    backend: &mut dyn Backend,
    reference: &mut dyn Backend,
    options: &Options,
    progress: &mut dyn FnMut(&Check),
) -> Report {
    let mut suite = suite::Suite::new(backend, reference, options, progress);
    checks::run_all(&mut suite);
    suite.finish()
}
