// SPDX-License-Identifier: MPL-2.0
//! Kernel modules as an operator has them: extensions of the kernel's own build, a device that asks
//! for its driver, and a configuration that names modules, good ones and bad ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use ichor_tests::node::LIMIT;
use ichor_tests::{Arch, Node, Setup, ctl, on_each_architecture, wait};
use xtask::kernel;
use xtask::places::Places;

on_each_architecture! {
    sysx_10_xtn_07_img_13_modules_of_extensions_are_loaded_and_those_of_others_refused
    img_13_modules_are_signed_by_their_kernel_and_the_key_is_gone
    sysx_10_the_modules_of_the_kernel_are_indexed_as_depmod_does
}

/// A folder to make images in, and the client.
struct Bench {
    places: Places,
    arch: Arch,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(arch: Arch) -> Result<Self> {
        Ok(Self {
            places: Places::find()?,
            arch,
            folder: tempfile::tempdir()?,
        })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Result<ctl::Output> {
        let client = self.places.out.join("host/ichorctl");
        ctl::run(&client, self.folder.path(), arguments)
    }

    /// The path of an extension that the kernel build made.
    fn made(&self, name: &str) -> Result<String> {
        let out = self.places.out_of(self.arch).join("extensions");
        let path = out.join(format!("{name}.tar"));
        Ok(path.to_str().context("not text")?.to_owned())
    }

    /// Begins an extension of the test's own.
    fn begin(&self, name: &str) -> Result<PathBuf> {
        let top = self.at(name);
        fs::create_dir_all(top.join("rootfs"))?;
        fs::write(
            top.join("manifest.yaml"),
            format!(
                "version: v1alpha1\nmetadata:\n  name: {name}\n  version: v1\n  author: test\n  \
                 description: A test.\n"
            ),
        )?;
        Ok(top.join("rootfs"))
    }

    /// Adds a module of the kernel's build to an extension, changed by `change`.
    fn module(&self, root: &Path, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let built = kernel::built(&self.places, self.arch)?;
        let from = find(&built.modules()?, name)?;
        let path = from.strip_prefix(built.modules()?)?;
        let to = root.join("lib/modules").join(built.release()?).join(path);
        fs::create_dir_all(to.parent().context("no folder")?)?;
        let mut bytes = fs::read(&from)?;
        change(&mut bytes);
        Ok(fs::write(to, bytes)?)
    }

    /// Adds the guest that looks at the node from inside.
    fn probe(&self) -> Result<()> {
        let root = self.begin("probe")?.join("usr/local");
        let own = root.join("lib/containers/probe");
        for folder in ["proc", "sys", "run"] {
            fs::create_dir_all(own.join(folder))?;
        }
        fs::create_dir_all(root.join("etc/containers"))?;
        let description = "tests/layers/probe/files/probe.yaml";
        fs::copy(
            self.places.root.join(description),
            root.join("etc/containers/probe.yaml"),
        )?;
        let program = self.places.out_of(self.arch).join("programs/probe");
        fs::copy(program, own.join("probe"))?;
        Ok(())
    }
}

/// Finds a module's file below a folder.
fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let mut left = vec![folder.to_path_buf()];
    while let Some(at) = left.pop() {
        for entry in fs::read_dir(&at)? {
            let path = entry?.path();
            if path.is_dir() {
                left.push(path);
            } else if path.file_name().is_some_and(|file| file == name) {
                return Ok(path);
            }
        }
    }
    anyhow::bail!("no {name} below {}", folder.display())
}

