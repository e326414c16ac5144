//! What a check sees while it runs, and what becomes of that.

use std::collections::BTreeSet;

use crate::capabilities::Unsupported;
use crate::error::{BackendError, ErrorKind};

use super::report::{Check, Outcome};

/// Collects the cases of one check.
#[derive(Debug, Default)]
pub(super) struct Measure {
    cases: usize,
    case: String,
    /// The largest deviation of each case.
    of_cases: Vec<f64>,
    worst: Option<f64>,
    place: String,
    missing: BTreeSet<String>,
}

impl Measure {
    /// Begins a case. What is seen next belongs to it, and so does an error.
    pub(super) fn case(&mut self, label: impl Into<String>) {
        self.cases += 1;
        self.case = label.into();
        self.of_cases.push(0.0);
    }

    /// Notes a deviation. What is not a number counts as infinite.
    pub(super) fn see(&mut self, deviation: f64, place: impl Into<String>) {
        let deviation = if deviation.is_nan() { f64::INFINITY } else { deviation };
        if let Some(of_case) = self.of_cases.last_mut() {
            *of_case = of_case.max(deviation);
        }
        if self.worst.is_none_or(|worst| deviation > worst) {
            self.worst = Some(deviation);
            let place = place.into();
            self.place = match (self.case.is_empty(), place.is_empty()) {
                (_, true) => self.case.clone(),
                (true, false) => place,
                (false, false) => format!("{}: {place}", self.case),
            };
        }
    }

    /// Whether nothing that was seen so far deviates at all.
    pub(super) fn is_exact(&self) -> bool {
        self.worst.is_none_or(|worst| worst == 0.0)
    }

    /// Notes whether something holds, as a deviation of 0 or 1.
    pub(super) fn require(&mut self, holds: bool, place: impl Into<String>) {
        self.see(if holds { 0.0 } else { 1.0 }, place);
    }

    /// Notes whether something was refused as it must be: with an error of this kind whose message mentions this. `found` is the
    /// error that came, or in words what came instead.
    pub(super) fn refusal(&mut self, kind: ErrorKind, mentions: &str, found: Result<(ErrorKind, &str), &str>) {
        let naming = if mentions.is_empty() { String::new() } else { format!(" naming `{mentions}`") };
        let (holds, found) = match found {
            Ok((error, message)) => (error == kind && message.contains(mentions), format!("`{error}`: \"{message}\"")),
            Err(words) => (false, words.to_owned()),
        };
        self.require(holds, format!("expected `{kind}`{naming}, got {found}"));
    }

    /// Notes a case that is left out because the backend lacks a capability.
    pub(super) fn lacks(&mut self, missing: &Unsupported) {
        self.missing.insert(missing.setting.clone());
    }

    /// The finished check. A deviation at the tolerance passes; a check that could run but saw nothing fails, because it proved nothing.
    pub(super) fn conclude(self, name: &str, subject: &str, tolerance: f64, result: Result<(), BackendError>) -> Check {
        let beyond = self.of_cases.iter().filter(|&&deviation| deviation > tolerance).count();
        let more = |more: usize| if more == 0 { String::new() } else { format!(" (and {more} more)") };
        let (outcome, detail) = match (&result, self.worst) {
            (Err(error), _) => {
                // The last case is the one that is told here, whatever was seen of it before.
                let told = usize::from(self.of_cases.last().is_some_and(|&deviation| deviation > tolerance));
                let separator = if self.case.is_empty() { "" } else { ": " };
                (Outcome::Fail, format!("{}{separator}the backend failed: {error}{}", self.case, more(beyond - told)))
            }
            (Ok(()), Some(worst)) if worst <= tolerance => (Outcome::Pass, self.place),
            (Ok(()), Some(_)) => (Outcome::Fail, format!("{}{}", self.place, more(beyond.saturating_sub(1)))),
            (Ok(()), None) if !self.missing.is_empty() => (Outcome::Skipped, String::new()),
            (Ok(()), None) => (Outcome::Fail, "nothing was measured".into()),
        };
        // Where nothing deviates no place is worth naming.
        let detail = if self.worst == Some(0.0) && outcome == Outcome::Pass { String::new() } else { detail };
        Check {
            name: name.into(),
            subject: subject.into(),
            cases: self.cases,
            deviation: self.worst,
            tolerance,
            outcome,
            detail,
            missing: self.missing.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(deviations: &[f64]) -> Check {
        let mut measure = Measure::default();
        for (at, &deviation) in deviations.iter().enumerate() {
            measure.case(format!("case {at}"));
            measure.see(deviation, "here");
        }
        measure.conclude("name", "subject", 0.5, Ok(()))
    }

    #[test]
    fn the_largest_deviation_decides_and_is_named() {
        let check = seen(&[0.1, 0.7, 0.2]);
        assert_eq!((check.outcome, check.deviation, check.cases), (Outcome::Fail, Some(0.7), 3));
        assert_eq!(check.detail, "case 1: here");
        assert_eq!(seen(&[0.6, 0.7, 0.2, 0.9]).detail, "case 3: here (and 2 more)");
        assert_eq!(seen(&[0.1, 0.5]).outcome, Outcome::Pass);
    }

    #[test]
    fn what_is_not_a_number_fails() {
        assert_eq!(seen(&[0.0, f64::NAN]).outcome, Outcome::Fail);
    }

    #[test]
    fn a_check_that_saw_nothing_fails_unless_a_capability_is_missing() {
        assert_eq!(seen(&[]).outcome, Outcome::Fail);
        let mut measure = Measure::default();
        measure.lacks(&Unsupported { setting: "masking".into(), supported: "nothing".into() });
        assert_eq!(measure.conclude("name", "subject", 0.0, Ok(())).outcome, Outcome::Skipped);
    }

    #[test]
    fn a_refusal_must_be_of_its_kind_and_name_its_subject() {
        let detail = |found| {
            let mut measure = Measure::default();
            measure.case("a case");
            measure.refusal(ErrorKind::Weights, "head.bias", found);
            measure.conclude("name", "subject", 0.0, Ok(())).detail
        };
        assert_eq!(detail(Ok((ErrorKind::Weights, "head.bias is missing"))), "");
        assert_eq!(
            detail(Ok((ErrorKind::Request, "head.bias is missing"))),
            "a case: expected `weights` naming `head.bias`, got `request`: \"head.bias is missing\""
        );
        assert_eq!(
            detail(Ok((ErrorKind::Weights, "no"))),
            "a case: expected `weights` naming `head.bias`, got `weights`: \"no\""
        );
        assert_eq!(detail(Err("`done`")), "a case: expected `weights` naming `head.bias`, got `done`");
    }

    #[test]
    fn an_error_fails_and_names_its_case() {
        let mut measure = Measure::default();
        measure.case("2 layers");
        let check = measure.conclude("name", "subject", 0.0, Err(BackendError::framework("add", "no")));
        assert_eq!(
            (check.outcome, check.detail.as_str()),
            (Outcome::Fail, "2 layers: the backend failed: could not add: no")
        );
    }
}
