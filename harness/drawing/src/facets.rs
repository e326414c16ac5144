//! Facets: a grid of small panels with the same two axes, columns under a title, rows under headings, all on one page.

use crate::axis::Axis;
use crate::canvas::{Canvas, Color, Lie, Point, Stroke, Writing};
use crate::font::fitted;
use crate::frame::{Frame, Labels, Rect};
use crate::legend::{self, Entry, Key};
use crate::save::Figure;
use crate::series::{Owner, Series};
use crate::style::Style;
use crate::theme::{MUTED, Marker, RULE};

/// One panel.
#[derive(Debug, Clone, Default)]
pub struct Facet {
    /// What stands above it, where its column has no title.
    pub title: Option<String>,
    /// Filled areas, each by its outline; below everything else.
    pub bands: Vec<(Owner, Vec<Point>, Color)>,
    /// Lines, the lowest first.
    pub lines: Vec<(Owner, Vec<Point>, Stroke)>,
    /// Marked points; the last is whether the marker is hollow.
    pub marks: Vec<(Owner, Point, Marker, Color, bool)>,
    /// What is written in its lower right corner.
    pub facts: Vec<Entry>,
    /// What is written in its middle where there is nothing to draw.
    pub note: Option<String>,
}

/// A row of panels.
#[derive(Debug, Clone, Default)]
pub struct FacetRow {
    /// What stands above the row: each over the panel of this column, from left to right.
    pub headings: Vec<(usize, String)>,
    /// Its panels from left to right; a place may be empty.
    pub facets: Vec<Option<Facet>>,
}

