//! Labelled rows with a panel or several beside them: dots and intervals on horizontal axes, as in a forest plot.

use crate::axis::Axis;
use crate::canvas::{Canvas, Color, Lie, Stroke, Writing};
use crate::font::{fitted, text_room, text_width};
use crate::frame::{Frame, Labels, Rect};
use crate::legend::{self, Entry};
use crate::save::Figure;
use crate::style::Style;
use crate::theme::{INK, MUTED, Marker, PAPER, TEXT};

/// A dot of a row.
#[derive(Debug, Clone, Copy)]
pub struct Dot {
    /// Its value.
    pub value: f64,
    /// Its marker.
    pub marker: Marker,
    /// Its colour.
    pub color: Color,
    /// Whether it is hollow.
    pub hollow: bool,
}

/// What stands in one row of one panel.
#[derive(Debug, Clone, Default)]
pub struct RowMarks {
    /// Dots, spread over the row's height in their order where there are several, so that equal ones don't hide each other.
    pub dots: Vec<Dot>,
    /// A bar from end to end with a tick at its middle: lower end, middle, upper end.
    pub interval: Option<(f64, f64, f64)>,
    /// What is written instead where there is nothing to draw.
    pub note: Option<String>,
}

/// A row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its label, left of the panels.
    pub label: String,
    /// Whether it is set apart from the row above.
    pub begins: bool,
    /// What stands in each panel.
    pub marks: Vec<RowMarks>,
}

/// A panel.
#[derive(Debug, Clone)]
pub struct RowPanel {
    /// What its axis says.
    pub title: String,
    /// The axis.
    pub axis: Axis,
    /// Values with a vertical line of their own.
    pub levels: Vec<f64>,
}

/// A figure of rows.
#[derive(Debug, Clone)]
pub struct RowPanels {
    /// The name of its files, without extension.
    pub name: String,
    /// What it shows.
    pub caption: String,
    /// Panels from left to right.
    pub panels: Vec<RowPanel>,
    /// Rows from top to bottom.
    pub rows: Vec<Row>,
    /// What dots and bars stand for.
    pub legend: Vec<Entry>,
}

/// Rows that fit on a page.
pub const MOST_ROWS: usize = 40;

const PITCH: f64 = 14.0;
const BREAK: f64 = 5.0;
const GAP: f64 = 28.0;
const RIGHT: f64 = 14.0;
const BOTTOM: f64 = 32.0;
/// The widest label, as a share of the figure; a longer one is cut.
const WIDEST_LABEL: f64 = 240.0 / 504.0;
/// How far from a row's middle dots are spread, in points.
const SPREAD: f64 = 2.4;

impl RowPanels {
    fn left(&self, style: Style) -> f64 {
        self.rows.iter().map(|row| text_room(&row.label, false)).fold(0.0, f64::max).min(WIDEST_LABEL * style.wide())
            + 8.0
    }

    fn top(&self, style: Style) -> f64 {
        legend::height(&self.legend, style.wide()) + 8.0
    }

    /// Middles of the rows, and the height of them all, from the panels' upper edge.
    fn middles(&self) -> (Vec<f64>, f64) {
        let mut at = 2.0;
        let mut middles = Vec::with_capacity(self.rows.len());
        for (place, row) in self.rows.iter().enumerate() {
            if row.begins && place > 0 {
                at += BREAK;
            }
            middles.push(at + PITCH / 2.0);
            at += PITCH;
        }
        (middles, at + 2.0)
    }

    fn panel(&self, place: usize, style: Style) -> Rect {
        let number = self.panels.len() as f64;
        let (left, top) = (self.left(style), self.top(style));
        let width = (style.wide() - left - RIGHT - GAP * (number - 1.0)) / number;
        Rect { left: left + place as f64 * (width + GAP), top, width, height: self.middles().1 }
    }
}

impl Figure for RowPanels {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn caption(&self) -> String {
        self.caption.clone()
    }

    fn size(&self, style: Style) -> (f64, f64) {
        (style.wide(), self.top(style) + self.middles().1 + BOTTOM)
    }

    fn draw(&self, canvas: &Canvas) {
        let style = canvas.style();
        legend::above(canvas, 2.0, style.wide(), &self.legend);
        let (middles, _) = self.middles();
        let left = self.left(style);
        for (row, middle) in self.rows.iter().zip(&middles) {
            let label = fitted(&row.label, false, left - 6.0);
            canvas.text((left - 5.0, self.top(style) + middle + 0.36 * TEXT), &label, Writing::plain(Lie::End));
        }
        for (place, panel) in self.panels.iter().enumerate() {
            let rect = self.panel(place, style);
            let y = Axis::covering(0.0, 1.0, 1).without_ticks();
            let frame = Frame { canvas, rect, x: panel.axis.clone(), y };
            frame.draw(Labels::Titled(&panel.title), Labels::Ticks);
            let x = |value: f64| frame.point((value, 0.0)).0;
            for level in panel.levels.iter().filter(|level| panel.axis.holds(**level)) {
                let stroke = Stroke { color: MUTED, width: 0.8, dash: Some((2.0, 2.0)) };
                canvas.path(&[(x(*level), rect.top), (x(*level), rect.top + rect.height)], stroke);
            }
            for (row, middle) in self.rows.iter().zip(&middles) {
                if let Some(marks) = row.marks.get(place) {
                    draw_marks(&frame, rect.top + middle, marks);
                }
            }
        }
    }
}

fn draw_marks(frame: &Frame<'_>, middle: f64, marks: &RowMarks) {
    let canvas = frame.canvas;
    let x = |value: f64| frame.point((value, 0.0)).0;
    // Where there is both, dots lie above their bar, so that neither hides the other.
    let shared = marks.interval.is_some() && marks.dots.len() > 1;
    let (dots, bar) = if shared { (middle - 2.2, middle + 4.0) } else { (middle, middle) };
    if let Some((lower, mean, upper)) = marks.interval {
        let stroke = Stroke { color: INK, width: 1.0, dash: None };
        canvas.path(&[(x(lower), bar), (x(upper), bar)], stroke);
        for end in [lower, upper] {
            // An end beyond the axis has no tick: the bar goes on.
            if frame.x.holds(end) {
                canvas.path(&[(x(end), bar - 2.0), (x(end), bar + 2.0)], stroke);
            }
        }
        canvas.path(&[(x(mean), bar - 3.0), (x(mean), bar + 3.0)], Stroke { width: 1.6, ..stroke });
    }
    let number = marks.dots.len();
    let spread = if shared { SPREAD } else { 1.5 * SPREAD };
    for (place, dot) in marks.dots.iter().enumerate() {
        let step = if number > 1 { place as f64 / (number - 1) as f64 * 2.0 - 1.0 } else { 0.0 };
        let at = (x(dot.value), dots + step * spread);
        if number > 1 {
            canvas.small_marker(at, dot.marker, dot.color, dot.hollow);
        } else {
            canvas.marker(at, dot.marker, dot.color, dot.hollow);
        }
    }
    if let Some(note) = &marks.note {
        let at = (frame.rect.left + 4.0, middle + 0.36 * TEXT);
        let muted = Writing { lie: Lie::Start, bold: false, color: MUTED };
        let note = fitted(note, false, frame.rect.width - 6.0);
        let half = 0.6 * TEXT;
        canvas.rectangle((at.0 - 1.0, middle - half), (at.0 + text_width(&note, false), middle + half), PAPER, 1.0);
        canvas.text(at, &note, muted);
    }
}
