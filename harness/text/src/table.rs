//! A table of text, and how Markdown writes it.

use super::plain::inline;

/// On which side a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table of text, header first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: impl IntoIterator<Item = (impl Into<String>, Align)>) -> Self {
        Self { columns: columns.into_iter().map(|(name, align)| (name.into(), align)).collect(), rows: Vec::new() }
    }

    /// Appends a row; short rows are filled with empty cells.
    pub fn push(&mut self, mut row: Vec<String>) {
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as GitHub's Markdown has it, for a document: columns are padded to their widest cell, but to no more than 40 characters.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        self.padded(40)
    }

    /// The table as GitHub's Markdown has it, for a terminal: every column is padded to its widest cell.
    #[must_use]
    pub fn to_terminal(&self) -> String {
        self.padded(usize::MAX)
    }

    fn padded(&self, widest: usize) -> String {
        let header: Vec<_> = self.columns.iter().map(|(name, _)| escape(name)).collect();
        let rows: Vec<Vec<_>> = self.rows.iter().map(|row| row.iter().map(|cell| escape(cell)).collect()).collect();
        let width = |place: usize| {
            let cells = rows.iter().filter_map(|row| row.get(place)).chain(header.get(place));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0).clamp(3, widest)
        };
        let widths: Vec<_> = (0..header.len()).map(width).collect();
        let line = |cells: &[String]| {
            let cells = cells.iter().zip(&widths).zip(&self.columns).map(|((cell, width), (_, align))| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        let rule = widths.iter().zip(&self.columns).map(|(width, (_, align))| match align {
            Align::Left => "-".repeat(*width),
            Align::Right => format!("{}:", "-".repeat(width - 1)),
        });
        let rule: Vec<_> = rule.collect();
        std::iter::once(line(&header)).chain([line(&rule)]).chain(rows.iter().map(|row| line(row))).collect()
    }
}

/// Text that a table cell can hold.
fn escape(text: &str) -> String {
    inline(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_break_out_of_the_table() {
        let mut table = Table::new([("name", Align::Left), ("number", Align::Right)]);
        table.push(vec!["a|b\nc <br>".into(), "1".into()]);
        table.push(vec!["short row".into()]);
        assert_eq!(
            table.to_markdown(),
            "| name           | number |\n\
             | -------------- | -----: |\n\
             | a\\|b c &lt;br> |      1 |\n\
             | short row      |        |\n"
        );
    }
}
