// SPDX-License-Identifier: MPL-2.0
//! Targets: what imaged finds in its folder after a power cut, or when the disk is bad.
//!
//! Owns: what holds for any bytes in the place of a record.
//! Never: expects an input to be taken.

use crate::Target;
use imaged::{REFERENCES_MAX, Record};
use oci::Reference;

/// Records: what is read is what would be written, within its limits, and names images.
pub const RECORD: Target = Target {
    name: "imaged-record",
    seeds: &[
        "{\"references\":{\"docker.io/library/busybox:1.36\":1790007205,\"[fd00::1]:5000/a@sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\":0},\"digest\":\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"size\":4096,\"created_at\":1790007205,\"ordered_at\":1790007205,\"run\":{\"entrypoint\":[\"/bin/a\",\"-b\"],\"command\":[\"c\"],\"environment\":[\"A=b\"],\"user\":\"web\",\"working_folder\":\"/srv\"},\"passwd\":\"root:x:0:0::/:\\n\",\"group\":\"\"}",
        "{\"references\":{},\"digest\":\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"size\":0,\"created_at\":0,\"run\":{\"entrypoint\":[],\"command\":[],\"environment\":[],\"user\":\"\",\"working_folder\":\"\"},\"passwd\":\"\",\"group\":\"\"}",
    ],
    words: &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "null",
        "-1",
        "1e9",
        "18446744073709551615",
        "18446744073709551616",
        "\\u0000",
        "\\ud800",
        "\0",
        "\"size\":",
        "\"ordered_at\":null",
        "\"references\":{",
        "\"a\":1,",
        "\"../a\":1,",
        "sha256:",
        "sha512:",
    ],
    run: |input| {
        let Some(record) = Record::parse(input) else {
            return;
        };
        let written = record.emit().map(|bytes| Record::parse(&bytes));
        assert_eq!(written.ok(), Some(Some(record.clone())));
        assert!(record.references.len() <= REFERENCES_MAX);
        for reference in record.references.keys() {
            assert!(Reference::parse(reference).is_ok(), "{reference}");
        }
        assert!(record.digest.starts_with("sha256:") && record.digest.len() == 71);
    },
};
