//! Shapes as PDF: one page of the printed size, vectors, and the glyphs of the embedded font that it uses.

use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

use crate::canvas::{Color, Lie, Point, Shape, Stroke, Writing};
use crate::error::DrawingError;
use crate::face::{Face, squeezed};
use crate::font::{BOLD, REGULAR};
use crate::theme::TEXT;

/// How far the handles of a quarter of a circle lie from its ends, as a share of the radius.
const HANDLE: f64 = 0.552_285;

/// A figure as a PDF of one page. LaTeX takes version 1.5.
///
/// # Errors
/// If an embedded font is broken.
pub(crate) fn pdf(shapes: &[Shape], size: Point, scale: f64, title: &str) -> Result<Vec<u8>, DrawingError> {
    let mut page = Page {
        content: Content::new(),
        height: size.1,
        fonts: [Face::new("Arimo", REGULAR)?, Face::new("Arimo-Bold", BOLD)?],
        opacities: Vec::new(),
    };
    page.content.transform([short(scale), 0.0, 0.0, short(scale), 0.0, 0.0]);
    shapes.iter().for_each(|shape| page.draw(shape));

    let mut next = Ref::new(1);
    let [catalog, pages, leaf, content, info] = std::array::from_fn(|_| next.bump());
    let mut pdf = Pdf::new();
    pdf.set_version(1, 5);
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([leaf]).count(1);
    pdf.document_info(info).title(TextStr(title));
    let used: Vec<_> = page.fonts.iter().filter(|font| font.is_used()).map(|font| (font, next.bump())).collect();
    let mut writer = pdf.page(leaf);
    writer.parent(pages).contents(content).media_box(Rect::new(0.0, 0.0, short(size.0 * scale), short(size.1 * scale)));
    let mut resources = writer.resources();
    let mut fonts = resources.fonts();
    for (font, place) in &used {
        fonts.pair(Name(font.name.as_bytes()), *place);
    }
    fonts.finish();
    let mut states = resources.ext_g_states();
    for (place, opacity) in page.opacities.iter().enumerate() {
        let name = opacity_name(place);
        states
            .insert(Name(name.as_bytes()))
            .start::<pdf_writer::writers::ExtGraphicsState<'_>>()
            .non_stroking_alpha(short(*opacity));
    }
    states.finish();
    resources.finish();
    writer.finish();
    for (font, place) in &used {
        font.write(&mut pdf, *place, &mut next)?;
    }
    let drawn = squeezed(&page.content.finish())?;
    pdf.stream(content, &drawn).filter(Filter::FlateDecode);
    Ok(pdf.finish())
}

struct Page {
    content: Content,
    /// PDF counts from the lower edge.
    height: f64,
    fonts: [Face; 2],
    /// Opacities below 1, in the order in which they came.
    opacities: Vec<f64>,
}

impl Page {
    fn draw(&mut self, shape: &Shape) {
        match shape {
            Shape::Path(points, stroke) => self.path(points, *stroke),
            Shape::Rectangle([first, second], color, opacity) => {
                let corners = [*first, (second.0, first.1), *second, (first.0, second.1)];
                if *opacity >= 1.0 {
                    return self.fill(&corners, *color);
                }
                let place = self.opacities.iter().position(|own| own == opacity).unwrap_or_else(|| {
                    self.opacities.push(*opacity);
                    self.opacities.len() - 1
                });
                self.content.save_state().set_parameters(Name(opacity_name(place).as_bytes()));
                self.fill(&corners, *color);
                self.content.restore_state();
            }
            Shape::Polygon(points, color) => self.fill(points, *color),
            Shape::Disc(at, radius, color) => self.disc(*at, *radius, *color),
            Shape::Text(at, text, writing) => self.text(*at, text, *writing),
            Shape::Begin(_) | Shape::End => {}
        }
    }

    fn path(&mut self, points: &[Point], stroke: Stroke) {
        let [r, g, b] = rgb(stroke.color);
        self.content.set_stroke_rgb(r, g, b).set_line_width(short(stroke.width));
        let dashes = stroke.dash.map_or_else(Vec::new, |(on, off)| vec![short(on), short(off)]);
        self.content.set_dash_pattern(dashes, 0.0);
        self.outline(points);
        self.content.stroke();
    }

