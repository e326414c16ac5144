//! ROC curves with a line for every seed, and reliability curves: a panel for each arm, or a row for each variant with every backend in its panels.

use harness_drawing::legend::{Entry, Key};
use harness_drawing::theme::{CURVE, series_style, tint};
use harness_drawing::{Axis, Facet, FacetRow, Facets, Point, Stroke, simplified};

use super::facets::{backend_entries, pages, rows_of};
use crate::report::arms::{Arm, ArmRun};
use crate::report::arms_file::calibration_error;
use crate::report::overview::{Overview, standing};
use crate::report::sections::prediction::TWO_SIDED_95;
use harness_statistics::metrics::{MetricsError, RocPoint, roc_curve};
use harness_statistics::samples::Spread;

/// How far a drawn curve may lie from the exact one, as a rate: a fifth of a point on paper, a seventh of its width.
const TOLERANCE: f64 = 1e-3;
/// The same where several lines of less width are drawn.
const TOLERANCE_OF_MANY: f64 = 2.5e-3;
/// Width of one of several lines.
const THIN: f64 = 0.7;
/// Rows of a page whose panels are high enough for the AUCs to stand in them.
const HIGH_ROWS: usize = 5;
/// Steps of a band from edge to edge.
const BAND_STEPS: usize = 100;

/// The panel figure, in as many parts as pages are needed.
pub(super) fn panels(overview: &Overview<'_>, arms: &[Arm<'_>]) -> Result<Vec<Facets>, MetricsError> {
    let caption = "ROC curves on the test split, a line for every seed; the diagonal is chance. The marker is the operating point, where a review is predicted positive when its \
                   logit is above 0; it is hollow where the run did not escape. With several seeds the band runs from the lowest to the highest seed that escaped, and the numbers are how many of \
                   how many runs escaped and, where there is room, the least and greatest AUC among these (among all where none did). With one seed there is no band, and ± is half of DeLong's 95 % \
                   interval, over test reviews alone.";
    let rows = rows_of(overview, arms, false, &|arms, rows| roc_facet(overview, arms, rows > HIGH_ROWS))?;
    Ok(parts("roc-panel", caption, ("false positive rate", "true positive rate"), overview, arms, &rows))
}

/// Reliability curves, in the same panels.
pub(super) fn reliability(overview: &Overview<'_>, arms: &[Arm<'_>]) -> Result<Vec<Facets>, MetricsError> {
    let caption = "Reliability on the test split, a line for every seed: of the reviews whose predicted probability falls into a tenth of the axis, the share that is positive, against the mean \
                   probability. On the diagonal probabilities mean what they say. A tenth without reviews has no point. The number in a panel is ECE, the expected calibration error: the mean over reviews of the distance \
                   from the diagonal; with several seeds the least and the greatest among those that escaped (among all where none did).";
    let rows = rows_of(overview, arms, false, &|arms, rows| Ok(reliability_facet(overview, arms, rows > HIGH_ROWS)))?;
    Ok(parts("reliability", caption, ("predicted probability", "share positive"), overview, arms, &rows))
}

/// The figures of each cell with every backend in one plot; for a study with several variants the panel figure has that.
pub(super) fn of_cells(overview: &Overview<'_>, arms: &[Arm<'_>]) -> Result<Vec<Facets>, MetricsError> {
    let mut figures = Vec::new();
    if overview.has_variants() {
        return Ok(figures);
    }
    for cell in &overview.cells {
        let own: Vec<&Arm<'_>> = arms.iter().filter(|arm| arm.group.cell == *cell).collect();
        let mut facet = roc_facet(overview, &own, false)?;
        facet.title = Some(cell.title().to_owned());
        for (entry, arm) in facet.facts.iter_mut().zip(&own) {
            entry.text = format!("{}: {}", arm.group.backend, entry.text);
        }
        figures.push(Facets {
            name: format!("roc-{}", cell.name()),
            caption: format!("ROC curves of {} on the test split, marked as in the panel figure.", cell.title()),
            x: (Axis::unit(true), "false positive rate"),
            y: (Axis::unit(true), "true positive rate"),
            diagonal: true,
            legend: Vec::new(),
            columns: Vec::new(),
            rows: vec![FacetRow { headings: Vec::new(), facets: vec![Some(facet)] }],
        });
    }
    Ok(figures)
}

