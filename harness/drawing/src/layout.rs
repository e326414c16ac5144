//! Where the panels of a figure lie, computed from how many there are.

use crate::frame::Rect;

/// A grid of equal panels. Lengths in points.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// Width of the figure.
    pub width: f64,
    /// Room left of the first column.
    pub left: f64,
    /// Room right of the last column.
    pub right: f64,
    /// Room above the first row.
    pub top: f64,
    /// Room below the last row.
    pub bottom: f64,
    /// Room between columns.
    pub gap_x: f64,
    /// Room between rows.
    pub gap_y: f64,
    /// Columns.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// Height of a panel; `None` makes panels square.
    pub panel_height: Option<f64>,
}

impl Grid {
    /// Height of the figure.
    #[must_use]
    pub fn height(&self) -> f64 {
        let rows = self.rows as f64;
        self.top + rows * self.panel_size().1 + (rows - 1.0) * self.gap_y + self.bottom
    }

    /// Width and height of a panel.
    #[must_use]
    pub fn panel_size(&self) -> (f64, f64) {
        let columns = self.columns as f64;
        let width = (self.width - self.left - self.right - (columns - 1.0) * self.gap_x) / columns;
        (width, self.panel_height.unwrap_or(width))
    }

    /// The panel at a row and a column, both counted from 0.
    #[must_use]
    pub fn panel(&self, row: usize, column: usize) -> Rect {
        let (width, height) = self.panel_size();
        let left = self.left + column as f64 * (width + self.gap_x);
        let top = self.top + row as f64 * (height + self.gap_y);
        Rect { left, top, width, height }
    }
}

/// The name of a part of a figure: its own name where there is but one part, else numbered from 1.
#[must_use]
pub fn part_name(name: &str, part: usize, parts: usize) -> String {
    if parts == 1 { name.to_owned() } else { format!("{name}-{}", part + 1) }
}
