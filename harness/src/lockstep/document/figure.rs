//! How far two models that walk in lockstep lie apart, against the step: losses above, weights below, a column of panels a cell.

use harness_contract::CellKind;
use harness_drawing::legend::{Entry, Key};
use harness_drawing::theme::{CURVE, INK, MUTED, RULE, dashed_stroke, series_style};
use harness_drawing::{Axis, Line, LinePanels, PanelRow, Point, Stroke};

use super::floor::{cells, of_cell, strongest};
use super::name_of;
use crate::lockstep::{Comparison, LockstepRecord, Reading, Subject, THRESHOLDS};

/// The least difference that is drawn.
const LOWEST: f64 = 1e-10;
/// Switched settings in one figure.
const SWITCHES: usize = 3;
const ROWS: [&str; 2] = ["loss, largest so far", "tensor farthest apart"];

/// A comparison's lines, in the order of the rows.
#[derive(Debug, Clone)]
struct Curve {
    stroke: Stroke,
    rows: [Vec<Point>; 2],
}

/// The sides and their floors; and, in the native division, the sides and the settings with the strongest effect.
pub(super) fn lockstep(record: &LockstepRecord) -> Vec<LinePanels> {
    let floors = |own: &Comparison| !matches!(own.subject, Subject::Switched { .. });
    let all = |cell| of_cell(record, cell).filter(|own| floors(own)).collect();
    let caption = format!(
        "Relative difference of losses (the largest so far) and of the tensor that is farthest apart, over {} steps; dashed levels are 1e-6, 1e-4 \
         and 1e-2. Two that never differ have no line.",
        record.steps
    );
    let mut figures = vec![over_steps(record, "lockstep", caption, &all)];
    if record.comparisons.iter().any(|own| matches!(own.subject, Subject::Switched { .. })) {
        let switched = |cell| {
            let others = of_cell(record, cell).filter(|own| matches!(own.subject, Subject::Pair | Subject::Equal));
            others.chain(strongest(record, cell).into_iter().take(SWITCHES)).collect()
        };
        let caption = format!(
            "As above, with one setting switched at a time: the {SWITCHES} with the strongest effect on the logits of each cell."
        );
        figures.push(over_steps(record, "lockstep-settings", caption, &switched));
    }
    figures.retain(|figure| !figure.columns.is_empty());
    figures
}

/// How each kind of comparison is drawn; switched settings by their place among those shown.
fn stroke(subject: &Subject, place: usize) -> Stroke {
    let thin = |dash| Stroke { color: MUTED, width: 0.9, dash };
    match subject {
        Subject::Pair => series_style(0).stroke(),
        Subject::Equal => Stroke { color: INK, width: CURVE, dash: Some((1.0, 1.6)) },
        Subject::Threads { side, .. } => series_style(1 + side).stroke(),
        Subject::Rounding { side: 0 } => thin(None),
        Subject::Rounding { .. } => thin(Some((3.0, 2.0))),
        Subject::Switched { .. } => dashed_stroke(place),
    }
}

fn over_steps<'r>(
    record: &'r LockstepRecord,
    name: &str,
    caption: String,
    chosen: &dyn Fn(CellKind) -> Vec<&'r Comparison>,
) -> LinePanels {
    let cells = cells(record);
    // A setting keeps its stroke in every panel.
    let mut switches: Vec<&Subject> = Vec::new();
    let mut legend: Vec<(&Subject, Stroke)> = Vec::new();
    let mut curves = Vec::new();
    for &cell in &cells {
        let mut own = Vec::new();
        for comparison in chosen(cell) {
            let subject = &comparison.subject;
            let same = |other: &&Subject| name_of(record, other) == name_of(record, subject);
            let place = match (subject, switches.iter().position(same)) {
                (Subject::Switched { .. }, None) => {
                    switches.push(subject);
                    switches.len() - 1
                }
                (_, place) => place.unwrap_or(0),
            };
            let stroke = stroke(subject, place);
            if !legend.iter().any(|(known, _)| same(known)) {
                legend.push((subject, stroke));
            }
            own.push(Curve { stroke, rows: [losses(comparison), weights(comparison)] });
        }
        curves.push(own);
    }
    let entry =
        |(subject, stroke): (&Subject, Stroke)| Entry { key: Key::Line(stroke, None), text: name_of(record, subject) };
    let level = Stroke { color: MUTED, width: RULE, dash: Some((2.0, 2.0)) };
    // The first curve is what the figure is about and lies above the others.
    let panel = |row: usize, own: &Vec<Curve>| {
        let seen = own.iter().rev().filter(|curve| !curve.rows[row].is_empty());
        let line = |curve: &Curve| Line {
            owner: None,
            quantity: String::new(),
            values: curve.rows[row].clone(),
            stroke: curve.stroke,
            marker: None,
            stopped: false,
        };
        seen.map(line).collect()
    };
    let rows = ROWS.iter().enumerate().map(|(row, title)| PanelRow {
        title: (*title).into(),
        axis: axis(&curves, row),
        levels: THRESHOLDS.map(|threshold| (threshold, level)).into(),
        panels: curves.iter().map(|own| panel(row, own)).collect(),
    });
    LinePanels {
        name: name.into(),
        caption,
        columns: cells.iter().map(|cell| cell.title().into()).collect(),
        axis: Axis::counting(u32::try_from(record.steps).unwrap_or(u32::MAX)),
        axis_title: "step",
        rows: rows.collect(),
        empty: "no difference",
        left: 44.0,
        legend: legend.into_iter().map(entry).collect(),
    }
}

fn losses(comparison: &Comparison) -> Vec<Point> {
    let curve = comparison.running_loss_difference();
    curve.into_iter().filter(|(_, value)| *value > 0.0).map(|(step, value)| (step as f64, value)).collect()
}

/// The tensor that lies farthest apart after each step that was read. Before the first step there is nothing to see unless the initial weights
/// differ, which the first step shows too.
fn weights(comparison: &Comparison) -> Vec<Point> {
    let apart = |reading: &Reading| reading.farthest().map_or(0.0, |tensor| tensor.difference.relative());
    let points = comparison.readings.iter().filter(|reading| reading.step > 0);
    points.map(|reading| (reading.step as f64, apart(reading))).filter(|(_, value)| *value > 0.0).collect()
}

/// Whole decades that hold every value of a row and the thresholds.
fn axis(curves: &[Vec<Curve>], row: usize) -> Axis {
    let values = || curves.iter().flatten().flat_map(|curve| &curve.rows[row]).map(|(_, value)| *value);
    let low = values().fold(THRESHOLDS[0], f64::min).max(LOWEST);
    let high = values().fold(THRESHOLDS[THRESHOLDS.len() - 1], f64::max);
    // From an even power, so that ticks, two decades apart, stand where the thresholds are.
    let low = 100_f64.powf((low.log10() / 2.0 + 1e-9).floor());
    Axis::decades(low, high)
}
