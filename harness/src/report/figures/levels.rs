//! The arms in rows: the share that escaped, and the level with every seed as a dot; and the differences between arms.

use harness_drawing::legend::{Entry, Key};
use harness_drawing::theme::{INK, series_style};
use harness_drawing::{Axis, Dot, MOST_ROWS, Row, RowMarks, RowPanel, RowPanels, Stroke, part_name};

use crate::report::arms::{Arm, NO_RESULT};
use crate::report::differences::{Difference, SAME_PAIR};
use crate::report::overview::Overview;
use harness_statistics::metrics::Metric;

/// The metrics of both figures.
const METRICS: [&str; 2] = ["accuracy", "auc"];

/// A bar with its tick.
fn bar(text: &str) -> Entry {
    Entry { key: Key::Line(Stroke { color: INK, width: 1.1, dash: None }, None), text: text.into() }
}

/// The share that escaped and the level, in as many parts as pages are needed; none without a completed run.
pub(super) fn levels(overview: &Overview<'_>, arms: &[Arm<'_>]) -> Vec<RowPanels> {
    let several = arms.iter().any(|arm| arm.completed().count() > 1);
    let metrics: Vec<&Metric> = METRICS.iter().filter_map(|key| Metric::named(key)).collect();
    let mut rows = Vec::new();
    let mut last = None;
    for arm in in_cells(overview, arms) {
        let style = series_style(arm.backend);
        let share = arm.escaped_share().map(|own| (own.lower, own.share, own.upper));
        let none = || RowMarks { note: Some(NO_RESULT.into()), ..RowMarks::default() };
        let mut marks =
            vec![share.map_or_else(none, |interval| RowMarks { interval: Some(interval), ..RowMarks::default() })];
        for metric in &metrics {
            let dots = arm.completed().filter_map(|(run, evidence)| {
                let hollow = evidence.escape_epoch.is_none();
                Some(Dot { value: run.metric(metric)?, marker: style.marker, color: style.color, hollow })
            });
            let interval = arm.metric(metric).and_then(|level| level.interval);
            marks.push(RowMarks {
                dots: dots.collect(),
                interval: interval.map(|own| (own.lower, own.mean, own.upper)),
                note: None,
            });
        }
        rows.push(Row { label: arm.name(overview), begins: last != Some(arm.group.cell), marks });
        last = Some(arm.group.cell);
    }
    if arms.iter().all(|arm| arm.completed().next().is_none()) {
        return Vec::new();
    }
    let least = rows.iter().flat_map(|row| row.marks.iter().skip(1)).flat_map(|marks| &marks.dots);
    let least = least.map(|dot| dot.value).fold(0.5, f64::min);
    let panel = |title: &str, levels: &[f64]| RowPanel {
        title: title.into(),
        axis: Axis::covering(least, 1.0, 3),
        levels: levels.to_vec(),
    };
    let panels = vec![
        RowPanel { title: "share that escaped".into(), axis: Axis::unit(false), levels: Vec::new() },
        panel("test accuracy", &[0.5]),
        panel("test AUC", &[0.5]),
    ];
    let style = series_style(0);
    let mut legend = vec![
        Entry { key: Key::Mark(style.marker, INK, false), text: "a run that escaped".into() },
        Entry { key: Key::Mark(style.marker, INK, true), text: "one that did not".into() },
        bar("95 % interval"),
    ];
    if !several {
        legend.truncate(2);
        legend.push(bar("95 % interval of the share, one run"));
    }
    let caption = "Share of completed runs that escaped chance (validation AUC of at least 0.60) with its Clopper-Pearson interval, and test accuracy and AUC of every run. \
                   Bars over the dots are Student's intervals of the mean over seeds, of the runs that escaped alone; one run has none. The dashed line is chance.";
    parts("arms", caption, &panels, rows, &legend)
}

/// Differences between arms, in as many parts as pages are needed; none where there are no pairs.
pub(super) fn forest(differences: &[Difference]) -> Vec<RowPanels> {
    let rows: Vec<Row> = differences
        .iter()
        .map(|own| Row {
            label: own.label.clone(),
            begins: own.begins,
            marks: own
                .figures
                .iter()
                .map(|figure| RowMarks {
                    dots: figure
                        .seeds
                        .iter()
                        .map(|value| Dot {
                            value: *value,
                            marker: series_style(0).marker,
                            color: series_style(0).color,
                            hollow: true,
                        })
                        .collect(),
                    interval: figure.interval,
                    note: figure.note.clone(),
                })
                .collect(),
        })
        .collect();
    if rows.iter().all(|row| row.marks.iter().all(|marks| marks.dots.is_empty() && marks.interval.is_none())) {
        return Vec::new();
    }
    let ends = |place: usize| {
        let marks = rows.iter().filter_map(|row| row.marks.get(place));
        let values = marks.flat_map(|marks| {
            let interval = marks.interval.into_iter().flat_map(|(lower, _, upper)| [lower, upper]);
            marks.dots.iter().map(|dot| dot.value).chain(interval)
        });
        values.fold((-0.01, 0.01), |(low, high): (f64, f64), value| (low.min(value), high.max(value)))
    };
    let panel = |(place, key): (usize, &&str)| {
        let (low, high) = ends(place);
        let title = Metric::named(key).map_or(*key, |metric| metric.title);
        RowPanel {
            title: format!("difference in {title}"),
            axis: Axis::covering(low.max(-1.0), high.min(1.0), 3),
            levels: vec![0.0],
        }
    };
    let panels: Vec<_> = METRICS.iter().enumerate().map(panel).collect();
    let legend = vec![
        Entry {
            key: Key::Mark(series_style(0).marker, series_style(0).color, true),
            text: "two runs of one seed".into(),
        },
        bar("95 % interval of the difference"),
    ];
    let caption = format!(
        "Differences between arms in test accuracy and AUC among runs that escaped, first less second. {SAME_PAIR} Where nothing can be compared, no run of an arm has completed, or none has escaped. The dashed line is no difference."
    );
    parts("differences", &caption, &panels, rows, &legend)
}

/// The metrics of [`forest`], by key.
pub(in crate::report) const COMPARED: [&str; 2] = METRICS;

fn parts(name: &str, caption: &str, panels: &[RowPanel], rows: Vec<Row>, legend: &[Entry]) -> Vec<RowPanels> {
    let number = rows.len().div_ceil(MOST_ROWS);
    let part = |(place, rows): (usize, &[Row])| RowPanels {
        name: part_name(name, place, number),
        caption: caption.into(),
        panels: panels.to_vec(),
        rows: rows.to_vec(),
        legend: legend.to_vec(),
    };
    rows.chunks(MOST_ROWS).enumerate().map(part).collect()
}

/// Arms by cell, variant and backend: what is compared stands together.
pub(in crate::report) fn in_cells<'r, 'a>(overview: &Overview<'_>, arms: &'r [Arm<'a>]) -> Vec<&'r Arm<'a>> {
    let of_cell = |cell| arms.iter().filter(move |arm: &&Arm<'a>| arm.group.cell == cell);
    overview.cells.iter().flat_map(|cell| of_cell(*cell)).collect()
}
