//! Legends: keys with what they stand for, in rows above the panels of a figure or in a block inside one.

use crate::canvas::{Canvas, Color, Lie, Point, Stroke, Writing};
use crate::font::text_room;
use crate::theme::{Marker, PAPER, TEXT};

/// What an entry shows before its text.
#[derive(Debug, Clone, Copy)]
pub enum Key {
    /// A line, and the marker on it if any (with whether it is hollow).
    Line(Stroke, Option<(Marker, bool)>),
    /// A filled box with an outline.
    Box(Color, f64, Color),
    /// A marker alone, and whether it is hollow.
    Mark(Marker, Color, bool),
    /// A cross.
    Cross(Color),
    /// Nothing: the text says it all.
    Blank,
}

/// One entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its key.
    pub key: Key,
    /// What it stands for.
    pub text: String,
}

/// Height of a row, in points.
pub const ROW: f64 = 13.0;
const KEY: f64 = 22.0;
const AFTER_KEY: f64 = 4.0;
const BETWEEN: f64 = 14.0;

/// Room that [`above`] takes for entries in a figure of a width, both in points.
#[must_use]
pub fn height(entries: &[Entry], width: f64) -> f64 {
    rows(entries, width).len() as f64 * ROW
}

/// Breaks entries into rows that fit a width.
fn rows(entries: &[Entry], width: f64) -> Vec<Vec<&Entry>> {
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

/// Draws entries in as many rows as a width needs, each centred; the first begins `top` points below the figure's upper edge.
pub fn above(canvas: &Canvas, top: f64, width: f64, entries: &[Entry]) {
    for (place, row) in rows(entries, width).into_iter().enumerate() {
        let total: f64 = row.iter().map(|entry| entry_width(entry)).sum::<f64>() + BETWEEN * (row.len() as f64 - 1.0);
        let mut x = (width - total).max(0.0) / 2.0;
        let middle = top + (place as f64 + 0.5) * ROW;
        for entry in row {
            draw_entry(canvas, (x, middle), entry);
            x += entry_width(entry) + BETWEEN;
        }
    }
}

/// Draws entries one below the other on white, with the lower right corner of the legend at `corner`.
pub fn block(canvas: &Canvas, corner: Point, entries: &[Entry]) {
    const MARGIN: f64 = 3.0;
    if entries.is_empty() {
        return;
    }
    let width = entries.iter().map(entry_width).fold(0.0, f64::max);
    let height = ROW * entries.len() as f64;
    let (left, top) = (corner.0 - width - MARGIN, corner.1 - height - MARGIN);
    canvas.rectangle((left - MARGIN, top - MARGIN / 2.0), (corner.0, corner.1), PAPER, 0.85);
    for (place, entry) in entries.iter().enumerate() {
        draw_entry(canvas, (left, top + (place as f64 + 0.5) * ROW), entry);
    }
}

fn entry_width(entry: &Entry) -> f64 {
    let key = if matches!(entry.key, Key::Blank) { 0.0 } else { KEY + AFTER_KEY };
    key + text_room(&entry.text, false)
}

fn draw_entry(canvas: &Canvas, (x, y): Point, entry: &Entry) {
    let middle = (x + KEY / 2.0, y);
    match entry.key {
        Key::Line(stroke, marker) => {
            canvas.path(&[(x, y), (x + KEY, y)], stroke);
            if let Some((marker, hollow)) = marker {
                canvas.marker(middle, marker, stroke.color, hollow);
            }
        }
        Key::Box(fill, opacity, outline) => {
            let (top, bottom) = (y - 3.5, y + 3.5);
            canvas.rectangle((x, top), (x + KEY, bottom), fill, opacity);
            let stroke = Stroke { color: outline, width: 1.0, dash: None };
            canvas.path(&[(x, top), (x + KEY, top), (x + KEY, bottom), (x, bottom), (x, top)], stroke);
        }
        Key::Mark(marker, color, hollow) => canvas.marker(middle, marker, color, hollow),
        Key::Cross(color) => canvas.cross(middle, color),
        Key::Blank => {}
    }
    let after = if matches!(entry.key, Key::Blank) { 0.0 } else { KEY + AFTER_KEY };
    canvas.text((x + after, y + 0.36 * TEXT), &entry.text, Writing::plain(Lie::Start));
}

// A row has to hold a line of text.
const _: () = assert!(ROW > TEXT);
