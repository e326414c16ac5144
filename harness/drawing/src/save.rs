//! Writes a figure as SVG, PNG and PDF.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use plotters::backend::{BitMapBackend, RGBPixel};
use plotters::prelude::IntoDrawingArea;

use crate::canvas::{Canvas, Lie, Shape, Writing};
use crate::error::DrawingError;
use crate::font::{self, fitted};
use crate::pdf::pdf;
use crate::render::Sheet;
use crate::style::Style;
use crate::svg::Svg;

/// Something that can be drawn.
pub trait Figure {
    /// The name of its files, without extension.
    fn name(&self) -> String;
    /// What it shows, in one sentence; also its text alternative.
    fn caption(&self) -> String;
    /// Width and height in points, as it is laid out for a style.
    fn size(&self, style: Style) -> (f64, f64);
    /// Puts its shapes on a canvas of its size.
    fn draw(&self, canvas: &Canvas);
}

/// Pixels of a PNG in a point: 300 dots an inch.
const PNG_PIXELS: f64 = 300.0 / 72.0;
/// Pixels drawn per pixel kept, each way: plotters smooths no edges of thick lines itself.
const OVERSAMPLING: usize = 2;
const DOTS_PER_METRE: u32 = 11_811;
/// Height of a note, in points.
const NOTE: f64 = 14.0;

/// The forms in which every figure is written, as extensions of its files.
pub const FORMATS: [&str; 3] = ["svg", "png", "pdf"];

/// A figure that has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// The name of its files, without extension.
    pub name: String,
    /// What it shows.
    pub caption: String,
    /// What the SVG holds, for a page that shows the figure in itself.
    pub svg: Svg,
    /// Its files: SVG, PNG and PDF.
    pub paths: [PathBuf; 3],
}

/// Writes `NAME.svg`, `NAME.png` and `NAME.pdf`, with a note below the figure if there is one.
///
/// # Errors
/// If rendering or writing fails.
pub fn save(figure: &dyn Figure, note: Option<&str>, style: Style, directory: &Path) -> Result<Drawing, DrawingError> {
    font::ready()?;
    let picture = Picture::new(figure, note, style);
    let paths = FORMATS.map(|extension| directory.join(format!("{}.{extension}", picture.name)));
    let svg = Svg::of(&picture.shapes, picture.size);
    let write = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).map_err(|source| DrawingError::Io { path: path.into(), source })
    };
    write(&paths[0], svg.document(&picture.title, picture.scale).as_bytes())?;
    picture.png(&paths[1])?;
    write(&paths[2], &pdf(&picture.shapes, picture.size, picture.scale, &picture.title)?)?;
    Ok(Drawing { name: picture.name, caption: figure.caption(), svg, paths })
}

/// A figure that has been drawn, with its note.
struct Picture {
    name: String,
    /// The text alternative.
    title: String,
    /// As it is laid out, in points.
    size: (f64, f64),
    /// How much larger it is printed.
    scale: f64,
    shapes: Vec<Shape>,
}

impl Picture {
    fn new(figure: &dyn Figure, note: Option<&str>, style: Style) -> Self {
        let (name, mut title, mut size) = (figure.name(), figure.caption(), figure.size(style));
        let canvas = Canvas::new(style);
        figure.draw(&canvas);
        if let Some(note) = note {
            title = format!("{title} {note}");
            size.1 += NOTE;
            let at = (size.0 / 2.0, size.1 - 4.0);
            canvas.text(at, &fitted(note, true, size.0), Writing::bold(Lie::Middle));
        }
        Self { name, title, size, scale: style.scale(size), shapes: canvas.into_shapes() }
    }

    /// Draws the figure larger than it is kept, averages, and writes it with its resolution.
    fn png(&self, path: &Path) -> Result<(), DrawingError> {
        let (width, height) = self.size;
        let pixels = PNG_PIXELS * self.scale;
        let (columns, rows) = ((width * pixels).round() as usize, (height * pixels).round() as usize);
        let (wide, high) = (columns * OVERSAMPLING, rows * OVERSAMPLING);
        let mut drawn = vec![255_u8; wide * high * 3];
        {
            let size = (wide as u32, high as u32);
            let backend = BitMapBackend::<RGBPixel>::with_buffer_and_format(&mut drawn, size)
                .map_err(|error| self.failed(&error))?;
            let area = backend.into_drawing_area();
            let sheet = Sheet { area: &area, pixels_per_point: pixels * OVERSAMPLING as f64 };
            sheet.draw(&self.shapes).map_err(|error| self.failed(&error))?;
            area.present().map_err(|error| self.failed(&error))?;
        }
        let kept = averaged(&drawn, columns, rows);
        let io = |source| DrawingError::Io { path: path.into(), source };
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
        let mut writer = encoder.write_header().map_err(|error| self.failed(&error))?;
        writer.write_image_data(&kept).map_err(|error| self.failed(&error))?;
        writer.finish().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &impl std::fmt::Display) -> DrawingError {
        DrawingError::Figure { name: self.name.clone(), reason: error.to_string() }
    }
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
