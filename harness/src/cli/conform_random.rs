//! `study conform --random` and `--digests`: what the suite's fixed cases don't show.

use std::fmt::Write;

use harness_contract::Backend;
use harness_contract::conformance::{self, Compared, Digested, Examined, RandomOptions};
use serde_json::{Value, json};

use super::conform::{ORACLE, start};
use super::exit::{COMPLETED, CliError, FAILED, print, print_json, say};
use crate::run::{Registry, RemoteBackend};

/// The reference that keeps float32.
const ORACLE_IN_FLOAT32: &str = "reference-float32";

/// Compares trainings that are drawn at random, prints a table of what came closest to its tolerance, and fails if one went beyond.
pub(super) fn random(
    registry: &Registry,
    backend: &mut RemoteBackend,
    options: &RandomOptions,
    as_json: bool,
) -> Result<u8, CliError> {
    let mut references = [start(registry, ORACLE)?, start(registry, ORACLE_IN_FLOAT32)?];
    let [reference, float32] = &mut references;
    let name = backend.describe().name;
    let references = [reference.backend() as &mut dyn Backend, float32.backend()];
    let mut watch = |examined: &Examined| say(&line(examined));
    let examined = conformance::run_random(backend, references, options, &mut watch)
        .map_err(|error| CliError::new("compare random configurations", error))?;
    let failures: Vec<_> = examined.iter().filter(|examined| !examined.passed()).collect();
    for failure in &failures {
        say(&again(&name, failure));
    }
    if as_json {
        print_json(&examined.iter().map(row).collect::<Vec<_>>())?;
    } else {
        print(&summary(&name, &examined))?;
    }
    Ok(if failures.is_empty() { COMPLETED } else { FAILED })
}

/// Prints the digests of short trainings with each kernel.
pub(super) fn digests(backend: &mut RemoteBackend, as_json: bool) -> Result<u8, CliError> {
    let mut rows = Vec::new();
    for kernel in backend.describe().capabilities.kernels {
        let digests =
            conformance::digests(backend, kernel).map_err(|error| CliError::new("train for a digest", error))?;
        for digested in digests {
            if as_json {
                let Digested { training, losses, digest } = digested;
                rows.push(json!({ "kernel": kernel, "training": training, "losses": losses, "digest": digest }));
            } else {
                print(&format!("{kernel:<6} {digested}\n"))?;
            }
        }
    }
    if as_json {
        print_json(&rows)?;
    }
    Ok(COMPLETED)
}

/// A training with all that was compared.
fn row(examined: &Examined) -> Value {
    let compared = |one: &Compared| {
        json!({
            "quantity": one.quantity,
            "place": one.place,
            "deviation": one.deviation,
            "floor": one.floor,
            "allowed": one.allowed,
            "passes": one.passes(),
        })
    };
    json!({
        "seed": examined.configuration.seed,
        "configuration": examined.configuration.label(),
        "spec": examined.configuration.spec,
        "passed": examined.passed(),
        "error": examined.error.as_ref().map(ToString::to_string),
        "compared": examined.compared.iter().map(compared).collect::<Vec<_>>(),
        "undetermined": examined.undetermined,
    })
}

/// A training in a line.
fn line(examined: &Examined) -> String {
    let outcome = if examined.passed() { "pass" } else { "FAIL" };
    let seed = examined.configuration.seed;
    let mut line = format!("{outcome} {seed:<6} {}: ", examined.configuration.label());
    match (&examined.error, examined.worst()) {
        (Some(error), _) => line.push_str(&error.to_string()),
        (None, Some(worst)) => {
            let share = worst.deviation / worst.allowed;
            let _ = write!(line, "{} {:.1e}, {share:.2} of what is allowed", worst.quantity, worst.deviation);
        }
        (None, None) => line.push_str("float32 determines nothing of it"),
    }
    line
}

/// All of a training that failed, and how to see it again.
fn again(name: &str, examined: &Examined) -> String {
    let seed = examined.configuration.seed;
    let mut text = format!("\nFAIL {seed}, again with: study conform {name} --random 1 --seed {seed}\n");
    if let Some(error) = &examined.error {
        let _ = writeln!(text, "  {error}");
    }
    for compared in &examined.compared {
        let mark = if compared.passes() { "within" } else { "BEYOND" };
        let (quantity, place) = (compared.quantity, &compared.place);
        let _ = writeln!(
            text,
            "  {mark} {quantity:<22} deviation {:.2e}, floor {:.2e}, allowed {:.2e} {place}",
            compared.deviation, compared.floor, compared.allowed
        );
    }
    let _ = writeln!(text, "  {}", examined.configuration.label());
    let spec = serde_json::to_string(&examined.configuration.spec).unwrap_or_default();
    let _ = write!(text, "  {spec}");
    text
}

/// How many passed, and for each quantity how near it came to what is allowed and how often it could be compared.
fn summary(name: &str, examined: &[Examined]) -> String {
    let passed = examined.iter().filter(|examined| examined.passed()).count();
    let mut text = format!("{name}: {passed} of {} random configurations pass\n", examined.len());
    let mut quantities: Vec<&str> = Vec::new();
    for compared in examined.iter().flat_map(|examined| &examined.compared) {
        if !quantities.contains(&compared.quantity) {
            quantities.push(compared.quantity);
        }
    }
    for quantity in quantities {
        let all = || examined.iter().flat_map(|examined| &examined.compared).filter(|one| one.quantity == quantity);
        let undetermined = examined.iter().filter(|examined| examined.undetermined.contains(&quantity)).count();
        let largest = all().map(|one| one.deviation).fold(0.0, f64::max);
        let share = all().map(|one| one.deviation / one.allowed).fold(0.0, f64::max);
        let by_floor = all().filter(|one| one.deviation > 0.0 && one.allowed <= 10.0 * one.floor).count();
        let _ = writeln!(
            text,
            "  {quantity:<22} compared {:>4}, not determined by float32 {undetermined:>3}, allowed by the floor {by_floor:>3}; deviation at most {largest:.1e}, at most {share:.2} of what is allowed",
            all().count()
        );
    }
    text
}
