//! The embedded font and the widths of texts in it.

use std::sync::LazyLock;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

use crate::error::DrawingError;
use crate::theme::TEXT;

/// The family that figures ask for. A viewer without Arimo takes one of the same widths.
pub(crate) const FAMILY: &str = "Arimo, 'Liberation Sans', Arial, Helvetica, sans-serif";
pub(crate) const REGULAR: &[u8] = include_bytes!("../assets/fonts/Arimo-Regular.ttf");
pub(crate) const BOLD: &[u8] = include_bytes!("../assets/fonts/Arimo-Bold.ttf");

/// Arimo's line height (ascent - descent, 1854 + 434 of 2048 units), which is what a size means to the bitmap backend.
pub(crate) const LINE_HEIGHT: f64 = 2288.0 / 2048.0;

/// Whether plotters took both fonts; asked once, before the first text is measured or drawn.
static REGISTERED: LazyLock<bool> = LazyLock::new(|| {
    let fonts = [(FontStyle::Normal, REGULAR), (FontStyle::Bold, BOLD)];
    fonts.into_iter().all(|(style, bytes)| register_font(FAMILY, style, bytes).is_ok())
});

/// # Errors
/// If an embedded font is broken.
pub(crate) fn ready() -> Result<(), DrawingError> {
    if *REGISTERED { Ok(()) } else { Err(DrawingError::Font) }
}

/// The font at a size as the renderer means it.
pub(crate) fn font(size: f64, bold: bool) -> FontDesc<'static> {
    LazyLock::force(&REGISTERED);
    FontDesc::new(FontFamily::Name(FAMILY), size, if bold { FontStyle::Bold } else { FontStyle::Normal })
}

/// Width of a text in points, as it is set in the embedded font.
#[must_use]
pub fn text_width(text: &str, bold: bool) -> f64 {
    // The layout is in whole pixels, so it is taken at a size at which that does not matter.
    const EM: f64 = 1000.0;
    font(EM * LINE_HEIGHT, bold).box_size(text).map_or(0.0, |(width, _)| f64::from(width) / EM * TEXT)
}

/// Room to keep for a text in points: an SVG may be shown in a font that is wider than Arimo, such as DejaVu Sans.
#[must_use]
pub fn text_room(text: &str, bold: bool) -> f64 {
    const WIDEST: f64 = 1.17;
    WIDEST * text_width(text, bold)
}

/// A text cut to a width in points, with an ellipsis where something is missing.
#[must_use]
pub fn fitted(text: &str, bold: bool, width: f64) -> String {
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
