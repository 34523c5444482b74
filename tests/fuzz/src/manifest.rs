// SPDX-License-Identifier: MPL-2.0
//! Targets: what authors of system extensions write.
//!
//! Owns: what holds for any bytes that come as a manifest or a constraint of versions.
//! Never: expects an input to be taken.

use crate::Target;
use extension::Manifest;
use extension::constraint::{Constraint, version};
use extension::list::{Layer, emit, file_name};

const WORDS: &[&str] = &[
    "version:",
    "metadata:",
    "  name:",
    "  author:",
    "  description: |\n    ",
    "  compatibility:\n",
    "    talos:\n",
    "      version:",
    " v1alpha1",
    "\n",
    "  ",
    "{",
    "}",
    "[",
    "]",
    "#",
    "'",
    "\"",
    "&a ",
    "*a",
    "? ",
    "---\n",
    "!!str ",
    "~",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\\",
    ">= v1.0.0",
    "||",
    "<",
    "!",
    "x",
    ".",
    "-alpha",
    "18446744073709551615",
];

const MANIFEST_TEXT: &str = "version: v1alpha1\nmetadata:\n  name: hello\n  version: v1.0.0\n  author: A\n  description: |\n    B\n  compatibility:\n    talos:\n      version: \">= v1.0.0 <v1.8.0 || 2.x\"\n    linux:\n      version: 5.15.6\n";

/// Reading a manifest: what is read goes into a list that is a list, whatever its texts are.
pub const MANIFEST: Target = Target {
    name: "extension-manifest",
    seeds: &[MANIFEST_TEXT, ">=v1.6.0 <v1.8.0 || !1.6.1", "1.6.x"],
    words: WORDS,
    run: |input| {
        if let Ok(text) = core::str::from_utf8(input)
            && let Ok(constraint) = Constraint::parse(text)
        {
            assert_eq!(constraint.to_string(), text);
            for node in ["v0.0.0", "v1.6.7", "v99.0.0"]
                .iter()
                .filter_map(|node| version(node))
            {
                let _ = constraint.allows(&node);
            }
        }
        match Manifest::parse(input) {
            Ok(manifest) => {
                let Ok(image) = file_name(0, &manifest.name) else {
                    return;
                };
                let description = manifest.description.clone();
                let lines = emit(&[Layer { image, manifest }]);
                // No text breaks out of its line.
                assert!(lines.lines().count() <= 13, "{description:?}");
                assert!(!lines.contains('\u{85}'));
            }
            Err(problems) => assert!(!problems.is_empty()),
        }
    },
};
