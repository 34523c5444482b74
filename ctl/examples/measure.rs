// SPDX-License-Identifier: MPL-2.0
//! Measures what `tests/budgets.toml` promises of pulling an extension.
//!
//! Owns: lines `measured NAME VALUE`, a registry with an image of 500 MB that is nowhere, and the process
//! that is measured.
//! Never: judges; `./x size` does.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement, whose only output is lines"
)]

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use ichor_registry::{Asked, Faulty, Wire};
use ichorctl::{Environment, Outcome, Screen};
use serde_json::json;

/// The argument of the process that is measured; others follow.
const CHILD: &str = "--child";
/// The files of a layer, and the bytes of each. Two layers are 500 MB.
const FILES: u64 = 5;
const FILE: usize = 50_000_000;
const MANIFEST: &str =
    "version: v1alpha1\nmetadata:\n  name: big\n  version: v1\n  author: a\n  description: a\n";

/// How a layer is packed. Both take the most memory to unpack that their format asks for.
#[derive(Clone, Copy, Debug)]
enum Packing {
    Gzip,
    Zstandard,
}

/// A blob that is made while it is sent.
#[derive(Clone, Debug)]
struct Blob {
    packing: Packing,
    number: u64,
    digest: String,
    size: u64,
    unpacked: String,
}

/// Bytes that do not pack, always the same.
fn noise(seed: u64, buffer: &mut [u8]) {
    let mut state = seed | 1;
    for chunk in buffer.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
    }
}

/// Writes a member of a tar archive as far as its content.
fn header(out: &mut dyn Write, name: &str, len: usize) -> io::Result<()> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{len:011o}").as_bytes());
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    out.write_all(&header)
}

/// Writes the archive of a layer.
fn archive(number: u64, out: &mut dyn Write) -> io::Result<()> {
    let padding = |len: usize| vec![0; len.next_multiple_of(512) - len];
    if number == 0 {
        header(out, "manifest.yaml", MANIFEST.len())?;
        out.write_all(MANIFEST.as_bytes())?;
        out.write_all(&padding(MANIFEST.len()))?;
    }
    let mut buffer = vec![0; 100_000];
    for file in 0..FILES {
        header(out, &format!("rootfs/usr/share/big/{number}-{file}"), FILE)?;
        for piece in 0..FILE / buffer.len() {
            noise(
                ((number * FILES + file) << 32) + piece as u64 * 2,
                &mut buffer,
            );
            out.write_all(&buffer)?;
        }
        out.write_all(&padding(FILE))?;
    }
    out.write_all(&[0; 1024])
}

/// Frames of Zstandard that pack nothing, and want the largest window (RFC 8878 §3.1.1).
struct Raw<W: Write>(W);

impl<W: Write> Raw<W> {
    fn begin(mut out: W) -> io::Result<Self> {
        // No checksum and no length; a window of 8 MiB: exponent 13.
        out.write_all(&[0x28, 0xb5, 0x2f, 0xfd, 0, 13 << 3])?;
        Ok(Self(out))
    }

    fn end(mut self) -> io::Result<W> {
        // The last block, which is empty.
        self.0.write_all(&[1, 0, 0])?;
        Ok(self.0)
    }
}

impl<W: Write> Write for Raw<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = &bytes[..bytes.len().min(128 * 1024)];
        if !part.is_empty() {
            let head = (part.len() as u32) << 3;
            self.0.write_all(&head.to_le_bytes()[..3])?;
            self.0.write_all(part)?;
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a layer as it is sent.
fn layer(packing: Packing, number: u64, out: &mut dyn Write) -> io::Result<()> {
    match packing {
        Packing::Gzip => {
            let mut packer = GzEncoder::new(out, Compression::none());
            archive(number, &mut packer)?;
            packer.finish()?;
        }
        Packing::Zstandard => {
            let mut packer = Raw::begin(out)?;
            archive(number, &mut packer)?;
            packer.end()?;
        }
    }
    Ok(())
}

/// The digest and the length of what is written.
struct Sum(oci::Sum, u64);

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.add(bytes);
        self.1 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn blob(packing: Packing, number: u64) -> Blob {
    let mut sum = Sum(oci::Sum::new(), 0);
    layer(packing, number, &mut sum).unwrap();
    let mut unpacked = Sum(oci::Sum::new(), 0);
    archive(number, &mut unpacked).unwrap();
    Blob {
        packing,
        number,
        digest: sum.0.finish().to_string(),
        size: sum.1,
        unpacked: unpacked.0.finish().to_string(),
    }
}

/// What a client takes.
struct Sent<'w>(&'w mut Wire);

impl Write for Sent<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.raw(bytes) {
            Ok(bytes.len())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A registry with the image `big/image:v1`.
fn registry() -> Faulty {
    let blobs = [blob(Packing::Gzip, 0), blob(Packing::Zstandard, 1)];
    let ids: Vec<&str> = blobs.iter().map(|blob| blob.unpacked.as_str()).collect();
    let configuration = json!({
        "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": ids },
    })
    .to_string();
    let id = ichor_registry::digest(configuration.as_bytes());
    let layers: Vec<_> = blobs
        .iter()
        .map(|blob| {
            let packing = match blob.packing {
                Packing::Gzip => "gzip",
                Packing::Zstandard => "zstd",
            };
            let media_type = format!("application/vnd.oci.image.layer.v1.tar+{packing}");
            json!({ "mediaType": media_type, "digest": blob.digest, "size": blob.size })
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": id, "size": configuration.len() },
        "layers": layers,
    })
    .to_string();
    Faulty::start(move |asked: &Asked, wire| {
        if asked.path.ends_with("/manifests/v1") {
            wire.say(200, "", manifest.as_bytes());
        } else if asked.path.ends_with(&id) {
            wire.say(200, "", configuration.as_bytes());
        } else if let Some(blob) = blobs.iter().find(|blob| asked.path.ends_with(&blob.digest)) {
            wire.head(200, &format!("Content-Length: {}\r\n", blob.size));
            let _ = layer(blob.packing, blob.number, &mut Sent(wire));
        } else {
            wire.say(404, "", b"");
        }
    })
}

/// The process that is measured: does what the command line says, and prints its peak of memory in bytes
/// (proc_pid_status(5)).
fn child(words: impl Iterator<Item = OsString>) {
    let (mut out, mut err) = (Vec::new(), io::stderr());
    let mut screen = Screen::new(&mut out, &mut err);
    let words = std::iter::once(OsString::from("ichorctl")).chain(words);
    let outcome = ichorctl::run(words, &Environment::of_process(), &mut screen);
    assert_eq!(outcome, Outcome::Done);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    println!("{}", kilobytes * 1024.0);
}

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == CHILD) {
        return child(arguments);
    }
    let registry = registry();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("big.sqsh");
    let ran = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "extension", "pack", "--arch", "amd64"])
        .arg(format!("{}/big/image:v1", registry.address))
        .arg("-o")
        .arg(&output)
        .env("TMPDIR", folder.path())
        .env_remove("DOCKER_CONFIG")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert!(
        output.metadata().unwrap().len() > 499_000_000,
        "all of it is packed"
    );
    let bytes: f64 = String::from_utf8(ran.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    println!("measured pull-memory {:.2}", bytes / 1e6);
}
