//! Shapes as SVG: an element a line, coordinates in whole tenths of a point.

use std::fmt::Write as _;

use crate::canvas::{Color, Lie, Point, Shape, Stroke, Writing};
use crate::font::FAMILY;
use crate::series::Series;
use crate::theme::{PAPER, TEXT};

/// Units of the coordinates in a point.
const UNITS: f64 = 10.0;

/// A figure as SVG, without its opening tag: on a page that differs from a file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svg {
    /// Width and height in tenths of a point, as a `viewBox` has them.
    pub size: (i64, i64),
    /// Everything between `<svg ...>` and `</svg>`; all text in it is escaped.
    pub body: String,
}

impl Svg {
    pub(crate) fn of(shapes: &[Shape], size: Point) -> Self {
        let size = (units(size.0), units(size.1));
        let mut body = String::new();
        element(&mut body, format_args!("<rect width=\"{}\" height=\"{}\" fill=\"{}\"/>", size.0, size.1, hex(PAPER)));
        let text = units(TEXT);
        element(&mut body, format_args!("<g fill=\"none\" font-family=\"{FAMILY}\" font-size=\"{text}\">"));
        for shape in shapes {
            write_shape(&mut body, shape);
        }
        body.push_str("</g>\n");
        Self { size, body }
    }

    /// A file of its own, printed `scale` times as large as it is laid out, with a title for screen readers.
    #[must_use]
    pub fn document(&self, title: &str, scale: f64) -> String {
        let (width, height) = self.size;
        format!(
            "<svg width=\"{:.1}pt\" height=\"{:.1}pt\" viewBox=\"0 0 {width} {height}\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">\n\
             <title>{}</title>\n{}</svg>\n",
            width as f64 / UNITS * scale,
            height as f64 / UNITS * scale,
            escaped(title),
            self.body
        )
    }
}

fn write_shape(body: &mut String, shape: &Shape) {
    match shape {
        Shape::Path(points, stroke) => {
            element(body, format_args!("<polyline points=\"{}\" {}/>", pairs(points), line(*stroke)));
        }
        Shape::Rectangle([first, second], color, opacity) => {
            let (left, right) = (units(first.0.min(second.0)), units(first.0.max(second.0)));
            let (top, bottom) = (units(first.1.min(second.1)), units(first.1.max(second.1)));
            let opacity = if *opacity < 1.0 { format!(" fill-opacity=\"{opacity:.3}\"") } else { String::new() };
            let (width, height) = (right - left, bottom - top);
            element(
                body,
                format_args!(
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"{opacity}/>",
                    hex(*color)
                ),
            );
        }
        Shape::Polygon(points, color) => {
            element(body, format_args!("<polygon points=\"{}\" fill=\"{}\"/>", pairs(points), hex(*color)));
        }
        Shape::Disc(at, radius, color) => {
            let (x, y, radius) = (units(at.0), units(at.1), units(*radius));
            element(body, format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{}\"/>", hex(*color)));
        }
        Shape::Text(at, text, writing) => write_text(body, *at, text, *writing),
        Shape::Begin(series) => begin(body, series),
        Shape::End => body.push_str("</g>\n"),
    }
}

fn write_text(body: &mut String, at: Point, text: &str, writing: Writing) {
    let (x, y) = (units(at.0), units(at.1));
    let anchor = match writing.lie {
        Lie::Start => "start",
        Lie::Middle | Lie::Upwards => "middle",
        Lie::End => "end",
    };
    let bold = if writing.bold { " font-weight=\"bold\"" } else { "" };
    let turned =
        if writing.lie == Lie::Upwards { format!(" transform=\"rotate(270, {x}, {y})\"") } else { String::new() };
    let (color, text) = (hex(writing.color), escaped(text));
    element(
        body,
        format_args!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" fill=\"{color}\"{bold}{turned}>{text}</text>"),
    );
}

