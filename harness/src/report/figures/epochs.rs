//! Quantities over the epochs: learning curves and gradient norms, a column of panels per cell.

use harness_contract::CellKind;
use harness_drawing::legend::{Entry, Key};
use harness_drawing::theme::{INK, MUTED, RULE, SeriesStyle, series_style};
use harness_drawing::{Axis, Line, LinePanels, PanelRow, Stroke};

use crate::record::{EpochRecord, Observation, Outcome, RunRecord};
use crate::report::overview::Overview;

/// The largest loss that is drawn: chance is 0.69, and a few epochs far above it would flatten all other curves.
const HIGHEST_LOSS: f64 = 2.0;

/// A quantity of an epoch, how its line is told from others of the same backend, and its name in the legend.
#[derive(Debug, Clone, Copy)]
struct Quantity {
    of: fn(&EpochRecord) -> f64,
    /// The same before the first epoch, where it is known.
    start: Option<fn(&Observation) -> f64>,
    name: &'static str,
    /// What its values are.
    of_what: &'static str,
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

/// Loss and validation accuracy, a figure for each variant that has a finished epoch.
pub(super) fn learning_curves(overview: &Overview<'_>) -> Vec<LinePanels> {
    let train = Quantity {
        of: |epoch| epoch.train_loss,
        start: None,
        name: "training",
        of_what: "training loss",
        second: true,
    };
    let validation = Quantity {
        of: |epoch| epoch.validation.log_loss,
        start: None,
        name: "validation",
        of_what: "validation loss",
        second: false,
    };
    let accuracy = Quantity {
        of: |epoch| epoch.validation.confusion.accuracy(),
        start: None,
        name: "validation",
        of_what: "validation accuracy",
        second: false,
    };
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
        Some(over_epochs(overview, variant, "learning-curves", caption, rows, legend))
    };
    overview.variants.iter().filter_map(figure).collect()
}

/// Gradient norms, a figure for each variant that has a finished epoch.
pub(super) fn gradient_norms(overview: &Overview<'_>) -> Vec<LinePanels> {
    let mean = Quantity {
        of: |epoch| epoch.gradient_norm_mean,
        start: None,
        name: "mean",
        of_what: "mean gradient norm",
        second: false,
    };
    let largest = Quantity {
        of: |epoch| epoch.gradient_norm_max,
        start: None,
        name: "maximum",
        of_what: "largest gradient norm",
        second: true,
    };
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
        Some(over_epochs(overview, variant, "gradient-norms", caption, vec![row], legend))
    };
    overview.variants.iter().filter_map(figure).collect()
}

/// Singular values and spectral radius of the recurrent blocks, a figure for each variant that has recorded them.
pub(super) fn recurrent_spectra(overview: &Overview<'_>) -> Vec<LinePanels> {
    let quantity = |start: fn(&Observation) -> f64, of, name, of_what, second| Quantity {
        of,
        start: Some(start),
        name,
        of_what,
        second,
    };
    let largest =
        quantity(largest_value, |epoch| largest_value(&epoch.observation), "largest", "largest singular value", false);
    let least = quantity(
        least_value,
        |epoch| least_value(&epoch.observation),
        "least singular value",
        "least singular value",
        true,
    );
    let radius = quantity(
        largest_radius,
        |epoch| largest_radius(&epoch.observation),
        "largest",
        "largest spectral radius",
        false,
    );
    let figure = |variant: &&str| {
        let records = records_of(overview, variant);
        let values = range(&records, &[largest, least])?;
        let radii = range(&records, &[radius])?;
        let one = Stroke { color: INK, width: 0.9, dash: Some((1.2, 1.8)) };
        let rows = vec![
            Row {
                title: "singular values",
                axis: Axis::decades(values.0.min(0.5), values.1.max(2.0)),
                quantities: vec![largest, least],
                levels: vec![(1.0, one)],
            },
            Row {
                title: "spectral radius",
                axis: Axis::covering(radii.0.min(0.9), radii.1.max(1.1), 4),
                quantities: vec![radius],
                levels: vec![(1.0, one)],
            },
        ];
        let mut legend = quantity_entries(overview, &records, &[largest, least]);
        legend.push(Entry { key: Key::Line(one, None), text: "orthogonal".into() });
        let caption = "Largest and least singular value and largest spectral radius over the gates' blocks of all recurrent kernels, before the first epoch (0) and after each.";
        Some(over_epochs(overview, variant, "recurrent-spectra", caption, rows, legend))
    };
    overview.variants.iter().filter_map(figure).collect()
}

fn largest_value(seen: &Observation) -> f64 {
    let values = seen.recurrent_spectrum.iter().flat_map(|block| &block.spectrum.singular_values);
    values.copied().reduce(f64::max).unwrap_or(f64::NAN)
}

