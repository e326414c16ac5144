//! How arms fall into small panels: one arm a panel, or, with several variants, a row for each with every backend in its panels.

use harness_drawing::legend::{Entry, Key};
use harness_drawing::theme::series_style;
use harness_drawing::{Facet, FacetRow};

use crate::report::arms::Arm;
use crate::report::overview::Overview;
use harness_statistics::metrics::MetricsError;

/// Draws the arms of a panel.
pub(super) type Draw<'d> = dyn Fn(&[&Arm<'_>]) -> Result<Facet, MetricsError> + 'd;

/// A row for each backend with a titled panel for each cell; with several variants, or where backends stand `together`, a row for each variant.
pub(super) fn rows_of(
    overview: &Overview<'_>,
    arms: &[Arm<'_>],
    together: bool,
    draw: &Draw<'_>,
) -> Result<Vec<FacetRow>, MetricsError> {
    let together = together || overview.has_variants();
    let mut rows = Vec::new();
    let mut push = |heading: Option<String>, own: &dyn Fn(&&Arm<'_>) -> bool| {
        let mut facets = Vec::new();
        for cell in &overview.cells {
            let of_panel: Vec<_> = arms.iter().filter(|arm| arm.group.cell == *cell && own(arm)).collect();
            let mut facet = if of_panel.is_empty() { None } else { Some(draw(&of_panel)?) };
            if let (Some(facet), [only], false) = (&mut facet, of_panel.as_slice(), together) {
                facet.title = Some(only.name(overview));
            }
            facets.push(facet);
        }
        if facets.iter().any(Option::is_some) {
            rows.push(FacetRow { heading, facets });
        }
        Ok::<(), MetricsError>(())
    };
    if together {
        for variant in &overview.variants {
            push(overview.has_variants().then(|| (*variant).to_owned()), &|arm| arm.group.variant == *variant)?;
        }
    } else {
        for backend in &overview.backends {
            push(None, &|arm| arm.group.backend == *backend)?;
        }
    }
    Ok(rows)
}

/// A legend entry for each backend that has an arm.
pub(super) fn backend_entries(overview: &Overview<'_>, arms: &[Arm<'_>]) -> Vec<Entry> {
    let entry = |(place, name): (usize, &&str)| {
        let style = series_style(place);
        arms.iter()
            .any(|arm| arm.backend == place)
            .then(|| Entry { key: Key::Line(style.stroke(), Some((style.marker, false))), text: (*name).to_owned() })
    };
    overview.backends.iter().enumerate().filter_map(entry).collect()
}
