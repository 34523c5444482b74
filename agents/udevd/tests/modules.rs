// SPDX-License-Identifier: MPL-2.0
//! Which modules udevd gives the kernel, and in which order: a folder of modules of the test's own,
//! and a kernel that notes what it is given.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use proto::udev::{Fault, Loaded, Module, Reason};
use sys::fd::OwnedFd;
use sys::io::{self, Errno};
use udevd::modules::{Insert, Modules};
use wire::modules::Name;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// `/lib/modules/<release>`.
struct Tree(PathBuf);

impl Tree {
    fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("udevd-modules-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("kernel")).unwrap();
        Self(folder)
    }

    /// A tree of three modules that need each other, and one that goes with another.
    fn usual() -> Self {
        Self::new()
            .file(
                "modules.dep",
                "kernel/ftdi_sio.ko: kernel/usbserial.ko kernel/usb-core.ko\n\
                 kernel/usbserial.ko: kernel/usb-core.ko\n\
                 kernel/usb-core.ko:\n\
                 kernel/nbd.ko:\n\
                 kernel/before.ko:\n\
                 kernel/after.ko:\n",
            )
            .file(
                "modules.alias",
                "# Aliases extracted from modules themselves.\n\
                 alias usb:v0403p6001d* ftdi_sio\n\
                 alias usb:v0403p6010d* ftdi_sio\n\
                 alias block-major-43-* nbd\n\
                 alias disk-over-network nbd\n",
            )
            .file(
                "modules.softdep",
                "softdep nbd pre: before not-there post: after\n",
            )
            .file("modules.builtin", "kernel/drivers/net/dummy.ko\n")
            .modules(&[
                "ftdi_sio",
                "usbserial",
                "usb-core",
                "nbd",
                "before",
                "after",
            ])
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.0.join(name), text).unwrap();
        self
    }

    fn modules(self, names: &[&str]) -> Self {
        for name in names {
            fs::write(self.0.join(format!("kernel/{name}.ko")), name).unwrap();
        }
        self
    }

    fn open(&self) -> Modules {
        Modules::below(self.0.to_str().unwrap())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// What the kernel was given: the content of the file, and the parameters.
#[derive(Default)]
struct Given {
    all: Vec<(String, String)>,
    refused: Option<(&'static str, Errno)>,
}

impl Given {
    fn names(&self) -> Vec<&str> {
        self.all.iter().map(|(name, _)| name.as_str()).collect()
    }
}

impl Insert for Given {
    fn is_loaded(&self, name: &Name) -> bool {
        self.all
            .iter()
            .any(|(given, _)| Name::parse(given).as_ref() == Some(name))
    }

    fn insert(&mut self, file: &OwnedFd, parameters: &str) -> io::Result<()> {
        let mut buffer = [0; 64];
        let len = io::read(file, &mut buffer[..])?;
        let name = String::from_utf8(buffer.get(..len).unwrap().to_vec()).unwrap();
        if let Some((refused, errno)) = self.refused
            && refused == name
        {
            return Err(errno);
        }
        self.all.push((name, parameters.to_owned()));
        Ok(())
    }
}

fn module<'a>(name: &'a str, parameters: &'a str) -> Module<'a> {
    Module { name, parameters }
}

fn fault(outcome: Loaded) -> Fault {
    let Loaded::Failed(fault) = outcome else {
        panic!("{outcome:?}");
    };
    fault
}

#[test]
fn xtn_07_a_module_is_loaded_after_those_that_it_depends_on() {
    let tree = Tree::usual();
    let mut kernel = Given::default();

    let outcome = tree
        .open()
        .load(&mut kernel, module("ftdi-sio", "vendor=1 product=2"));

    assert_eq!(outcome, Loaded::Now);
    assert_eq!(kernel.names(), ["usb-core", "usbserial", "ftdi_sio"]);
    let parameters: Vec<&str> = kernel.all.iter().map(|(_, p)| p.as_str()).collect();
    assert_eq!(parameters, ["", "", "vendor=1 product=2"]);
}

#[test]
fn a_module_that_is_loaded_stays_as_it_is() {
    let tree = Tree::usual();
    let modules = tree.open();
    let mut kernel = Given::default();
    assert_eq!(
        modules.load(&mut kernel, module("usb_core", "")),
        Loaded::Now
    );

    let again = modules.load(&mut kernel, module("usb-core", "other=1"));
    let another = modules.load(&mut kernel, module("usbserial", ""));

    assert_eq!((again, another), (Loaded::Before, Loaded::Now));
    assert_eq!(kernel.names(), ["usb-core", "usbserial"]);
}

#[test]
fn modules_that_go_with_another_are_loaded_at_their_time_where_they_are_there() {
    let tree = Tree::usual();
    let mut kernel = Given::default();

    assert_eq!(
        tree.open().load(&mut kernel, module("nbd", "")),
        Loaded::Now
    );

    assert_eq!(kernel.names(), ["before", "nbd", "after"]);
}

#[test]
fn another_name_of_a_module_and_a_part_of_the_kernel_will_do() {
    let tree = Tree::usual();
    let modules = tree.open();
    let mut kernel = Given::default();

    let alias = modules.load(&mut kernel, module("disk_over_network", ""));
    let built_in = modules.load(&mut kernel, module("dummy", "numdummies=2"));

    assert_eq!((alias, built_in), (Loaded::Now, Loaded::BuiltIn));
    assert_eq!(kernel.names(), ["before", "nbd", "after"]);
}

#[test]
fn a_device_loads_the_modules_that_are_for_it() {
    let tree = Tree::usual();
    let modules = tree.open();
    let mut kernel = Given::default();
    assert!(modules.are_by_device());

    modules.plugged(&mut kernel, "usb:v0403p9999d0400dc00");
    modules.plugged(&mut kernel, "pci:v00001AF4d00001000");
    assert_eq!(kernel.names(), [""; 0]);

    modules.plugged(&mut kernel, "usb:v0403p6001d0400dc00");
    assert_eq!(kernel.names(), ["usb-core", "usbserial", "ftdi_sio"]);
}

#[test]
fn what_cannot_be_loaded_is_named_with_its_reason() {
    let tree = Tree::usual();
    let modules = tree.open();
    let mut kernel = Given::default();

    let absent = fault(modules.load(&mut kernel, module("nvidia", "")));
    assert_eq!(
        (absent.module.as_str(), absent.reason),
        ("nvidia", Reason::NotFound)
    );

    kernel.refused = Some(("usbserial", Errno::KEYREJECTED));
    let unsigned = fault(modules.load(&mut kernel, module("ftdi_sio", "")));
    assert_eq!(unsigned.module.as_str(), "usbserial");
    assert_eq!(unsigned.reason, Reason::Kernel(129));
    assert_eq!(kernel.names(), ["usb-core"]);

    fs::remove_file(tree.0.join("kernel/nbd.ko")).unwrap();
    let lost = fault(modules.load(&mut kernel, module("nbd", "")));
    assert_eq!(
        (lost.module.as_str(), lost.reason),
        ("nbd", Reason::File(2))
    );

    let long = "p".repeat(proto::udev::PARAMETERS_MAX + 1);
    for (name, parameters) in [("", ""), ("../x", ""), ("a b", ""), ("nbd", long.as_str())] {
        let bad = fault(modules.load(&mut kernel, module(name, parameters)));
        assert_eq!(bad.reason, Reason::BadName, "{name}");
    }
}

#[test]
fn a_node_without_modules_says_so_and_still_knows_the_parts_of_its_kernel() {
    let tree = Tree::new().file("modules.builtin", "kernel/fs/ext4/ext4.ko\n");
    let modules = tree.open();
    let mut kernel = Given::default();

    let absent = fault(modules.load(&mut kernel, module("nvidia", "")));

    assert_eq!(absent.reason, Reason::NoIndex);
    assert_eq!(
        modules.load(&mut kernel, module("ext4", "")),
        Loaded::BuiltIn
    );
    assert!(!modules.are_by_device());
    let nowhere = Modules::below("/nonexistent");
    let absent = fault(nowhere.load(&mut kernel, module("nvidia", "")));
    assert_eq!(absent.reason, Reason::NoIndex);
}

#[test]
fn an_index_that_means_harm_ends_soon() {
    let mut deep = String::from("kernel/a.ko: kernel/b.ko\nkernel/b.ko: kernel/a.ko\n");
    for number in 0..100 {
        let next = number + 1;
        deep.push_str(&format!(
            "kernel/m{number}.ko: kernel/m{next}.ko kernel/m{next}.ko\n"
        ));
    }
    let outside = "kernel/up.ko: ../../../etc/x.ko\n/etc/abs.ko:\n";
    let endless = "x".repeat(3 * wire::modules::LINE_MAX);
    let text = format!("{endless}\n{deep}{outside}\u{0}\nkernel/good.ko:");
    let tree = Tree::new()
        .file("modules.dep", &text)
        .file("modules.softdep", "softdep good pre: good post: good a\n")
        .modules(&["a", "b", "good", "up"]);
    let modules = tree.open();
    let mut kernel = Given::default();

    for name in ["a", "m0"] {
        let deep = fault(modules.load(&mut kernel, module(name, "")));
        assert_eq!(deep.reason, Reason::TooDeep, "{name}");
    }
    for name in ["up", "abs"] {
        let outside = fault(modules.load(&mut kernel, module(name, "")));
        assert_eq!(outside.reason, Reason::NotFound, "{name}");
    }
    let circle = fault(modules.load(&mut kernel, module("good", "")));
    assert_eq!(circle.reason, Reason::TooDeep);
    assert_eq!(kernel.names(), [""; 0]);
}

#[test]
fn a_line_that_is_too_long_hides_no_other() {
    let endless = "x".repeat(5 * wire::modules::LINE_MAX + 7);
    let text = format!("{endless}\nkernel/good.ko:\n{endless}");
    let tree = Tree::new().file("modules.dep", &text).modules(&["good"]);
    let mut kernel = Given::default();

    let outcome = tree.open().load(&mut kernel, module("good", ""));

    assert_eq!(outcome, Loaded::Now);
}

/// The most memory that this process had so far, in kilobytes.
fn peak_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// A folder whose `modules.dep` has so many bytes; `good` is in its last line.
fn huge(size: usize) -> Tree {
    let tree = Tree::new().modules(&["good"]);
    let file = fs::File::create(tree.0.join("modules.dep")).unwrap();
    let mut out = std::io::BufWriter::new(file);
    let last = "kernel/good.ko:\n";
    let mut left = size - last.len();
    let line = format!("kernel/{}.ko:\n", "m".repeat(52));
    assert_eq!(line.len(), 64);
    while left > 0 {
        let part = line.get(line.len() - left.min(line.len())..).unwrap();
        out.write_all(part.as_bytes()).unwrap();
        left -= part.len();
    }
    out.write_all(last.as_bytes()).unwrap();
    drop(out);
    tree
}

#[test]
fn an_index_of_16_mib_is_read_in_little_memory_and_a_larger_one_is_refused() {
    const LIMIT: usize = 16 << 20;
    let tree = huge(LIMIT);
    let mut kernel = Given::default();
    let (before, begun) = (peak_kb(), Instant::now());

    let found = tree.open().load(&mut kernel, module("good", ""));
    let absent = fault(tree.open().load(&mut kernel, module("absent", "")));

    assert_eq!(found, Loaded::Now);
    assert_eq!(absent.reason, Reason::NotFound);
    // The whole file would be four times as much; other tests run beside this one.
    assert!(peak_kb() - before < 4096, "{before} {}", peak_kb());
    // Without optimisation, on a busy machine.
    assert!(begun.elapsed() < Duration::from_secs(60));

    let tree = huge(LIMIT + 1);
    let mut another = Given::default();
    let refused = fault(tree.open().load(&mut another, module("good", "")));
    // EFBIG.
    assert_eq!(refused.reason, Reason::Index(27));
}

/// Every module needs the next one, and each line is at the end of a long file.
#[test]
fn a_long_index_that_is_read_again_and_again_ends() {
    let tree = huge(1 << 20);
    let mut dep = fs::OpenOptions::new()
        .append(true)
        .open(tree.0.join("modules.dep"))
        .unwrap();
    for number in 0..200 {
        writeln!(dep, "kernel/a{number}.ko: kernel/a{}.ko", number + 1).unwrap();
    }
    let begun = Instant::now();
    let mut kernel = Given::default();

    let deep = fault(tree.open().load(&mut kernel, module("a0", "")));

    assert_eq!(deep.reason, Reason::TooDeep);
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(kernel.names(), [""; 0]);
}
