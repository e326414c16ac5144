//! Which pairs of models answer the question: the two sides, each side against itself, and one setting switched at a time.

use harness_contract::CellKind;

use super::arm::Arm;
use super::record::{Comparison, InertSetting, Subject};
use super::sides::{LockstepError, SidesRequest};
use crate::plan::{
    Division, Protocol, REVIEW, SettingDifference, differences, least_memory, same_steps, with_settings_of,
};
use crate::run::Catalogue;

const INITIALIZERS: &str = "initializers.";

/// A pair of models that is to be walked.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) cell: CellKind,
    pub(super) subject: Subject,
    pub(super) arms: [Arm; 2],
}

/// Every comparison of a lockstep, and the native settings for which none is needed.
#[derive(Debug, Clone, Default)]
pub struct LockstepPlan {
    pub(super) comparisons: Vec<Planned>,
    pub(super) inert: Vec<InertSetting>,
}

/// Plans the comparisons for these cells; with `floor`, each side against itself as well.
///
/// # Errors
/// Settings that can't be, or differ where they must not; a backend that can't be asked.
pub fn plan_lockstep(
    request: &SidesRequest,
    cells: &[CellKind],
    floor: bool,
    catalogue: &Catalogue,
    vocabulary_size: usize,
) -> Result<LockstepPlan, LockstepError> {
    let mut plan = LockstepPlan::default();
    for &cell in cells {
        let arms = request.arms(cell, vocabulary_size, catalogue)?;
        let cell_plan = CellPlan { cell, arms: &arms, vocabulary_size, seed: request.seed };
        plan.add(cell, Subject::Pair, arms.clone());
        let mut floored = arms.clone();
        if request.division == Division::Native {
            let differing = differences(&arms[0].protocol, &arms[1].protocol);
            let keys: Vec<String> = differing.iter().map(|own| own.key.clone()).collect();
            // What the second side does with the first one's settings.
            let equal = cell_plan.second(&keys, &[])?;
            plan.add(cell, Subject::Equal, [arms[0].clone(), equal.clone()]);
            floored[1] = equal.clone();
            cell_plan.switched(&differing, &keys, &equal, &mut plan)?;
        }
        if floor {
            plan.add_floors(cell, &floored);
        }
    }
    Ok(plan)
}

impl LockstepPlan {
    /// How many comparisons there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.comparisons.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.comparisons.is_empty()
    }

    /// What each comparison is to show, in the order in which they are walked.
    pub fn subjects(&self) -> impl Iterator<Item = (CellKind, &Subject)> {
        self.comparisons.iter().map(|planned| (planned.cell, &planned.subject))
    }

    /// Native settings that differ and change nothing.
    #[must_use]
    pub fn inert(&self) -> &[InertSetting] {
        &self.inert
    }

    /// What each comparison needs of memory at least, both of its models together, in bytes, by name.
    pub(crate) fn memory(&self, reviews: usize) -> Vec<(String, u64)> {
        let of =
            |arm: &Arm| least_memory(&arm.spec, arm.protocol.batch_size, 0, arm.backend.info.native_defaults.is_some());
        let both = |planned: &Planned| {
            let [a, b] = planned.arms.each_ref();
            let data = (reviews as u64).saturating_mul(REVIEW);
            (
                format!("{} beside {}, {}", a.name, b.name, planned.cell),
                of(a).saturating_add(of(b)).saturating_add(data),
            )
        };
        self.comparisons.iter().map(both).collect()
    }

    /// Whether this is a floor of the same backends that was not asked for this time.
    pub(super) fn leaves_out(&self, own: &Comparison) -> bool {
        let floor = |subject: &Subject| matches!(subject, Subject::Threads { .. } | Subject::Rounding { .. });
        let here = || self.comparisons.iter().filter(|planned| planned.cell == own.cell);
        let same = |planned: &Planned| planned.arms.iter().any(|arm| arm.record().backend == own.arms[0].backend);
        floor(&own.subject) && !here().any(|planned| floor(&planned.subject)) && here().any(same)
    }

    fn add(&mut self, cell: CellKind, subject: Subject, arms: [Arm; 2]) {
        self.comparisons.push(Planned { cell, subject, arms });
    }

    /// Each side against itself with another number of threads, and from weights moved by one rounding.
    fn add_floors(&mut self, cell: CellKind, arms: &[Arm; 2]) {
        let same = arms[0].backend.program == arms[1].backend.program && arms[0].spec == arms[1].spec;
        for (side, arm) in arms.iter().enumerate().take(if same { 1 } else { 2 }) {
            let threads = [arm.protocol.threads, if arm.protocol.threads == 1 { 2 } else { 1 }];
            let mut other = arm.clone();
            other.protocol.threads = threads[1];
            other.spec.threads = threads[1];
            self.add(cell, Subject::Threads { side, threads }, [arm.clone(), other]);
            self.add(cell, Subject::Rounding { side }, [arm.clone(), arm.clone()]);
        }
    }
}

/// The two sides of one cell.
struct CellPlan<'a> {
    cell: CellKind,
    arms: &'a [Arm; 2],
    vocabulary_size: usize,
    seed: u64,
}

impl CellPlan<'_> {
    /// The second arm with the first one's values of `differing`, save those of `kept`. Where the second backend can't do that, the first
    /// one does it, if it can.
    fn second(&self, differing: &[String], kept: &[String]) -> Result<Arm, LockstepError> {
        let [first, second] = self.arms;
        let taken: Vec<String> = differing.iter().filter(|key| !kept.contains(key)).cloned().collect();
        let own = self.with(second, with_settings_of(&second.protocol, &first.protocol, &taken)?);
        if own.backend.info.capabilities.check(&own.spec).is_ok() {
            return Ok(own);
        }
        let other = self.with(first, with_settings_of(&first.protocol, &second.protocol, kept)?);
        Ok(if other.backend.info.capabilities.check(&other.spec).is_ok() { other } else { own })
    }

    fn with(&self, arm: &Arm, protocol: Protocol) -> Arm {
        let spec = protocol.model_spec(self.cell, self.vocabulary_size, self.seed);
        Arm { protocol, spec, ..arm.clone() }
    }

    /// One comparison for each differing setting that changes anything, and one for all initialisers together.
    fn switched(
        &self,
        differing: &[SettingDifference],
        keys: &[String],
        equal: &Arm,
        plan: &mut LockstepPlan,
    ) -> Result<(), LockstepError> {
        let mut initializers = Vec::new();
        for own in differing {
            let switched = self.second(keys, std::slice::from_ref(&own.key))?;
            let values = [own.first.clone(), own.second.clone()];
            if equal.backend.program == switched.backend.program
                && same_steps(&equal.protocol, &switched.protocol, self.cell)
            {
                plan.inert.push(InertSetting { cell: self.cell, key: own.key.clone(), values });
                continue;
            }
            if own.key.starts_with(INITIALIZERS) {
                initializers.push(own.key.clone());
            }
            let subject = Subject::Switched { keys: vec![own.key.clone()], values };
            plan.add(self.cell, subject, [self.arms[0].clone(), switched]);
        }
        if initializers.len() > 1 {
            let switched = self.second(keys, &initializers)?;
            let values = [self.arms[0].name.clone(), self.arms[1].name.clone()];
            plan.add(self.cell, Subject::Switched { keys: initializers, values }, [self.arms[0].clone(), switched]);
        }
        Ok(())
    }
}
