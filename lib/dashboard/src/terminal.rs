// SPDX-License-Identifier: MPL-2.0
//! The terminal while the dashboard is on it.
//!
//! Owns: its modes, its size, and the thread that waits for keys.
//! Never: leaves it changed, however the dashboard ends.

use std::io::{self, Stdout, stdout};

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::{event, terminal};
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use tokio::sync::mpsc;

use crate::keys::{self, Key};

/// What a terminal has that does not know its size, as those on serial lines.
const USUAL: Rect = Rect::new(0, 0, 80, 24);

/// The terminal. It is as before when this is dropped.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal over.
    pub(crate) fn open() -> io::Result<Self> {
        let opened = ratatui::try_init().and_then(|terminal| match terminal::size()? {
            (0, _) | (_, 0) => Terminal::with_options(
                CrosstermBackend::new(stdout()),
                TerminalOptions {
                    viewport: Viewport::Fixed(USUAL),
                },
            ),
            _ => Ok(terminal),
        });
        match opened {
            Ok(terminal) => {
                let mut screen = Self { terminal };
                screen.clear()?;
                Ok(screen)
            }
            Err(error) => {
                ratatui::restore();
                Err(error)
            }
        }
    }

    /// Draws; only what changed is written.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(|_| ())
    }

    /// Forgets what the terminal is thought to show. `Terminal::clear` would ask the terminal where its
    /// cursor is, and not every one answers.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        let area = self.area();
        self.terminal.resize(area)
    }

    /// The room there is.
    pub(crate) fn area(&mut self) -> Rect {
        self.terminal.get_frame().area()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Waits for keys in a thread. A key that nobody takes ends it; without one it ends with the process, which
/// does not wait for it: a thread that looked for its end would wake an idle node again and again.
pub(crate) fn keys() -> mpsc::Receiver<io::Result<Key>> {
    let (send, receive) = mpsc::channel(16);
    std::thread::spawn(move || {
        loop {
            let event = event::read();
            let is_broken = event.is_err();
            let key = event.map(|event| keys::meaning(&event)).transpose();
            if let Some(key) = key
                && send.blocking_send(key).is_err()
            {
                return;
            }
            if is_broken {
                return;
            }
        }
    });
    receive
}
