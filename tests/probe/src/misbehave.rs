// SPDX-License-Identifier: MPL-2.0
//! What services must not do, done on purpose.
//!
//! Owns: one function for each kind of bad service.
//! Never: ends by itself, except [`exit`]: what contains it must be the node.

use std::io::{Read, Write};
use std::process::{Command, ExitCode};

/// Writes a line to the service's log; a closed log is not an error here.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Ends at once, unsuccessfully.
pub(crate) fn exit() -> ExitCode {
    say("exiting at once");
    ExitCode::from(3)
}

/// Does nothing until it is stopped.
pub(crate) fn idle() -> std::io::Result<()> {
    say("idle");
    park()
}

/// Makes `count` children that stay, and stays with what it got.
pub(crate) fn fork(count: u32) -> std::io::Result<()> {
    // Without /proc there is no current_exe(3); the program knows its own place.
    let me = std::env::args().next().unwrap_or_default();
    let mut children = Vec::new();
    let mut refused = 0_u32;
    for _ in 0..count {
        match Command::new(&me)
            .arg("idle")
            .stdout(std::process::Stdio::null())
            .spawn()
        {
            Ok(child) => children.push(child),
            Err(_) => refused = refused.saturating_add(1),
        }
    }
    say(&format!(
        "forked {} children, {refused} refused",
        children.len()
    ));
    park()
}

/// Takes memory and touches it until something stops it.
pub(crate) fn eat() -> std::io::Result<()> {
    say("eating memory");
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    loop {
        eaten.push(vec![0xa5; 1 << 20]);
        std::hint::black_box(&eaten);
    }
}

/// Uses a processor until something stops it.
pub(crate) fn spin() -> std::io::Result<()> {
    say("spinning");
    loop {
        std::hint::spin_loop();
    }
}

/// Writes lines as fast as they are taken.
pub(crate) fn flood() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut number = 0_u64;
    loop {
        writeln!(
            out,
            "flood line {number} ........................................................"
        )?;
        number = number.wrapping_add(1);
    }
}

/// Waits on something that never comes.
fn park() -> std::io::Result<()> {
    let (mut reader, _writer) = std::io::pipe()?;
    reader.read(&mut [0]).map(|_| ())
}
