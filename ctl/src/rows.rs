// SPDX-License-Identifier: MPL-2.0
//! Rows that come one by one, and may be very many.
//!
//! Owns: how many are looked at for the width of the columns before any is shown.
//! Never: holds all of them.

use api::common::Metadata;
use tonic::Streaming;

use crate::screen::Screen;
use crate::session::Session;
use crate::table::Table;
use crate::trouble::Trouble;

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

/// What comes of several nodes, each item with the node that it is of and with an error of its own.
pub(crate) trait Item {
    /// Which node it is of.
    fn metadata(&self) -> Option<&Metadata>;
    /// What is wrong with it; empty for nothing.
    fn error(&self) -> &str;
}

/// Shows a stream as it comes; `cells` gives the row of an item of a node, if it has one.
///
/// # Errors
/// The stream ends before its end.
pub(crate) async fn show<T: Item>(
    head: &[&str],
    mut stream: Streaming<T>,
    session: &Session,
    screen: &mut Screen<'_>,
    cells: impl Fn(String, T) -> Option<Vec<String>>,
) -> Result<(), Trouble> {
    let mut rows = Rows::new(head);
    let outcome = loop {
        match stream.message().await {
            Ok(Some(item)) => {
                let Some(node) = session.node(item.metadata(), screen) else {
                    continue;
                };
                if !item.error().is_empty() {
                    screen.complain(&Trouble::new(format!("{node}: {}", item.error())));
                }
                if let Some(cells) = cells(node, item) {
                    rows.row(cells, screen);
                }
            }
            Ok(None) => break Ok(()),
            Err(status) => break Err(session.failed(&status)),
        }
        if screen.is_closed() {
            break Ok(());
        }
    };
    rows.finish(outcome.is_ok(), screen);
    outcome
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
