// SPDX-License-Identifier: MPL-2.0
//! A machine's screen and keyboard, as somebody who stands before it has them.
//!
//! Owns: QEMU's orders for both (QMP), and reading letters in a picture.
//! Never: knows a font: which picture a letter has is learned from a screen whose text is known.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use xtask::wait;

/// QEMU answers at once or never.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is read where a letter is not known.
const UNKNOWN: char = '\u{fffd}';

/// A screen with a keyboard.
#[derive(Debug)]
pub struct Screen {
    monitor: BufReader<UnixStream>,
    picture: PathBuf,
}

impl Screen {
    /// Connects to QEMU's socket; pictures lie beside it.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn connect(socket: &Path) -> Result<Self> {
        let stream = wait::until(PATIENCE, || Ok(UnixStream::connect(socket)?))
            .with_context(|| format!("no screen at {}", socket.display()))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut screen = Self {
            monitor: BufReader::new(stream),
            picture: socket.with_extension("ppm"),
        };
        screen.order("qmp_capabilities", &json!({}))?;
        Ok(screen)
    }

    /// Gives one order and waits until it is carried out.
    fn order(&mut self, name: &str, arguments: &Value) -> Result<()> {
        let order = json!({"execute": name, "arguments": arguments});
        writeln!(self.monitor.get_mut(), "{order}")?;
        loop {
            let mut line = String::new();
            ensure!(
                self.monitor.read_line(&mut line)? > 0,
                "{name}: QEMU hung up"
            );
            let said: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
            if said.get("return").is_some() {
                return Ok(());
            }
            // What else comes is a greeting, or news that nobody asked for.
            if let Some(error) = said.get("error") {
                bail!("{name} {arguments}: {error}");
            }
        }
    }

    /// Presses keys together, by QEMU's names, and releases them.
    ///
    /// # Errors
    /// QEMU does not know one.
    pub fn press(&mut self, keys: &[&str]) -> Result<()> {
        let keys: Vec<Value> = keys
            .iter()
            .map(|key| json!({"type": "qcode", "data": key}))
            .collect();
        self.order("send-key", &json!({"keys": keys}))
    }

    /// Takes a picture.
    ///
    /// # Errors
    /// QEMU takes none.
    pub fn picture(&mut self) -> Result<Picture> {
        let path = self.picture.clone();
        self.order("screendump", &json!({"filename": path}))?;
        Picture::parse(&std::fs::read(&path)?).context("the picture is not a PPM")
    }
}

/// What the screen shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    pixels: Vec<[u8; 3]>,
}

/// The pixels of a letter that are not ground.
type Glyph = Vec<bool>;

impl Picture {
    /// Reads a PPM of three bytes a pixel.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut words = Vec::new();
        while words.len() < 4 {
            let end = rest.iter().position(u8::is_ascii_whitespace)?;
            let (word, after) = rest.split_at_checked(end)?;
            words.push(std::str::from_utf8(word).ok()?);
            rest = after.get(1..)?;
        }
        let ["P6", width, height, "255"] = words[..] else {
            return None;
        };
        let (pixels, more) = rest.as_chunks::<3>();
        let (width, height) = (width.parse().ok()?, height.parse::<usize>().ok()?);
        (more.is_empty() && pixels.len() == height.checked_mul(width)?).then(|| Self {
            width,
            height,
            pixels: pixels.to_vec(),
        })
    }

    /// The letters of a text screen of so many columns and rows, row after row.
    fn glyphs(&self, columns: usize, rows: usize) -> Vec<Glyph> {
        let (wide, high) = (
            self.width.checked_div(columns).unwrap_or(0),
            self.height.checked_div(rows).unwrap_or(0),
        );
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        places
            .map(|(row, column)| {
                let lines = (0..high).filter_map(|line| {
                    let line = row.checked_mul(high)?.checked_add(line)?;
                    let from = line
                        .checked_mul(self.width)?
                        .checked_add(column.checked_mul(wide)?)?;
                    self.pixels.get(from..from.checked_add(wide)?)
                });
                shape(&lines.flatten().copied().collect::<Vec<_>>())
            })
            .collect()
    }

    /// Learns which picture each letter has from a screen that shows `text`.
    #[must_use]
    pub fn learn(&self, text: &Text) -> Font {
        let glyphs = self.glyphs(text.columns, text.rows());
        let letters = text.letters.iter().copied();
        Font(glyphs.into_iter().zip(letters).collect())
    }

    /// Reads the letters of a screen of the size of `like`, row by row.
    #[must_use]
    pub fn read(&self, font: &Font, like: &Text) -> String {
        let glyphs = self.glyphs(like.columns, like.rows());
        let letters: Vec<char> = glyphs
            .iter()
            .map(|glyph| font.0.get(glyph).copied().unwrap_or(UNKNOWN))
            .collect();
        Text {
            columns: like.columns,
            letters,
        }
        .lines()
    }
}

