// SPDX-License-Identifier: MPL-2.0
//! Rules for files that are no Rust: kernel fragments, and what no text may hold.
//!
//! Owns: comments above blocks, spaces at line ends, paths of somebody's machine.
//! Never: knows what a symbol means; whether it takes effect is checked by the kernel build.

use std::path::Path;

use super::{Finding, shown};

/// Folders of a person's or a build machine's own. A product cannot depend on them, so a text that
/// names them was copied from somewhere. Written in two parts, so that this line is none.
const PRIVATE_FOLDERS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/."),
    concat!("/ho", "me/"),
    concat!("/tm", "p/w/"),
];

/// Checks what holds for every text of the tree.
pub(super) fn check_any(path: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |line, text: String| {
        findings.push(Finding {
            path: shown(path),
            line,
            text,
        })
    };
    for (number, line) in (1_usize..).zip(text.lines()) {
        if line.ends_with([' ', '\t']) {
            found(number, "space at the end of the line".to_owned());
        }
        for folder in PRIVATE_FOLDERS {
            if line.contains(folder) {
                found(
                    number,
                    format!("{folder} is a folder of somebody's machine"),
                );
            }
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        found(0, "the last line does not end".to_owned());
    }
    findings
}

/// Checks that every block of a kernel fragment starts with a comment that says why.
pub(super) fn check_kernel_config(path: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut explained = false;
    for (number, line) in (1_usize..).zip(text.lines()) {
        if line.is_empty() {
            explained = false;
        } else if let Some(comment) = line.strip_prefix('#') {
            let turned_off = comment.trim_start().starts_with("CONFIG_");
            explained = explained || (!turned_off && comment.split_whitespace().count() > 2);
        } else if !explained {
            let text = "the block needs a comment above it that says why".to_owned();
            findings.push(Finding {
                path: shown(path),
                line: number,
                text,
            });
            explained = true;
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(text: &str) -> usize {
        check_kernel_config(Path::new("kernel-config/x.config"), text).len()
    }

    fn any(text: &str) -> usize {
        check_any(Path::new("x"), text).len()
    }

    #[test]
    fn a_block_with_a_reason_passes() {
        assert_eq!(
            kernel("# Disks need it to boot.\nCONFIG_A=y\nCONFIG_B=y\n"),
            0
        );
    }

    #[test]
    fn a_block_without_a_reason_is_found() {
        assert_eq!(kernel("CONFIG_A=y\n"), 1);
        assert_eq!(
            kernel("# Disks need it to boot.\nCONFIG_A=y\n\nCONFIG_B=y\nCONFIG_C=y\n"),
            1
        );
        assert_eq!(kernel("# CONFIG_A is not set\nCONFIG_B=y\n"), 1);
        assert_eq!(kernel("# disks\nCONFIG_B=y\n"), 1);
    }

    #[test]
    fn a_private_folder_is_found() {
        assert_eq!(any(concat!("see /ro", "ot/.cache\n")), 1);
        assert_eq!(any(concat!("see /wo", "rk/x\n")), 1);
        assert_eq!(any("see /var/lib\n"), 0);
    }

    #[test]
    fn a_space_at_the_end_and_a_line_without_end_are_found() {
        assert_eq!(any("a \n"), 1);
        assert_eq!(any("a"), 1);
        assert_eq!(any("a\n"), 0);
    }
}
