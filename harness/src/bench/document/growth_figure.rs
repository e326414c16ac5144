//! How a training step's cost grows: a column of panels for each factor, a row for each cell.

use harness_contract::CellKind;
use harness_drawing::legend::{self, Entry, Key};
use harness_drawing::theme::series_style;
use harness_drawing::{Axis, Canvas, Figure, Frame, Grid, Labels, Point, Stroke, Style};

use super::growth::{Series, series};
use crate::bench::{BenchRecord, Factor};

/// The figure.
#[derive(Debug)]
pub(super) struct Growth {
    backends: Vec<String>,
    cells: Vec<CellKind>,
    /// The factors that were varied, with their series.
    columns: Vec<(Factor, Vec<Series>)>,
}

/// The figure; none where nothing was varied.
pub(super) fn growth(record: &BenchRecord) -> Option<Growth> {
    let varied = |factor: Factor| {
        let all: Vec<Series> = series(record, factor).into_iter().filter(|series| series.points.len() > 1).collect();
        (!all.is_empty()).then_some((factor, all))
    };
    let columns: Vec<_> = Factor::NUMERIC.into_iter().filter_map(varied).collect();
    let has = |cell: &CellKind| columns.iter().flat_map(|(_, all)| all).any(|series| series.cell == *cell);
    let cells: Vec<_> = CellKind::ALL.into_iter().filter(has).collect();
    let backends = record.backends.iter().map(|backend| backend.name.clone()).collect();
    (!columns.is_empty()).then_some(Growth { backends, cells, columns })
}

impl Growth {
    fn legend(&self) -> Vec<Entry> {
        let entry = |(place, backend): (usize, &String)| {
            let style = series_style(place);
            Entry { key: Key::Line(style.stroke(), Some((style.marker, false))), text: backend.clone() }
        };
        self.backends.iter().enumerate().map(entry).collect()
    }

    fn grid(&self, style: Style) -> Grid {
        let legend = legend::height(&self.legend(), style.wide());
        Grid {
            width: style.wide(),
            left: 46.0,
            right: 14.0,
            top: legend + 10.0,
            bottom: 34.0,
            gap_x: 30.0,
            gap_y: 14.0,
            columns: self.columns.len(),
            rows: self.cells.len(),
            panel_height: Some(96.0),
        }
    }
}

/// What the horizontal axis of a factor says.
fn title(factor: Factor) -> &'static str {
    match factor {
        Factor::Kernel => "kernel",
        Factor::Length => "steps of a row",
        Factor::Hidden => "units of a layer",
        Factor::Batch => "rows of a batch",
        Factor::Vocabulary => "words, thousands",
    }
}

/// What values of a factor are divided by to be written short.
fn unit(factor: Factor) -> f64 {
    if factor == Factor::Vocabulary { 1000.0 } else { 1.0 }
}

impl Figure for Growth {
    fn name(&self) -> String {
        "growth".into()
    }

    fn caption(&self) -> String {
        "Milliseconds of a training step as one thing grows and everything else is as in the study. Both axes begin at 0, so that a cost that is \
         proportional is a line through the corner. Bars span the least and the greatest sample, as far as the panel goes."
            .into()
    }

    fn size(&self, style: Style) -> (f64, f64) {
        let grid = self.grid(style);
        (grid.width, grid.height())
    }

    fn draw(&self, canvas: &Canvas) {
        let grid = self.grid(canvas.style());
        let entries = self.legend();
        legend::above(canvas, 2.0, grid.width, &entries);
        for (column, (factor, all)) in self.columns.iter().enumerate() {
            let unit = unit(*factor);
            let furthest =
                all.iter().flat_map(|series| &series.points).map(|(value, _)| value / unit).fold(0.0, f64::max);
            for (row, cell) in self.cells.iter().enumerate() {
                let own: Vec<&Series> = all.iter().filter(|series| series.cell == *cell).collect();
                // By the medians, so that one disturbed sample does not flatten the panel.
                let medians = own.iter().flat_map(|series| &series.points).map(|(_, cost)| cost.median);
                let dearest = 1.1 * medians.fold(1e-9, f64::max);
                let (x, y) = (Axis::covering(0.0, furthest, 3), Axis::covering(0.0, dearest, 3));
                let frame = Frame { canvas, rect: grid.panel(row, column), x, y };
                let lowest = row + 1 == self.cells.len();
                let left = format!("{}, ms", cell.title());
                frame.draw(
                    if lowest { Labels::Titled(title(*factor)) } else { Labels::Ticks },
                    if column == 0 { Labels::Titled(&left) } else { Labels::Values },
                );
                if own.is_empty() {
                    frame.note("not measured");
                }
                for series in own {
                    let place = self.backends.iter().position(|name| *name == series.backend).unwrap_or(0);
                    let style = series_style(place);
                    let medians: Vec<Point> =
                        series.points.iter().map(|(value, cost)| (value / unit, cost.median)).collect();
                    frame.line(&medians, style.stroke());
                    for (value, cost) in &series.points {
                        let range = [(value / unit, cost.min), (value / unit, cost.max)];
                        frame.line(&range, Stroke { color: style.color, width: 0.9, dash: None });
                    }
                    frame.markers(&medians, style.marker, style.stroke(), false);
                }
            }
        }
    }
}
