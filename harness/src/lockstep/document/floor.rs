//! What differences mean nothing: those of a backend from itself.

use harness_contract::CellKind;

use crate::lockstep::{Comparison, LockstepRecord, Subject};

/// A setting makes a difference where it exceeds the floor this many times.
pub(super) const FACTOR: f64 = 10.0;
/// The least relative loss difference that is taken for one: some eight units in the last place of a float32.
pub(super) const LEAST: f64 = 1e-6;

/// The cells of a record, in its order.
pub(super) fn cells(record: &LockstepRecord) -> Vec<CellKind> {
    let mut cells = Vec::new();
    for comparison in &record.comparisons {
        if !cells.contains(&comparison.cell) {
            cells.push(comparison.cell);
        }
    }
    cells
}

/// The comparisons of a cell.
pub(super) fn of_cell(record: &LockstepRecord, cell: CellKind) -> impl Iterator<Item = &Comparison> {
    record.comparisons.iter().filter(move |comparison| comparison.cell == cell)
}

/// Those that are a floor: a backend against itself.
pub(super) fn floors(record: &LockstepRecord, cell: CellKind) -> Vec<&Comparison> {
    let is_floor = |own: &&Comparison| matches!(own.subject, Subject::Threads { .. } | Subject::Rounding { .. });
    of_cell(record, cell).filter(is_floor).collect()
}

/// The largest relative loss difference of any of these comparisons up to each step.
pub(super) fn level(comparisons: &[&Comparison]) -> Vec<f64> {
    let curves: Vec<_> = comparisons.iter().map(|own| own.running_loss_difference()).collect();
    let steps = curves.iter().map(Vec::len).max().unwrap_or(0);
    // A curve that ended early stays at its last value.
    let at = |curve: &[(u64, f64)], step: usize| curve.get(step).or(curve.last()).map_or(0.0, |(_, value)| *value);
    (0..steps).map(|step| curves.iter().map(|curve| at(curve, step)).fold(0.0, f64::max)).collect()
}

/// How many times the floor a comparison's loss difference is at most, up to any step; a floor below one unit in the last place of a float32
/// counts as one.
pub(super) fn times_the_floor(comparison: &Comparison, level: &[f64]) -> f64 {
    let own = comparison.running_loss_difference();
    let least = f64::from(f32::EPSILON);
    own.iter().zip(level).map(|((_, value), floor)| value / floor.max(least)).fold(0.0, f64::max)
}

/// The first step at which a comparison's loss difference stands out of the floor, with that difference.
pub(super) fn stands_out(comparison: &Comparison, level: &[f64]) -> Option<(u64, f64)> {
    let at = |place: usize| level.get(place).or(level.last()).copied().unwrap_or(0.0);
    comparison.steps.iter().enumerate().find_map(|(place, pair)| {
        let difference = pair.loss_difference();
        (difference > (FACTOR * at(place)).max(LEAST)).then_some((pair.step, difference))
    })
}

/// Comparisons with one setting switched, the strongest effect first: the relative difference of the probe's logits at the last reading,
/// which is of the same reviews for all of them.
pub(super) fn strongest(record: &LockstepRecord, cell: CellKind) -> Vec<&Comparison> {
    let mut all: Vec<_> = of_cell(record, cell).filter(|own| matches!(own.subject, Subject::Switched { .. })).collect();
    all.sort_by(|one, other| effect(other).total_cmp(&effect(one)));
    all
}

/// The relative difference of the probe's logits at the last reading.
pub(super) fn effect(comparison: &Comparison) -> f64 {
    comparison.readings.last().map_or(0.0, |reading| reading.logits.relative())
}
