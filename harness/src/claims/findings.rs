//! What is found of one condition: a measurement as a sentence, and whether the condition holds by it.

use super::comparison::{self, Difference};
use super::evidence::RunEvidence;
use super::judge::{Court, Primary};
use super::rules::{
    Ahead, Ascending, ChanceIntervals, Condition, Equivalent, EscapedCount, Exclusions, Later, Measure, PrintedAuc,
    Ratio, RunCount, SumOfProducts,
};
use super::times;
use super::weighed::Weighed;
use super::words::range_text;

/// What was found of one condition.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Finding {
    /// Whether it holds; `None` while that can't be told.
    pub holds: Option<bool>,
    /// The measurement, as a sentence with its n and interval.
    pub words: String,
}

impl Finding {
    fn new(holds: Option<bool>, words: impl Into<String>) -> Self {
        Self { holds, words: words.into() }
    }
}

impl<'e> Court<'e> {
    /// A condition with what is found of each of its parts. Every part is looked at, so that what was measured is told whatever decides.
    pub(super) fn weigh(&self, condition: &Condition) -> Weighed {
        let finding = match condition {
            Condition::All(parts) => return Weighed::All(parts.iter().map(|part| self.weigh(part)).collect()),
            Condition::Any(parts) => return Weighed::Any(parts.iter().map(|part| self.weigh(part)).collect()),
            Condition::Escaped(rule) => self.escaped(rule),
            Condition::Runs(rule) => self.runs_within(rule),
            Condition::Later(rule) => self.later(rule),
            Condition::Equivalent(rule) => self.equivalent(rule),
            Condition::Ratio(rule) => self.ratio(rule),
            Condition::Ahead(rule) => self.ahead(rule),
            Condition::Default(rule) => {
                let key = (rule.study.clone(), rule.backend.clone(), rule.knob.clone());
                match self.evidence.defaults.get(&key) {
                    Some(value) => Finding::new(
                        Some((*value == rule.value) == rule.equal),
                        format!("`{}` is {value} by default under {}", rule.knob, rule.backend),
                    ),
                    None => Finding::new(
                        None,
                        format!("no study `{}` says what {} does by default", rule.study, rule.backend),
                    ),
                }
            }
            Condition::Statement(rule) => match self.evidence.statements.get(&rule.id) {
                Some((possible, words)) => Finding::new(Some(*possible == rule.possible), words.clone()),
                None => Finding::new(None, format!("the published figures have no statement `{}`", rule.id)),
            },
            Condition::ChanceIntervals(rule) => self.chance_intervals(rule),
            Condition::PrintedAucDiffersFromChance(rule) => self.printed_auc(rule),
            Condition::Ascending(rule) => self.ascending(rule),
            Condition::SumOfProducts(rule) => sum_of_products(rule),
        };
        Weighed::One(match condition.timed_arms() {
            [] => finding,
            arms => times::judged(finding, arms.iter().flat_map(|arm| self.runs(arm))),
        })
    }

