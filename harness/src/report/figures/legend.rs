//! Legends: rows of keys with what they stand for.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::canvas::{Canvas, Drawn, Lie, Point, Stroke, Writing, text_room};
use super::theme::{Marker, TEXT};

/// What an entry shows before its text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    /// A line, and the marker on it if any (with whether it is hollow).
    Line(Stroke, Option<(Marker, bool)>),
    /// A filled box with an outline.
    Box(RGBColor, f64, RGBColor),
    /// A marker alone, and whether it is hollow.
    Mark(Marker, RGBColor, bool),
    /// A cross.
    Cross(RGBColor),
    /// Nothing: the text says it all.
    Blank,
}

/// One entry.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Its key.
    pub(super) key: Key,
    /// What it stands for.
    pub(super) text: String,
}

/// Height of a row, in points.
pub(super) const ROW: f64 = 13.0;
const KEY: f64 = 22.0;
const AFTER_KEY: f64 = 4.0;
const BETWEEN: f64 = 14.0;

/// Breaks entries into rows that fit a width.
pub(super) fn rows(entries: &[Entry], width: f64) -> Vec<Vec<&Entry>> {
    let mut rows: Vec<Vec<&Entry>> = vec![Vec::new()];
    let mut used = 0.0;
    for entry in entries {
        let needed = entry_width(entry) + BETWEEN;
        match rows.last_mut() {
            Some(row) if row.is_empty() || used + needed - BETWEEN <= width => {
                row.push(entry);
                used += needed;
            }
            _ => {
                rows.push(vec![entry]);
                used = needed;
            }
        }
    }
    rows
}

/// Draws rows of entries, each centred in a strip that begins at `corner`.
pub(super) fn strip<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    corner: Point,
    width: f64,
    rows: &[Vec<&Entry>],
) -> Drawn<DB> {
    for (place, row) in rows.iter().enumerate() {
        let total: f64 = row.iter().map(|entry| entry_width(entry)).sum::<f64>() + BETWEEN * (row.len() as f64 - 1.0);
        let mut x = corner.0 + (width - total).max(0.0) / 2.0;
        let middle = corner.1 + (place as f64 + 0.5) * ROW;
        for entry in row {
            draw_entry(canvas, (x, middle), entry)?;
            x += entry_width(entry) + BETWEEN;
        }
    }
    Ok(())
}

/// Draws entries one below the other on white, with the lower right corner of the legend at `corner`.
pub(super) fn block<DB: DrawingBackend>(canvas: &Canvas<DB>, corner: Point, entries: &[Entry]) -> Drawn<DB> {
    const MARGIN: f64 = 3.0;
    if entries.is_empty() {
        return Ok(());
    }
    let width = entries.iter().map(entry_width).fold(0.0, f64::max);
    let height = ROW * entries.len() as f64;
    let (left, top) = (corner.0 - width - MARGIN, corner.1 - height - MARGIN);
    canvas.rectangle((left - MARGIN, top - MARGIN / 2.0), (corner.0, corner.1), RGBColor(255, 255, 255), 0.85)?;
    for (place, entry) in entries.iter().enumerate() {
        draw_entry(canvas, (left, top + (place as f64 + 0.5) * ROW), entry)?;
    }
    Ok(())
}

fn entry_width(entry: &Entry) -> f64 {
    let key = if matches!(entry.key, Key::Blank) { 0.0 } else { KEY + AFTER_KEY };
    key + text_room(&entry.text, false)
}

fn draw_entry<DB: DrawingBackend>(canvas: &Canvas<DB>, (x, y): Point, entry: &Entry) -> Drawn<DB> {
    let middle = (x + KEY / 2.0, y);
    match entry.key {
        Key::Line(stroke, marker) => {
            canvas.path(&[(x, y), (x + KEY, y)], stroke)?;
            if let Some((marker, hollow)) = marker {
                canvas.marker(middle, marker, stroke.color, hollow)?;
            }
        }
        Key::Box(fill, opacity, outline) => {
            let (top, bottom) = (y - 3.5, y + 3.5);
            canvas.rectangle((x, top), (x + KEY, bottom), fill, opacity)?;
            let stroke = Stroke { color: outline, width: 1.0, dash: None };
            canvas.path(&[(x, top), (x + KEY, top), (x + KEY, bottom), (x, bottom), (x, top)], stroke)?;
        }
        Key::Mark(marker, color, hollow) => canvas.marker(middle, marker, color, hollow)?,
        Key::Cross(color) => canvas.cross(middle, color)?,
        Key::Blank => {}
    }
    let after = if matches!(entry.key, Key::Blank) { 0.0 } else { KEY + AFTER_KEY };
    canvas.text((x + after, y + 0.36 * TEXT), &entry.text, Writing::plain(Lie::Start))
}
