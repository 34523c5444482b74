// SPDX-License-Identifier: MPL-2.0
//! Rows that come one by one, and may be very many.
//!
//! Owns: how many are looked at for the width of the columns before any is shown.
//! Never: holds all of them.

use crate::screen::Screen;
use crate::table::Table;

/// More than a screen of rows, and little memory.
const HELD_MAX: usize = 1000;

/// A table that is shown while it comes.
#[derive(Debug)]
pub(crate) struct Rows {
    table: Table,
    held: usize,
    is_shown: bool,
}

impl Rows {
    pub(crate) fn new(head: &[&str]) -> Self {
        Self {
            table: Table::new(head),
            held: 0,
            is_shown: false,
        }
    }

    /// Takes a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>, screen: &mut Screen<'_>) {
        if self.is_shown {
            let line = self.table.line(cells);
            screen.print(format_args!("{line}\n"));
            return;
        }
        self.table.row(cells);
        self.held = self.held.saturating_add(1);
        if self.held >= HELD_MAX {
            screen.table(&self.table);
            self.is_shown = true;
        }
    }

    /// Shows what is not shown yet; the head alone only when that is the whole answer.
    pub(crate) fn finish(self, is_whole: bool, screen: &mut Screen<'_>) {
        if !self.is_shown && (is_whole || self.held > 0) {
            screen.table(&self.table);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_after_the_first_thousand_come_at_once_below_their_columns() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut screen = Screen::new(&mut out, &mut err);
        let mut rows = Rows::new(&["NODE", "NAME"]);
        for number in 0..HELD_MAX {
            rows.row(["10.0.0.2".to_owned(), number.to_string()], &mut screen);
        }
        rows.row(["x".to_owned(), "late".to_owned()], &mut screen);
        assert_eq!(rows.held, HELD_MAX);
        rows.finish(true, &mut screen);

        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.lines().count(), HELD_MAX + 2);
        assert!(out.starts_with("NODE       NAME\n10.0.0.2   0\n"), "{out}");
        assert!(out.ends_with("\nx          late\n"));
    }
}