/// A figure of small panels.
#[derive(Debug, Clone)]
pub struct Facets {
    /// The name of its files, without extension.
    pub name: String,
    /// What it shows.
    pub caption: String,
    /// The horizontal axis of every panel, and what it says.
    pub x: (Axis, &'static str),
    /// The vertical axis of every panel, and what it says.
    pub y: (Axis, &'static str),
    /// Whether a line from corner to corner stands for chance, or for the ideal.
    pub diagonal: bool,
    /// What strokes and markers stand for, above all panels.
    pub legend: Vec<Entry>,
    /// What stands above each column; empty where panels have titles of their own.
    pub columns: Vec<String>,
    /// Rows from top to bottom, at most [`MOST_FACET_ROWS`].
    pub rows: Vec<FacetRow>,
}

/// Rows that fit on a page and can still be read.
pub const MOST_FACET_ROWS: usize = 8;

/// The highest figure that a page holds with its caption, in points.
const PAGE: f64 = 640.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 8.0;
const BOTTOM: f64 = 32.0;
const TITLE: f64 = 17.0;
const HEADING: f64 = 12.0;
const GAP_X: f64 = 16.0;
const GAP_Y: f64 = 9.0;

impl Facets {
    fn columns(&self) -> usize {
        self.rows.first().map_or(1, |row| row.facets.len()).max(1)
    }

    fn width(&self, style: Style) -> f64 {
        style.width(self.columns())
    }

    fn top(&self, style: Style) -> f64 {
        let legend = if self.legend.is_empty() { 0.0 } else { legend::height(&self.legend, self.width(style)) + 4.0 };
        let titles = if self.columns.is_empty() { 0.0 } else { TITLE };
        legend + titles
    }

    /// The row whose first panel has the vertical axis' title where there is no room for one in each: the nearest to the middle that begins in the
    /// first column, beside which nothing else stands.
    fn row_with_title(&self) -> usize {
        let middle = self.rows.len() / 2;
        let begins = |place: &usize| self.rows[*place].facets.first().is_some_and(Option::is_some);
        (0..self.rows.len()).filter(begins).min_by_key(|place| place.abs_diff(middle)).unwrap_or(middle)
    }

    /// What stands above the panels of a row.
    fn above(&self, row: &FacetRow) -> f64 {
        let titled = row.facets.iter().flatten().any(|facet| facet.title.is_some());
        let heading = if row.headings.is_empty() { 0.0 } else { HEADING };
        heading + if titled { TITLE } else { 0.0 }
    }

    /// Width and height of a panel: a square, or as high as the page allows.
    fn panel(&self, style: Style) -> (f64, f64) {
        let columns = self.columns() as f64;
        let width = (self.width(style) - LEFT - RIGHT - GAP_X * (columns - 1.0)) / columns;
        let rows = self.rows.len().max(1) as f64;
        let above: f64 = self.rows.iter().map(|row| self.above(row)).sum();
        let room = PAGE - self.top(style) - BOTTOM - above - GAP_Y * (rows - 1.0);
        (width, width.min(room / rows))
    }
}

impl Figure for Facets {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn caption(&self) -> String {
        self.caption.clone()
    }

    fn size(&self, style: Style) -> (f64, f64) {
        let rows = self.rows.len().max(1) as f64;
        let above: f64 = self.rows.iter().map(|row| self.above(row)).sum();
        (self.width(style), self.top(style) + above + rows * self.panel(style).1 + GAP_Y * (rows - 1.0) + BOTTOM)
    }

    fn draw(&self, canvas: &Canvas) {
        let style = canvas.style();
        legend::above(canvas, 2.0, self.width(style), &self.legend);
        let (width, height) = self.panel(style);
        let mut top = self.top(style);
        let left_of = |column: usize| LEFT + column as f64 * (width + GAP_X);
        let frame_at = |top: f64, column: usize| {
            let rect = Rect { left: left_of(column), top, width, height };
            Frame { canvas, rect, x: self.x.0.clone(), y: self.y.0.clone() }
        };
        for (column, title) in self.columns.iter().enumerate() {
            frame_at(top, column).title(title);
        }
        let titled = self.row_with_title();
        for (place, row) in self.rows.iter().enumerate() {
            for (order, (column, heading)) in row.headings.iter().enumerate() {
                let left = left_of(*column);
                let end =
                    row.headings.get(order + 1).map_or(self.width(style), |(next, _)| left_of(*next) - GAP_X / 2.0);
                let text = fitted(heading, true, end - left);
                canvas.text((left, top + HEADING - 4.0), &text, Writing::bold(Lie::Start));
            }
            top += self.above(row);
            for (column, facet) in row.facets.iter().enumerate() {
                let Some(facet) = facet else { continue };
                let frame = frame_at(top, column);
                // A panel above an empty place has its own values.
                let lowest =
                    !self.rows[place + 1..].iter().any(|row| row.facets.get(column).is_some_and(Option::is_some));
                let first = !row.facets[..column].iter().any(Option::is_some);
                // A title as long as its panel is high would run into the next one's.
                let title_fits = height > 80.0 || place == titled;
                frame.draw(
                    if lowest { Labels::Titled(self.x.1) } else { Labels::Ticks },
                    match (first, title_fits) {
                        (true, true) => Labels::Titled(self.y.1),
                        (true, false) => Labels::Values,
                        (false, _) => Labels::Ticks,
                    },
                );
                if let Some(title) = &facet.title {
                    frame.title(title);
                }
                self.draw_facet(&frame, facet);
            }
            top += height + GAP_Y;
        }
    }
}

impl Facets {
    fn draw_facet(&self, frame: &Frame<'_>, facet: &Facet) {
        for (owner, outline, color) in &facet.bands {
            let points: Vec<_> = outline.iter().map(|point| frame.point(*point)).collect();
            frame.canvas.series(Series::silent(owner.clone()), |canvas| canvas.polygon(&points, *color));
        }
        if self.diagonal {
            let ends = [(frame.x.low(), frame.y.low()), (frame.x.high(), frame.y.high())];
            frame.line(&ends, Stroke { color: MUTED, width: RULE, dash: Some((2.0, 2.0)) });
        }
        for (owner, line, stroke) in &facet.lines {
            let series = frame.series(owner, line, (self.x.1, self.y.1));
            frame.canvas.series(series, |_| frame.line(line, *stroke));
        }
        for (owner, at, marker, color, hollow) in &facet.marks {
            let at = frame.point(*at);
            frame.canvas.series(Series::silent(owner.clone()), |canvas| canvas.marker(at, *marker, *color, *hollow));
        }
        if let Some(note) = &facet.note {
            frame.note(note);
        }
        let fit = |entry: &Entry| Entry {
            text: fitted(
                &entry.text,
                false,
                frame.rect.width - if matches!(entry.key, Key::Blank) { 12.0 } else { 40.0 },
            ),
            ..entry.clone()
        };
        let facts: Vec<_> = facet.facts.iter().map(fit).collect();
        let corner = (frame.rect.left + frame.rect.width - 3.0, frame.rect.top + frame.rect.height - 3.0);
        legend::block(frame.canvas, corner, &facts);
    }
}
