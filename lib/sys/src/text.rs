// SPDX-License-Identifier: MPL-2.0
//! Text in a fixed buffer: what does not fit is cut, and nothing fails.
//!
//! Owns: formatting without a heap.
//! Never: splits a character.

use core::fmt;

use crate::event::{PollFd, PollFlags, Timespec, poll};
use crate::fd::BorrowedFd;
use crate::io;

/// Text of at most `N` bytes. Writing more leaves the rest out.
#[derive(Clone)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    /// No text.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; N],
            len: 0,
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only whole characters are ever added, so this never falls back.
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The text's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Forgets the text.
    pub const fn clear(&mut self) {
        self.len = 0;
    }

    /// Ends the text with a newline, in place of its last character when it is full.
    pub fn end_line(&mut self) {
        while self.len >= N && self.len > 0 {
            let last = self.as_str().chars().next_back().map_or(1, char::len_utf8);
            self.len = self.len.saturating_sub(last);
        }
        let _ = fmt::Write::write_char(self, '\n');
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = N.saturating_sub(self.len);
        let fits = text
            .get(..text.floor_char_boundary(free))
            .unwrap_or_default();
        let end = self.len.saturating_add(fits.len());
        if let Some(room) = self.bytes.get_mut(self.len..end) {
            room.copy_from_slice(fits.as_bytes());
            self.len = end;
        }
        Ok(())
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Standard error.
#[cfg(feature = "std")]
fn stderr() -> BorrowedFd<'static> {
    crate::stdio::stderr()
}

/// Standard error.
#[cfg(not(feature = "std"))]
#[expect(unsafe_code, reason = "a descriptor without an owner")]
fn stderr() -> BorrowedFd<'static> {
    // SAFETY: no code of ours closes descriptor 2 or makes an owner for it (`inherited` takes
    // numbers from 3 on); where a parent left it closed, writing says EBADF.
    unsafe { crate::stdio::stderr() }
}

/// Writes to standard error what it takes without waiting.
///
/// # Errors
/// The kernel's; `AGAIN` when it would have to wait.
pub fn write_now(bytes: &[u8]) -> io::Result<usize> {
    let stderr = stderr();
    let mut ready = [PollFd::new(&stderr, PollFlags::OUT)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    if poll(&mut ready, Some(&at_once))? == 0 {
        return Err(io::Errno::AGAIN);
    }
    io::write(stderr, bytes)
}

/// Writes one formatted line to standard error, cut at 512 bytes; whoever keeps the log of this
/// program gets it. Waits when the pipe is full.
pub fn say(line: fmt::Arguments<'_>) {
    let mut text = Text::<512>::new();
    let _ = fmt::write(&mut text, line);
    text.end_line();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match io::write(stderr(), rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Says one line on standard error: `say!("{link}: up")`.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => { $crate::text::say(::core::format_args!($($argument)*)) };
}

#[cfg(test)]
mod tests {
    use core::fmt::Write as _;

    use super::Text;

    #[test]
    fn text_that_does_not_fit_is_cut_at_a_character() {
        let mut text = Text::<4>::new();

        write!(text, "ab€").unwrap();

        assert_eq!(text.as_str(), "ab");
    }

    #[test]
    fn a_full_text_still_ends_with_a_newline() {
        let mut text = Text::<4>::new();
        write!(text, "a€bcd").unwrap();

        text.end_line();

        assert_eq!(text.as_str(), "a€\n".get(..1).map(|_| "a\n").unwrap());
    }

    #[test]
    fn text_without_room_takes_nothing() {
        let mut text = Text::<0>::new();

        write!(text, "x").unwrap();
        text.end_line();

        assert_eq!(text.as_str(), "");
    }
}
