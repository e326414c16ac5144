//! The roofline of Williams, Waterman & Patterson (2009): what the backends reach beside what the machine allows.

use harness_contract::CellKind;
use harness_drawing::legend::{self, Entry, Key};
use harness_drawing::theme::{INK, MUTED, RULE, SeriesStyle, TEXT, series_style};
use harness_drawing::{Axis, Canvas, Figure, Frame, Grid, Labels, Lie, Point, Stroke, Style, Writing};

use crate::bench::{BenchRecord, Factor, prediction, training_step};
use harness_statistics::samples::Spread;
use harness_text::numbers::counted;

/// A panel for each kind of work, and whether it is prediction.
const PANELS: [(&str, bool); 2] = [("training step", false), ("prediction", true)];
/// Parts of a roof's curve.
const PARTS: usize = 60;

/// What the machine allows with so many threads.
#[derive(Debug, Clone, Copy)]
struct Roof {
    threads: usize,
    /// 10^9 operations a second.
    product: f64,
    /// 10^9 bytes a second.
    copy: f64,
}

impl Roof {
    fn at(self, intensity: f64) -> f64 {
        (intensity * self.copy).min(self.product)
    }
}

/// One measured configuration.
#[derive(Debug, Clone)]
struct Reached {
    /// Operations a byte.
    intensity: f64,
    /// 10^9 operations a second.
    speed: f64,
    style: SeriesStyle,
    cell: CellKind,
    prediction: bool,
}

/// The figure.
#[derive(Debug)]
pub(super) struct Roofline {
    roofs: Vec<Roof>,
    reached: Vec<Reached>,
    backends: Vec<String>,
    threads: usize,
}

/// The roofline with the preferred kernels and the most threads; none where the machine's peak or every backend is missing.
pub(super) fn roofline(record: &BenchRecord) -> Option<Roofline> {
    let median = |samples: &[f64]| Spread::of(samples.iter().copied()).map(|spread| spread.median);
    let roofs: Vec<Roof> = record
        .peaks
        .iter()
        .filter_map(|peak| {
            let (product, copy) = (median(&peak.matmul_gflops)?, median(&peak.copy_gigabytes)?);
            Some(Roof { threads: peak.threads, product, copy })
        })
        .collect();
    let threads = roofs.iter().map(|roof| roof.threads).max()?;
    let mut reached = Vec::new();
    let mut backends = Vec::new();
    for (place, backend) in record.backends.iter().enumerate() {
        for cell in CellKind::ALL {
            // A backend names its preferred kernel first.
            let row = record.measurements.iter().find(|row| {
                row.factor == Factor::Kernel
                    && row.backend == backend.name
                    && row.model.cell == cell
                    && row.model.threads == threads
                    && row.timing().is_some()
            });
            let Some((row, timing)) = row.and_then(|row| Some((row, row.timing()?))) else { continue };
            let trained = training_step(&row.model, row.rows, row.time).total();
            let predicted = prediction(&row.model, row.evaluation_rows, row.time);
            for (work, samples, prediction) in [(trained, &timing.train, false), (predicted, &timing.predict, true)] {
                let seconds = samples.iter().map(|sample| sample.compute_seconds).collect::<Vec<_>>();
                let Some(seconds) = median(&seconds) else { continue };
                let (intensity, speed) = (work.intensity(), work.operations as f64 / seconds / 1e9);
                reached.push(Reached { intensity, speed, style: series_style(place), cell, prediction });
            }
            if !backends.contains(&backend.name) {
                backends.push(backend.name.clone());
            }
        }
    }
    (!reached.is_empty()).then_some(Roofline { roofs, reached, backends, threads })
}

impl Roofline {
    fn legend(&self) -> Vec<Entry> {
        let entry = |(place, backend): (usize, &String)| {
            let style = series_style(place);
            Entry { key: Key::Mark(style.marker, style.color, false), text: backend.clone() }
        };
        self.backends.iter().enumerate().map(entry).collect()
    }

    fn grid(&self, style: Style) -> Grid {
        let legend = legend::height(&self.legend(), style.wide());
        Grid {
            width: style.wide(),
            left: 42.0,
            right: 12.0,
            top: legend + 20.0,
            bottom: 32.0,
            gap_x: 20.0,
            gap_y: 0.0,
            columns: PANELS.len(),
            rows: 1,
            panel_height: Some(190.0),
        }
    }