/// A group of the shapes of a series, with where its values lie and what they are.
fn begin(body: &mut String, series: &Series) {
    let member =
        series.owner.member.as_ref().map_or_else(String::new, |own| format!(" data-member=\"{}\"", escaped(own)));
    let mut readings = String::new();
    if !series.readings.is_empty() {
        let at: Vec<Point> = series.readings.iter().map(|reading| reading.at).collect();
        let values: Vec<String> =
            series.readings.iter().map(|own| format!("{},{}", short(own.value.0), short(own.value.1))).collect();
        let _ = write!(
            readings,
            " data-x=\"{}\" data-y=\"{}\" data-at=\"{}\" data-values=\"{}\"",
            escaped(&series.names.0),
            escaped(&series.names.1),
            pairs(&at),
            values.join(" ")
        );
    }
    let group = escaped(&series.owner.group);
    element(body, format_args!("<g class=\"series\" data-group=\"{group}\"{member}{readings}>"));
}

fn element(body: &mut String, written: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = body.write_fmt(written);
    body.push('\n');
}

fn line(stroke: Stroke) -> String {
    let dash = stroke.dash.map_or_else(String::new, |(on, off)| {
        format!(" stroke-dasharray=\"{} {}\"", units(on).max(1), units(off).max(1))
    });
    format!("stroke=\"{}\" stroke-width=\"{}\"{dash}", hex(stroke.color), units(stroke.width).max(1))
}

fn pairs(points: &[Point]) -> String {
    let pairs: Vec<_> = points.iter().map(|point| format!("{},{}", units(point.0), units(point.1))).collect();
    pairs.join(" ")
}

fn units(points: f64) -> i64 {
    (points * UNITS).round() as i64
}

fn hex(color: Color) -> String {
    format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2)
}

/// A value with four significant digits, without zeros that say nothing.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    let text = format!("{rounded:?}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// Text in which XML sees no sign of its own, without the control characters that it can't hold.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::Canvas;
    use crate::series::{Owner, Reading};
    use crate::theme::BLUE;

    #[test]
    fn values_have_four_digits_and_no_empty_zeros() {
        let found = [0.0, 10.0, 0.412_345, -0.5, 123_456.0, 1.234_56e-18].map(short);
        assert_eq!(found, ["0", "10", "0.4123", "-0.5", "123500", "1.235e-18"]);
    }

    #[test]
    fn shapes_of_a_series_stand_in_a_group_with_its_values_and_nothing_breaks_out_of_it() {
        let canvas = Canvas::default();
        let stroke = Stroke { color: BLUE, width: 1.3, dash: Some((5.0, 2.5)) };
        let series = Series {
            owner: Owner { group: "a\"><script>".into(), member: Some("seed 1 & 2".into()) },
            names: ("epoch".into(), "loss".into()),
            readings: vec![Reading { at: (1.0, 2.0), value: (1.0, 0.412_345) }],
        };
        canvas.series(series, |canvas| canvas.path(&[(1.0, 2.0), (3.05, 4.0)], stroke));
        canvas.text((5.0, 6.0), "1 < 2\u{1b}", Writing::bold(Lie::Upwards));
        let svg = Svg::of(&canvas.into_shapes(), (25.2, 10.0));
        assert_eq!(
            svg.document("a & b", 1.0),
            "<svg width=\"25.2pt\" height=\"10.0pt\" viewBox=\"0 0 252 100\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">\n\
             <title>a &amp; b</title>\n\
             <rect width=\"252\" height=\"100\" fill=\"#FFFFFF\"/>\n\
             <g fill=\"none\" font-family=\"Arimo, 'Liberation Sans', Arial, Helvetica, sans-serif\" font-size=\"90\">\n\
             <g class=\"series\" data-group=\"a&quot;&gt;&lt;script&gt;\" data-member=\"seed 1 &amp; 2\" data-x=\"epoch\" data-y=\"loss\" data-at=\"10,20\" data-values=\"1,0.4123\">\n\
             <polyline points=\"10,20 31,40\" stroke=\"#0072B2\" stroke-width=\"13\" stroke-dasharray=\"50 25\"/>\n\
             </g>\n\
             <text x=\"50\" y=\"60\" text-anchor=\"middle\" fill=\"#000000\" font-weight=\"bold\" transform=\"rotate(270, 50, 60)\">1 &lt; 2 </text>\n\
             </g>\n</svg>\n"
        );
    }
}
