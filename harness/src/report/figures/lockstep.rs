//! How far two models that walk in lockstep lie apart, against the step: losses above, weights below, a column of panels a cell.

use harness_contract::CellKind;
use plotters::prelude::DrawingBackend;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Point, Stroke};
use super::frame::{Frame, Labels};
use super::layout::{Grid, figure_width};
use super::legend::{self, Entry, Key};
use super::save::Figure;
use super::simplify::simplified;
use super::theme::{CURVE, INK, MUTED, RULE, backend_style, setting_stroke};
use crate::lockstep::{Comparison, LockstepRecord, Reading, Subject, THRESHOLDS};
use crate::report::lockstep::{cells, name_of, of_cell, strongest};

/// The least difference that is drawn.
const LOWEST: f64 = 1e-10;
/// How far a drawn curve may lie from the exact one, as a share of a panel.
const TOLERANCE: f64 = 1e-3;
/// Switched settings in one figure.
const SWITCHES: usize = 3;
const ROWS: [&str; 2] = ["loss, largest so far", "tensor farthest apart"];

/// A comparison's lines, in the order of the rows.
#[derive(Debug, Clone)]
struct Curve {
    stroke: Stroke,
    rows: [Vec<Point>; 2],
}

/// Relative differences over the steps.
#[derive(Debug)]
pub(super) struct OverLockstep {
    name: String,
    caption: String,
    cells: Vec<CellKind>,
    steps: Axis,
    rows: [Axis; 2],
    /// By cell.
    curves: Vec<Vec<Curve>>,
    legend: Vec<Entry>,
}

/// The sides and their floors; and, in the native division, the sides and the settings with the strongest effect.
pub(super) fn lockstep(record: &LockstepRecord) -> Vec<OverLockstep> {
    let floors = |own: &Comparison| !matches!(own.subject, Subject::Switched { .. });
    let all = |cell| of_cell(record, cell).filter(|own| floors(own)).collect();
    let caption = format!(
        "Relative difference of losses (the largest so far) and of the tensor that is farthest apart, over {} steps; dashed levels are 1e-6, 1e-4 \
         and 1e-2. Two that never differ have no line.",
        record.steps
    );
    let mut figures = vec![OverLockstep::new(record, "lockstep", caption, &all)];
    if record.comparisons.iter().any(|own| matches!(own.subject, Subject::Switched { .. })) {
        let switched = |cell| {
            let others = of_cell(record, cell).filter(|own| matches!(own.subject, Subject::Pair | Subject::Equal));
            others.chain(strongest(record, cell).into_iter().take(SWITCHES)).collect()
        };
        let caption = format!(
            "As above, with one setting switched at a time: the {SWITCHES} with the strongest effect on the logits of each cell."
        );
        figures.push(OverLockstep::new(record, "lockstep-settings", caption, &switched));
    }
    figures.retain(|figure| !figure.cells.is_empty());
    figures
}

/// How each kind of comparison is drawn; switched settings by their place among those shown.
fn stroke(subject: &Subject, place: usize) -> Stroke {
    let thin = |dash| Stroke { color: MUTED, width: 0.9, dash };
    match subject {
        Subject::Pair => backend_style(0).stroke(),
        Subject::Equal => Stroke { color: INK, width: CURVE, dash: Some((1.0, 1.6)) },
        Subject::Threads { side, .. } => backend_style(1 + side).stroke(),
        Subject::Rounding { side: 0 } => thin(None),
        Subject::Rounding { .. } => thin(Some((3.0, 2.0))),
        Subject::Switched { .. } => setting_stroke(place),
    }
}

impl OverLockstep {
    fn new<'r>(
        record: &'r LockstepRecord,
        name: &str,
        caption: String,
        chosen: &dyn Fn(CellKind) -> Vec<&'r Comparison>,
    ) -> Self {
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
        let entry = |(subject, stroke): (&Subject, Stroke)| Entry {
            key: Key::Line(stroke, None),
            text: name_of(record, subject),
        };
        Self {
            name: name.into(),
            caption,
            cells,
            steps: Axis::epochs(u32::try_from(record.steps).unwrap_or(u32::MAX)),
            rows: [0, 1].map(|row| axis(&curves, row)),
            curves,
            legend: legend.into_iter().map(entry).collect(),
        }
    }

    fn grid(&self) -> Grid {
        let width = figure_width(self.cells.len());
        let legend = legend::rows(&self.legend, width).len() as f64 * legend::ROW;
        Grid {
            width,
            left: 44.0,
            right: 6.0,
            top: legend + 20.0,
            bottom: 32.0,
            gap_x: 14.0,
            gap_y: 16.0,
            columns: self.cells.len(),
            rows: ROWS.len(),
            panel_height: Some(118.0),
        }
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

impl Figure for OverLockstep {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn caption(&self) -> String {
        self.caption.clone()
    }

    fn size(&self) -> (f64, f64) {
        (self.grid().width, self.grid().height())
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Drawn<DB> {
        let grid = self.grid();
        legend::strip(canvas, (0.0, 2.0), grid.width, &legend::rows(&self.legend, grid.width))?;
        for (row, title) in ROWS.iter().enumerate() {
            for (column, cell) in self.cells.iter().enumerate() {
                let rect = grid.panel(row, column);
                let frame = Frame { canvas, rect, x: self.steps.clone(), y: self.rows[row].clone() };
                frame.draw(
                    if row + 1 == ROWS.len() { Labels::Titled("step") } else { Labels::Ticks },
                    if column == 0 { Labels::Titled(title) } else { Labels::Ticks },
                )?;
                if row == 0 {
                    frame.title(cell.title())?;
                }
                let level = Stroke { color: MUTED, width: RULE, dash: Some((2.0, 2.0)) };
                for threshold in THRESHOLDS.into_iter().filter(|threshold| frame.y.holds(*threshold)) {
                    let (y, right) = (frame.point((1.0, threshold)).1, rect.left + rect.width);
                    canvas.path(&[(rect.left, y), (right, y)], level)?;
                }
                let curves = self.curves.get(column).map_or(&[][..], Vec::as_slice);
                // The first curve is what the figure is about and lies above the others.
                for curve in curves.iter().rev().filter(|curve| !curve.rows[row].is_empty()) {
                    let points: Vec<_> = curve.rows[row].iter().map(|point| frame.point(*point)).collect();
                    canvas.path(&simplified(&points, TOLERANCE * rect.width), curve.stroke)?;
                }
                if curves.iter().all(|curve| curve.rows[row].is_empty()) {
                    frame.note("no difference")?;
                }
            }
        }
        Ok(())
    }
}
