//! Figures for print: axes, frames, legends and panels, drawn once and written as SVG, PNG and PDF.
//!
//! A [`Figure`] has a name, a caption and a size in points, and puts shapes on a [`Canvas`]. [`save`] renders the same shapes as SVG, PNG and PDF;
//! text is set in an embedded font, so that the same figure gives the same bytes everywhere. Nothing here knows a record or a metric.

mod axis;
mod canvas;
mod error;
mod face;
mod facets;
mod font;
mod frame;
mod layout;
pub mod legend;
mod panels;
mod pdf;
mod render;
mod rows;
mod save;
mod series;
mod simplify;
mod style;
mod svg;
pub mod theme;

pub use axis::Axis;
pub use canvas::{Canvas, Color, Lie, Point, Stroke, Writing};
pub use error::DrawingError;
pub use facets::{Facet, FacetRow, Facets, MOST_FACET_ROWS};
pub use font::{fitted, text_room, text_width};
pub use frame::{Frame, Labels, Rect};
pub use layout::{Grid, part_name};
pub use panels::{Line, LinePanels, PanelRow};
pub use rows::{Dot, MOST_ROWS, Row, RowMarks, RowPanel, RowPanels};
pub use save::{Drawing, FORMATS, Figure, save};
pub use series::{Owner, Reading, Series};
pub use simplify::simplified;
pub use style::Style;
pub use svg::Svg;
