//! A drawing area measured in points, the same on an SVG and on a bitmap.

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle, TextStyle, register_font,
};

use super::theme::{INK, Marker, TEXT};
use crate::report::ReportError;

/// The family that figures ask for. A viewer without Arimo takes one of the same widths.
const FAMILY: &str = "Arimo, 'Liberation Sans', Arial, Helvetica, sans-serif";
const REGULAR: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/fonts/Arimo-Regular.ttf"));
const BOLD: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/fonts/Arimo-Bold.ttf"));

/// Arimo's line height (ascent - descent, 1854 + 434 of 2048 units), which is what a size means to the bitmap backend.
const LINE_HEIGHT: f64 = 2288.0 / 2048.0;

/// A position in points from the upper left corner.
pub(super) type Point = (f64, f64);

/// What a drawing call gives.
pub(super) type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// What is drawn on. The two place and size text differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    /// Scalable Vector Graphics.
    Svg,
    /// Pixels.
    Bitmap,
}

/// A line's look; lengths in points.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    /// Its colour.
    pub(super) color: RGBColor,
    /// Its width.
    pub(super) width: f64,
    /// Lengths of dashes and gaps; `None` is a solid line.
    pub(super) dash: Option<(f64, f64)>,
}

/// Where text lies from its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
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
pub(super) struct Writing {
    /// Where it lies.
    pub(super) lie: Lie,
    /// Whether it is bold.
    pub(super) bold: bool,
    /// Its colour.
    pub(super) color: RGBColor,
}

impl Writing {
    /// Plain text.
    pub(super) const fn plain(lie: Lie) -> Self {
        Self { lie, bold: false, color: INK }
    }

    /// Bold text.
    pub(super) const fn bold(lie: Lie) -> Self {
        Self { lie, bold: true, color: INK }
    }
}

/// A drawing area measured in points.
pub(super) struct Canvas<DB: DrawingBackend> {
    area: DrawingArea<DB, Shift>,
    pixels_per_point: f64,
    medium: Medium,
}

/// Makes the fonts known to plotters. Doing it again changes nothing.
///
/// # Errors
/// If a font is broken.
pub(super) fn register_fonts() -> Result<(), ReportError> {
    for (style, bytes) in [(FontStyle::Normal, REGULAR), (FontStyle::Bold, BOLD)] {
        register_font(FAMILY, style, bytes).map_err(|_| ReportError::Figure {
            name: "any".into(),
            reason: "the embedded font can't be read".into(),
        })?;
    }
    Ok(())
}

/// Width of a text in points; 0 before [`register_fonts`].
pub(super) fn text_width(text: &str, bold: bool) -> f64 {
    // The layout is in whole pixels, so it is taken at a size at which that does not matter.
    const EM: f64 = 1000.0;
    let font = FontDesc::new(FontFamily::Name(FAMILY), EM * LINE_HEIGHT, style(bold));
    font.box_size(text).map_or(0.0, |(width, _)| f64::from(width) / EM * TEXT)
}

/// Room to keep for a text in points: an SVG may be shown in a font that is wider than Arimo, such as DejaVu Sans.
pub(super) fn text_room(text: &str, bold: bool) -> f64 {
    const WIDEST: f64 = 1.17;
    WIDEST * text_width(text, bold)
}

/// A text cut to a width, with an ellipsis where something is missing.
pub(super) fn fitted(text: &str, bold: bool, width: f64) -> String {
    if text_width(text, bold) <= width {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let shorter = format!("{}…", kept.iter().collect::<String>().trim_end());
        if text_width(&shorter, bold) <= width {
            return shorter;
        }
    }
    "…".into()
}

impl<DB: DrawingBackend> Canvas<DB> {
    /// A canvas on a whole drawing area.
    pub(super) fn new(area: DrawingArea<DB, Shift>, pixels_per_point: f64, medium: Medium) -> Self {
        Self { area, pixels_per_point, medium }
    }

    /// Draws through points in turn.
    pub(super) fn path(&self, points: &[Point], stroke: Stroke) -> Drawn<DB> {
        let points: Vec<_> = points.iter().map(|point| self.pixel(*point)).collect();
        let shape = ShapeStyle { color: stroke.color.into(), filled: false, stroke_width: self.width(stroke.width) };
        match stroke.dash {
            None => self.area.draw(&PathElement::new(points, shape)),
            Some((on, off)) => {
                let length = |points: f64| self.length(points).max(1);
                self.area.draw(&DashedPathElement::new(points, length(on), length(off), shape))
            }
        }
    }

