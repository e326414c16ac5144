//! How arms fall into small panels, and panels into pages: one arm a panel, or, with several variants, a row for each with every backend in its panels.

use harness_drawing::legend::{Entry, Key};
use harness_drawing::theme::series_style;
use harness_drawing::{Facet, FacetRow, Facets, MOST_FACET_ROWS, part_name};

use crate::report::arms::Arm;
use crate::report::overview::Overview;
use harness_statistics::metrics::MetricsError;

/// Draws the arms of a panel of a figure with so many rows.
pub(super) type Draw<'d> = dyn Fn(&[&Arm<'_>], usize) -> Result<Facet, MetricsError> + 'd;

/// A row for each backend with a titled panel for each cell; with several variants, or where backends stand `together`, a row for each variant.
/// Variants that have no cell in common share a row, each named over its own panels.
pub(super) fn rows_of(
    overview: &Overview<'_>,
    arms: &[Arm<'_>],
    together: bool,
    draw: &Draw<'_>,
) -> Result<Vec<FacetRow>, MetricsError> {
    if together || overview.has_variants() {
        return rows_of_variants(overview, arms, draw);
    }
    let mut rows = Vec::new();
    for backend in &overview.backends {
        let mut row = FacetRow::default();
        for cell in &overview.cells {
            let own = arms.iter().find(|arm| arm.group.cell == *cell && arm.group.backend == *backend);
            let facet = own.map(|arm| {
                let facet = draw(&[arm], overview.backends.len())?;
                Ok::<_, MetricsError>(Facet { title: Some(arm.name(overview)), ..facet })
            });
            row.facets.push(facet.transpose()?);
        }
        rows.push(row);
    }
    rows.retain(|row| row.facets.iter().any(Option::is_some));
    Ok(rows)
}

fn rows_of_variants(overview: &Overview<'_>, arms: &[Arm<'_>], draw: &Draw<'_>) -> Result<Vec<FacetRow>, MetricsError> {
    let columns = overview.cells.len();
    // Rows that each column has so far.
    let mut taken = vec![0; columns];
    let mut panels = Vec::new();
    for variant in &overview.variants {
        let of_cell = |cell| {
            arms.iter().filter(|arm| arm.group.cell == cell && arm.group.variant == *variant).collect::<Vec<_>>()
        };
        let own: Vec<_> =
            overview.cells.iter().map(|cell| of_cell(*cell)).enumerate().filter(|(_, own)| !own.is_empty()).collect();
        let row = own.iter().map(|(column, _)| taken[*column]).max().unwrap_or(0);
        for (column, arms) in own {
            taken[column] = row + 1;
            panels.push((row, column, *variant, arms));
        }
    }
    let number = taken.into_iter().max().unwrap_or(0);
    let mut rows = vec![FacetRow { headings: Vec::new(), facets: vec![None; columns] }; number];
    for (row, column, variant, arms) in panels {
        rows[row].facets[column] = Some(draw(&arms, number)?);
        rows[row].headings.push((column, variant.to_owned()));
    }
    for row in &mut rows {
        row.headings.sort();
        row.headings.dedup_by(|next, before| next.1 == before.1);
        if !overview.has_variants() {
            row.headings.clear();
        }
    }
    Ok(rows)
}

/// Rows on as many pages as they need, each part of the figure `name` with a name of its own.
pub(super) fn pages(name: &str, rows: &[FacetRow], page: impl Fn(String, Vec<FacetRow>) -> Facets) -> Vec<Facets> {
    let number = rows.len().div_ceil(MOST_FACET_ROWS);
    let parts = rows.chunks(MOST_FACET_ROWS).enumerate();
    parts.map(|(place, rows)| page(part_name(name, place, number), rows.to_vec())).collect()
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