    /// The runs of an arm; none if the evidence has no such arm.
    fn runs(&self, arm: &str) -> &'e [RunEvidence] {
        self.file.arms.get(arm).and_then(|arm| self.evidence.arms.get(arm)).map_or(&[], Vec::as_slice)
    }

    /// Two arms of which each has enough runs.
    pub(super) fn pair(&self, first: &str, second: &str, of: usize) -> Option<(&'e [RunEvidence], &'e [RunEvidence])> {
        let (first, second) = (self.runs(first), self.runs(second));
        (first.len() >= of && second.len() >= of).then_some((first, second))
    }

    fn too_few(&self, arms: &[&str], of: usize) -> Finding {
        let counts: Vec<_> = arms.iter().map(|arm| format!("{} of {of} runs of {arm}", self.runs(arm).len())).collect();
        Finding::new(None, format!("so far {}", counts.join(" and ")))
    }

    fn escaped(&self, rule: &EscapedCount) -> Finding {
        let runs = self.runs(&rule.arm);
        let hits = runs.iter().filter(|run| run.escaped_by(rule.by_epoch.unwrap_or(run.horizon))).count();
        let by = rule.by_epoch.map_or_else(String::new, |epoch| format!(" by epoch {epoch}"));
        let words = format!("{} escaped{by}", comparison::share_text(hits, runs.len(), &rule.arm, self.file.level));
        Finding::new(count_holds(hits, runs.len(), rule.of, rule.at_least, rule.at_most), words)
    }

    fn runs_within(&self, rule: &RunCount) -> Finding {
        let values = measured(self.runs(&rule.arm), rule.measure);
        let hits = values.iter().filter(|value| rule.is.contain(**value)).count();
        let words = if values.is_empty() {
            format!("no run of {} has its {} yet", rule.arm, rule.measure.title())
        } else {
            format!(
                "{} of {} runs of {} have {} {}; {}",
                hits,
                values.len(),
                rule.arm,
                rule.measure.title(),
                rule.is.words(),
                range_text(&values)
            )
        };
        Finding::new(count_holds(hits, values.len(), rule.of, rule.at_least, rule.at_most), words)
    }

    fn later(&self, rule: &Later) -> Finding {
        let known = self.family.get(&(rule.arm.clone(), rule.than.clone())).copied().flatten();
        let exploratory = || {
            let (first, second) = self.pair(&rule.arm, &rule.than, rule.of)?;
            comparison::later(first, second).map(|comparison| Primary { comparison, adjusted: 1.0 })
        };
        let found = if rule.primary { known } else { exploratory() };
        let Some(Primary { comparison, adjusted }) = found else {
            return self.too_few(&[&rule.arm, &rule.than], rule.of);
        };
        let words = format!(
            "{} escapes {:.2} epochs {} than {} (restricted means {:.2} and {:.2}, n = {} and {}, exact permutation p = {}, {}; the least p that these n can give is {})",
            rule.arm,
            comparison.difference.abs(),
            if comparison.difference < 0.0 { "earlier" } else { "later" },
            rule.than,
            comparison.means[0],
            comparison.means[1],
            comparison.n[0],
            comparison.n[1],
            comparison::p_text(comparison.p_value),
            if rule.primary { format!("after Holm {}", comparison::p_text(adjusted)) } else { "exploratory".into() },
            comparison::p_text(comparison.least_p),
        );
        let holds = comparison.difference >= rule.by && comparison.difference > 0.0 && adjusted < self.file.level;
        Finding::new(Some(holds), words)
    }

    fn equivalent(&self, rule: &Equivalent) -> Finding {
        let [first, second] = &rule.arms;
        let Some((a, b)) = self.pair(first, second, rule.of) else {
            return self.too_few(&[first, second], rule.of);
        };
        let (a, b) = (measured(a, rule.measure), measured(b, rule.measure));
        match comparison::equivalence(&a, &b, rule.margin) {
            Some(p) => Finding::new(
                Some(p < self.file.level),
                format!(
                    "{first} and {second} {} equal in {} within {} (two one-sided tests, p = {})",
                    if p < self.file.level { "are" } else { "are not shown to be" },
                    rule.measure.title(),
                    rule.margin,
                    comparison::p_text(p)
                ),
            ),
            None => self.too_few(&[first, second], rule.of),
        }
    }

    fn ratio(&self, rule: &Ratio) -> Finding {
        let [first, second] = &rule.arms;
        let (a, b) = (measured(self.runs(first), rule.measure), measured(self.runs(second), rule.measure));
        if a.len() < rule.of || b.len() < rule.of {
            return self.too_few(&[first, second], rule.of);
        }
        let ratio = mean(&a) / mean(&b);
        if !ratio.is_finite() {
            return Finding::new(None, format!("{} of {second} is 0", rule.measure.title()));
        }
        let words = format!(
            "{} of {first} is {ratio:.3} times that of {second} (n = {} and {})",
            rule.measure.title(),
            a.len(),
            b.len()
        );
        Finding::new(Some(rule.is.contain(ratio)), words)
    }

    fn ahead(&self, rule: &Ahead) -> Finding {
        let Some((first, second)) = self.pair(&rule.arm, &rule.than, rule.of) else {
            return self.too_few(&[&rule.arm, &rule.than], rule.of);
        };
        for (name, runs) in [(&rule.arm, first), (&rule.than, second)] {
            let escaped = runs.iter().filter(|run| run.escape_epoch.is_some()).count();
            if escaped != 0 && escaped != runs.len() {
                // One mean over runs at chance and runs that learnt would describe no run.
                let words = format!("{escaped} of {} runs of {name} escaped, so that it has no one level", runs.len());
                return Finding::new(None, words);
            }
        }
        let Some(Difference { difference, lower, upper }) =
            comparison::ahead(first, second, rule.measure, self.file.level)
        else {
            return self.too_few(&[&rule.arm, &rule.than], rule.of);
        };
        let holds =
            rule.lower_at_least.is_none_or(|least| lower >= least) && rule.upper_below.is_none_or(|most| upper < most);
        let words = format!(
            "{} is {difference:+.3} ahead of {} in {} [{lower:+.3}, {upper:+.3}] over seeds and test reviews (n = {} and {})",
            rule.arm,
            rule.than,
            rule.measure.title(),
            first.len(),
            second.len()
        );
        Finding::new(Some(holds), words)
    }

    fn chance_intervals(&self, rule: &ChanceIntervals) -> Finding {
        let intervals: Vec<_> = rule
            .arms
            .iter()
            .flat_map(|arm| self.runs(arm))
            .filter(|run| run.escape_epoch.is_none())
            .filter_map(|run| run.auc_interval)
            .collect();
        if intervals.len() < rule.least_runs {
            return Finding::new(
                None,
                format!(
                    "only {} runs of these arms stayed at chance, and {} are needed",
                    intervals.len(),
                    rule.least_runs
                ),
            );
        }
        let excluding = intervals.iter().filter(|(lower, upper)| !(*lower..=*upper).contains(&0.5)).count();
        let Some((lower, upper)) = comparison::share_interval(excluding, intervals.len(), self.file.level) else {
            return Finding::new(None, "no run stayed at chance");
        };
        let more = lower > self.file.level;
        let words = format!(
            "the AUC intervals of {excluding} of {} runs that did not escape leave out 0.5 (share [{lower:.2}, {upper:.2}], by chance {})",
            intervals.len(),
            self.file.level
        );
        Finding::new(Some(more == (rule.exclusions == Exclusions::MoreThanExpected)), words)
    }

    fn printed_auc(&self, rule: &PrintedAuc) -> Finding {
        let found: Vec<_> =
            rule.rows.iter().filter_map(|row| Some((row, self.evidence.printed_aucs.get(row)?))).collect();
        if found.len() < rule.rows.len() {
            return Finding::new(None, "the published figures have no AUC for some of these rows");
        }
        let p_values: Vec<f64> = found.iter().map(|(_, (_, p))| *p).collect();
        let adjusted = comparison::holm(&p_values);
        let off: Vec<_> = found
            .iter()
            .zip(&adjusted)
            .filter(|(_, adjusted)| **adjusted < self.file.level)
            .map(|((row, (printed, _)), adjusted)| {
                format!("{printed} of {row} (p = {})", comparison::p_text(*adjusted))
            })
            .collect();
        let words = if off.is_empty() {
            "none of the printed AUCs differs from 0.5 by more than chance allows".to_owned()
        } else {
            format!("printed AUCs that differ from 0.5 by more than chance allows, after Holm: {}", off.join(", "))
        };
        Finding::new(Some(!off.is_empty()), words)
    }

    fn ascending(&self, rule: &Ascending) -> Finding {
        let means: Vec<_> = rule.arms.iter().map(|arm| (arm, measured(self.runs(arm), rule.measure))).collect();
        if let Some((arm, _)) = means.iter().find(|(_, values)| values.is_empty()) {
            return Finding::new(None, format!("no run of {arm} yet"));
        }
        let means: Vec<_> = means.into_iter().map(|(arm, values)| (arm, mean(&values))).collect();
        let ascending = means.windows(2).all(|pair| pair[0].1 < pair[1].1);
        let list: Vec<_> = means.iter().map(|(arm, mean)| format!("{arm} {mean:.1}")).collect();
        Finding::new(Some(ascending == rule.hold), format!("{}: {}", rule.measure.title(), list.join(", ")))
    }
}

