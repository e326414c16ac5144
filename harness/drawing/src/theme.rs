//! Colours, line styles, markers and sizes of every figure.
//!
//! A series of data is told from another by colour, line style and marker alike, so that figures survive a
//! black-and-white printer and a colour-blind reader. Colours are those of Okabe and Ito (2008).

use crate::canvas::{Color, Stroke};

/// Size of all text, in points, at the printed size of a figure.
pub const TEXT: f64 = 9.0;

/// Text, frames and ticks.
pub const INK: Color = Color(0, 0, 0);
/// What lies below everything.
pub const PAPER: Color = Color(255, 255, 255);
/// What stands back: diagonals, notes.
pub const MUTED: Color = Color(110, 110, 110);
/// Grid lines.
pub const GRID: Color = Color(222, 222, 222);
/// Okabe and Ito's colours, but for black and yellow.
pub const BLUE: Color = Color(0, 114, 178);
/// See [`BLUE`].
pub const VERMILION: Color = Color(213, 94, 0);
/// See [`BLUE`].
pub const GREEN: Color = Color(0, 158, 115);
/// See [`BLUE`].
pub const PURPLE: Color = Color(204, 121, 167);
/// See [`BLUE`].
pub const SKY_BLUE: Color = Color(86, 180, 233);
/// See [`BLUE`].
pub const ORANGE: Color = Color(230, 159, 0);

/// Width of frames and ticks, in points.
pub const RULE: f64 = 0.6;
/// Width of curves, in points.
pub const CURVE: f64 = 1.3;

/// How a point is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// A disc.
    Circle,
    /// A square.
    Square,
    /// A triangle that points up.
    Triangle,
    /// A square on its corner.
    Diamond,
}

/// How a series of data is told from the others of a figure.
#[derive(Debug, Clone, Copy)]
pub struct SeriesStyle {
    /// Its colour.
    pub color: Color,
    /// Lengths of dashes and gaps, in points; `None` is a solid line.
    pub dash: Option<(f64, f64)>,
    /// Its marker.
    pub marker: Marker,
}

impl SeriesStyle {
    /// Its line.
    #[must_use]
    pub const fn stroke(self) -> Stroke {
        Stroke { color: self.color, width: CURVE, dash: self.dash }
    }
}

/// A colour mixed with paper, for areas below lines; `share` is how much of the colour is left.
#[must_use]
pub fn tint(color: Color, share: f64) -> Color {
    let mixed = |own: u8, paper: u8| (share * f64::from(own) + (1.0 - share) * f64::from(paper)).round() as u8;
    Color(mixed(color.0, PAPER.0), mixed(color.1, PAPER.1), mixed(color.2, PAPER.2))
}

/// The style of the series at a place in a figure's order; styles repeat after four.
#[must_use]
pub const fn series_style(place: usize) -> SeriesStyle {
    match place % 4 {
        0 => SeriesStyle { color: BLUE, dash: None, marker: Marker::Circle },
        1 => SeriesStyle { color: VERMILION, dash: Some((5.0, 2.5)), marker: Marker::Square },
        2 => SeriesStyle { color: GREEN, dash: Some((1.5, 2.0)), marker: Marker::Triangle },
        _ => SeriesStyle { color: PURPLE, dash: Some((9.0, 3.0)), marker: Marker::Diamond },
    }
}

/// The line of the series at a place where there are too many for markers. None is solid; strokes repeat after fifteen.
#[must_use]
pub const fn dashed_stroke(place: usize) -> Stroke {
    const COLORS: [Color; 5] = [VERMILION, GREEN, PURPLE, SKY_BLUE, ORANGE];
    const DASHES: [(f64, f64); 3] = [(5.0, 2.5), (1.5, 2.0), (9.0, 3.0)];
    Stroke { color: COLORS[place % COLORS.len()], width: CURVE, dash: Some(DASHES[place % DASHES.len()]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_series_have_fifteen_strokes_none_of_them_solid() {
        let looks: Vec<_> = (0..15).map(dashed_stroke).map(|stroke| (stroke.color, stroke.dash)).collect();
        for (place, look) in looks.iter().enumerate() {
            assert!(look.1.is_some() && !looks[..place].contains(look), "{place}");
        }
    }
}
