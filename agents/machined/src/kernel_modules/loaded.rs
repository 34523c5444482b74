// SPDX-License-Identifier: MPL-2.0
//! `/proc/modules`.
//!
//! Owns: its lines as resources.
//! Never: shows more of them than there can be.

use std::collections::BTreeMap;

use crate::files;
use crate::places::Places;
use crate::resources::LoadedKernelModule;

/// The longest list: a thousand modules of a line each.
const LIST_MAX: u64 = 256 * 1024;

/// Whether modules can be loaded on this node: something brought an index of them.
pub(super) fn can_be(places: &Places) -> bool {
    let release = sys::system::uname();
    let release = release.release().to_string_lossy();
    let index = places.at(format!("/lib/modules/{release}/modules.dep"));
    index.exists()
}

/// Reads which modules are loaded. A list that cannot be read has none.
pub(super) fn read(places: &Places) -> BTreeMap<String, LoadedKernelModule> {
    let text = files::read_text(&places.loaded_modules(), LIST_MAX).unwrap_or_default();
    text.lines().filter_map(line).collect()
}

/// One line: name, size, users, who uses it, state, address (`kernel/module/procfs.c`).
fn line(text: &str) -> Option<(String, LoadedKernelModule)> {
    let mut words = text.split_ascii_whitespace();
    let name = words.next()?.to_owned();
    let module = LoadedKernelModule {
        size: words.next()?.parse().ok()?,
        reference_count: words.next()?.parse().unwrap_or(-1),
        dependencies: (words.next()?.split(','))
            .filter(|user| !matches!(*user, "" | "-" | "[permanent]"))
            .map(str::to_owned)
            .collect(),
        state: words.next()?.to_owned(),
        address: words.next()?.to_owned(),
    };
    Some((name, module))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn xtn_07_the_kernels_list_is_read() {
        let folder = Folder::new();
        let proc = folder.path().join("proc");
        std::fs::create_dir_all(&proc).unwrap();
        std::fs::write(
            proc.join("modules"),
            "ftdi_sio 57344 0 - Live 0x0000000000000000\n\
             usbserial 49152 2 ftdi_sio,cp210x, Live 0x0000000000000000\n\
             kept 16384 1 [permanent], Live 0x0000000000000000 (OE)\n\
             cut 1\n",
        )
        .unwrap();

        let read = read(&Places::under(folder.path()));

        let names: Vec<&str> = read.keys().map(String::as_str).collect();
        assert_eq!(names, ["ftdi_sio", "kept", "usbserial"]);
        let serial = &read["usbserial"];
        assert_eq!((serial.size, serial.reference_count), (49152, 2));
        assert_eq!(serial.dependencies, ["ftdi_sio", "cp210x"]);
        assert_eq!(
            (serial.state.as_str(), read["kept"].dependencies.len()),
            ("Live", 0)
        );
    }
}