fn sysx_10_xtn_07_img_13_modules_of_extensions_are_loaded_and_those_of_others_refused(
    arch: Arch,
) -> Result<()> {
    let bench = Bench::new(arch)?;
    bench.probe()?;
    // One byte of its text is another: the signature is there, and not of this.
    let tampered = bench.begin("tampered")?;
    bench.module(&tampered, "cdc-acm.ko", |bytes| {
        let middle = bytes.len().div_euclid(2);
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
    })?;
    let base = bench.places.out_of(arch).join("initramfs");
    let base = base.to_str().context("not text")?;
    let made = ["usb", "usb-serial", "nbd"].map(|name| bench.made(name));
    let mut arguments = vec!["image", "extend", base, "--output", "initramfs"];
    for path in made.iter().flatten().map(String::as_str) {
        arguments.extend(["--extension", path]);
    }
    arguments.extend(["--extension", "tampered", "--extension", "probe"]);
    let extended = bench.run(&arguments)?.ok()?;
    ensure!(extended.contains("005.modules.dep.sqsh"), "{extended}");

    let mut setup = Setup::new(arch);
    setup.initramfs = Some(bench.at("initramfs"));
    setup.devices = [
        "-chardev",
        "null,id=line",
        "-device",
        "qemu-xhci",
        "-device",
        "usb-serial,chardev=line,always-plugged=on",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut node = Node::running(&setup)?;
    let mut probe = node.probe()?;

    // The devices of the machine asked for their drivers, one after the other: host, hub, adapter.
    let loaded = wait::until(LIMIT, || {
        let loaded = probe.read("/proc/modules")?;
        ensure!(loaded.contains("ftdi_sio"), "{loaded}");
        Ok(loaded)
    })?;
    let place = |name: &str| {
        let line = loaded
            .lines()
            .position(|line| line.split(' ').next() == Some(name));
        line.with_context(|| format!("no {name}: {loaded}"))
    };
    // The kernel lists the last one first.
    ensure!(place("ftdi_sio")? < place("usbserial")?, "{loaded}");
    ensure!(place("usbserial")? < place("usbcore")?, "{loaded}");
    ensure!(place("xhci_hcd")? < place("usbcore")?, "{loaded}");
    ensure!(!probe.read("/sys/class/tty/ttyUSB0/uevent")?.is_empty());

    node.patch("machine:\n  kernel:\n    modules:\n      - name: nbd\n        parameters: [nbds_max=3, max_part=3]\n      \
         - name: cdc-acm\n      - name: nvidia\n      - name: wireguard\n",
    )?;
    node.machine.wait_for(
        "module cdc-acm: its signature is not of this kernel's build (EKEYREJECTED)",
        LIMIT,
    )?;
    node.machine
        .wait_for("module nvidia: not in modules.dep of this kernel", LIMIT)?;
    wait::until(LIMIT, || {
        let loaded = node.ctl(&["get", "loadedkernelmodules"])?.ok()?;
        ensure!(
            loaded.contains("nbd") && loaded.contains("ftdi_sio"),
            "{loaded}"
        );
        ensure!(!loaded.contains("cdc_acm"), "{loaded}");
        Ok(())
    })?;
    for (parameter, value) in [("nbds_max", "3"), ("max_part", "3")] {
        let is = probe.read(&format!("/sys/module/nbd/parameters/{parameter}"))?;
        ensure!(is == value, "{parameter} is {is}");
    }
    let spec = node
        .ctl(&["get", "kernelmodulespec", "nbd", "-o", "yaml"])?
        .ok()?;
    for line in ["string: nbd", "- nbds_max=3"] {
        ensure!(spec.contains(line), "no {line}: {spec}");
    }

    node.patch(
        "machine:\n  kernel:\n    modules:\n      - name: nbd\n        parameters: [nbds_max=9]\n",
    )?;
    node.machine
        .wait_for("module nbd: is loaded already; its parameters", LIMIT)
        .map(drop)
}

fn img_13_modules_are_signed_by_their_kernel_and_the_key_is_gone(arch: Arch) -> Result<()> {
    let bench = Bench::new(arch)?;
    let unsigned = bench.begin("unsigned")?;
    bench.module(&unsigned, "nbd.ko", |bytes| {
        bytes.truncate(bytes.len().saturating_sub(28));
    })?;

    let said = bench.run(&["extension", "validate", "unsigned", "--arch", arch.name()])?;
    ensure!(
        said.code != 0 && said.stderr.contains("nbd.ko: is not signed"),
        "{said:?}"
    );

    let built = kernel::built(&bench.places, arch)?;
    let mut left = vec![built.folder, bench.places.out_of(arch).join("extensions")];
    let mut count: usize = 0;
    while let Some(path) = left.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
            continue;
        }
        let bytes = fs::read(&path)?;
        let mark = b"PRIVATE KEY-----";
        ensure!(
            !bytes.windows(mark.len()).any(|window| window == mark),
            "{} has a private key in it",
            path.display()
        );
        count = count.saturating_add(1);
    }
    ensure!(count > 10, "only {count} files were looked at");
    Ok(())
}

/// depmod finds out who needs whom from symbols, and the index from what modules say.
fn sysx_10_the_modules_of_the_kernel_are_indexed_as_depmod_does(arch: Arch) -> Result<()> {
    let bench = Bench::new(arch)?;
    let built = kernel::built(&bench.places, arch)?;
    let release = built.release()?;
    let root = bench.at("root");
    let copied = Command::new("cp")
        .arg("-rT")
        .arg(built.folder.join("modules"))
        .arg(&root)
        .status()?;
    ensure!(copied.success(), "cannot copy the modules");
    let made = Command::new("depmod")
        .arg("-b")
        .arg(&root)
        .arg(&release)
        .status()?;
    ensure!(made.success(), "depmod failed");

    let all = bench.begin("all")?;
    let copied = Command::new("cp")
        .arg("-rT")
        .arg(built.folder.join("modules"))
        .arg(&all)
        .status()?;
    ensure!(copied.success(), "cannot copy the modules");
    let arch = match arch {
        Arch::Amd64 => extension::Arch::Amd64,
        Arch::Arm64 => extension::Arch::Arm64,
    };
    let read = extension::Extension::read(&bench.at("all"), arch, bench.folder.path());
    let read = read.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let index = extension::Index::of(&[read.modules()]);
    let index = index.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    for (name, text) in index.context("there are no modules")?.files() {
        let path = root.join("lib/modules").join(&release).join(name);
        let expected = fs::read_to_string(path)?;
        ensure!(*text == expected, "{name}: {text}\nand not: {expected}");
    }
    Ok(())
}
