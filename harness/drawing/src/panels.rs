//! Lines in a grid of panels: rows share a vertical axis, all share the horizontal one.

use crate::axis::Axis;
use crate::canvas::{Canvas, Point, Stroke};
use crate::frame::{Frame, Labels};
use crate::layout::Grid;
use crate::legend::{self, Entry};
use crate::save::Figure;
use crate::series::Owner;
use crate::simplify::simplified;
use crate::style::Style;
use crate::theme::{INK, Marker};

/// A line of a panel.
#[derive(Debug, Clone)]
pub struct Line {
    /// Whose it is, where there are others to tell it from.
    pub owner: Option<Owner>,
    /// What its values are, e.g. `validation loss`; empty where another line of the same owner shows them.
    pub quantity: String,
    /// What it goes through, in the units of the axes.
    pub values: Vec<Point>,
    /// Its look.
    pub stroke: Stroke,
    /// What marks each value, and whether it is hollow. A line without markers keeps only the points that can be seen on paper.
    pub marker: Option<(Marker, bool)>,
    /// Whether it ends with a cross: what it follows was not brought to its end.
    pub stopped: bool,
}

/// A row of panels with a common vertical axis.
#[derive(Debug, Clone)]
pub struct PanelRow {
    /// What the vertical axis says.
    pub title: String,
    /// The vertical axis.
    pub axis: Axis,
    /// Values that a horizontal line stands for, with its look; one that lies beyond the axis is left out.
    pub levels: Vec<(f64, Stroke)>,
    /// The lines of each panel from left to right, in the order in which they cover each other.
    pub panels: Vec<Vec<Line>>,
}

/// A figure of lines in a grid of panels.
#[derive(Debug, Clone)]
pub struct LinePanels {
    /// The name of its files, without extension.
    pub name: String,
    /// What it shows.
    pub caption: String,
    /// What stands above each column.
    pub columns: Vec<String>,
    /// The horizontal axis of every panel.
    pub axis: Axis,
    /// What it says.
    pub axis_title: &'static str,
    /// Rows from top to bottom.
    pub rows: Vec<PanelRow>,
    /// What a panel without lines says.
    pub empty: &'static str,
    /// Room for the values and titles left of the first column, in points.
    pub left: f64,
    /// What strokes and markers stand for.
    pub legend: Vec<Entry>,
}

/// How far a drawn line without markers may lie from the exact one, as a share of a panel's width.
const TOLERANCE: f64 = 1e-3;

impl LinePanels {
    fn grid(&self, style: Style) -> Grid {
        let width = style.width(self.columns.len());
        Grid {
            width,
            left: self.left,
            right: 6.0,
            top: legend::height(&self.legend, width) + 20.0,
            bottom: 32.0,
            gap_x: 14.0,
            gap_y: 16.0,
            columns: self.columns.len(),
            rows: self.rows.len(),
            panel_height: Some(118.0),
        }
    }
}

impl Figure for LinePanels {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn caption(&self) -> String {
        self.caption.clone()
    }

    fn size(&self, style: Style) -> (f64, f64) {
        let grid = self.grid(style);
        (grid.width, grid.height())
    }

    fn draw(&self, canvas: &Canvas) {
        let grid = self.grid(canvas.style());
        legend::above(canvas, 2.0, grid.width, &self.legend);
        for (place, row) in self.rows.iter().enumerate() {
            for (column, title) in self.columns.iter().enumerate() {
                let rect = grid.panel(place, column);
                let frame = Frame { canvas, rect, x: self.axis.clone(), y: row.axis.clone() };
                frame.draw(
                    if place + 1 == self.rows.len() { Labels::Titled(self.axis_title) } else { Labels::Ticks },
                    if column == 0 { Labels::Titled(&row.title) } else { Labels::Ticks },
                );
                if place == 0 {
                    frame.title(title);
                }
                for (value, stroke) in row.levels.iter().filter(|(value, _)| row.axis.holds(*value)) {
                    frame.level(*value, *stroke);
                }
                let lines = row.panels.get(column).map_or(&[][..], Vec::as_slice);
                for line in lines {
                    let Some(owner) = &line.owner else {
                        draw_line(&frame, line);
                        continue;
                    };
                    let shown = if line.quantity.is_empty() { &[][..] } else { &line.values };
                    let series = frame.series(owner, shown, (self.axis_title, &line.quantity));
                    canvas.series(series, |_| draw_line(&frame, line));
                }
                if lines.is_empty() {
                    frame.note(self.empty);
                }
            }
        }
    }
}

fn draw_line(frame: &Frame<'_>, line: &Line) {
    match line.marker {
        Some((marker, hollow)) => {
            frame.line(&line.values, line.stroke);
            frame.markers(&line.values, marker, line.stroke, hollow);
        }
        None => {
            let points: Vec<_> = line.values.iter().map(|value| frame.point(*value)).collect();
            frame.canvas.path(&simplified(&points, TOLERANCE * frame.rect.width), line.stroke);
        }
    }
    if let Some(last) = line.values.last().filter(|_| line.stopped) {
        frame.canvas.cross(frame.point(*last), INK);
    }
}
