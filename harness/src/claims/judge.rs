//! From rules and evidence to verdicts. A condition holds, does not, or can't be told yet; nothing is taken for granted that the runs do not show.

use std::collections::BTreeMap;

use super::comparison::{self, Comparison};
use super::evidence::Evidence;
use super::findings::Finding;
use super::rules::{Claim, ClaimsFile, Later};
use super::weighed::Weighed;

/// What came out of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// What supports it holds, what contradicts it does not.
    Supported,
    /// What contradicts it holds, what supports it does not.
    Contradicted,
    /// Both hold: it is true of some arms and false of others.
    InPart,
    /// Neither holds, or runs are missing.
    Undecided,
}

impl Verdict {
    /// The word as tables write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Contradicted => "contradicted",
            Self::InPart => "in part",
            Self::Undecided => "undecided",
        }
    }
}

/// A claim that has been judged.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Judged {
    /// Its name.
    pub id: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What decided: why the rule holds that the verdict is of, or, of an undecided claim, why neither does.
    pub decided_by: Vec<Finding>,
    /// What was found of each condition that has a measurement, supporting ones first.
    pub findings: Vec<Finding>,
    /// Remarks whose condition holds.
    pub notes: Vec<String>,
}

/// Judges every claim of a file.
#[must_use]
pub(crate) fn judge(file: &ClaimsFile, evidence: &Evidence) -> Vec<Judged> {
    let court = Court::new(file, evidence);
    file.claims.iter().map(|claim| court.judge(claim)).collect()
}

/// A file, its evidence, and what has to be known of all claims before one is judged: the adjusted p values of the family.
pub(super) struct Court<'e> {
    pub(super) file: &'e ClaimsFile,
    pub(super) evidence: &'e Evidence,
    pub(super) family: BTreeMap<(String, String), Option<Primary>>,
}

/// A primary test that could be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Primary {
    pub(super) comparison: Comparison,
    pub(super) adjusted: f64,
}

impl<'e> Court<'e> {
    fn new(file: &'e ClaimsFile, evidence: &'e Evidence) -> Self {
        let mut court = Self { file, evidence, family: BTreeMap::new() };
        let tests: Vec<(&Later, Option<Comparison>)> = file
            .primary()
            .into_iter()
            .map(|later| {
                (later, court.pair(&later.arm, &later.than, later.of).and_then(|(a, b)| comparison::later(a, b)))
            })
            .collect();
        // A test that can't be made yet counts towards the family: the others must not become easier for it.
        let p_values: Vec<f64> = tests.iter().map(|(_, test)| test.map_or(1.0, |test| test.p_value)).collect();
        let adjusted = comparison::holm(&p_values);
        for ((later, test), adjusted) in tests.into_iter().zip(adjusted) {
            let primary = test.map(|comparison| Primary { comparison, adjusted });
            court.family.insert((later.arm.clone(), later.than.clone()), primary);
        }
        court
    }

    fn judge(&self, claim: &Claim) -> Judged {
        let supported = self.weigh(&claim.supported);
        let contradicted = self.weigh(&claim.contradicted);
        let (verdict, deciding) = match (supported.holds() == Some(true), contradicted.holds() == Some(true)) {
            (true, true) => (Verdict::InPart, vec![&supported, &contradicted]),
            (true, false) => (Verdict::Supported, vec![&supported]),
            (false, true) => (Verdict::Contradicted, vec![&contradicted]),
            (false, false) => (Verdict::Undecided, vec![&supported, &contradicted]),
        };
        let notes = claim.notes.iter().filter(|note| self.weigh(&note.when).holds() == Some(true));
        Judged {
            id: claim.id.clone(),
            verdict,
            decided_by: once(deciding.into_iter().flat_map(Weighed::deciding)),
            findings: once(supported.findings().into_iter().chain(contradicted.findings())),
            notes: notes.map(|note| note.say.clone()).collect(),
        }
    }
}

/// Each sentence once.
fn once<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings {
        if !kept.iter().any(|known| known.words == finding.words) {
            kept.push(finding.clone());
        }
    }
    kept
}
