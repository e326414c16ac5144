//! Quantities over the epochs: learning curves and gradient norms, a column of panels per cell.

use harness_contract::CellKind;
use plotters::prelude::DrawingBackend;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Point, Stroke};
use super::frame::{Frame, Labels};
use super::layout::{Grid, figure_width};
use super::legend::{self, Entry, Key};
use super::save::Figure;
use super::theme::{BackendStyle, INK, MUTED, RULE, TEXT, backend_style};
use crate::record::{EpochRecord, Outcome, RunRecord};
use crate::report::overview::Overview;

/// The largest loss that is drawn: chance is 0.69, and a few epochs far above it would flatten all other curves.
const HIGHEST_LOSS: f64 = 2.0;

/// A quantity of an epoch, how its line is told from others of the same backend, and its name in the legend.
#[derive(Debug, Clone, Copy)]
struct Quantity {
    of: fn(&EpochRecord) -> f64,
    name: &'static str,
    /// Drawn with hollow markers and thinner.
    second: bool,
}

/// A row of panels with a common vertical axis.
#[derive(Debug, Clone)]
struct Row {
    title: &'static str,
    axis: Axis,
    quantities: Vec<Quantity>,
    /// Horizontal lines: value and look.
    levels: Vec<(f64, Stroke)>,
}

/// A line of one run.
#[derive(Debug, Clone)]
struct Line {
    values: Vec<Point>,
    style: BackendStyle,
    second: bool,
    /// The run did not complete; its line ends with a cross.
    stopped: bool,
}

/// A figure over the epochs.
#[derive(Debug)]
pub(super) struct OverEpochs {
    name: String,
    caption: String,
    cells: Vec<CellKind>,
    epochs: Axis,
    rows: Vec<Row>,
    /// Lines by row, then cell.
    lines: Vec<Vec<Vec<Line>>>,
    legend: Vec<Entry>,
}

/// Loss and validation accuracy, a figure for each variant that has a finished epoch.
pub(super) fn learning_curves(overview: &Overview<'_>) -> Vec<OverEpochs> {
    let train = Quantity { of: |epoch| epoch.train_loss, name: "training", second: true };
    let validation = Quantity { of: |epoch| epoch.validation.log_loss, name: "validation", second: false };
    let accuracy = Quantity { of: |epoch| epoch.validation.accuracy, name: "validation", second: false };
    let chance = Stroke { color: MUTED, width: RULE, dash: Some((2.0, 2.0)) };
    let figure = |variant: &&str| {
        let records = records_of(overview, variant);
        let losses = range(&records, &[train, validation])?;
        let accuracies = range(&records, &[accuracy])?;
        let rows = vec![
            Row {
                title: "loss, nats",
                axis: Axis::covering(losses.0.min(0.6), losses.1.clamp(0.7, HIGHEST_LOSS), 4),
                quantities: vec![train, validation],
                levels: vec![(std::f64::consts::LN_2, chance)],
            },
            Row {
                title: "validation accuracy",
                axis: Axis::covering(accuracies.0.min(0.48), accuracies.1.max(0.6), 4),
                quantities: vec![accuracy],
                levels: vec![(0.5, chance)],
            },
        ];
        let mut legend = quantity_entries(overview, &records, &[train, validation]);
        legend.push(Entry { key: Key::Line(chance, None), text: "chance".into() });
        legend.extend(stopped_entry(&records));
        let caption = "Training and validation loss and validation accuracy after each epoch; an arrow at the upper edge \
                       is a value beyond the axis.";
        Some(OverEpochs::new(overview, variant, "learning-curves", caption, rows, legend))
    };
    overview.variants.iter().filter_map(figure).collect()
}

