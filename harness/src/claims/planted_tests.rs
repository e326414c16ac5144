//! Answers that are known by construction: where a claim is true, false or can't be decided, the verdicts say so.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::evidence::{Evidence, RunEvidence, TestVariance};
use super::judge::{Verdict, judge};
use super::rules::{ClaimsFile, Measure};
use super::times::Timed;

const CLAIMS: &str = r#"
version = 1
title = "Planted"
level = 0.05

[arms]
plain = { study = "s", backend = "b", cell = "lstm", variant = "plain" }
helped = { study = "s", backend = "b", cell = "lstm", variant = "helped" }

[[claim]]
id = "help"
[claim.supported]
all = [ { later = { arm = "plain", than = "helped", of = 8, by = 1.0, primary = true } } ]
[claim.contradicted]
all = [ { equivalent = { arms = ["plain", "helped"], of = 8, measure = "escape-epoch", margin = 1.0 } } ]

[[claim]]
id = "escape"
[claim.supported]
all = [ { escaped = { arm = "plain", of = 8, at_least = 7 } } ]
[claim.contradicted]
all = [ { escaped = { arm = "plain", of = 8, at_most = 1 } } ]

[[claim]]
id = "ahead"
[claim.supported]
all = [ { ahead = { arm = "helped", than = "plain", of = 8, measure = "accuracy", lower_at_least = 0.30 } } ]
[claim.contradicted]
all = [ { ahead = { arm = "helped", than = "plain", of = 8, measure = "accuracy", upper_below = 0.10 } } ]
"#;

fn run(seed: u64, escape: Option<u32>, accuracy: f64) -> RunEvidence {
    let measures =
        BTreeMap::from([(Measure::EscapeEpoch, f64::from(escape.unwrap_or(10))), (Measure::Accuracy, accuracy)]);
    RunEvidence {
        seed,
        escape_epoch: escape,
        horizon: 10,
        measures,
        timed: Timed { processors: BTreeSet::new(), threads: 1, at_once: 1, variables: Vec::new() },
        auc_interval: None,
        test_variance: Some(TestVariance { accuracy: 1e-5, auc: 1e-6 }),
    }
}

/// Eight runs of each arm, drawn by these.
fn verdicts(
    random: &mut ChaCha8Rng,
    mut plain: impl FnMut(&mut ChaCha8Rng) -> (Option<u32>, f64),
    mut helped: impl FnMut(&mut ChaCha8Rng) -> (Option<u32>, f64),
) -> BTreeMap<String, Verdict> {
    let file = ClaimsFile::parse(CLAIMS).unwrap();
    let mut evidence = Evidence::default();
    for seed in 1..=8 {
        let (escape, accuracy) = plain(random);
        evidence.arms.entry(file.arms["plain"].clone()).or_default().push(run(seed, escape, accuracy));
        let (escape, accuracy) = helped(random);
        evidence.arms.entry(file.arms["helped"].clone()).or_default().push(run(seed, escape, accuracy));
    }
    judge(&file, &evidence).into_iter().map(|claim| (claim.id, claim.verdict)).collect()
}

/// Of a hundred draws, how many gave each verdict on a claim.
fn count(
    claim: &str,
    plain: impl Fn(&mut ChaCha8Rng) -> (Option<u32>, f64),
    helped: impl Fn(&mut ChaCha8Rng) -> (Option<u32>, f64),
) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for draw in 0..100 {
        let mut random = ChaCha8Rng::seed_from_u64(draw);
        *counts.entry(verdicts(&mut random, &plain, &helped)[claim].name()).or_default() += 1;
    }
    counts
}

fn of(counts: &BTreeMap<&'static str, usize>, verdict: Verdict) -> usize {
    counts.get(verdict.name()).copied().unwrap_or(0)
}

#[test]
fn help_of_four_epochs_is_seen_in_at_least_95_of_100_draws() {
    let counts = count("help", |r| (Some(r.random_range(5..=9)), 0.86), |r| (Some(r.random_range(1..=4)), 0.86));
    assert!(of(&counts, Verdict::Supported) >= 95, "{counts:?}");
    assert_eq!(of(&counts, Verdict::Contradicted), 0, "{counts:?}");
}