/// The pixels that are not ground, which is what most pixels of a letter are.
fn shape(pixels: &[[u8; 3]]) -> Glyph {
    let mut counts: BTreeMap<[u8; 3], usize> = BTreeMap::new();
    for pixel in pixels {
        let count = counts.entry(*pixel).or_default();
        *count = count.saturating_add(1);
    }
    let ground = counts.into_iter().max_by_key(|(_, count)| *count);
    pixels
        .iter()
        .map(|pixel| Some(*pixel) != ground.map(|(ground, _)| ground))
        .collect()
}

/// Which picture each letter has.
#[derive(Debug, Clone)]
pub struct Font(BTreeMap<Glyph, char>);

impl Font {
    /// What a word is read as: letters that the font was not learned from are not known.
    #[must_use]
    pub fn reads(&self, word: &str) -> String {
        let known = |letter: char| self.0.values().any(|one| *one == letter);
        word.chars()
            .map(|letter| if known(letter) { letter } else { UNKNOWN })
            .collect()
    }
}

/// The letters of a screen, as the kernel has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    columns: usize,
    letters: Vec<char>,
}

impl Text {
    /// The text of a terminal of so many columns and rows, from vcs(4).
    #[must_use]
    pub fn of(text: &str, columns: usize, rows: usize) -> Self {
        let letters = text.chars().flat_map(cells).chain(std::iter::repeat(' '));
        Self {
            columns,
            letters: letters.take(columns.saturating_mul(rows)).collect(),
        }
    }

    fn rows(&self) -> usize {
        self.letters.len().checked_div(self.columns).unwrap_or(0)
    }

    /// The rows as lines, without what is empty at their ends.
    #[must_use]
    pub fn lines(&self) -> String {
        let rows = self.letters.chunks(self.columns.max(1));
        let lines = rows.map(|row| row.iter().collect::<String>().trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The cells that were read as one letter: a byte of vcs(4) is a cell, and what the kernel's messages have in
/// UTF-8 stands on the screen byte by byte.
fn cells(letter: char) -> Vec<char> {
    if letter == char::REPLACEMENT_CHARACTER {
        return vec![letter];
    }
    let mut bytes = [0; 4];
    let bytes = letter.encode_utf8(&mut bytes).bytes();
    bytes.map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_below_a_millisecond_takes_a_cell_more_in_the_kernels_messages() {
        let text = Text::of("8\u{b5}sabcd\u{fffd}x", 4, 2);

        assert_eq!(text.lines(), "8\u{c2}\u{b5}s\nabcd");
        assert_eq!(Text::of("a\u{fffd}bc", 4, 1).lines(), "a\u{fffd}bc");
    }

    /// Two letters of two by two pixels: one with ink in a corner, one with ink on top of another colour.
    fn picture(swapped: bool) -> Vec<u8> {
        let (black, white, blue) = ([0, 0, 0], [255, 255, 255], [0, 0, 9]);
        let first = [[white, black], [black, black]];
        let second = [[blue, blue], [blue, white]];
        let letters = if swapped {
            [second, first]
        } else {
            [first, second]
        };
        let rows = (0..2).flat_map(|row| letters.iter().flat_map(move |letter| letter[row]));
        let pixels = rows.flatten();
        b"P6\n4 2\n255\n".iter().copied().chain(pixels).collect()
    }

    #[test]
    fn letters_are_read_by_their_shape_wherever_they_stand() {
        let text = Text::of("ab", 2, 1);
        let known = Picture::parse(&picture(false)).unwrap();
        let other = Picture::parse(&picture(true)).unwrap();

        let font = known.learn(&text);

        assert_eq!(known.read(&font, &text), "ab");
        assert_eq!(other.read(&font, &text), "ba");
        let nothing = Font(BTreeMap::new());
        assert_eq!(other.read(&nothing, &text), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_word_with_a_letter_that_was_not_on_the_learned_screen_is_still_found() {
        let known = Picture::parse(&picture(false)).unwrap();
        let font = known.learn(&Text::of("ab", 2, 1));

        assert_eq!(font.reads("abxa"), "ab\u{fffd}a");
        let (like, nothing) = (Text::of("ab", 2, 1), Font(BTreeMap::new()));
        assert_eq!(known.read(&nothing, &like), nothing.reads("ab"));
        assert_ne!(known.read(&font, &like), nothing.reads("ab"));
    }

    #[test]
    fn a_picture_that_is_cut_is_none() {
        let whole = picture(false);
        for length in 0..whole.len() {
            assert_eq!(Picture::parse(&whole[..length]), None, "{length}");
        }
    }
}
