//! ROC curves: a panel for each backend and cell, and one plot per cell with every backend.

use harness_contract::CellKind;
use harness_drawing::legend::{self, Entry, Key};
use harness_drawing::theme::{MUTED, RULE, SeriesStyle, series_style};
use harness_drawing::{
    Axis, Canvas, Figure, Frame, Grid, Labels, Point, Stroke, figure_width, fitted, part_name, simplified,
};

use crate::report::overview::{Group, Overview, standing};
use crate::report::scores::Scores;
use harness_statistics::metrics::{MetricsError, RocPoint, roc_curve};
use harness_statistics::samples::mean_and_deviation;

/// How far a drawn curve may lie from the exact one, as a rate: a fifth of a point on paper, a seventh of its width.
const TOLERANCE: f64 = 1e-3;
const X_TITLE: &str = "false positive rate";
const Y_TITLE: &str = "true positive rate";

/// The curves of a backend and a cell, over seeds.
#[derive(Debug, Clone)]
struct Curves {
    title: String,
    /// The variant's name where the study has several.
    variant: Option<String>,
    backend: String,
    style: SeriesStyle,
    curves: Vec<Vec<Point>>,
    /// `AUC 0.942`, or how the runs stand that have no curve.
    label: String,
}

/// Panels of one curve each, cells from left to right.
#[derive(Debug)]
pub(super) struct RocPanels {
    name: String,
    rows: Vec<Vec<Option<Curves>>>,
}

/// Plots of one cell, a plot for each variant, with every backend in each.
#[derive(Debug)]
pub(super) struct RocOfCell {
    name: String,
    cell: CellKind,
    plots: Vec<(Option<String>, Vec<Curves>)>,
}

/// The panel figure, in as many parts as pages are needed.
pub(super) fn panels(overview: &Overview<'_>, scores: &[Option<Scores>]) -> Result<Vec<RocPanels>, MetricsError> {
    const ROWS: usize = 3;
    let mut rows = Vec::new();
    for variant in &overview.variants {
        for (place, backend) in overview.backends.iter().enumerate() {
            let row: Result<Vec<_>, _> = overview
                .cells
                .iter()
                .map(|cell| curves(overview, &overview.group(backend, *cell, variant), place, scores))
                .collect();
            rows.push(row?);
        }
    }
    rows.retain(|row: &Vec<Option<Curves>>| row.iter().any(Option::is_some));
    let parts = rows.len().div_ceil(ROWS);
    let part = |(place, rows): (usize, &[Vec<_>])| RocPanels {
        name: part_name("roc-panel", place, parts),
        rows: rows.to_vec(),
    };
    Ok(rows.chunks(ROWS).enumerate().map(part).collect())
}

/// The figures of each cell, in as many parts as pages are needed.
pub(super) fn of_cells(overview: &Overview<'_>, scores: &[Option<Scores>]) -> Result<Vec<RocOfCell>, MetricsError> {
    const PLOTS: usize = 4;
    let mut figures = Vec::new();
    for cell in &overview.cells {
        let mut plots = Vec::new();
        for variant in &overview.variants {
            let mut all = Vec::new();
            for (place, backend) in overview.backends.iter().enumerate() {
                all.extend(curves(overview, &overview.group(backend, *cell, variant), place, scores)?);
            }
            if !all.is_empty() {
                plots.push((overview.has_variants().then(|| (*variant).to_owned()), all));
            }
        }
        let parts = plots.len().div_ceil(PLOTS);
        for (place, plots) in plots.chunks(PLOTS).enumerate() {
            let name = part_name(&format!("roc-{}", cell.name()), place, parts);
            figures.push(RocOfCell { name, cell: *cell, plots: plots.to_vec() });
        }
    }
    Ok(figures)
}

/// `None` where the plan has no such run.
fn curves(
    overview: &Overview<'_>,
    group: &Group<'_>,
    backend: usize,
    scores: &[Option<Scores>],
) -> Result<Option<Curves>, MetricsError> {
    let runs: Vec<_> = group.runs.iter().filter_map(|place| overview.results.runs.get(*place)).collect();
    let Some(first) = runs.first() else { return Ok(None) };
    let mut curves = Vec::new();
    for scores in group.runs.iter().filter_map(|place| scores.get(*place)?.as_ref()) {
        let curve = roc_curve(&scores.logits, &scores.labels, true)?;
        let rates = |point: &RocPoint| (point.false_positive_rate, point.true_positive_rate);
        curves.push(simplified(&curve.iter().map(rates).collect::<Vec<_>>(), TOLERANCE));
    }
    let areas: Vec<_> = runs.iter().filter_map(|run| Some(run.record.as_ref()?.test?.auc)).collect();
    let label = match mean_and_deviation(&areas) {
        None => standing(first).to_owned(),
        Some((mean, None)) => format!("AUC {mean:.3}"),
        Some((mean, Some(deviation))) => format!("AUC {mean:.3} ± {deviation:.3}"),
    };
    let title = format!("{} {}", group.backend, group.cell.title());
    let variant = overview.has_variants().then(|| group.variant.to_owned());
    let style = series_style(backend);
    Ok(Some(Curves { title, variant, backend: group.backend.to_owned(), style, curves, label }))
}

