//! When runs escape: Kaplan and Meier's curves over the epochs.

use harness_drawing::theme::series_style;
use harness_drawing::{Axis, Facet, Facets};

use super::facets::{backend_entries, pages, rows_of};
use crate::report::arms::{Arm, NO_RESULT};
use crate::report::overview::Overview;
use harness_drawing::legend::{Entry, Key};
use harness_statistics::metrics::MetricsError;
use harness_statistics::survival::kaplan_meier;

/// The figure, in as many parts as pages are needed; none without a completed run.
pub(super) fn escape_curves(overview: &Overview<'_>, arms: &[Arm<'_>]) -> Result<Vec<Facets>, MetricsError> {
    let horizon = arms.iter().flat_map(Arm::completed).map(|(_, own)| own.horizon).max();
    let Some(horizon) = horizon else { return Ok(Vec::new()) };
    let caption = "Share of completed runs that have escaped (validation AUC of at least 0.60) by the end of an epoch: one less Kaplan and Meier's estimate, in which a run that never escaped is \
                   censored at its last epoch. A marker is an epoch in which a run escaped; the numbers are how many of how many did.";
    let rows = rows_of(overview, arms, true, &|arms, _| Ok(facet(overview, arms)))?;
    Ok(pages("escape-curves", &rows, |name, rows| Facets {
        name,
        caption: caption.into(),
        x: (Axis::counting(horizon), "epoch"),
        y: (Axis::unit(false), "share escaped"),
        diagonal: false,
        legend: backend_entries(overview, arms),
        columns: overview.cells.iter().map(|cell| cell.title().into()).collect(),
        rows,
    }))
}

fn facet(overview: &Overview<'_>, arms: &[&Arm<'_>]) -> Facet {
    let mut facet = Facet::default();
    for arm in arms {
        let style = series_style(arm.backend);
        let observations = arm.escapes();
        let Ok(steps) = kaplan_meier(&observations) else { continue };
        let mut line = vec![(0.0, 0.0)];
        let mut share = 0.0;
        for step in steps {
            line.push((step.time, share));
            share = 1.0 - step.surviving;
            line.push((step.time, share));
            if step.events > 0 {
                facet.marks.push((arm.owner(overview), (step.time, share), style.marker, style.color, false));
            }
        }
        // Once every run has escaped, nothing more can happen.
        line.push((f64::from(arm.completed().map(|(_, own)| own.horizon).max().unwrap_or(0)), share));
        facet.lines.push((arm.owner(overview), line, style.stroke()));
        let number = observations.iter().filter(|own| own.happened).count();
        let key = Key::Line(style.stroke(), Some((style.marker, false)));
        facet.facts.push(Entry { key, text: format!("{number} of {}", observations.len()) });
    }
    if facet.lines.is_empty() {
        facet.note = Some(NO_RESULT.into());
    }
    facet
}