fn least_value(seen: &Observation) -> f64 {
    let values = seen.recurrent_spectrum.iter().flat_map(|block| &block.spectrum.singular_values);
    values.copied().reduce(f64::min).unwrap_or(f64::NAN)
}

fn largest_radius(seen: &Observation) -> f64 {
    seen.recurrent_spectrum.iter().map(|block| block.spectrum.spectral_radius).reduce(f64::max).unwrap_or(f64::NAN)
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
    let values = records.iter().flat_map(|(_, record)| {
        quantities.iter().flat_map(move |quantity| {
            let start = quantity.start.map(|of| of(&record.start));
            start.into_iter().chain(record.epochs.iter().map(quantity.of))
        })
    });
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
            let style = series_style(place);
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
const fn stroke(style: SeriesStyle, second: bool) -> Stroke {
    if second {
        Stroke { color: style.color, width: 0.9, dash: Some((3.0, 2.0)) }
    } else {
        Stroke { color: style.color, width: 1.3, dash: None }
    }
}

fn over_epochs(
    overview: &Overview<'_>,
    variant: &str,
    name: &str,
    caption: &str,
    rows: Vec<Row>,
    legend: Vec<Entry>,
) -> LinePanels {
    let records = records_of(overview, variant);
    let several = overview.has_seeds();
    // A variant may be for some cells alone.
    let planned = |cell: &&CellKind| {
        overview.results.runs.iter().any(|run| run.planned.key.variant == variant && run.planned.key.cell == **cell)
    };
    let cells: Vec<CellKind> = overview.cells.iter().filter(planned).copied().collect();
    let lines = |place: usize, record: &RunRecord, quantity: &Quantity| {
        let style = series_style(place);
        let stroke = stroke(style, quantity.second);
        let marker = Some((style.marker, quantity.second));
        let start = quantity.start.map(|of| (0.0, of(&record.start)));
        let epochs = record.epochs.iter().map(|epoch| (f64::from(epoch.epoch), (quantity.of)(epoch)));
        let values: Vec<_> = start.into_iter().chain(epochs).filter(|(_, value)| !value.is_nan()).collect();
        let stopped = record.outcome != Outcome::Completed;
        let owner = Some(overview.owner(&record.key));
        let shown = quantity.of_what.to_owned();
        if !several {
            return vec![Line { owner, quantity: shown, values, stroke, marker, stopped }];
        }
        // A marker at every epoch of every seed would hide the lines; one at the end tells the backends apart without colour.
        let last = values.last().copied().into_iter().collect();
        vec![
            Line {
                owner: owner.clone(),
                quantity: shown,
                values,
                stroke: Stroke { width: 0.6 * stroke.width, ..stroke },
                marker: None,
                stopped,
            },
            Line { owner, quantity: String::new(), values: last, stroke, marker, stopped: false },
        ]
    };
    // First quantities lie above second ones, so those are drawn before.
    let panel = |quantities: &[Quantity], cell: CellKind| {
        let own = || records.iter().filter(|(_, record)| record.key.cell == cell && !record.epochs.is_empty());
        let of = |second: bool| quantities.iter().filter(move |quantity| quantity.second == second);
        let drawn = [true, false].into_iter().flat_map(|second| {
            own().flat_map(move |(place, record)| of(second).map(move |quantity| (*place, *record, quantity)))
        });
        drawn.flat_map(|(place, record, quantity)| lines(place, record, quantity)).collect()
    };
    let from_start = rows.iter().flat_map(|row| &row.quantities).any(|quantity| quantity.start.is_some());
    let row = |Row { title, axis, quantities, levels }: Row| PanelRow {
        title: title.into(),
        axis,
        levels,
        panels: cells.iter().map(|cell| panel(&quantities, *cell)).collect(),
    };
    let last = records.iter().flat_map(|(_, record)| &record.epochs).map(|epoch| epoch.epoch).max();
    let caption = if several { format!("{caption} A line for every seed.") } else { caption.to_owned() };
    let epochs = Axis::counting(last.unwrap_or(1));
    let variants = overview.has_variants();
    LinePanels {
        name: if variants { format!("{name}-{}", file_name(variant)) } else { name.to_owned() },
        caption: if variants { format!("Variant {variant}. {caption}") } else { caption },
        columns: cells.iter().map(|cell| cell.title().into()).collect(),
        axis: if from_start { epochs.from_zero() } else { epochs },
        axis_title: "epoch",
        rows: rows.into_iter().map(row).collect(),
        empty: "no finished epoch",
        left: 48.0,
        legend,
    }
}

/// A variant's name as a part of a file's name.
fn file_name(variant: &str) -> String {
    let kept = |character: char| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '-' };
    variant.chars().map(kept).collect()
}