/// Gradient norms, a figure for each variant that has a finished epoch.
pub(super) fn gradient_norms(overview: &Overview<'_>) -> Vec<OverEpochs> {
    let mean = Quantity { of: |epoch| epoch.gradient_norm_mean, name: "mean", second: false };
    let largest = Quantity { of: |epoch| epoch.gradient_norm_max, name: "maximum", second: true };
    let figure = |variant: &&str| {
        let records = records_of(overview, variant);
        let norms = range(&records, &[mean, largest])?;
        let mut clips: Vec<(f64, &str)> = Vec::new();
        for (_, record) in &records {
            let clip = (record.protocol.clip_norm, record.key.backend.as_str());
            if clip.0 > 0.0 && !clips.contains(&clip) {
                clips.push(clip);
            }
        }
        let mut legend = quantity_entries(overview, &records, &[mean, largest]);
        let mut levels = Vec::new();
        for (norm, backend) in &clips {
            let stroke = Stroke { color: INK, width: 0.9, dash: Some((1.2, 1.8)) };
            levels.push((*norm, stroke));
            legend.push(Entry { key: Key::Line(stroke, None), text: format!("{backend} clips at {norm}") });
        }
        legend.extend(stopped_entry(&records));
        let highest = clips.iter().map(|(norm, _)| *norm).fold(norms.1, f64::max);
        let row = Row {
            title: "gradient norm",
            axis: Axis::decades(norms.0, highest),
            quantities: vec![mean, largest],
            levels,
        };
        let caption = "Norm of the gradient before clipping, mean and maximum over the steps of each epoch.";
        Some(OverEpochs::new(overview, variant, "gradient-norms", caption, vec![row], legend))
    };
    overview.variants.iter().filter_map(figure).collect()
}

/// Records of a variant with the place of their backend.
fn records_of<'a>(overview: &Overview<'a>, variant: &str) -> Vec<(usize, &'a RunRecord)> {
    let own = overview.recorded().filter(|(key, _)| key.variant == variant);
    let placed = own.filter_map(|(key, record)| {
        Some((overview.backends.iter().position(|backend| *backend == key.backend)?, record))
    });
    placed.collect()
}

/// The least and the greatest value above 0; `None` when there is none.
fn range(records: &[(usize, &RunRecord)], quantities: &[Quantity]) -> Option<(f64, f64)> {
    let epochs = || records.iter().flat_map(|(_, record)| &record.epochs);
    let values = epochs().flat_map(|epoch| quantities.iter().map(move |quantity| (quantity.of)(epoch)));
    values.filter(|value| value.is_finite() && *value > 0.0).fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// An entry for each backend that has a line and each quantity.
fn quantity_entries(overview: &Overview<'_>, records: &[(usize, &RunRecord)], quantities: &[Quantity]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (place, backend) in overview.backends.iter().enumerate() {
        if !records.iter().any(|(own, record)| *own == place && !record.epochs.is_empty()) {
            continue;
        }
        for quantity in quantities {
            let style = backend_style(place);
            let key = Key::Line(stroke(style, quantity.second), Some((style.marker, quantity.second)));
            entries.push(Entry { key, text: format!("{backend}, {}", quantity.name) });
        }
    }
    entries
}

fn stopped_entry(records: &[(usize, &RunRecord)]) -> Option<Entry> {
    let stopped = |record: &RunRecord| record.outcome != Outcome::Completed && !record.epochs.is_empty();
    let any = records.iter().any(|(_, record)| stopped(record));
    any.then(|| Entry { key: Key::Cross(INK), text: "did not complete".into() })
}

/// Second quantities are thin and dashed, first ones solid; backends differ by colour and marker here.
const fn stroke(style: BackendStyle, second: bool) -> Stroke {
    if second {
        Stroke { color: style.color, width: 0.9, dash: Some((3.0, 2.0)) }
    } else {
        Stroke { color: style.color, width: 1.3, dash: None }
    }
}

