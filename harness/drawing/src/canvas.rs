//! What a figure consists of: shapes measured in points from the upper left corner, the same for SVG and PNG.

use std::cell::RefCell;

pub use plotters::style::RGBColor as Color;

use crate::series::Series;
use crate::style::Style;
use crate::theme::{INK, Marker, PAPER};

/// A position in points from the upper left corner.
pub type Point = (f64, f64);

/// A line's look; lengths in points.
#[derive(Debug, Clone, Copy)]
pub struct Stroke {
    /// Its colour.
    pub color: Color,
    /// Its width.
    pub width: f64,
    /// Lengths of dashes and gaps; `None` is a solid line.
    pub dash: Option<(f64, f64)>,
}

/// Where text lies from its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// To the right of it.
    Start,
    /// Around it.
    Middle,
    /// To the left of it.
    End,
    /// Around it, read from below.
    Upwards,
}

/// A text's look.
#[derive(Debug, Clone, Copy)]
pub struct Writing {
    /// Where it lies.
    pub lie: Lie,
    /// Whether it is bold.
    pub bold: bool,
    /// Its colour.
    pub color: Color,
}

impl Writing {
    /// Plain text in the colour of ink.
    #[must_use]
    pub const fn plain(lie: Lie) -> Self {
        Self { lie, bold: false, color: INK }
    }

    /// Bold text in the colour of ink.
    #[must_use]
    pub const fn bold(lie: Lie) -> Self {
        Self { lie, bold: true, color: INK }
    }
}

/// What a renderer has to know how to draw.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// A line through points in turn.
    Path(Vec<Point>, Stroke),
    /// A filled rectangle between two corners, with its opacity.
    Rectangle([Point; 2], Color, f64),
    /// A filled polygon.
    Polygon(Vec<Point>, Color),
    /// A filled circle with its radius.
    Disc(Point, f64, Color),
    /// A line of text whose baseline goes through the point.
    Text(Point, String, Writing),
    /// What follows belongs to a series, up to [`Shape::End`].
    Begin(Box<Series>),
    /// The series ends here.
    End,
}

/// Takes the shapes of a figure in the order in which they cover each other.
#[derive(Debug, Default)]
pub struct Canvas {
    style: Style,
    shapes: RefCell<Vec<Shape>>,
}

impl Canvas {
    /// An empty canvas for a figure of a style.
    pub(crate) fn new(style: Style) -> Self {
        Self { style, shapes: RefCell::default() }
    }

    /// What the figure is made for.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }

    /// Draws a line through points in turn.
    pub fn path(&self, points: &[Point], stroke: Stroke) {
        self.put(Shape::Path(points.to_vec(), stroke));
    }

    /// Fills a rectangle between two corners; `opacity` is 1 for paint that hides what lies below.
    pub fn rectangle(&self, first: Point, second: Point, color: Color, opacity: f64) {
        self.put(Shape::Rectangle([first, second], color, opacity));
    }

    /// Fills a polygon.
    pub fn polygon(&self, points: &[Point], color: Color) {
        self.put(Shape::Polygon(points.to_vec(), color));
    }

    /// Marks a point; `hollow` markers have a white inside.
    pub fn marker(&self, at: Point, marker: Marker, color: Color, hollow: bool) {
        self.marker_of(at, marker, (2.3, 1.0), color, hollow);
    }

    /// Marks one of many points that lie close together.
    pub fn small_marker(&self, at: Point, marker: Marker, color: Color, hollow: bool) {
        self.marker_of(at, marker, (1.6, 0.7), color, hollow);
    }

    /// A marker of a radius, whose rim is what a hollow one shows of its colour.
    fn marker_of(&self, at: Point, marker: Marker, (radius, rim): (f64, f64), color: Color, hollow: bool) {
        self.solid_marker(at, marker, radius, color);
        if hollow {
            self.solid_marker(at, marker, radius - rim, PAPER);
        }
    }

    /// Marks a point with a cross.
    pub fn cross(&self, at: Point, color: Color) {
        const ARM: f64 = 3.0;
        let stroke = Stroke { color, width: 1.4, dash: None };
        self.path(&[(at.0 - ARM, at.1 - ARM), (at.0 + ARM, at.1 + ARM)], stroke);
        self.path(&[(at.0 - ARM, at.1 + ARM), (at.0 + ARM, at.1 - ARM)], stroke);
    }

    /// Writes a line of text; `at` is on its baseline.
    pub fn text(&self, at: Point, text: &str, writing: Writing) {
        self.put(Shape::Text(at, text.to_owned(), writing));
    }

    /// Draws shapes that belong to a series.
    pub fn series(&self, series: Series, draw: impl FnOnce(&Self)) {
        self.put(Shape::Begin(Box::new(series)));
        draw(self);
        self.put(Shape::End);
    }

    /// The shapes so far, the lowest first.
    pub(crate) fn into_shapes(self) -> Vec<Shape> {
        self.shapes.into_inner()
    }

    fn solid_marker(&self, at: Point, marker: Marker, radius: f64, color: Color) {
        let (x, y) = at;
        match marker {
            Marker::Circle => self.put(Shape::Disc(at, radius, color)),
            Marker::Square => {
                let side = radius * 0.89;
                self.rectangle((x - side, y - side), (x + side, y + side), color, 1.0);
            }
            Marker::Triangle => {
                let (wide, high) = (radius * 1.15, radius * 1.3);
                self.polygon(&[(x, y - high), (x + wide, y + high * 0.7), (x - wide, y + high * 0.7)], color);
            }
            Marker::Diamond => {
                let arm = radius * 1.25;
                self.polygon(&[(x, y - arm), (x + arm, y), (x, y + arm), (x - arm, y)], color);
            }
        }
    }

    fn put(&self, shape: Shape) {
        self.shapes.borrow_mut().push(shape);
    }
}
