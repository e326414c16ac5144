//! Figures for print: axes, frames, legends and panels, drawn once and written as SVG and PNG.
//!
//! A [`Figure`] has a name, a caption and a size in points, and puts shapes on a [`Canvas`]. [`save`] renders the same shapes as SVG and as PNG,
//! whose text is set in an embedded font, so that the same figure gives the same bytes everywhere. Nothing here knows a record or a metric.

mod axis;
mod canvas;
mod error;
mod facets;
mod font;
mod frame;
mod layout;
pub mod legend;
mod panels;
mod render;
mod rows;
mod save;
mod series;
mod simplify;
mod svg;
pub mod theme;

pub use axis::Axis;
pub use canvas::{Canvas, Color, Lie, Point, Stroke, Writing};
pub use error::DrawingError;
pub use facets::{Facet, FacetRow, Facets, MOST_FACET_ROWS};
pub use font::{fitted, text_room, text_width};
pub use frame::{Frame, Labels, Rect};
pub use layout::{Grid, figure_width, part_name};
pub use panels::{Line, LinePanels, PanelRow};
pub use rows::{Dot, MOST_ROWS, Row, RowMarks, RowPanel, RowPanels};
pub use save::{Drawing, Figure, save};
pub use series::{Owner, Reading, Series};
pub use simplify::simplified;
pub use svg::Svg;
