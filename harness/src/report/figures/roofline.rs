//! The roofline of Williams, Waterman & Patterson (2009): what the backends reach beside what the machine allows.

use harness_contract::CellKind;
use plotters::prelude::DrawingBackend;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Lie, Point, Stroke, Writing, text_room};
use super::frame::{Frame, Labels, Rect};
use super::legend::{self, Entry, Key};
use super::save::Figure;
use super::theme::{BackendStyle, INK, MUTED, RULE, TEXT, TWO_COLUMNS, backend_style};
use crate::bench::{BenchRecord, Factor, Spread, prediction, training_step};

const HEIGHT: f64 = 250.0;
const LEFT: f64 = 42.0;
const RIGHT: f64 = 12.0;
const BOTTOM: f64 = 32.0;
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
    style: BackendStyle,
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
                reached.push(Reached { intensity, speed, style: backend_style(place), cell, prediction });
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
        let mut entries = Vec::new();
        for (place, backend) in self.backends.iter().enumerate() {
            let style = backend_style(place);
            for (what, hollow) in [("step", false), ("prediction", true)] {
                let key = Key::Mark(style.marker, style.color, hollow);
                entries.push(Entry { key, text: format!("{backend}, {what}") });
            }
        }
        entries
    }

    fn top(&self) -> f64 {
        legend::rows(&self.legend(), TWO_COLUMNS).len() as f64 * legend::ROW + 8.0
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
}

impl Roofline {
    /// A line through the points of a cell and a kind of work, which share their intensity nearly, with the cell's name at its end:
    /// below for training steps, above for predictions.
    fn draw_pairs<DB: DrawingBackend>(&self, frame: &Frame<'_, DB>) -> Drawn<DB> {
        let thin = Stroke { color: MUTED, width: RULE, dash: None };
        for cell in CellKind::ALL {
            for prediction in [false, true] {
                let own = self.reached.iter().filter(|point| point.cell == cell && point.prediction == prediction);
                let mut places: Vec<Point> = own.map(|point| frame.point((point.intensity, point.speed))).collect();
                places.sort_by(|one, other| one.1.total_cmp(&other.1));
                let (Some(highest), Some(lowest)) = (places.first(), places.last()) else { continue };
                frame.canvas.path(&[*highest, *lowest], thin)?;
                let (at, drop) = if prediction { (highest, -6.0) } else { (lowest, 6.0 + 0.72 * TEXT) };
                let half = text_room(cell.title(), false) / 2.0;
                let across = at.0.clamp(frame.rect.left + half, frame.rect.left + frame.rect.width - half);
                let writing = Writing { lie: Lie::Middle, bold: false, color: MUTED };
                frame.canvas.text((across, at.1 + drop), cell.title(), writing)?;
            }
        }
        Ok(())
    }
}

/// `1 thread`, `2 threads`.
fn plural(threads: usize) -> String {
    format!("{threads} thread{}", if threads == 1 { "" } else { "s" })
}

impl Figure for Roofline {
    fn name(&self) -> String {
        "roofline".into()
    }

    fn caption(&self) -> String {
        format!(
            "What training steps and predictions reach with {}, beside what the machine allows: copying memory (slanted) and a large matrix \
             product (level). Operations and bytes are counted from the model.",
            plural(self.threads)
        )
    }

    fn size(&self) -> (f64, f64) {
        (TWO_COLUMNS, self.top() + HEIGHT + BOTTOM)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Drawn<DB> {
        let entries = self.legend();
        legend::strip(canvas, (0.0, 2.0), TWO_COLUMNS, &legend::rows(&entries, TWO_COLUMNS))?;
        let (x, y) = self.axes();
        let rect = Rect { left: LEFT, top: self.top(), width: TWO_COLUMNS - LEFT - RIGHT, height: HEIGHT };
        let ends = (x.low(), x.high());
        let frame = Frame { canvas, rect, x, y };
        frame.draw(Labels::Titled("operations a byte"), Labels::Titled("10⁹ operations a second"))?;
        let mut names = Vec::new();
        for roof in &self.roofs {
            let dash = (roof.threads != self.threads).then_some((4.0, 2.5));
            let stroke = Stroke { color: INK, width: 1.1, dash };
            let at = |part: usize| ends.0 * (ends.1 / ends.0).powf(part as f64 / PARTS as f64);
            let mut line: Vec<Point> = (0..=PARTS).map(|part| (at(part), roof.at(at(part)))).collect();
            let ridge = roof.product / roof.copy;
            line.push((ridge, roof.product));
            line.retain(|(_, speed)| frame.y.holds(*speed));
            line.sort_by(|one, other| one.0.total_cmp(&other.0));
            frame.line(&line, stroke)?;
            names.push((frame.point((ends.1, roof.product)), plural(roof.threads)));
        }
        // From the highest roof down: the name of one that lies close below another stands under its line.
        names.sort_by(|one, other| one.0.1.total_cmp(&other.0.1));
        let mut above = f64::NEG_INFINITY;
        for ((right, height), name) in names {
            let baseline = if height - above < 2.0 * TEXT { height + TEXT + 2.0 } else { height - 4.0 };
            canvas.text((right - 4.0, baseline), &name, Writing::plain(Lie::End))?;
            above = height;
        }
        self.draw_pairs(&frame)?;
        for point in &self.reached {
            let value = (point.intensity, point.speed);
            frame.markers(&[value], point.style.marker, point.style.stroke(), point.prediction)?;
        }
        Ok(())
    }
}
