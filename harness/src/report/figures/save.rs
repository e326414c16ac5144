//! Writes a figure as SVG and as PNG.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use plotters::backend::{BitMapBackend, RGBPixel, SVGBackend};
use plotters::prelude::{DrawingBackend, IntoDrawingArea};
use plotters::style::WHITE;

use super::canvas::{Canvas, Drawn, Lie, Medium, Writing, fitted};
use crate::report::ReportError;

/// A figure, drawn the same way on every canvas.
pub(super) trait Figure {
    /// The name of its files, without extension.
    fn name(&self) -> String;
    /// What it shows, in one sentence; also its text alternative.
    fn caption(&self) -> String;
    /// Width and height in points.
    fn size(&self) -> (f64, f64);
    /// Draws it.
    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Drawn<DB>;
}

/// Units of an SVG's coordinates in a point: plotters has whole numbers only.
const SVG_UNITS: f64 = 10.0;
/// Pixels of a PNG in a point: 300 dots an inch.
const PNG_PIXELS: f64 = 300.0 / 72.0;
/// Pixels drawn per pixel kept, each way: plotters smooths no edges of thick lines itself.
const OVERSAMPLING: usize = 2;
const DOTS_PER_METRE: u32 = 11_811;
/// Height of a note, in points.
const NOTE: f64 = 14.0;

/// Writes `NAME.svg` and `NAME.png`, with a note below the figure if there is one, and returns their paths.
///
/// # Errors
/// If drawing or writing fails.
pub(super) fn save(figure: &impl Figure, note: Option<&str>, directory: &Path) -> Result<[PathBuf; 2], ReportError> {
    let noted = Noted { figure, note };
    let paths = ["svg", "png"].map(|extension| directory.join(format!("{}.{extension}", figure.name())));
    let text = svg(&noted)?;
    std::fs::write(&paths[0], text).map_err(|source| ReportError::Io { path: paths[0].clone(), source })?;
    png(&noted, &paths[1])?;
    Ok(paths)
}

/// A figure with a line of text below it.
struct Noted<'n, F> {
    figure: &'n F,
    note: Option<&'n str>,
}

impl<F: Figure> Figure for Noted<'_, F> {
    fn name(&self) -> String {
        self.figure.name()
    }

    fn caption(&self) -> String {
        self.note.map_or_else(|| self.figure.caption(), |note| format!("{} {note}", self.figure.caption()))
    }

    fn size(&self) -> (f64, f64) {
        let (width, height) = self.figure.size();
        (width, height + self.note.map_or(0.0, |_| NOTE))
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Drawn<DB> {
        self.figure.draw(canvas)?;
        let Some(note) = self.note else { return Ok(()) };
        let (width, height) = self.size();
        canvas.text((width / 2.0, height - 4.0), &fitted(note, true, width), Writing::bold(Lie::Middle))
    }
}

/// The figure as an SVG document of its printed size, with a title for screen readers.
fn svg(figure: &impl Figure) -> Result<String, ReportError> {
    let (width, height) = figure.size();
    let pixels = ((width * SVG_UNITS).round() as u32, (height * SVG_UNITS).round() as u32);
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, pixels).into_drawing_area();
        area.fill(&WHITE).map_err(|error| failed(figure, &error))?;
        figure.draw(&Canvas::new(area.clone(), SVG_UNITS, Medium::Svg)).map_err(|error| failed(figure, &error))?;
        area.present().map_err(|error| failed(figure, &error))?;
    }
    let opening = format!(
        "<svg width=\"{width:.1}pt\" height=\"{height:.1}pt\" viewBox=\"0 0 {} {}\" role=\"img\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n<title>{}</title>",
        pixels.0,
        pixels.1,
        figure.caption().replace('&', "&amp;").replace('<', "&lt;")
    );
    match text.split_once('>') {
        Some((_, rest)) => Ok(opening + rest),
        None => Err(failed(figure, &"the SVG has no opening tag")),
    }
}

/// Draws the figure larger than it is kept, averages, and writes it with its resolution.
fn png(figure: &impl Figure, path: &Path) -> Result<(), ReportError> {
    let (width, height) = figure.size();
    let (columns, rows) = ((width * PNG_PIXELS).round() as usize, (height * PNG_PIXELS).round() as usize);
    let (wide, high) = (columns * OVERSAMPLING, rows * OVERSAMPLING);
    let mut drawn = vec![255_u8; wide * high * 3];
    {
        let size = (wide as u32, high as u32);
        let backend = BitMapBackend::<RGBPixel>::with_buffer_and_format(&mut drawn, size)
            .map_err(|error| failed(figure, &error))?;
        let area = backend.into_drawing_area();
        let canvas = Canvas::new(area.clone(), PNG_PIXELS * OVERSAMPLING as f64, Medium::Bitmap);
        figure.draw(&canvas).map_err(|error| failed(figure, &error))?;
        area.present().map_err(|error| failed(figure, &error))?;
    }
    let kept = averaged(&drawn, columns, rows);
    let io = |source| ReportError::Io { path: path.into(), source };
    let file = BufWriter::new(File::create(path).map_err(io)?);
    let mut encoder = png::Encoder::new(file, columns as u32, rows as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Best);
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: DOTS_PER_METRE,
        yppu: DOTS_PER_METRE,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder.write_header().map_err(|error| failed(figure, &error))?;
    writer.write_image_data(&kept).map_err(|error| failed(figure, &error))?;
    writer.finish().map_err(|error| failed(figure, &error))
}

/// The mean of each square of [`OVERSAMPLING`] pixels a side, red, green and blue.
fn averaged(drawn: &[u8], columns: usize, rows: usize) -> Vec<u8> {
    let wide = columns * OVERSAMPLING;
    let mut kept = Vec::with_capacity(columns * rows * 3);
    for row in 0..rows {
        for column in 0..columns {
            for channel in 0..3 {
                let mut sum = 0_usize;
                for y in 0..OVERSAMPLING {
                    let start = (row * OVERSAMPLING + y) * wide + column * OVERSAMPLING;
                    sum += (0..OVERSAMPLING).map(|x| usize::from(drawn[(start + x) * 3 + channel])).sum::<usize>();
                }
                kept.push((sum / (OVERSAMPLING * OVERSAMPLING)) as u8);
            }
        }
    }
    kept
}

fn failed(figure: &impl Figure, error: &impl std::fmt::Display) -> ReportError {
    ReportError::Figure { name: figure.name(), reason: error.to_string() }
}
