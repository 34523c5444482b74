// SPDX-License-Identifier: MPL-2.0
//! Inputs that are nearly good.
//!
//! Owns: the random numbers and the ways to damage an input.
//! Never: depends on anything but its seed.

/// A source of numbers that look random (xorshift64*, Marsaglia 2003).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Begins at a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Seeds that follow each other begin far from each other.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16;
        let number = usize::try_from(number).unwrap_or_default();
        number.checked_rem(end).unwrap_or_default()
    }

    /// One of a list; nothing if that is empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }
}

/// Makes a new input out of good ones.
#[must_use]
pub fn mutate(corpus: &[Vec<u8>], words: &[&str], dice: &mut Dice) -> Vec<u8> {
    let mut input = dice.pick(corpus).cloned().unwrap_or_default();
    for _ in 0..=dice.below(4) {
        let at = dice.below(input.len().saturating_add(1));
        let length = dice.below(input.len().saturating_sub(at).min(64).saturating_add(1));
        let end = at.saturating_add(length);
        match dice.below(7) {
            0 => {
                let byte = u8::try_from(dice.below(256)).unwrap_or_default();
                input.insert(at, byte);
            }
            1 => {
                input.drain(at..end);
            }
            2 => {
                let piece = input.get(at..end).unwrap_or_default().to_vec();
                let to = dice.below(input.len().saturating_add(1));
                input.splice(to..to, piece);
            }
            3 | 4 => {
                let word = dice.pick(words).copied().unwrap_or_default();
                input.splice(at..at, word.bytes());
            }
            5 => {
                let word = dice.pick(words).copied().unwrap_or_default();
                input.splice(at..end, word.bytes());
            }
            _ => {
                let other = dice.pick(corpus).cloned().unwrap_or_default();
                let from = dice.below(other.len().saturating_add(1));
                let piece = other.get(from..).unwrap_or_default().to_vec();
                input.splice(at.., piece);
            }
        }
    }
    input
}
