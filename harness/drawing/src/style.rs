//! What figures are made for, which decides how wide they are.

use crate::canvas::Point;

/// What figures are put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// A paper of one column: wide figures are 5.5 in (396 pt).
    OneColumn,
    /// A paper of two columns: narrow figures fill one (3.5 in, 252 pt), wide ones both (7 in, 504 pt).
    #[default]
    TwoColumns,
    /// A slide of 13.33 by 7.5 in (960 by 540 pt): text is twice as large, less where a figure would be too high.
    Slide,
}

/// Width and height of a slide, in points.
const SLIDE: Point = (960.0, 540.0);

impl Style {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OneColumn, Self::TwoColumns, Self::Slide];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneColumn => "one-column",
            Self::TwoColumns => "two-columns",
            Self::Slide => "slide",
        }
    }

    /// Width in which a wide figure is laid out, in points.
    #[must_use]
    pub const fn wide(self) -> f64 {
        match self {
            Self::OneColumn => 396.0,
            Self::TwoColumns => 504.0,
            Self::Slide => SLIDE.0 / 2.0,
        }
    }

    /// Width in which a figure with so many columns of panels is laid out, in points.
    #[must_use]
    pub const fn width(self, columns: usize) -> f64 {
        if columns > 1 { self.wide() } else { 252.0 }
    }

    /// How much larger than it is laid out a figure is printed.
    pub(crate) fn scale(self, (width, height): Point) -> f64 {
        match self {
            Self::OneColumn | Self::TwoColumns => 1.0,
            Self::Slide => 2.0_f64.min(SLIDE.0 / width).min(SLIDE.1 / height),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slide_holds_every_figure_and_paper_takes_it_as_it_is() {
        for size in [(480.0, 200.0), (252.0, 280.0), (480.0, 640.0)] {
            let scale = Style::Slide.scale(size);
            assert!(scale > 0.8 && size.0 * scale <= 960.0 && size.1 * scale <= 540.0, "{size:?}");
            assert_eq!(Style::TwoColumns.scale(size), 1.0);
        }
        assert_eq!(Style::Slide.scale((480.0, 200.0)), 2.0);
    }
}
