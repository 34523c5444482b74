// SPDX-License-Identifier: MPL-2.0
//! Links the program without a C library.
//!
//! Owns: the linker's arguments.
//! Never: generates code.

fn main() {
    for argument in ["-nostartfiles", "-nostdlib", "-static", "-no-pie"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}