    fn fill(&mut self, points: &[Point], color: Color) {
        let [r, g, b] = rgb(color);
        self.content.set_fill_rgb(r, g, b);
        self.outline(points);
        self.content.close_path().fill_nonzero();
    }

    fn outline(&mut self, points: &[Point]) {
        for (place, point) in points.iter().enumerate() {
            let (x, y) = self.place(*point);
            if place == 0 {
                self.content.move_to(x, y)
            } else {
                self.content.line_to(x, y)
            };
        }
    }

    fn disc(&mut self, at: Point, radius: f64, color: Color) {
        let [r, g, b] = rgb(color);
        self.content.set_fill_rgb(r, g, b);
        let on = |across: f64, up: f64| self.place((at.0 + across * radius, at.1 + up * radius));
        let start = on(1.0, 0.0);
        let quarters = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)]
            .map(|(x, y)| [on(x - HANDLE * y, y + HANDLE * x), on(HANDLE * x - y, HANDLE * y + x), on(-y, x)]);
        self.content.move_to(start.0, start.1);
        for [one, two, end] in quarters {
            self.content.cubic_to(one.0, one.1, two.0, two.1, end.0, end.1);
        }
        self.content.close_path().fill_nonzero();
    }

    fn text(&mut self, at: Point, text: &str, writing: Writing) {
        let font = &mut self.fonts[usize::from(writing.bold)];
        let (codes, width) = font.set(text);
        let back = match writing.lie {
            Lie::Start => 0.0,
            Lie::Middle | Lie::Upwards => width / 2.0,
            Lie::End => width,
        };
        let upwards = writing.lie == Lie::Upwards;
        let name = font.name;
        let (x, y) = self.place(if upwards { (at.0, at.1 + back) } else { (at.0 - back, at.1) });
        let matrix = if upwards { [0.0, 1.0, -1.0, 0.0, x, y] } else { [1.0, 0.0, 0.0, 1.0, x, y] };
        let [r, g, b] = rgb(writing.color);
        self.content.set_fill_rgb(r, g, b);
        self.content.begin_text().set_font(Name(name.as_bytes()), short(TEXT)).set_text_matrix(matrix);
        self.content.show(Str(&codes)).end_text();
    }

    fn place(&self, (x, y): Point) -> (f32, f32) {
        (short(x), short(self.height - y))
    }
}

fn opacity_name(place: usize) -> String {
    format!("O{place}")
}

fn rgb(color: Color) -> [f32; 3] {
    [color.0, color.1, color.2].map(|own| short(f64::from(own) / 255.0))
}

/// With three digits behind the point, which is more than a printer has.
fn short(value: f64) -> f32 {
    ((value * 1000.0).round() / 1000.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::Canvas;
    use crate::theme::{BLUE, Marker};

    fn drawn(text: &str) -> Vec<u8> {
        let canvas = Canvas::default();
        canvas.marker((50.0, 50.0), Marker::Circle, BLUE, true);
        canvas.rectangle((1.0, 1.0), (9.0, 9.0), BLUE, 0.25);
        canvas.text((50.0, 20.0), text, Writing::bold(Lie::Middle));
        pdf(&canvas.into_shapes(), (252.0, 100.0), 2.0, "a (title)").unwrap()
    }

    fn holds(pdf: &[u8], text: &str) -> bool {
        pdf.windows(text.len()).any(|own| own == text.as_bytes())
    }

    #[test]
    fn a_page_has_the_printed_size_and_its_glyphs_and_is_the_same_every_time() {
        let found = drawn("ROC");
        for text in ["%PDF-1.5", "/MediaBox [0 0 504 200]", "+Arimo-Bold", "/FontFile2", "/ToUnicode", "/ca 0.25"] {
            assert!(holds(&found, text), "{text}");
        }
        assert!(!holds(&found, "+Arimo ") && !holds(&found, "/CreationDate"));
        assert!(found.len() < 8_000, "{} bytes", found.len());
        assert_eq!(found, drawn("ROC"));
        assert_ne!(found, drawn("AUC"));
    }
}
