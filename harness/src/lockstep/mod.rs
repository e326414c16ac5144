//! Lockstep: two backends are fed the same weights, batches and learning rates, and after each step it is written down how far apart they
//! are.
//!
//! A lockstep is a list of comparisons, each of two models in two processes that compute at the same time: the two sides; each side against itself
//! with another number of threads and from weights moved by one rounding, which is the floor under which no difference means anything; and, in the native
//! division, the sides with all settings equal but one. [`walk_all`] leaves a [`LockstepRecord`], and tables and figures are made from that.

mod arm;
mod comparisons;
mod difference;
mod document;
mod initial;
mod record;
mod schedule;
mod sides;
#[cfg(test)]
mod tests;
mod walk;

use std::time::Duration;

use harness_contract::CellKind;
use sha2::{Digest, Sha256};

pub(crate) use comparisons::LockstepPlan;
pub use comparisons::plan_lockstep;
pub use difference::relative;
pub(crate) use difference::{THRESHOLDS, WeightsPart};
pub use document::{lockstep_text, write_lockstep};
pub use record::{
    ArmRecord, Comparison, Difference, Ending, InertSetting, LOCKSTEP_VERSION, LockstepRecord, Reading, StepPair,
    Subject, TensorDifference,
};
pub use schedule::reading_steps;
pub(crate) use sides::LockstepError;
pub use sides::{SideRequest, SidesRequest};

use crate::data::EncodedData;
use crate::plan::fingerprint;
use crate::run::Interrupt;
use comparisons::Planned;
use initial::{initial_pair, moved_by_one_rounding};
use walk::{Walk, walk};

/// How a lockstep is walked.
#[derive(Debug)]
pub struct WalkOptions<'a> {
    /// The splits.
    pub data: &'a EncodedData,
    /// Steps after which weights and logits are read, ascending.
    pub readings: &'a [u64],
    /// How long a backend may take over one request.
    pub deadline: Duration,
    /// Set when everything is to stop.
    pub interrupt: &'a Interrupt,
}

/// What happens during a lockstep, told as it happens.
#[derive(Debug)]
pub enum LockstepEvent<'a> {
    /// A comparison had ended before, with this result.
    Kept(&'a Comparison),
    /// A comparison begins.
    Started(&'a Subject, CellKind),
    /// A step is done.
    Step(&'a StepPair),
    /// A comparison has ended; the record holds it.
    Ended(&'a LockstepRecord),
}

/// Walks every comparison of a plan. `record` says what the plan is about; comparisons of `earlier` with the same identity are taken over, and those of
/// other cells stay, too, as does what only `floor` asks for. `record` may hold what is inert in those cells. Returns whether all were walked, which is not so if `stop` was set.
///
/// # Errors
/// Whatever `tell` fails with; weights that can't be drawn.
pub fn walk_all<E: From<LockstepError>>(
    plan: &LockstepPlan,
    options: &WalkOptions<'_>,
    record: &mut LockstepRecord,
    earlier: Vec<Comparison>,
    tell: &mut dyn FnMut(LockstepEvent<'_>) -> Result<(), E>,
) -> Result<bool, E> {
    let planned_cell = |cell: CellKind| plan.subjects().any(|(own, _)| own == cell);
    record.inert.retain(|own| !planned_cell(own.cell));
    record.inert.extend(plan.inert.iter().cloned());
    let mut earlier: Vec<_> = earlier.into_iter().filter(Comparison::is_settled).collect();
    let others: Vec<_> = earlier.extract_if(.., |own| !planned_cell(own.cell) || plan.leaves_out(own)).collect();
    let among = |ended: &[Comparison]| {
        let mut all = [ended, &others].concat();
        all.sort_by_key(|own| CellKind::ALL.iter().position(|cell| *cell == own.cell));
        all
    };
    let mut ended = Vec::new();
    record.comparisons = among(&ended);
    for planned in &plan.comparisons {
        let identity = planned.identity(options, record)?;
        if let Some(place) = earlier.iter().position(|own| own.identity == identity) {
            // The subject may have another name now; the numbers are those.
            let kept = Comparison { subject: planned.subject.clone(), ..earlier.swap_remove(place) };
            tell(LockstepEvent::Kept(&kept))?;
            ended.push(kept);
            record.comparisons = among(&ended);
            continue;
        }
        tell(LockstepEvent::Started(&planned.subject, planned.cell))?;
        let mut failure = None;
        let mut observe = |pair: &StepPair| {
            if let Err(error) = tell(LockstepEvent::Step(pair)) {
                failure = Some(error);
            }
            failure.is_none() && !options.interrupt.is_set()
        };
        let Some(comparison) = planned.walk(options, record, identity, &mut observe)? else {
            return failure.map_or(Ok(false), Err);
        };
        ended.push(comparison);
        record.comparisons = among(&ended);
        tell(LockstepEvent::Ended(record))?;
    }
    Ok(true)
}

impl Planned {
    fn walk(
        &self,
        options: &WalkOptions<'_>,
        record: &LockstepRecord,
        identity: String,
        observe: &mut dyn FnMut(&StepPair) -> bool,
    ) -> Result<Option<Comparison>, LockstepError> {
        let arms = self.arms.each_ref();
        let mut initial = initial_pair(arms, record.seed)?;
        if matches!(self.subject, Subject::Rounding { .. }) {
            initial[1] = moved_by_one_rounding(&initial[0], record.seed)?;
        }
        let WalkOptions { data, readings, deadline, interrupt } = *options;
        let course = walk(
            &Walk { arms, initial, data, seed: record.seed, steps: record.steps, readings, deadline, interrupt },
            observe,
        );
        Ok(course.map(|(course, ending)| Comparison {
            cell: self.cell,
            subject: self.subject.clone(),
            identity,
            arms: arms.map(arm::Arm::record),
            ending,
            steps: course.steps,
            readings: course.readings,
        }))
    }

    /// SHA-256 over everything that the comparison's numbers depend on.
    fn identity(&self, options: &WalkOptions<'_>, record: &LockstepRecord) -> Result<String, LockstepError> {
        let print =
            |arm: &arm::Arm| fingerprint(&arm.backend.info, &arm.protocol, &arm.spec, &record.data_hash, record.seed);
        let [a, b] = self.arms.each_ref().map(print);
        let rounding = matches!(self.subject, Subject::Rounding { .. });
        let whole = serde_json::to_vec(&(LOCKSTEP_VERSION, a?, b?, rounding, record.steps, options.readings))?;
        Ok(Sha256::digest(whole).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