    fn axes(&self) -> (Axis, Axis) {
        let intensities = || self.reached.iter().map(|point| point.intensity);
        let ridges = self.roofs.iter().map(|roof| roof.product / roof.copy);
        let least = intensities().chain(ridges.clone()).fold(f64::INFINITY, f64::min);
        let most = intensities().chain(ridges).fold(0.0, f64::max);
        let slowest = self.reached.iter().map(|point| point.speed).fold(f64::INFINITY, f64::min);
        let fastest = self.roofs.iter().map(|roof| roof.product).fold(0.0, f64::max);
        (Axis::decades(least / 1.5, most * 1.5), Axis::decades(slowest, fastest * 1.2))
    }

    fn draw_roofs(&self, frame: &Frame<'_>) {
        let ends = (frame.x.low(), frame.x.high());
        let mut names = Vec::new();
        for roof in &self.roofs {
            let dash = (roof.threads != self.threads).then_some((4.0, 2.5));
            let stroke = Stroke { color: INK, width: 1.1, dash };
            let at = |part: usize| ends.0 * (ends.1 / ends.0).powf(part as f64 / PARTS as f64);
            let mut line: Vec<Point> = (0..=PARTS).map(|part| (at(part), roof.at(at(part)))).collect();
            line.push((roof.product / roof.copy, roof.product));
            line.retain(|(_, speed)| frame.y.holds(*speed));
            line.sort_by(|one, other| one.0.total_cmp(&other.0));
            frame.line(&line, stroke);
            names.push((frame.point((ends.1, roof.product)), counted(roof.threads, "thread")));
        }
        // From the highest roof down: the name of one that lies close below another stands under its line.
        names.sort_by(|one, other| one.0.1.total_cmp(&other.0.1));
        let mut above = f64::NEG_INFINITY;
        for ((right, height), name) in names {
            let baseline = if height - above < 2.0 * TEXT { height + TEXT + 2.0 } else { height - 4.0 };
            frame.canvas.text((right - 4.0, baseline), &name, Writing::plain(Lie::End));
            above = height;
        }
    }

    /// The points of a kind of work: a line through those of a cell, which share their intensity nearly, with its name below.
    fn draw_points(&self, frame: &Frame<'_>, prediction: bool) {
        const ASIDE: f64 = 1.0;
        let thin = Stroke { color: MUTED, width: RULE, dash: None };
        for cell in CellKind::ALL {
            let own: Vec<&Reached> =
                self.reached.iter().filter(|point| point.cell == cell && point.prediction == prediction).collect();
            let mut places: Vec<Point> = own.iter().map(|point| frame.point((point.intensity, point.speed))).collect();
            places.sort_by(|one, other| one.1.total_cmp(&other.1));
            let (Some(highest), Some(lowest)) = (places.first(), places.last()) else { continue };
            frame.canvas.path(&[*highest, *lowest], thin);
            // LSTM lies close right of GRU, so their names go apart.
            let (lie, across) = match cell {
                CellKind::Rnn => (Lie::Middle, lowest.0),
                CellKind::Gru => (Lie::End, lowest.0 + ASIDE),
                CellKind::Lstm => (Lie::Start, lowest.0 - ASIDE),
            };
            let writing = Writing { lie, bold: false, color: MUTED };
            frame.canvas.text((across, lowest.1 + 6.0 + 0.72 * TEXT), cell.title(), writing);
            for point in own {
                let value = (point.intensity, point.speed);
                frame.markers(&[value], point.style.marker, point.style.stroke(), false);
            }
        }
    }
}

impl Figure for Roofline {
    fn name(&self) -> String {
        "roofline".into()
    }

    fn caption(&self) -> String {
        format!(
            "What training steps and predictions reach with {}, beside what the machine allows: copying memory (slanted) and \
             a large matrix product (level). Operations and bytes are counted from the model.",
            counted(self.threads, "thread")
        )
    }

    fn size(&self, style: Style) -> (f64, f64) {
        let grid = self.grid(style);
        (grid.width, grid.height())
    }

    fn draw(&self, canvas: &Canvas) {
        let entries = self.legend();
        let grid = self.grid(canvas.style());
        legend::above(canvas, 2.0, grid.width, &entries);
        let (x, y) = self.axes();
        for (column, (title, prediction)) in PANELS.into_iter().enumerate() {
            let frame = Frame { canvas, rect: grid.panel(0, column), x: x.clone(), y: y.clone() };
            let speed = "10⁹ operations a second";
            frame.draw(
                Labels::Titled("operations a byte"),
                if column == 0 { Labels::Titled(speed) } else { Labels::Ticks },
            );
            frame.title(title);
            self.draw_roofs(&frame);
            self.draw_points(&frame, prediction);
        }
    }
}
