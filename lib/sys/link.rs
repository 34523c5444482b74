// SPDX-License-Identifier: MPL-2.0
//! The build script of every program without libc: it brings its own first instruction and memory
//! functions (`start.rs`), and no unwind tables: a panic aborts, so nothing could read them.
//!
//! Owns: the linker's arguments of these programs.
//! Never: generates code.
#![expect(
    clippy::print_stdout,
    reason = "cargo reads what a build script prints"
)]

use std::path::PathBuf;

/// Drops the tables that the compiled standard library brings (a fifth of a small program).
/// `INSERT` adds this to the linker's own script.
const SCRIPT: &str = "SECTIONS { /DISCARD/ : { *(.eh_frame) *(.comment) } } INSERT BEFORE .text;\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let script = PathBuf::from(std::env::var("OUT_DIR")?).join("no-unwind-tables.ld");
    std::fs::write(&script, SCRIPT)?;
    for argument in [
        "-nostartfiles",
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--build-id=none",
        "-Wl,--no-eh-frame-hdr",
        "-Wl,-z,noseparate-code",
        "-Wl,-z,norelro",
        "-Wl,-z,noexecstack",
    ] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", script.display());
    // Cargo runs a changed script again by itself; it is to look at nothing else.
    println!("cargo:rerun-if-changed=Cargo.toml");
    Ok(())
}
