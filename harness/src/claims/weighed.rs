//! A rule with what was found of each of its conditions.

use super::findings::Finding;

/// A condition that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Weighed {
    /// Holds if every part does.
    All(Vec<Weighed>),
    /// Holds if one part does.
    Any(Vec<Weighed>),
    /// A measurement.
    One(Finding),
}

impl Weighed {
    /// Whether it holds; `None` while that can't be told.
    pub(super) fn holds(&self) -> Option<bool> {
        let (parts, deciding) = match self {
            Self::One(finding) => return finding.holds,
            Self::All(parts) => (parts, false),
            Self::Any(parts) => (parts, true),
        };
        let parts: Vec<_> = parts.iter().map(Self::holds).collect();
        if parts.contains(&Some(deciding)) {
            Some(deciding)
        } else {
            parts.iter().all(Option::is_some).then_some(!deciding)
        }
    }

    /// Every measurement, in the order of the rule.
    pub(super) fn findings(&self) -> Vec<&Finding> {
        match self {
            Self::One(finding) => vec![finding],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::findings).collect(),
        }
    }

    /// The measurements that make it hold. Where it does not, the first that keeps it from that: one that was made before one that is missing.
    pub(super) fn deciding(&self) -> Vec<&Finding> {
        let true_part = |part: &&Self| part.holds() == Some(true);
        match self {
            Self::One(finding) => vec![finding],
            Self::All(parts) if parts.iter().all(|part| true_part(&part)) => {
                parts.iter().flat_map(Self::deciding).collect()
            }
            Self::Any(parts) if parts.iter().any(|part| true_part(&part)) => {
                parts.iter().find(true_part).map(Self::deciding).unwrap_or_default()
            }
            Self::All(parts) | Self::Any(parts) => {
                let against = parts.iter().find(|part| part.holds() == Some(false));
                let against = against.or_else(|| parts.iter().find(|part| !true_part(part)));
                against.map(Self::deciding).unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(holds: Option<bool>, words: &str) -> Weighed {
        Weighed::One(Finding { holds, words: words.into() })
    }

    fn words(weighed: &Weighed) -> Vec<&str> {
        weighed.deciding().into_iter().map(|finding| finding.words.as_str()).collect()
    }

    #[test]
    fn a_rule_that_holds_is_decided_by_what_makes_it_hold() {
        let all = || Weighed::All(vec![one(Some(true), "a"), one(Some(true), "b")]);
        assert_eq!((all().holds(), words(&all())), (Some(true), vec!["a", "b"]));
        let any = Weighed::Any(vec![one(None, "missing"), one(Some(false), "no"), all(), one(Some(true), "c")]);
        assert_eq!((any.holds(), words(&any)), (Some(true), vec!["a", "b"]));
        assert_eq!(any.findings().len(), 5);
    }

    #[test]
    fn a_rule_that_does_not_hold_is_decided_by_what_was_measured_before_what_is_missing() {
        let all = Weighed::All(vec![one(Some(true), "yes"), one(None, "missing"), one(Some(false), "no")]);
        assert_eq!((all.holds(), words(&all)), (Some(false), vec!["no"]));
        let waiting = Weighed::All(vec![one(Some(true), "yes"), one(None, "missing")]);
        assert_eq!((waiting.holds(), words(&waiting)), (None, vec!["missing"]));
        let any = Weighed::Any(vec![waiting, one(Some(false), "no")]);
        assert_eq!((any.holds(), words(&any)), (None, vec!["no"]));
    }
}
