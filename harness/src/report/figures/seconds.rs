//! Seconds of training an epoch, a bar for each backend, cell and variant.

use harness_drawing::legend::{self, Entry, Key};
use harness_drawing::theme::{INK, MUTED, SeriesStyle, TEXT, series_style};
use harness_drawing::{Axis, Canvas, Figure, Frame, Labels, Lie, Rect, Stroke, Style, Writing, part_name, text_room};

use crate::report::overview::{Overview, standing};
use crate::report::processors::UNLIKE;
use harness_text::numbers;

/// Bars that fit on a page.
const BARS: usize = 36;
const BAR: f64 = 11.0;
const PITCH: f64 = 15.0;
/// Room between two cells.
const BREAK: f64 = 6.0;
const LEGEND: f64 = legend::ROW + 5.0;
/// Room right of the plot, for half of the last tick's number.
const RIGHT: f64 = 12.0;

/// One bar: the mean over epochs and seeds.
#[derive(Debug, Clone)]
struct Bar {
    label: String,
    style: SeriesStyle,
    /// Whether a new cell begins.
    starts_cell: bool,
    /// Mean, mean of the compute part, least and most, in seconds; or how the run stands that has no epoch.
    times: Result<[f64; 4], &'static str>,
}

/// Bars of a page.
#[derive(Debug)]
pub(super) struct Seconds {
    name: String,
    wide: bool,
    longest: f64,
    bars: Vec<Bar>,
    /// Whether labels say on which processors a bar's runs were made.
    marked: bool,
}

/// The figure, in as many parts as pages are needed; none when no run has finished an epoch.
pub(super) fn seconds(overview: &Overview<'_>) -> Vec<Seconds> {
    let mut bars = Vec::new();
    for cell in &overview.cells {
        let mut starts_cell = true;
        for variant in &overview.variants {
            for (place, backend) in overview.backends.iter().enumerate() {
                let group = overview.group(backend, *cell, variant);
                let Some(first) = group.runs.first().and_then(|place| overview.results.runs.get(*place)) else {
                    continue;
                };
                let mut label = format!("{backend} {}", cell.title());
                if overview.has_variants() {
                    label.push_str(&format!(", {variant}"));
                }
                let records = group.records(overview.results);
                if let Some(letters) = overview.processor_mark(&records) {
                    label.push_str(&format!(" ({letters})"));
                }
                let timings: Vec<_> =
                    records.iter().flat_map(|record| &record.epochs).map(|epoch| epoch.timing).collect();
                let number = timings.len() as f64;
                let train = || timings.iter().map(|timing| timing.train_seconds);
                let times = if timings.is_empty() {
                    Err(standing(first))
                } else {
                    let compute: f64 = timings.iter().map(|timing| timing.train_compute_seconds).sum();
                    let (least, most) = (train().fold(f64::INFINITY, f64::min), train().fold(0.0, f64::max));
                    Ok([train().sum::<f64>() / number, compute / number, least, most])
                };
                bars.push(Bar { label, style: series_style(place), starts_cell, times });
                starts_cell = false;
            }
        }
    }
    let longest = bars.iter().filter_map(|bar| bar.times.ok()).map(|times| times[3]).fold(0.0, f64::max);
    if longest <= 0.0 {
        return Vec::new();
    }
    let parts = bars.len().div_ceil(BARS);
    let part = |(place, bars): (usize, &[Bar])| Seconds {
        name: part_name("seconds-per-epoch", place, parts),
        wide: overview.has_variants(),
        longest,
        bars: bars.to_vec(),
        marked: overview.has_unlike_processors(),
    };
    bars.chunks(BARS).enumerate().map(part).collect()
}

impl Seconds {
    fn plot(&self, style: Style) -> Rect {
        let width = style.width(if self.wide { 2 } else { 1 });
        let labels = self.bars.iter().map(|bar| text_room(&bar.label, false)).fold(0.0, f64::max);
        let left = labels + 7.0;
        let breaks = self.bars.iter().skip(1).filter(|bar| bar.starts_cell).count() as f64;
        let height = self.bars.len() as f64 * PITCH + breaks * BREAK + 4.0;
        Rect { left, top: LEGEND, width: width - left - RIGHT, height }
    }
}

impl Figure for Seconds {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn caption(&self) -> String {
        let caption = "Wall-clock seconds of training an epoch, mean over the finished epochs: compute is spent in the framework's \
         training calls, overhead in batches and transport. The bracket spans the fastest and the slowest epoch.";
        if self.marked { format!("{caption} {UNLIKE}") } else { caption.into() }
    }

    fn size(&self, style: Style) -> (f64, f64) {
        let plot = self.plot(style);
        (plot.left + plot.width + RIGHT, plot.top + plot.height + 32.0)
    }

    fn draw(&self, canvas: &Canvas) {
        let rect = self.plot(canvas.style());
        // Room for the numbers behind the bars.
        let number = text_room("0,000 s", false) + 8.0;
        let axis = Axis::covering(0.0, self.longest * rect.width / (rect.width - number).max(1.0), 4);
        let vertical = Axis::covering(0.0, 1.0, 1).without_ticks();
        let frame = Frame { canvas, rect, x: axis, y: vertical };
        frame.draw(Labels::Titled("training an epoch, seconds"), Labels::Ticks);
        let gray = (MUTED, INK);
        let entries = [
            Entry { key: Key::Box(gray.0, 1.0, gray.1), text: "compute".into() },
            Entry { key: Key::Box(gray.0, 0.25, gray.1), text: "overhead".into() },
            Entry { key: Key::Line(Stroke { color: INK, width: 1.0, dash: None }, None), text: "range".into() },
        ];
        legend::above(canvas, 1.0, self.size(canvas.style()).0, &entries);
        let mut top = rect.top + 4.0;
        for (place, bar) in self.bars.iter().enumerate() {
            if bar.starts_cell && place > 0 {
                top += BREAK;
            }
            let middle = top + BAR / 2.0;
            let baseline = middle + 0.36 * TEXT;
            canvas.text((rect.left - 5.0, baseline), &bar.label, Writing::plain(Lie::End));
            match bar.times {
                Err(standing) => {
                    let muted = Writing { lie: Lie::Start, bold: false, color: MUTED };
                    canvas.text((rect.left + 4.0, baseline), standing, muted);
                }
                Ok([mean, compute, least, most]) => {
                    let x = |value: f64| frame.point((value, 0.0)).0;
                    let color = bar.style.color;
                    let bottom = top + BAR;
                    canvas.rectangle((x(0.0), top), (x(mean), bottom), color, 0.25);
                    canvas.rectangle((x(0.0), top), (x(compute.min(mean)), bottom), color, 1.0);
                    let outline = Stroke { color, width: 0.8, dash: None };
                    canvas.path(
                        &[(x(0.0), top), (x(mean), top), (x(mean), bottom), (x(0.0), bottom), (x(0.0), top)],
                        outline,
                    );
                    let ink = Stroke { color: INK, width: 0.9, dash: None };
                    canvas.path(&[(x(least), middle), (x(most), middle)], ink);
                    for end in [least, most] {
                        canvas.path(&[(x(end), middle - 2.5), (x(end), middle + 2.5)], ink);
                    }
                    let text = format!("{} s", numbers::seconds(mean));
                    canvas.text((x(most) + 4.0, baseline), &text, Writing::plain(Lie::Start));
                }
            }
            top += PITCH;
        }
    }
}