impl RocPanels {
    fn grid(&self) -> Grid {
        let columns = self.rows.first().map_or(1, Vec::len);
        Grid {
            width: figure_width(columns),
            left: 38.0,
            right: 6.0,
            top: 17.0,
            bottom: 32.0,
            gap_x: 14.0,
            gap_y: 22.0,
            columns,
            rows: self.rows.len(),
            panel_height: None,
        }
    }
}

impl Figure for RocPanels {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn caption(&self) -> String {
        "ROC curves on the test split, a panel for each backend and cell; the diagonal is chance.".into()
    }

    fn size(&self) -> (f64, f64) {
        (self.grid().width, self.grid().height())
    }

    fn draw(&self, canvas: &Canvas) {
        let grid = self.grid();
        for (row, panels) in self.rows.iter().enumerate() {
            for (column, panel) in panels.iter().enumerate() {
                let Some(panel) = panel else { continue };
                let frame = Frame { canvas, rect: grid.panel(row, column), x: Axis::unit(false), y: Axis::unit(false) };
                let lowest = row + 1 == self.rows.len();
                let x = if lowest { Labels::Titled(X_TITLE) } else { Labels::Ticks };
                let y = if column == 0 { Labels::Titled(Y_TITLE) } else { Labels::Ticks };
                frame.draw(x, y);
                frame.title(&panel.title);
                diagonal(&frame);
                for curve in &panel.curves {
                    frame.line(curve, panel.style.stroke());
                }
                let mut facts: Vec<_> = panel.variant.iter().cloned().collect();
                if panel.curves.is_empty() {
                    frame.note(&panel.label);
                } else {
                    facts.push(panel.label.clone());
                }
                let entry =
                    |text: &String| Entry { key: Key::Blank, text: fitted(text, false, frame.rect.width * 0.8) };
                let entries: Vec<_> = facts.iter().map(entry).collect();
                legend::block(canvas, frame.point((0.97, 0.03)), &entries);
            }
        }
    }
}

impl RocOfCell {
    fn grid(&self) -> Grid {
        let columns = self.plots.len().min(2);
        Grid {
            width: figure_width(columns),
            left: 40.0,
            right: 8.0,
            top: 17.0,
            bottom: 32.0,
            gap_x: 18.0,
            gap_y: 26.0,
            columns,
            rows: self.plots.len().div_ceil(columns),
            panel_height: None,
        }
    }
}

impl Figure for RocOfCell {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn caption(&self) -> String {
        format!("ROC curves of {} on the test split; the diagonal is chance.", self.cell.title())
    }

    fn size(&self) -> (f64, f64) {
        (self.grid().width, self.grid().height())
    }

    fn draw(&self, canvas: &Canvas) {
        let grid = self.grid();
        for (place, (variant, all)) in self.plots.iter().enumerate() {
            let (row, column) = (place / grid.columns, place % grid.columns);
            let frame = Frame { canvas, rect: grid.panel(row, column), x: Axis::unit(true), y: Axis::unit(true) };
            let lowest = place + grid.columns >= self.plots.len();
            frame.draw(
                if lowest { Labels::Titled(X_TITLE) } else { Labels::Ticks },
                if column == 0 { Labels::Titled(Y_TITLE) } else { Labels::Ticks },
            );
            let title = self.cell.title();
            frame.title(&variant.as_ref().map_or_else(|| title.to_owned(), |variant| format!("{title}, {variant}")));
            diagonal(&frame);
            for curves in all {
                for curve in &curves.curves {
                    frame.line(curve, curves.style.stroke());
                }
            }
            let entry = |curves: &Curves| match curves.curves.is_empty() {
                true => Entry { key: Key::Blank, text: format!("{}: {}", curves.backend, curves.label) },
                false => Entry {
                    key: Key::Line(curves.style.stroke(), None),
                    text: format!("{}, {}", curves.backend, curves.label),
                },
            };
            let entries: Vec<_> = all.iter().map(entry).collect();
            legend::block(canvas, frame.point((0.98, 0.02)), &entries);
        }
    }
}

fn diagonal(frame: &Frame<'_>) {
    frame.line(&[(0.0, 0.0), (1.0, 1.0)], Stroke { color: MUTED, width: RULE, dash: Some((2.0, 2.0)) })
}