/// Whether a count out of so many runs lies within bounds, with fewer runs so far or with more. A count that more runs could still change is not known.
fn count_holds(hits: usize, runs: usize, of: usize, at_least: Option<usize>, at_most: Option<usize>) -> Option<bool> {
    let missing = of.saturating_sub(runs);
    let total = runs.max(of);
    // With more runs than the rule speaks of, its counts grow in proportion, rounded so that the rule does not become easier.
    let least = at_least.map(|least| (least * total).div_ceil(of));
    let most = at_most.map(|most| most * total / of);
    let certain = least.is_none_or(|least| hits >= least) && most.is_none_or(|most| hits + missing <= most);
    let impossible = least.is_some_and(|least| hits + missing < least) || most.is_some_and(|most| hits > most);
    if certain {
        Some(true)
    } else if impossible {
        Some(false)
    } else {
        None
    }
}

fn measured(runs: &[RunEvidence], measure: Measure) -> Vec<f64> {
    runs.iter().filter_map(|run| run.measures.get(&measure).copied()).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of runs")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn sum_of_products(rule: &SumOfProducts) -> Finding {
    let product =
        |factors: &Vec<u32>| factors.iter().try_fold(1u64, |product, &factor| product.checked_mul(factor.into()));
    let sum = rule.terms.iter().try_fold(0u64, |sum, factors| sum.checked_add(product(factors)?));
    let terms: Vec<_> =
        rule.terms.iter().map(|factors| factors.iter().map(u32::to_string).collect::<Vec<_>>().join(" x ")).collect();
    match sum {
        Some(sum) => Finding::new(
            Some((sum == rule.value) == rule.equal),
            format!("{} = {sum}; printed: {}", terms.join(" + "), rule.value),
        ),
        None => Finding::new(None, "the sum is too large to compute"),
    }
}
