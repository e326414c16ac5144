//! Shapes on a bitmap of plotters.

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontTransform, ShapeStyle, TextStyle};

use crate::canvas::{Lie, Point, Shape, Stroke, Writing};
use crate::font::{LINE_HEIGHT, font};
use crate::theme::TEXT;

/// A drawing area of plotters measured in points.
pub(crate) struct Sheet<'a, DB: DrawingBackend> {
    pub(crate) area: &'a DrawingArea<DB, Shift>,
    pub(crate) pixels_per_point: f64,
}

type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

impl<DB: DrawingBackend> Sheet<'_, DB> {
    /// Draws the shapes, the lowest first.
    pub(crate) fn draw(&self, shapes: &[Shape]) -> Drawn<DB> {
        shapes.iter().try_for_each(|shape| match shape {
            Shape::Path(points, stroke) => self.path(points, *stroke),
            Shape::Rectangle(corners, color, opacity) => {
                let corners = corners.map(|corner| self.pixel(corner));
                self.area.draw(&Rectangle::new(corners, color.mix(*opacity).filled()))
            }
            Shape::Polygon(points, color) => self.area.draw(&Polygon::new(self.pixels(points), color.filled())),
            Shape::Disc(at, radius, color) => {
                self.area.draw(&Circle::new(self.pixel(*at), self.length(*radius), color.filled()))
            }
            Shape::Text(at, text, writing) => self.text(*at, text, *writing),
            Shape::Begin(_) | Shape::End => Ok(()),
        })
    }

    fn path(&self, points: &[Point], stroke: Stroke) -> Drawn<DB> {
        let width = self.length(stroke.width).max(1).unsigned_abs();
        let shape = ShapeStyle { color: stroke.color.into(), filled: false, stroke_width: width };
        match stroke.dash {
            None => self.area.draw(&PathElement::new(self.pixels(points), shape)),
            Some((on, off)) => {
                let length = |points: f64| self.length(points).max(1);
                self.area.draw(&DashedPathElement::new(self.pixels(points), length(on), length(off), shape))
            }
        }
    }

    fn text(&self, at: Point, text: &str, writing: Writing) -> Drawn<DB> {
        let em = TEXT * self.pixels_per_point;
        // The bitmap backend takes the line height for the size and puts the baseline at half of it.
        let (size, drop) = (em * LINE_HEIGHT, em * LINE_HEIGHT / 2.0);
        let (horizontal, transform) = match writing.lie {
            Lie::Start => (HPos::Left, FontTransform::None),
            Lie::Middle => (HPos::Center, FontTransform::None),
            Lie::End => (HPos::Right, FontTransform::None),
            Lie::Upwards => (HPos::Center, FontTransform::Rotate270),
        };
        let font = font(size, writing.bold).transform(transform);
        let look = TextStyle::from(font).color(&writing.color).pos(Pos::new(horizontal, VPos::Top));
        let (x, y) = (at.0 * self.pixels_per_point, at.1 * self.pixels_per_point);
        let (x, y) = if writing.lie == Lie::Upwards { (x - drop, y) } else { (x, y - drop) };
        self.area.draw_text(text, &look, (x.round() as i32, y.round() as i32))
    }

    fn pixels(&self, points: &[Point]) -> Vec<(i32, i32)> {
        points.iter().map(|point| self.pixel(*point)).collect()
    }

    fn pixel(&self, (x, y): Point) -> (i32, i32) {
        ((x * self.pixels_per_point).round() as i32, (y * self.pixels_per_point).round() as i32)
    }

    fn length(&self, points: f64) -> i32 {
        (points * self.pixels_per_point).round() as i32
    }
}
