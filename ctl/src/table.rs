// SPDX-License-Identifier: MPL-2.0
//! Tables of text.
//!
//! Owns: the width of columns: as wide as their widest cell, three spaces apart.
//! Never: cuts a cell, or lets one break its line.

use std::fmt;

use crate::harmless;

/// What stands between columns.
const GAP: usize = 3;

/// A table: a head and rows of as many cells.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Of the widest cell of each column.
    widths: Vec<usize>,
}

impl Table {
    /// Starts a table.
    pub(crate) fn new(head: &[&str]) -> Self {
        let mut table = Self::headless();
        table.row(head.iter().map(|cell| (*cell).to_owned()));
        table
    }

    /// Starts a table that has no head.
    pub(crate) fn headless() -> Self {
        Self {
            rows: Vec::new(),
            widths: Vec::new(),
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let row: Vec<String> = cells
            .into_iter()
            .map(|cell| harmless::line(&cell))
            .collect();
        for (index, cell) in row.iter().enumerate() {
            if self.widths.len() <= index {
                self.widths.push(0);
            }
            if let Some(width) = self.widths.get_mut(index) {
                *width = cell.chars().count().max(*width);
            }
        }
        self.rows.push(row);
    }

    /// Whether there is nothing but the head.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() <= 1
    }

    /// Writes one more row in the width of the columns so far, without keeping it.
    pub(crate) fn line(&self, cells: impl IntoIterator<Item = String>) -> String {
        let row: Vec<String> = cells
            .into_iter()
            .map(|cell| harmless::line(&cell))
            .collect();
        written(&row, &self.widths)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            writeln!(f, "{}", written(row, &self.widths))?;
        }
        Ok(())
    }
}

fn written(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        let width = width.saturating_add(GAP);
        line.push_str(&format!("{cell:width$}"));
    }
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_three_apart() {
        let mut table = Table::new(&["NODE", "SERVICE", "STATE"]);
        table.row(["10.0.0.2", "apid", "Running"].map(str::to_owned));
        table.row(["ö", "", "x"].map(str::to_owned));

        assert_eq!(
            table.to_string(),
            "NODE       SERVICE   STATE\n\
             10.0.0.2   apid      Running\n\
             ö                    x\n"
        );
    }

    #[test]
    fn a_row_that_comes_later_stands_below_its_columns() {
        let mut table = Table::new(&["NODE", "ID"]);
        table.row(["10.0.0.2", "a"].map(str::to_owned));

        let line = table.line(["x", "longer than before"].map(str::to_owned));

        assert_eq!(line, "x          longer than before");
    }

    #[test]
    fn a_cell_cannot_break_its_line_or_draw_on_the_terminal() {
        let mut table = Table::headless();
        table.row(["a\nb\x1b[2J".to_owned()]);

        assert_eq!(table.to_string(), "a b [2J\n");
    }
}
