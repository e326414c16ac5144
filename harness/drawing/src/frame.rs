//! A panel: a frame with two axes, and data drawn in it.

use crate::axis::Axis;
use crate::canvas::{Canvas, Lie, Point, Stroke, Writing};
use crate::font::{fitted, text_width};
use crate::series::{Owner, Reading, Series};
use crate::theme::{GRID, INK, MUTED, Marker, PAPER, RULE, TEXT};

/// A rectangle in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// Its left edge.
    pub left: f64,
    /// Its upper edge.
    pub top: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

/// A panel of a figure.
pub struct Frame<'c> {
    /// What it is drawn on.
    pub canvas: &'c Canvas,
    /// Where.
    pub rect: Rect,
    /// Values from left to right.
    pub x: Axis,
    /// Values from bottom to top.
    pub y: Axis,
}

/// What an axis of a panel says; panels inside a grid leave it to those at its edges.
#[derive(Debug, Clone, Copy)]
pub enum Labels<'t> {
    /// Ticks only.
    Ticks,
    /// Ticks with their values.
    Values,
    /// Values and what they are of.
    Titled(&'t str),
}

const TICK: f64 = 3.0;
/// From a tick's end to its text.
const GAP: f64 = 2.5;
/// Height of a digit, in points.
const DIGIT: f64 = 0.716 * TEXT;

impl Frame<'_> {
    /// Draws grid, frame and ticks; data comes after.
    pub fn draw(&self, x: Labels<'_>, y: Labels<'_>) {
        let Rect { left, top, width, height } = self.rect;
        let (right, bottom) = (left + width, top + height);
        let rule = Stroke { color: INK, width: RULE, dash: None };
        let grid = Stroke { color: GRID, width: RULE, dash: None };
        for (value, text) in &self.x.ticks {
            let at = left + self.x.place(*value) * width;
            self.canvas.path(&[(at, top), (at, bottom)], grid);
            self.canvas.path(&[(at, bottom), (at, bottom + TICK)], rule);
            if !matches!(x, Labels::Ticks) {
                self.canvas.text((at, bottom + TICK + GAP + DIGIT), text, Writing::plain(Lie::Middle));
            }
        }
        for (value, text) in &self.y.ticks {
            let at = bottom - self.y.place(*value) * height;
            self.canvas.path(&[(left, at), (right, at)], grid);
            self.canvas.path(&[(left - TICK, at), (left, at)], rule);
            if !matches!(y, Labels::Ticks) {
                self.canvas.text((left - TICK - GAP, at + DIGIT / 2.0), text, Writing::plain(Lie::End));
            }
        }
        self.canvas.path(&[(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], rule);
        if let Labels::Titled(title) = x {
            let baseline = bottom + TICK + GAP + 2.0 * DIGIT + 6.0;
            self.canvas.text((left + width / 2.0, baseline), title, Writing::plain(Lie::Middle));
        }
        if let Labels::Titled(title) = y {
            let at = left - TICK - GAP - self.tick_width() - 6.0;
            self.canvas.text((at, top + height / 2.0), title, Writing::plain(Lie::Upwards));
        }
    }

    /// Writes a title above the frame, cut where it would run into the next panel's.
    pub fn title(&self, title: &str) {
        let middle = self.rect.left + self.rect.width / 2.0;
        let title = fitted(title, true, self.rect.width + 8.0);
        self.canvas.text((middle, self.rect.top - 4.0), &title, Writing::bold(Lie::Middle));
    }

    /// Writes a note into the middle of the frame, for a panel that has no data.
    pub fn note(&self, note: &str) {
        let middle = (self.rect.left + self.rect.width / 2.0, self.rect.top + self.rect.height / 2.0);
        let half = text_width(note, false) / 2.0 + 2.0;
        let (above, below) = ((middle.0 - half, middle.1 - TEXT), (middle.0 + half, middle.1 + TEXT * 0.5));
        self.canvas.rectangle(above, below, PAPER, 1.0);
        let writing = Writing { lie: Lie::Middle, bold: false, color: MUTED };
        self.canvas.text((middle.0, middle.1 + DIGIT / 2.0 - 1.0), note, writing);
    }

    /// Draws a line through values; those that lie outside the axes are drawn at their edge.
    pub fn line(&self, values: &[Point], stroke: Stroke) {
        let points: Vec<_> = values.iter().map(|value| self.point(*value)).collect();
        self.canvas.path(&points, stroke);
    }

    /// The series of a line through values, with what its axes say.
    pub(crate) fn series(&self, owner: &Owner, values: &[Point], names: (&str, &str)) -> Series {
        let reading = |value: &Point| Reading { at: self.point(*value), value: *value };
        Series {
            owner: owner.clone(),
            names: (names.0.to_owned(), names.1.to_owned()),
            readings: values.iter().map(reading).collect(),
        }
    }

    /// Draws a level line at a value of the vertical axis, from edge to edge.
    pub fn level(&self, value: f64, stroke: Stroke) {
        let y = self.point((self.x.low(), value)).1;
        self.canvas.path(&[(self.rect.left, y), (self.rect.left + self.rect.width, y)], stroke);
    }

    /// Marks values; one that lies above the axis is an arrow at its upper edge.
    pub fn markers(&self, values: &[Point], marker: Marker, stroke: Stroke, hollow: bool) {
        for value in values {
            let at = self.point(*value);
            if self.y.holds(value.1) {
                self.canvas.marker(at, marker, stroke.color, hollow);
            } else {
                let (x, y) = (at.0, self.rect.top);
                self.canvas.polygon(&[(x, y), (x + 3.0, y + 5.0), (x - 3.0, y + 5.0)], stroke.color);
            }
        }
    }

    /// The position of a value, moved onto the frame where it lies outside.
    #[must_use]
    pub fn point(&self, (x, y): Point) -> Point {
        let across = self.x.place(x).clamp(0.0, 1.0);
        let up = self.y.place(y).clamp(0.0, 1.0);
        (self.rect.left + across * self.rect.width, self.rect.top + (1.0 - up) * self.rect.height)
    }

    /// Width of the widest value of the vertical axis.
    fn tick_width(&self) -> f64 {
        self.y.ticks.iter().map(|(_, text)| text_width(text, false)).fold(0.0, f64::max)
    }
}