impl OverEpochs {
    fn new(
        overview: &Overview<'_>,
        variant: &str,
        name: &str,
        caption: &str,
        rows: Vec<Row>,
        legend: Vec<Entry>,
    ) -> Self {
        let records = records_of(overview, variant);
        let line = |place: usize, record: &RunRecord, quantity: &Quantity| Line {
            values: record.epochs.iter().map(|epoch| (f64::from(epoch.epoch), (quantity.of)(epoch))).collect(),
            style: backend_style(place),
            second: quantity.second,
            stopped: record.outcome != Outcome::Completed,
        };
        let lines_of = |row: &Row, cell: CellKind| {
            let own = records.iter().filter(|(_, record)| record.key.cell == cell && !record.epochs.is_empty());
            own.flat_map(|(place, record)| row.quantities.iter().map(|quantity| line(*place, record, quantity)))
                .collect()
        };
        let lines = rows.iter().map(|row| overview.cells.iter().map(|cell| lines_of(row, *cell)).collect()).collect();
        let last = records.iter().flat_map(|(_, record)| &record.epochs).map(|epoch| epoch.epoch).max();
        let several = overview.has_variants();
        Self {
            name: if several { format!("{name}-{}", file_name(variant)) } else { name.to_owned() },
            caption: if several { format!("Variant {variant}. {caption}") } else { caption.to_owned() },
            cells: overview.cells.clone(),
            epochs: Axis::epochs(last.unwrap_or(1)),
            rows,
            lines,
            legend,
        }
    }

    fn grid(&self) -> Grid {
        let width = figure_width(self.cells.len());
        let legend = legend::rows(&self.legend, width).len() as f64 * legend::ROW;
        Grid {
            width,
            left: 48.0,
            right: 6.0,
            top: legend + 20.0,
            bottom: 32.0,
            gap_x: 14.0,
            gap_y: 16.0,
            columns: self.cells.len(),
            rows: self.rows.len(),
            panel_height: Some(118.0),
        }
    }

    fn draw_lines<DB: DrawingBackend>(frame: &Frame<'_, DB>, lines: &[Line]) -> Drawn<DB> {
        // First quantities lie above second ones, so those are drawn before.
        for second in [true, false] {
            for line in lines.iter().filter(|line| line.second == second) {
                let stroke = stroke(line.style, line.second);
                frame.line(&line.values, stroke)?;
                frame.markers(&line.values, line.style.marker, stroke, line.second)?;
                if let Some(last) = line.values.last().filter(|_| line.stopped) {
                    frame.canvas.cross(frame.point(*last), INK)?;
                }
            }
        }
        Ok(())
    }
}

impl Figure for OverEpochs {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn caption(&self) -> String {
        self.caption.clone()
    }

    fn size(&self) -> (f64, f64) {
        (self.grid().width, self.grid().height())
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Drawn<DB> {
        let grid = self.grid();
        legend::strip(canvas, (0.0, 2.0), grid.width, &legend::rows(&self.legend, grid.width))?;
        for (place, row) in self.rows.iter().enumerate() {
            for (column, cell) in self.cells.iter().enumerate() {
                let rect = grid.panel(place, column);
                let frame = Frame { canvas, rect, x: self.epochs.clone(), y: row.axis.clone() };
                let lowest = place + 1 == self.rows.len();
                frame.draw(
                    if lowest { Labels::Titled("epoch") } else { Labels::Ticks },
                    if column == 0 { Labels::Titled(row.title) } else { Labels::Ticks },
                )?;
                if place == 0 {
                    frame.title(cell.title())?;
                }
                for (value, stroke) in row.levels.iter().filter(|(value, _)| row.axis.holds(*value)) {
                    let (y, right) = (frame.point((1.0, *value)).1, rect.left + rect.width);
                    canvas.path(&[(rect.left, y), (right, y)], *stroke)?;
                }
                match self.lines.get(place).and_then(|row| row.get(column)) {
                    Some(lines) if !lines.is_empty() => Self::draw_lines(&frame, lines)?,
                    _ => frame.note("no finished epoch")?,
                }
            }
        }
        Ok(())
    }
}

/// A variant's name as a part of a file's name.
fn file_name(variant: &str) -> String {
    let kept = |character: char| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '-' };
    variant.chars().map(kept).collect()
}

// A legend row has to hold a line of text.
const _: () = assert!(legend::ROW > TEXT);
