// SPDX-License-Identifier: MPL-2.0
//! How far something is that takes long.
//!
//! Owns: the words.
//! Never: says it of something short, or more often than somebody reads it.

use std::time::Instant;

use crate::screen::Screen;
use crate::units;

/// Says how far something is, when it takes long.
#[derive(Debug)]
pub(crate) struct Progress {
    what: String,
    /// How much there is, when that is known.
    whole: Option<u64>,
    said_at: Instant,
}

impl Progress {
    /// Begins with nothing of `whole` done.
    pub(crate) fn new(what: String, whole: u64) -> Self {
        Self {
            whole: Some(whole),
            ..Self::endless(what)
        }
    }

    /// Begins with something that does not say how much it is.
    pub(crate) fn endless(what: String) -> Self {
        Self {
            what,
            whole: None,
            said_at: Instant::now(),
        }
    }

    /// So many bytes are done.
    pub(crate) fn at(&mut self, done: u64, screen: &mut Screen<'_>) {
        if self.said_at.elapsed() < screen.pace() {
            return;
        }
        self.said_at = Instant::now();
        let what = &self.what;
        let mut done = units::size(done);
        if let Some(whole) = self.whole {
            done = format!("{done} of {}", units::size(whole));
        }
        if screen.is_watched() {
            screen.status(format_args!("{what}: {done}"));
        } else {
            screen.warn(format_args!("{what}: {done}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PACE: Duration = Duration::from_secs(60);

    /// What is said of something that began so long ago.
    fn said(mut progress: Progress, ago: Duration) -> String {
        progress.said_at = Instant::now().checked_sub(ago).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut screen = Screen::new(&mut out, &mut err).paced(PACE);
        progress.at(1000, &mut screen);
        progress.at(2000, &mut screen);
        String::from_utf8(err).unwrap()
    }

    #[test]
    fn what_takes_long_is_told_once_in_a_while_and_what_is_short_is_not() {
        let progress = || Progress::new("a".to_owned(), 5000);

        assert_eq!(said(progress(), PACE), "a: 1.0 kB of 5.0 kB\n");
        assert_eq!(said(progress(), Duration::ZERO), "");
    }

    #[test]
    fn the_whole_need_not_be_known() {
        let progress = Progress::endless("a".to_owned());

        assert_eq!(said(progress, PACE), "a: 1.0 kB\n");
    }
}
