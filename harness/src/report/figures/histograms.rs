//! Histograms of predicted probabilities by true class, a panel for each arm.

use harness_drawing::legend::{self, Entry, Key};
use harness_drawing::theme::{INK, MUTED, RULE, SKY_BLUE, VERMILION};
use harness_drawing::{Axis, Canvas, Color, Figure, Frame, Grid, Labels, Point, Stroke, Style, part_name, text_width};

use crate::record::Scores;
use crate::report::arms::Arm;
use crate::report::overview::{Overview, standing};

const NEGATIVE: Color = SKY_BLUE;
const POSITIVE: Color = VERMILION;

/// Bins from 0 to 1; even, so that the decision threshold is an edge.
const BINS: usize = 40;
const COLUMNS: usize = 3;
/// The widest title that fits above one of three panels, in points.
const WIDEST_TITLE: f64 = 138.0;
/// Rows of panels that fit on a page.
const ROWS: usize = 5;

/// Share of a class in each bin, in per cent.
type Histogram = Vec<f64>;

/// One arm.
#[derive(Debug, Clone)]
struct Panel {
    title: String,
    /// Of negative and positive reviews, for each run that has scores.
    histograms: Vec<[Histogram; 2]>,
    /// How its first run stands.
    standing: &'static str,
}

/// Panels of a page.
#[derive(Debug)]
pub(super) struct Histograms {
    name: String,
    columns: usize,
    panels: Vec<Panel>,
}

/// The figure, in as many parts as pages are needed.
pub(super) fn histograms(overview: &Overview<'_>, arms: &[Arm<'_>]) -> Vec<Histograms> {
    let panel = |arm: &Arm<'_>| Panel {
        title: arm.name(overview),
        histograms: arm.runs.iter().filter_map(|run| run.scores).map(by_class).collect(),
        standing: arm.runs.first().map_or("", |run| standing(run.result)),
    };
    let panels: Vec<_> = arms.iter().map(panel).collect();
    let columns = columns_for(&panels);
    let parts = panels.len().div_ceil(columns * ROWS);
    let part = |(place, panels): (usize, &[Panel])| Histograms {
        name: part_name("scores", place, parts),
        columns,
        panels: panels.to_vec(),
    };
    panels.chunks(columns * ROWS).enumerate().map(part).collect()
}

/// As many columns as there are arms, up to three, but fewer where a title would run into the next one.
fn columns_for(panels: &[Panel]) -> usize {
    let widest = panels.iter().map(|panel| text_width(&panel.title, true)).fold(0.0, f64::max);
    let most = if widest > WIDEST_TITLE { COLUMNS - 1 } else { COLUMNS };
    panels.len().clamp(1, most)
}

fn by_class(scores: &Scores) -> [Histogram; 2] {
    let mut counts = [[0_u64; BINS]; 2];
    for (logit, label) in scores.logits.iter().zip(&scores.labels) {
        let probability = 1.0 / (1.0 + (-f64::from(*logit)).exp());
        let bin = ((probability * BINS as f64) as usize).min(BINS - 1);
        counts[usize::from(*label == 1)][bin] += 1;
    }
    counts.map(|counts| {
        let total: u64 = counts.iter().sum();
        counts.iter().map(|count| 100.0 * *count as f64 / total.max(1) as f64).collect()
    })
}

/// The outline of a histogram as values, from and to the horizontal axis.
fn outline(histogram: &[f64]) -> Vec<Point> {
    let edge = |bin: usize| bin as f64 / BINS as f64;
    let steps = histogram.iter().enumerate().flat_map(|(bin, share)| [(edge(bin), *share), (edge(bin + 1), *share)]);
    let mut all = vec![(0.0, 0.0)];
    all.extend(steps);
    all.push((1.0, 0.0));
    // Flat stretches need no points inside.
    let needed = |place: usize| place == 0 || place + 1 == all.len() || all[place - 1].1 != all[place + 1].1;
    (0..all.len()).filter(|place| needed(*place)).map(|place| all[place]).collect()
}

