// SPDX-License-Identifier: MPL-2.0
//! Links the program without libc: it brings its own first instruction and memory functions, and
//! no unwind tables: a panic aborts, so nothing could read them.

use std::path::PathBuf;

/// Drops the tables that the compiled standard library brings (a fifth of the program). `INSERT`
/// adds this to the linker's own script.
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
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}
