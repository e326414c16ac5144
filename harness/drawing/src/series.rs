//! Whose a shape is: what a page can switch off, and the values that it shows.

use crate::canvas::Point;

/// Whose a line, a mark or an area is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// What it belongs to, such as an arm of an experiment.
    pub group: String,
    /// Which one of it, such as a run; `None` for what stands for the whole group.
    pub member: Option<String>,
}

/// A value that is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Where.
    pub at: Point,
    /// The value across and the value up, in the units of the axes.
    pub value: (f64, f64),
}

/// What shapes that are drawn together stand for.
#[derive(Debug, Clone)]
pub struct Series {
    /// Whose they are.
    pub owner: Owner,
    /// What the values across and up are.
    pub names: (String, String),
    /// Their values from left to right; none where the shapes repeat what others show.
    pub readings: Vec<Reading>,
}

impl Series {
    /// Shapes without values of their own.
    #[must_use]
    pub const fn silent(owner: Owner) -> Self {
        Self { owner, names: (String::new(), String::new()), readings: Vec::new() }
    }
}
