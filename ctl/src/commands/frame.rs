// SPDX-License-Identifier: MPL-2.0
//! A picture that is drawn again and again in one place.
//!
//! Owns: what of it fits a terminal.
//! Never: scrolls a terminal, or cuts what goes elsewhere.

use crate::harmless;
use crate::trouble::Trouble;

/// How large a terminal is that says nothing of it: the usual one.
const USUAL: (u16, u16) = (80, 24);

/// The columns and rows of the terminal that the result is shown on.
pub(super) fn size() -> (u16, u16) {
    match ratatui::crossterm::terminal::size() {
        Ok((columns @ 1.., rows @ 1..)) => (columns, rows),
        Ok(_) | Err(_) => USUAL,
    }
}

/// A table and what failed meanwhile, which stands below it.
pub(super) fn frame(table: &str, troubles: &[Trouble], size: Option<(u16, u16)>) -> String {
    let troubles = troubles
        .iter()
        .map(|trouble| harmless::line(&format!("error: {trouble}")));
    let mut troubles: Vec<String> = troubles.collect();
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    if let Some((columns, rows)) = size {
        let (columns, rows) = (usize::from(columns), usize::from(rows));
        // The head and one row are seen, whatever fails.
        troubles.truncate(rows.saturating_sub(2));
        lines.truncate(rows.saturating_sub(troubles.len()));
        for line in lines.iter_mut().chain(&mut troubles) {
            *line = line.chars().take(columns).collect();
        }
    }
    lines.append(&mut troubles);
    // Home; each line clears its rest, the last one what is below (ECMA-48 CUP, EL, ED). After the last
    // there is no end of a line, which would scroll.
    format!("\x1b[H{}\x1b[J", lines.join("\x1b[K\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_no_larger_than_its_terminal() {
        let table = "NODE   PID\n1234567890\nb\nc\n";
        let troubles = [Trouble::new("gone\x1b[2J\nfor good")];

        assert_eq!(
            frame(table, &troubles, Some((8, 3))),
            "\x1b[HNODE   P\x1b[K\n12345678\x1b[K\nerror: g\x1b[J"
        );
        let troubles = [(); 9].map(|()| Trouble::new("gone"));
        let small = frame(table, &troubles, Some((80, 4)));
        assert_eq!(small.matches("error: gone").count(), 2);
        assert!(small.contains("1234567890") && !small.contains("\nb"));
    }

    #[test]
    fn what_goes_elsewhere_is_whole() {
        let table = "a\n".repeat(100);
        let frame = frame(&table, &[Trouble::new("gone")], None);

        assert_eq!(frame.matches('a').count(), 100);
        assert!(frame.ends_with("error: gone\x1b[J"));
    }
}