    /// Fills a rectangle between two corners.
    pub(super) fn rectangle(&self, first: Point, second: Point, color: RGBColor, opacity: f64) -> Drawn<DB> {
        let corners = [self.pixel(first), self.pixel(second)];
        self.area.draw(&Rectangle::new(corners, color.mix(opacity).filled()))
    }

    /// Fills a polygon.
    pub(super) fn polygon(&self, points: &[Point], color: RGBColor) -> Drawn<DB> {
        let points: Vec<_> = points.iter().map(|point| self.pixel(*point)).collect();
        self.area.draw(&Polygon::new(points, color.filled()))
    }

    /// Marks a point; `hollow` markers have a white inside.
    pub(super) fn marker(&self, at: Point, marker: Marker, color: RGBColor, hollow: bool) -> Drawn<DB> {
        const RADIUS: f64 = 2.3;
        const RIM: f64 = 1.0;
        self.solid_marker(at, marker, RADIUS, color)?;
        if hollow { self.solid_marker(at, marker, RADIUS - RIM, RGBColor(255, 255, 255)) } else { Ok(()) }
    }

    /// Marks a point with a cross.
    pub(super) fn cross(&self, at: Point, color: RGBColor) -> Drawn<DB> {
        const ARM: f64 = 3.0;
        let stroke = Stroke { color, width: 1.4, dash: None };
        self.path(&[(at.0 - ARM, at.1 - ARM), (at.0 + ARM, at.1 + ARM)], stroke)?;
        self.path(&[(at.0 - ARM, at.1 + ARM), (at.0 + ARM, at.1 - ARM)], stroke)
    }

    /// Writes a line of text; `at` is on its baseline.
    pub(super) fn text(&self, at: Point, text: &str, writing: Writing) -> Drawn<DB> {
        let em = TEXT * self.pixels_per_point;
        // Sizes and the distance from the top of a text to its baseline, as the two backends of plotters have them:
        // the SVG divides sizes by 1.24 and writes dy="0.76em"; the bitmap takes the line height for the size and
        // puts the baseline at half of it.
        let (size, drop) = match self.medium {
            Medium::Svg => (em * 1.24, 0.76 * em),
            Medium::Bitmap => (em * LINE_HEIGHT, em * LINE_HEIGHT / 2.0),
        };
        let (horizontal, transform) = match writing.lie {
            Lie::Start => (HPos::Left, FontTransform::None),
            Lie::Middle => (HPos::Center, FontTransform::None),
            Lie::End => (HPos::Right, FontTransform::None),
            Lie::Upwards => (HPos::Center, FontTransform::Rotate270),
        };
        let font = FontDesc::new(FontFamily::Name(FAMILY), size, style(writing.bold)).transform(transform);
        let look = TextStyle::from(font).color(&writing.color).pos(Pos::new(horizontal, VPos::Top));
        let (x, y) = (at.0 * self.pixels_per_point, at.1 * self.pixels_per_point);
        let (x, y) = if writing.lie == Lie::Upwards { (x - drop, y) } else { (x, y - drop) };
        self.area.draw_text(text, &look, (x.round() as i32, y.round() as i32))
    }

    fn solid_marker(&self, at: Point, marker: Marker, radius: f64, color: RGBColor) -> Drawn<DB> {
        let (x, y) = at;
        match marker {
            Marker::Circle => self.area.draw(&Circle::new(self.pixel(at), self.length(radius), color.filled())),
            Marker::Square => {
                let side = radius * 0.89;
                self.rectangle((x - side, y - side), (x + side, y + side), color, 1.0)
            }
            Marker::Triangle => {
                let (wide, high) = (radius * 1.15, radius * 1.3);
                self.polygon(&[(x, y - high), (x + wide, y + high * 0.7), (x - wide, y + high * 0.7)], color)
            }
            Marker::Diamond => {
                let arm = radius * 1.25;
                self.polygon(&[(x, y - arm), (x + arm, y), (x, y + arm), (x - arm, y)], color)
            }
        }
    }

    fn pixel(&self, (x, y): Point) -> (i32, i32) {
        ((x * self.pixels_per_point).round() as i32, (y * self.pixels_per_point).round() as i32)
    }

    fn length(&self, points: f64) -> i32 {
        (points * self.pixels_per_point).round() as i32
    }

    fn width(&self, points: f64) -> u32 {
        self.length(points).max(1).unsigned_abs()
    }
}

const fn style(bold: bool) -> FontStyle {
    if bold { FontStyle::Bold } else { FontStyle::Normal }
}