fn parts(
    name: &str,
    caption: &str,
    titles: (&'static str, &'static str),
    overview: &Overview<'_>,
    arms: &[Arm<'_>],
    rows: &[FacetRow],
) -> Vec<Facets> {
    let several = overview.has_variants();
    pages(name, rows, |name, rows| Facets {
        name,
        caption: caption.into(),
        x: (Axis::unit(false), titles.0),
        y: (Axis::unit(false), titles.1),
        diagonal: true,
        legend: if several { backend_entries(overview, arms) } else { Vec::new() },
        columns: if several { overview.cells.iter().map(|cell| cell.title().into()).collect() } else { Vec::new() },
        rows,
    })
}

/// Runs of an arm that have a curve.
fn drawn<'r, 'a>(arm: &'r Arm<'a>) -> Vec<&'r ArmRun<'a>> {
    arm.runs.iter().filter(|run| run.scores.is_some()).collect()
}

fn stroke(arm: &Arm<'_>, lines: usize) -> Stroke {
    Stroke { width: if lines > 1 { THIN } else { CURVE }, ..series_style(arm.backend).stroke() }
}

fn has_escaped(run: &ArmRun<'_>) -> bool {
    run.evidence.as_ref().is_some_and(|evidence| evidence.escape_epoch.is_some())
}

/// The curves of some arms in one panel; a low panel has room for the `short` facts alone.
fn roc_facet(overview: &Overview<'_>, arms: &[&Arm<'_>], short: bool) -> Result<Facet, MetricsError> {
    let mut facet = Facet::default();
    for arm in arms {
        let runs = drawn(arm);
        let tolerance = if runs.len() > 1 { TOLERANCE_OF_MANY } else { TOLERANCE };
        let style = series_style(arm.backend);
        let mut escaped = Vec::new();
        for run in &runs {
            let Some(scores) = run.scores else { continue };
            let curve = roc_curve(&scores.logits, &scores.labels, true)?;
            let rates = |point: &RocPoint| (point.false_positive_rate, point.true_positive_rate);
            let line = simplified(&curve.iter().map(rates).collect::<Vec<_>>(), tolerance);
            if has_escaped(run) {
                escaped.push(line.clone());
            }
            facet.lines.push((run.owner(overview), line, stroke(arm, runs.len())));
            if let Some(test) = run.test() {
                let negatives = (test.confusion.fp + test.confusion.tn) as f64;
                let at = (test.confusion.fp as f64 / negatives, test.confusion.recall());
                facet.marks.push((run.owner(overview), at, style.marker, style.color, !has_escaped(run)));
            }
        }
        if escaped.len() > 1 {
            facet.bands.push((arm.owner(overview), band(&escaped), tint(style.color, 0.25)));
        }
        facet.facts.push(fact(arm, &runs, arms.len() > 1, short));
    }
    note_where_empty(&mut facet, arms);
    Ok(facet)
}

/// The reliability curves of some arms in one panel; where it is low, its numbers are `short`, or they would hide the curves.
fn reliability_facet(overview: &Overview<'_>, arms: &[&Arm<'_>], short: bool) -> Facet {
    let mut facet = Facet::default();
    for arm in arms {
        let runs = drawn(arm);
        for run in &runs {
            let line: Vec<Point> = run.reliability.iter().map(|bin| (bin.predicted, bin.positive)).collect();
            let style = series_style(arm.backend);
            // A run whose probabilities lie in a tenth or two has a line too short to be seen.
            if runs.len() == 1 || line.len() <= 2 {
                let marks =
                    line.iter().map(|at| (run.owner(overview), *at, style.marker, style.color, !has_escaped(run)));
                facet.marks.extend(marks);
            }
            facet.lines.push((run.owner(overview), line, stroke(arm, runs.len())));
        }
        let text = Spread::of(representative(&runs).into_iter().filter_map(calibration_error)).map_or_else(
            || standing_of(arm),
            |own| if short { range(own, 2) } else { format!("ECE {}", range(own, 3)) },
        );
        facet.facts.push(Entry { key: key(arm, !runs.is_empty() && arms.len() > 1), text });
    }
    note_where_empty(&mut facet, arms);
    facet
}

