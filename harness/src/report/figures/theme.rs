//! Colours, line styles, markers and sizes of every figure.
//!
//! A backend is told from another by colour, line style and marker alike, so that figures survive a
//! black-and-white printer and a colour-blind reader. Colours are those of Okabe and Ito (2008).

use plotters::style::RGBColor;

use super::canvas::Stroke;

/// Width of a figure that fills one column of a two-column paper, in points (3.5 in).
pub(super) const ONE_COLUMN: f64 = 252.0;
/// Width of a figure that fills both columns, in points (7 in).
pub(super) const TWO_COLUMNS: f64 = 504.0;
/// Size of all text, in points, at the printed size of a figure.
pub(super) const TEXT: f64 = 9.0;

/// Text, frames and ticks.
pub(super) const INK: RGBColor = RGBColor(0, 0, 0);
/// What stands back: diagonals, notes.
pub(super) const MUTED: RGBColor = RGBColor(110, 110, 110);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(222, 222, 222);
/// The negative class.
pub(super) const NEGATIVE: RGBColor = RGBColor(86, 180, 233);
/// The positive class.
pub(super) const POSITIVE: RGBColor = RGBColor(213, 94, 0);

/// Width of frames and ticks, in points.
pub(super) const RULE: f64 = 0.6;
/// Width of curves, in points.
pub(super) const CURVE: f64 = 1.3;

/// How a point is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// A disc.
    Circle,
    /// A square.
    Square,
    /// A triangle that points up.
    Triangle,
    /// A square on its corner.
    Diamond,
}

/// How a backend is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct BackendStyle {
    /// Its colour.
    pub(super) color: RGBColor,
    /// Lengths of dashes and gaps, in points; `None` is a solid line.
    pub(super) dash: Option<(f64, f64)>,
    /// Its marker.
    pub(super) marker: Marker,
}

impl BackendStyle {
    /// Its line.
    pub(super) const fn stroke(self) -> Stroke {
        Stroke { color: self.color, width: CURVE, dash: self.dash }
    }
}

/// The style of the backend at a place in the study's order; styles repeat after four.
pub(super) const fn backend_style(place: usize) -> BackendStyle {
    match place % 4 {
        0 => BackendStyle { color: RGBColor(0, 114, 178), dash: None, marker: Marker::Circle },
        1 => BackendStyle { color: RGBColor(213, 94, 0), dash: Some((5.0, 2.5)), marker: Marker::Square },
        2 => BackendStyle { color: RGBColor(0, 158, 115), dash: Some((1.5, 2.0)), marker: Marker::Triangle },
        _ => BackendStyle { color: RGBColor(204, 121, 167), dash: Some((9.0, 3.0)), marker: Marker::Diamond },
    }
}

/// The line of the setting at a place among those shown. None is solid, as a backend's may be; strokes repeat after fifteen.
pub(super) const fn setting_stroke(place: usize) -> Stroke {
    const COLORS: [RGBColor; 5] = [
        RGBColor(213, 94, 0),
        RGBColor(0, 158, 115),
        RGBColor(204, 121, 167),
        RGBColor(86, 180, 233),
        RGBColor(230, 159, 0),
    ];
    const DASHES: [(f64, f64); 3] = [(5.0, 2.5), (1.5, 2.0), (9.0, 3.0)];
    Stroke { color: COLORS[place % COLORS.len()], width: CURVE, dash: Some(DASHES[place % DASHES.len()]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_settings_have_fifteen_strokes_none_of_them_solid() {
        let looks: Vec<_> = (0..15).map(setting_stroke).map(|stroke| (stroke.color, stroke.dash)).collect();
        for (place, look) in looks.iter().enumerate() {
            assert!(look.1.is_some() && !looks[..place].contains(look), "{place}");
        }
    }
}
