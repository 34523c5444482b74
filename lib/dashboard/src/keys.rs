// SPDX-License-Identifier: MPL-2.0
//! Keys of the terminal and what they mean.
//!
//! Owns: the table.
//! Never: lets a lone Escape do anything: over a slow line it is the beginning of another key.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::model::View;

/// What an operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Quit,
    /// The terminal has another size, or shows something else than it should.
    Redraw,
    Show(View),
    NextView,
    NodeLeft,
    NodeRight,
    LineDown,
    LineUp,
    HalfPageDown,
    HalfPageUp,
    PageDown,
    PageUp,
    Top,
    Bottom,
    NextLog,
    PreviousLog,
}

/// Finds the meaning of an event, if it has one.
#[expect(clippy::wildcard_enum_match_arm, reason = "terminals have many keys")]
pub(crate) fn meaning(event: &Event) -> Option<Key> {
    match event {
        Event::Resize(..) => Some(Key::Redraw),
        Event::Key(key) if key.kind != KeyEventKind::Release => of_key(key),
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "terminals have many keys")]
fn of_key(key: &KeyEvent) -> Option<Key> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(Key::Quit),
            KeyCode::Char('d') => Some(Key::HalfPageDown),
            KeyCode::Char('u') => Some(Key::HalfPageUp),
            KeyCode::Char('f') => Some(Key::PageDown),
            KeyCode::Char('b') => Some(Key::PageUp),
            KeyCode::Char('l') => Some(Key::Redraw),
            _ => None,
        };
    }
    match key.code {
        // The digits are for lines and terminals without function keys.
        KeyCode::F(1) | KeyCode::Char('1') => Some(Key::Show(View::Summary)),
        KeyCode::F(2) | KeyCode::Char('2') => Some(Key::Show(View::Monitor)),
        KeyCode::F(4) | KeyCode::Char('4') => Some(Key::Show(View::Logs)),
        KeyCode::Tab => Some(Key::NextView),
        KeyCode::Char('h') | KeyCode::Left => Some(Key::NodeLeft),
        KeyCode::Char('l') | KeyCode::Right => Some(Key::NodeRight),
        KeyCode::Char('j') | KeyCode::Down => Some(Key::LineDown),
        KeyCode::Char('k') | KeyCode::Up => Some(Key::LineUp),
        KeyCode::PageDown => Some(Key::PageDown),
        KeyCode::PageUp => Some(Key::PageUp),
        KeyCode::Home | KeyCode::Char('g') => Some(Key::Top),
        KeyCode::End | KeyCode::Char('G') => Some(Key::Bottom),
        KeyCode::Char('n') => Some(Key::NextLog),
        KeyCode::Char('p') => Some(Key::PreviousLog),
        KeyCode::Char('q') => Some(Key::Quit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: KeyCode, modifiers: KeyModifiers) -> Option<Key> {
        meaning(&Event::Key(KeyEvent::new(code, modifiers)))
    }

    #[test]
    fn cmd_023_every_key_of_the_page_means_what_it_says() {
        let plain = KeyModifiers::NONE;
        for (code, modifiers, key) in [
            (KeyCode::Char('h'), plain, Key::NodeLeft),
            (KeyCode::Left, plain, Key::NodeLeft),
            (KeyCode::Char('l'), plain, Key::NodeRight),
            (KeyCode::Right, plain, Key::NodeRight),
            (KeyCode::Char('j'), plain, Key::LineDown),
            (KeyCode::Down, plain, Key::LineDown),
            (KeyCode::Char('k'), plain, Key::LineUp),
            (KeyCode::Up, plain, Key::LineUp),
            (KeyCode::Char('d'), KeyModifiers::CONTROL, Key::HalfPageDown),
            (KeyCode::Char('u'), KeyModifiers::CONTROL, Key::HalfPageUp),
            (KeyCode::Char('f'), KeyModifiers::CONTROL, Key::PageDown),
            (KeyCode::Char('b'), KeyModifiers::CONTROL, Key::PageUp),
            (KeyCode::Char('c'), KeyModifiers::CONTROL, Key::Quit),
            (KeyCode::F(1), plain, Key::Show(View::Summary)),
            (KeyCode::F(2), plain, Key::Show(View::Monitor)),
        ] {
            assert_eq!(pressed(code, modifiers), Some(key), "{code:?}");
        }
    }

    #[test]
    fn keys_that_come_in_pieces_over_a_slow_line_do_no_harm() {
        // F1 and the arrow to the left are ESC O P and ESC [ D.
        for code in [
            KeyCode::Esc,
            KeyCode::Char('O'),
            KeyCode::Char('P'),
            KeyCode::Char('['),
            KeyCode::Char('D'),
        ] {
            assert_eq!(pressed(code, KeyModifiers::NONE), None, "{code:?}");
        }
    }
}