/// Where nothing is drawn, the standing stands in the middle and not in the corner.
fn note_where_empty(facet: &mut Facet, arms: &[&Arm<'_>]) {
    if facet.lines.is_empty() {
        facet.note = arms.first().map(|arm| standing_of(arm));
        facet.facts.clear();
    }
}

fn standing_of(arm: &Arm<'_>) -> String {
    arm.runs.first().map_or_else(String::new, |run| standing(run.result).to_owned())
}

fn key(arm: &Arm<'_>, shown: bool) -> Key {
    let style = series_style(arm.backend);
    if shown { Key::Line(style.stroke(), Some((style.marker, false))) } else { Key::Blank }
}

fn range(own: Spread, digits: usize) -> String {
    let (least, most) = (format!("{:.digits$}", own.min), format!("{:.digits$}", own.max));
    if least == most { least } else { format!("{least}–{most}") }
}

/// The runs that escaped, or all where none did.
fn representative<'r, 'a>(runs: &[&'r ArmRun<'a>]) -> Vec<&'r ArmRun<'a>> {
    let none = !runs.iter().any(|run| has_escaped(run));
    runs.iter().copied().filter(|run| none || has_escaped(run)).collect()
}

/// How many escaped, and their AUCs if there is room.
fn fact(arm: &Arm<'_>, runs: &[&ArmRun<'_>], keyed: bool, short: bool) -> Entry {
    let auc = |run: &ArmRun<'_>| Some(run.test()?.auc);
    let text = match runs {
        [] => standing_of(arm),
        [only] if arm.runs.len() == 1 => {
            let variance = only.evidence.as_ref().and_then(|own| own.test_variance);
            let half = variance.map_or_else(String::new, |own| format!(" ± {:.3}", TWO_SIDED_95 * own.auc.sqrt()));
            format!("AUC {:.3}{half}", auc(only).unwrap_or(f64::NAN))
        }
        several => {
            let escaped = several.iter().filter(|run| has_escaped(run)).count();
            let areas = Spread::of(representative(several).into_iter().filter_map(auc));
            let areas = areas.map_or_else(String::new, |own| range(own, 3));
            let areas = if short { String::new() } else { format!(", AUC {areas}") };
            format!("{escaped}/{}{areas}", several.len())
        }
    };
    Entry { key: key(arm, keyed && !runs.is_empty()), text }
}

/// The outline of the area between the lowest and the highest curve.
fn band(curves: &[Vec<Point>]) -> Vec<Point> {
    let at = |step: usize| step as f64 / BAND_STEPS as f64;
    let extreme =
        |x: f64, pick: fn(f64, f64) -> f64| curves.iter().map(|curve| height(curve, x)).reduce(pick).unwrap_or(x);
    let lower = (0..=BAND_STEPS).map(|step| (at(step), extreme(at(step), f64::min)));
    let upper = (0..=BAND_STEPS).rev().map(|step| (at(step), extreme(at(step), f64::max)));
    lower.chain(upper).collect()
}

/// The height of a rising curve at a place; the upper end where it is vertical.
fn height(curve: &[Point], x: f64) -> f64 {
    let after = curve.partition_point(|point| point.0 <= x);
    match (after.checked_sub(1).and_then(|before| curve.get(before)), curve.get(after)) {
        (Some(before), Some(next)) => before.1 + (next.1 - before.1) * (x - before.0) / (next.0 - before.0),
        (Some(only), None) | (None, Some(only)) => only.1,
        (None, None) => x,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_lies_between_the_lowest_and_the_highest_curve() {
        let (low, high) = (vec![(0.0, 0.0), (1.0, 1.0)], vec![(0.0, 0.0), (0.0, 0.5), (1.0, 1.0)]);
        assert_eq!((height(&high, 0.0), height(&high, 0.5), height(&high, 1.0)), (0.5, 0.75, 1.0));
        let outline = band(&[low, high]);
        assert_eq!((outline[50], outline[BAND_STEPS + 1 + 50]), ((0.5, 0.5), (0.5, 0.75)));
    }
}
