// SPDX-License-Identifier: MPL-2.0
//! Makes archives and images member by member, so that any of them can be wrong.
//!
//! Owns: bytes of tar headers, layers, and layouts.
//! Never: checks what it makes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use extension::{Arch, Extension, Problem};
use ring::digest::{SHA256, digest};

pub(crate) const MANIFEST: &str = "version: v1alpha1\nmetadata:\n  name: hello\n  version: v1.0.0\n  author: A\n  description: B\n  compatibility:\n    talos:\n      version: \">= v1.0.0\"\n";

/// A header and what follows it.
pub(crate) fn member(name: &str, flag: u8, mode: u32, link: &str, content: &[u8]) -> Vec<u8> {
    sized(name, flag, mode, link, content, content.len() as u64)
}

/// The same with a length of one's own.
pub(crate) fn sized(
    name: &str,
    flag: u8,
    mode: u32,
    link: &str,
    content: &[u8],
    len: u64,
) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}\0").as_bytes());
    put(108, b"0000000\x000000000\0");
    if len < 1 << 33 {
        put(124, format!("{len:011o}\0").as_bytes());
    } else {
        put(124, &[0x80, 0, 0, 0]);
        put(128, &len.to_be_bytes());
    }
    put(136, b"14000000000\0        ");
    put(156, &[flag]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend_from_slice(content);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

pub(crate) fn file(name: &str, content: &str) -> Vec<u8> {
    member(name, b'0', 0o644, "", content.as_bytes())
}

pub(crate) fn folder(name: &str) -> Vec<u8> {
    member(name, b'5', 0o755, "", b"")
}

/// An archive of members.
pub(crate) fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = members.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in digest(&SHA256, bytes).as_ref() {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    ruzstd::encoding::compress_to_vec(bytes, level)
}

/// The files of an OCI layout: names and contents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout(pub(crate) Vec<(String, Vec<u8>)>);

impl Layout {
    /// Puts a blob in and returns its descriptor.
    pub(crate) fn blob(&mut self, media_type: &str, bytes: &[u8]) -> String {
        let hex = hex(bytes);
        let name = format!("blobs/sha256/{hex}");
        if self.0.iter().all(|(other, _)| *other != name) {
            self.0.push((name, bytes.to_vec()));
        }
        let len = bytes.len();
        format!(r#""mediaType":"{media_type}","digest":"sha256:{hex}","size":{len}"#)
    }

    /// Puts an image in; each layer is packed as its function says.
    pub(crate) fn image(&mut self, arch: &str, layers: &[(Vec<u8>, &str)]) -> String {
        let (mut descriptors, mut ids) = (Vec::new(), Vec::new());
        for (tar, packing) in layers {
            let bytes = match *packing {
                "+gzip" => gzip(tar),
                "+zstd" => zstd(tar),
                _ => tar.clone(),
            };
            let media_type = format!("application/vnd.oci.image.layer.v1.tar{packing}");
            descriptors.push(format!("{{{}}}", self.blob(&media_type, &bytes)));
            ids.push(format!("\"sha256:{}\"", hex(tar)));
        }
        let configuration = format!(
            r#"{{"architecture":"{arch}","os":"linux","rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
            ids.join(",")
        );
        let configuration = self.blob(
            "application/vnd.oci.image.config.v1+json",
            configuration.as_bytes(),
        );
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{{configuration}}},"layers":[{}]}}"#,
            descriptors.join(",")
        );
        self.blob(
            "application/vnd.oci.image.manifest.v1+json",
            manifest.as_bytes(),
        )
    }

    pub(crate) fn index(&mut self, manifests: &[String]) {
        let manifests: Vec<String> = manifests.iter().map(|text| format!("{{{text}}}")).collect();
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
            manifests.join(",")
        );
        self.0.push(("index.json".to_owned(), index.into_bytes()));
        self.0.push(("oci-layout".to_owned(), b"{}".to_vec()));
    }

    /// An image of one platform.
    pub(crate) fn of(layers: &[(Vec<u8>, &str)]) -> Self {
        let mut layout = Self::default();
        let image = layout.image("amd64", layers);
        layout.index(&[image]);
        layout
    }

    pub(crate) fn tar(&self) -> Vec<u8> {
        let files = self.0.iter();
        let members: Vec<Vec<u8>> = files
            .map(|(name, bytes)| member(name, b'0', 0o644, "", bytes))
            .collect();
        tar(&members)
    }
}

/// A folder for one test.
pub(crate) struct Desk {
    pub(crate) folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("spool")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, path: &Path) -> Result<Extension, Vec<Problem>> {
        self.read_for(path, Arch::Amd64)
    }

    pub(crate) fn read_for(&self, path: &Path, arch: Arch) -> Result<Extension, Vec<Problem>> {
        let spool = self.path("spool");
        let read = Extension::read(path, arch, &spool);
        assert_eq!(
            std::fs::read_dir(&spool).unwrap().count(),
            0,
            "nothing stays"
        );
        read
    }

    /// Reads an archive.
    pub(crate) fn archive(&self, bytes: &[u8]) -> Result<Extension, Vec<Problem>> {
        let path = self.path("image.tar");
        std::fs::write(&path, bytes).unwrap();
        self.read(&path)
    }

    /// Reads an image of layers that are not packed.
    pub(crate) fn layers(&self, layers: &[Vec<u8>]) -> Result<Extension, Vec<Problem>> {
        let layers: Vec<(Vec<u8>, &str)> = layers.iter().map(|tar| (tar.clone(), "")).collect();
        self.archive(&Layout::of(&layers).tar())
    }

    /// Reads an image of one layer with a manifest and `members`.
    pub(crate) fn with(&self, members: &[Vec<u8>]) -> Result<Extension, Vec<Problem>> {
        let mut all = vec![file("manifest.yaml", MANIFEST), folder("rootfs/")];
        all.extend_from_slice(members);
        self.layers(&[tar(&all)])
    }
}

pub(crate) fn words<T>(result: Result<T, Vec<Problem>>) -> String {
    let Err(problems) = result else {
        return String::new();
    };
    assert!(!problems.is_empty());
    let problems = problems.iter().map(ToString::to_string);
    problems.collect::<Vec<String>>().join("\n")
}

/// The squashfs of an extension.
pub(crate) fn packed(extension: &Extension) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    let tree = extension.tree();
    image::squashfs::write(&tree, extension.contents(), &mut out, &mut |_| ()).unwrap();
    out.into_inner()
}
