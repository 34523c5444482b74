// SPDX-License-Identifier: MPL-2.0
//! How much memory the root of a large container takes.
//!
//! Owns: the promise of 32 MB for an image of 500 MB. The test is alone in its program, whose memory it
//! measures.
//! Never: keeps what it writes.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails where it stands"
)]

use std::io::{BufWriter, Read};

use extension::container::Root;

/// How many files, and how long each is.
const FILES: usize = 500;
const FILE: usize = 1_000_000;
/// What is promised, in kB.
const MEMORY_MAX: u64 = 32_000;

/// An archive of large files, made while it is read.
struct Archive {
    made: usize,
    buffer: Vec<u8>,
    at: usize,
}

impl Read for Archive {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.buffer.len() {
            if self.made > FILES {
                return Ok(0);
            }
            self.buffer.clear();
            self.at = 0;
            if self.made < FILES {
                self.buffer.extend(header(self.made));
                // Neither zeros nor noise: about what programs are.
                let mut word = self.made as u64;
                while self.buffer.len() < 512 + FILE {
                    word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    self.buffer.extend_from_slice(&word.to_le_bytes());
                    self.buffer.extend_from_slice(&[7; 16]);
                }
                self.buffer.truncate(512 + FILE);
                self.buffer
                    .resize(self.buffer.len().next_multiple_of(512), 0);
            } else {
                self.buffer.resize(1024, 0);
            }
            self.made += 1;
        }
        let count = out.len().min(self.buffer.len() - self.at);
        out[..count].copy_from_slice(&self.buffer[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

fn header(number: usize) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut put =
        |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, &format!("usr/lib/file{number}"));
    put(100, "0000644\x000000000\x000000000\x00");
    put(124, &format!("{FILE:011o}\x0014000000000\x00        0"));
    put(257, "ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// The most memory that this program ever had, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn an_image_of_500_mb_is_made_in_32_mb() {
    let mut root = Root::new(BufWriter::new(tempfile::tempfile().unwrap())).unwrap();
    let mut archive = Archive {
        made: 0,
        buffer: Vec::new(),
        at: 0,
    };

    root.add_layer(&mut archive).unwrap();
    let finished = root.finish().unwrap();

    assert!(finished.len > 150_000_000, "{}", finished.len);
    assert!(peak() < MEMORY_MAX, "{} kB", peak());
}