impl Histograms {
    fn grid(&self, style: Style) -> Grid {
        Grid {
            width: style.width(self.columns),
            left: 40.0,
            right: 8.0,
            top: legend::ROW + 20.0,
            bottom: 32.0,
            gap_x: 30.0,
            gap_y: 34.0,
            columns: self.columns,
            rows: self.panels.len().div_ceil(self.columns),
            panel_height: Some(82.0),
        }
    }
}

impl Figure for Histograms {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn caption(&self) -> String {
        "Predicted probability that a test review is positive, by true class, a panel for each arm and an outline for each seed; the dashed line is \
         the decision threshold. Vertical axes differ."
            .into()
    }

    fn size(&self, style: Style) -> (f64, f64) {
        let grid = self.grid(style);
        (grid.width, grid.height())
    }

    fn draw(&self, canvas: &Canvas) {
        let grid = self.grid(canvas.style());
        let line = Stroke { color: POSITIVE, width: 1.2, dash: None };
        let entries = [
            Entry { key: Key::Box(NEGATIVE, 0.55, NEGATIVE), text: "negative reviews".into() },
            Entry { key: Key::Line(line, None), text: "positive reviews".into() },
        ];
        legend::above(canvas, 2.0, grid.width, &entries);
        for (place, panel) in self.panels.iter().enumerate() {
            let (row, column) = (place / grid.columns, place % grid.columns);
            let highest = panel.histograms.iter().flatten().flatten().copied().fold(0.0, f64::max);
            let empty = panel.histograms.is_empty();
            let y = if empty { Axis::covering(0.0, 100.0, 3).without_ticks() } else { Axis::covering(0.0, highest, 3) };
            let frame = Frame { canvas, rect: grid.panel(row, column), x: Axis::unit(false), y };
            let lowest = place + grid.columns >= self.panels.len();
            frame.draw(
                if lowest { Labels::Titled("predicted probability") } else { Labels::Values },
                if column == 0 { Labels::Titled("share of class, %") } else { Labels::Values },
            );
            frame.title(&panel.title);
            if empty {
                frame.note(panel.standing);
                continue;
            }
            // The more runs, the fainter each, so that what all have in common stands out.
            let number = panel.histograms.len() as f64;
            let (opacity, width): (f64, f64) = ((0.55 / number).max(0.08), if number > 1.0 { 0.7 } else { 1.2 });
            for [negative, _] in &panel.histograms {
                for (bin, share) in negative.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                    let edge = |bin: usize| bin as f64 / BINS as f64;
                    let corners = (frame.point((edge(bin), 0.0)), frame.point((edge(bin + 1), *share)));
                    canvas.rectangle(corners.0, corners.1, NEGATIVE, opacity);
                }
                frame.line(&outline(negative), Stroke { color: NEGATIVE, width: width.min(0.8), dash: None });
            }
            for [_, positive] in &panel.histograms {
                frame.line(&outline(positive), Stroke { width, ..line });
            }
            let threshold = Stroke { color: MUTED, width: RULE, dash: Some((2.0, 2.0)) };
            frame.line(&[(0.5, 0.0), (0.5, frame.y.high())], threshold);
            // The data may have covered the lower edge of the frame.
            frame.line(&[(0.0, 0.0), (1.0, 0.0)], Stroke { color: INK, width: RULE, dash: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_each_class_and_add_up() {
        let scores = Scores { logits: vec![-9.0, -9.0, -0.01, 9.0, 0.01], labels: vec![0, 0, 0, 1, 1] };
        let [negative, positive] = by_class(&scores);
        assert!((negative[0] - 200.0 / 3.0).abs() < 1e-12 && (negative[BINS / 2 - 1] - 100.0 / 3.0).abs() < 1e-12);
        assert_eq!((positive[BINS - 1], positive[BINS / 2]), (50.0, 50.0));
        assert_eq!(positive.iter().sum::<f64>(), 100.0);
    }

    #[test]
    fn certain_logits_fall_into_the_last_bins() {
        let [negative, positive] = by_class(&Scores { logits: vec![-1e30, 1e30], labels: vec![0, 1] });
        assert_eq!((negative[0], positive[BINS - 1]), (100.0, 100.0));
    }
}