#[test]
fn help_that_is_none_is_contradicted_where_runs_hardly_vary() {
    let same = |r: &mut ChaCha8Rng| (Some(if r.random_bool(0.25) { 2 } else { 1 }), 0.86);
    let counts = count("help", same, same);
    assert!(of(&counts, Verdict::Contradicted) >= 95, "{counts:?}");
    assert!(of(&counts, Verdict::Supported) <= 1, "{counts:?}");
}

#[test]
fn help_that_the_spread_of_the_runs_hides_is_undecided() {
    let wide = |r: &mut ChaCha8Rng| (Some(r.random_range(1..=9)), 0.86);
    let counts = count("help", wide, wide);
    assert!(of(&counts, Verdict::Supported) <= 5, "{counts:?}");
    assert!(of(&counts, Verdict::Contradicted) <= 5, "{counts:?}");
    assert!(of(&counts, Verdict::Undecided) >= 90, "{counts:?}");
}

#[test]
fn a_share_that_lies_between_the_rules_is_undecided() {
    let half = |r: &mut ChaCha8Rng| (r.random_bool(0.5).then_some(3), 0.86);
    let counts = count("escape", half, half);
    assert!(of(&counts, Verdict::Undecided) >= 85, "{counts:?}");
    let all = count("escape", |_| (Some(1), 0.86), half);
    assert_eq!(of(&all, Verdict::Supported), 100);
    let none = count("escape", |_| (None, 0.50), half);
    assert_eq!(of(&none, Verdict::Contradicted), 100);
}

#[test]
fn a_lead_is_judged_by_its_interval_and_not_over_runs_at_chance_and_runs_that_learnt() {
    let good = |r: &mut ChaCha8Rng| (Some(1), 0.87 + r.random_range(-0.01..0.01));
    let chance = |r: &mut ChaCha8Rng| (None, 0.50 + r.random_range(-0.01..0.01));
    let mixed = |r: &mut ChaCha8Rng| if r.random_bool(0.5) { (Some(4), 0.86) } else { (None, 0.5) };
    assert_eq!(of(&count("ahead", chance, good), Verdict::Supported), 100);
    assert_eq!(of(&count("ahead", good, good), Verdict::Contradicted), 100);
    let undecided = of(&count("ahead", mixed, good), Verdict::Undecided);
    assert!(undecided >= 98, "{undecided}");
}

#[test]
fn with_runs_missing_a_verdict_is_given_only_where_they_could_not_change_it() {
    let file = ClaimsFile::parse(CLAIMS).unwrap();
    let mut evidence = Evidence::default();
    let arm = file.arms["plain"].clone();
    let verdict =
        |evidence: &Evidence| judge(&file, evidence).into_iter().find(|claim| claim.id == "escape").unwrap().verdict;
    assert_eq!(verdict(&evidence), Verdict::Undecided);
    evidence.arms.insert(arm.clone(), (1..=6).map(|seed| run(seed, Some(1), 0.86)).collect());
    assert_eq!(verdict(&evidence), Verdict::Undecided);
    evidence.arms.insert(arm, (1..=7).map(|seed| run(seed, Some(1), 0.86)).collect());
    assert_eq!(verdict(&evidence), Verdict::Supported);
}

#[test]
fn the_projects_own_claims_can_be_judged_before_there_is_a_run() {
    let file = ClaimsFile::parse(include_str!("../../../reports/claims.toml")).unwrap();
    assert_eq!(file.claims.len(), 14);
    let judged = judge(&file, &Evidence::default());
    let decided: Vec<_> =
        judged.iter().filter(|claim| claim.verdict != Verdict::Undecided).map(|claim| &claim.id).collect();
    // The formula needs no run.
    assert_eq!(decided, ["C14"]);
}

#[test]
fn a_rule_about_an_arm_that_is_not_there_is_refused_by_its_claim() {
    let text = CLAIMS.replace("arm = \"plain\", of = 8, at_least = 7", "arm = \"plane\", of = 8, at_least = 7");
    let refused = ClaimsFile::parse(&text).unwrap_err();
    assert!(refused.contains("claim escape") && refused.contains("`plane`"), "{refused}");
}
