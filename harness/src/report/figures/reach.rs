//! How far the gradient reaches back: its norm with respect to the input at each step, with the median position of the last word.

use harness_drawing::legend::{Entry, Key};
use harness_drawing::theme::{MUTED, series_style};
use harness_drawing::{Axis, Facet, Facets, Point, Stroke, simplified};

use super::facets::{backend_entries, pages, rows_of};
use crate::record::{EpochRecord, InputGradients};
use crate::report::arms::{Arm, ArmRun};
use crate::report::overview::Overview;
use harness_statistics::metrics::MetricsError;
use harness_statistics::samples::Spread;

/// How far a drawn line may lie from the exact one, as a share of a panel's width.
const TOLERANCE: f64 = 2.5e-3;

/// Which epoch of a run is drawn.
#[derive(Debug, Clone, Copy)]
struct Moment {
    name: &'static str,
    words: &'static str,
    epoch: fn(&[EpochRecord]) -> Option<&EpochRecord>,
}

const MOMENTS: [Moment; 2] = [
    Moment { name: "input-gradients-first", words: "after the first epoch", epoch: <[EpochRecord]>::first },
    Moment { name: "input-gradients-last", words: "after the last epoch", epoch: <[EpochRecord]>::last },
];

/// A figure after the first epoch and one after the last, in as many parts as pages are needed; none where no run recorded input gradients.
pub(super) fn input_gradients(overview: &Overview<'_>, arms: &[Arm<'_>]) -> Result<Vec<Facets>, MetricsError> {
    let mut figures = Vec::new();
    for moment in MOMENTS {
        let seen: Vec<&InputGradients> =
            arms.iter().flat_map(|arm| &arm.runs).filter_map(|run| gradients(run, moment)).collect();
        let norms = seen.iter().flat_map(|own| &own.mean_log).flatten().map(|log| log.exp()).filter(|norm| *norm > 0.0);
        let Some(range) = Spread::of(norms) else { continue };
        let steps = seen.iter().map(|own| own.mean_log.len()).max().unwrap_or(1);
        let (x, y) = (Axis::covering(0.0, steps as f64, 4), Axis::decades(range.min, range.max));
        let rows = rows_of(overview, arms, true, &|arms, _| Ok(facet(overview, arms, moment, &x, &y)))?;
        let last_word = Stroke { color: MUTED, width: 1.0, dash: Some((1.2, 1.8)) };
        let mut legend = backend_entries(overview, arms);
        legend.push(Entry { key: Key::Line(last_word, None), text: "the last word stands here (median)".into() });
        figures.extend(pages(moment.name, &rows, |name, rows| Facets {
            name,
            caption: format!(
                "Norm of the loss' gradient with respect to the embedded token at each step {}, geometric mean over the reviews of one validation batch, a line for every seed. A dotted line in a \
                 backend's colour is the median position of a review's last word; what lies right of it is padding. Steps at which every norm is 0 are left out.",
                moment.words
            ),
            x: (x.clone(), "step"),
            y: (y.clone(), "gradient norm"),
            diagonal: false,
            legend: legend.clone(),
            columns: overview.cells.iter().map(|cell| cell.title().into()).collect(),
            rows,
        }));
    }
    Ok(figures)
}

fn gradients<'r>(run: &'r ArmRun<'_>, moment: Moment) -> Option<&'r InputGradients> {
    (moment.epoch)(&run.record()?.epochs)?.observation.input_gradients.as_ref()
}

fn facet(overview: &Overview<'_>, arms: &[&Arm<'_>], moment: Moment, x: &Axis, y: &Axis) -> Facet {
    let mut facet = Facet::default();
    for arm in arms {
        let style = series_style(arm.backend);
        let seen: Vec<_> = arm.runs.iter().filter_map(|run| Some((run, gradients(run, moment)?))).collect();
        let width = if seen.len() > 1 { 0.7 } else { 1.3 };
        for (run, own) in &seen {
            facet.lines.push((run.owner(overview), line(own, x, y), Stroke { width, ..style.stroke() }));
        }
        let positions = seen.iter().flat_map(|(_, own)| own.rows.iter().map(|row| last_word(own, row.padded_after)));
        if let Some(position) = Spread::of(positions) {
            let ends = vec![(position.median, y.low()), (position.median, y.high())];
            facet.lines.push((
                arm.owner(overview),
                ends,
                Stroke { color: style.color, width: 1.0, dash: Some((1.2, 1.8)) },
            ));
        }
    }
    if facet.lines.is_empty() {
        facet.note = Some("not recorded".into());
    }
    facet
}

/// The step of a row's last word, counted from 1.
fn last_word(own: &InputGradients, padded_after: u32) -> f64 {
    own.mean_log.len() as f64 - f64::from(padded_after)
}

/// The geometric means by step, counted from 1, without points that can't be told from a straight line on paper.
fn line(own: &InputGradients, x: &Axis, y: &Axis) -> Vec<Point> {
    let steps = own.mean_log.iter().enumerate().filter_map(|(step, log)| Some(((step + 1) as f64, (*log)?.exp())));
    let on_paper: Vec<Point> =
        steps.filter(|point| point.1 > 0.0).map(|point| (x.place(point.0), y.place(point.1))).collect();
    simplified(&on_paper, TOLERANCE).into_iter().map(|(across, up)| (x.value(across), y.value(up))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gradient_that_fades_evenly_is_a_straight_line_and_zeros_are_left_out() {
        let mean_log = (0..400).map(|step| (step > 9).then(|| -0.1 * f64::from(399 - step))).collect();
        let own = InputGradients { mean_log, ..InputGradients::default() };
        let found = line(&own, &Axis::covering(0.0, 400.0, 4), &Axis::decades(1e-18, 1.0));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!((found[0].0 - 11.0).abs() < 1e-9 && (found[0].1.ln() + 38.9).abs() < 1e-9, "{found:?}");
        assert!((found[1].0 - 400.0).abs() < 1e-9 && (found[1].1 - 1.0).abs() < 1e-9, "{found:?}");
        assert_eq!(last_word(&own, 227), 173.0);
    }
}
