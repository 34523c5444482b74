// SPDX-License-Identifier: MPL-2.0
//! `image extend`: boot images with system extensions.
//!
//! Owns: the order of layers and their names, and that nothing is written unless all of them fit.
//! Never: asks a registry itself, or changes the image that it begins with.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use extension::list::{self, Layer};
use extension::services::SERVICES_MAX;
use extension::{Arch, Extension, Index, Modules};
use image::layers::{self, Layers, Machine};
use image::squashfs::{self, Contents};

use crate::args_extension::Extend;
use crate::beside::Readers;
use crate::commands::extension as one;
use crate::places::{self, Environment};
use crate::progress::Progress;
use crate::pulling::Puller;
use crate::screen::Screen;
use crate::trouble::Trouble;
use crate::units;
use crate::written::Written;

/// The largest initramfs that is taken: many times ours.
const INITRAMFS_MAX: u64 = 512 << 20;
/// More than the headers and lists of all layers.
const HEADERS_MAX: u64 = 64 * 1024;

/// A layer to be: its line in the list, and its files.
struct Planned {
    layer: Layer,
    files: Files,
}

/// Where the files of a layer are from.
enum Files {
    /// An extension that was asked for.
    Extension(Box<Extension>),
    /// The index of the modules of all of them.
    Index(Index),
    /// Nowhere: the schematic has none.
    None,
}

impl Planned {
    fn tree(&self) -> squashfs::Tree {
        match &self.files {
            Files::Extension(extension) => extension.tree(),
            Files::Index(index) => index.tree(),
            Files::None => empty(),
        }
    }

    fn size(&self) -> u64 {
        match &self.files {
            Files::Extension(extension) => extension.size(),
            Files::Index(_) | Files::None => 0,
        }
    }

    fn contents(&self) -> &dyn Contents {
        match &self.files {
            Files::Extension(extension) => extension.contents(),
            Files::Index(index) => index,
            Files::None => &Nothing,
        }
    }
}

/// No contents, for a tree without files.
struct Nothing;

impl Contents for Nothing {
    fn open(&self, _: u64) -> std::io::Result<Box<dyn std::io::Read + '_>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

/// A root without anything in it.
fn empty() -> squashfs::Tree {
    let root = squashfs::Entry {
        kind: squashfs::Kind::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
    };
    squashfs::Tree::from([(String::new(), root)])
}

pub(crate) async fn extend(
    asked: &Extend,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    if asked.extension.is_empty() && asked.schematic.is_none() {
        return Err(Trouble::new("there is nothing to add")
            .hint("name an extension with --extension, or a schematic with --schematic"));
    }
    // Reading as many would take long.
    let count = asked
        .extension
        .len()
        .saturating_add(usize::from(asked.schematic.is_some()));
    if count > layers::LAYERS_MAX {
        return Err(too_many(&layers::Error::TooMany));
    }
    let path = environment.path(&asked.output);
    let from = environment.path(&asked.initramfs);
    if is_same(&from, &path) {
        return Err(Trouble::new(format!(
            "{} is the initramfs to begin with",
            asked.output.display()
        ))
        .hint("it is kept as it is; name another file with --output"));
    }
    let (base, found) = read_base(&from)?;
    let arch = arch(asked, found.machine)?;
    let planned = plan(asked, arch, environment, screen).await?;
    check_kernel(asked, found.kernel.as_deref(), &planned, screen)?;
    let listed: Vec<Layer> = planned
        .iter()
        .map(|planned| planned.layer.clone())
        .collect();
    layers::check_names(listed.iter().map(|layer| layer.image.as_str()))
        .map_err(|error| too_many(&error))?;
    let list = list_of(&listed)?;

    let sizes = planned
        .iter()
        .map(|planned| squashfs::size_max(&planned.tree()));
    let size_max = sizes
        .fold(HEADERS_MAX, u64::saturating_add)
        .saturating_add(base.len() as u64)
        .saturating_add(list.len() as u64);
    let (written, file) = Written::begin(&path, size_max, Readers::All)?;
    let file = write(&base, &planned, &list, file, screen)
        .map_err(|error| Trouble::new(format!("cannot write {}: {error}", path.display())))?;
    let size = file
        .metadata()
        .map_err(|error| Trouble::file("look at", &path, &error))?
        .len();
    written.finish(&file)?;
    for layer in &listed {
        screen.print(format_args!("{}\n", layer.image));
    }
    screen.warn(format_args!(
        "created {} ({})",
        asked.output.display(),
        units::size(size)
    ));
    Ok(())
}

/// The list of the layers with their manifests, if it is no longer than nodes read.
fn list_of(layers: &[Layer]) -> Result<String, Trouble> {
    let list = list::emit(layers);
    if list.len() > list::LIST_MAX {
        return Err(Trouble::new(format!(
            "the manifests are {} bytes together, and nodes read {}",
            list.len(),
            list::LIST_MAX
        ))
        .hint("shorten their descriptions, or add fewer extensions"));
    }
    Ok(list)
}

/// Whether two paths lead to one file, by whatever names and links.
fn is_same(one: &Path, other: &Path) -> bool {
    let [one, other] = [one, other].map(|path| std::fs::metadata(path).ok());
    one.zip(other)
        .is_some_and(|(one, other)| (one.dev(), one.ino()) == (other.dev(), other.ino()))
}

/// What nodes do not take, said before anything is written.
fn too_many(error: &layers::Error) -> Trouble {
    Trouble::new(format!("nodes do not take these layers: {error}"))
}

/// Reads the initramfs, as far as it is kept, and what it is for.
fn read_base(path: &Path) -> Result<(Vec<u8>, layers::Base), Trouble> {
    let size = std::fs::metadata(path)
        .map_err(|error| Trouble::file("read", path, &error))?
        .len();
    if size > INITRAMFS_MAX {
        return Err(Trouble::new(format!(
            "{} is larger than 512 MiB",
            path.display()
        )));
    }
    let mut base = places::read(path)?;
    let found = layers::check_base(&base)
        .map_err(|error| Trouble::new(format!("{}: {error}", path.display())))?;
    base.truncate(found.len);
    // What follows begins at a whole block, as the first one did.
    base.resize(base.len().next_multiple_of(512), 0);
    Ok((base, found))
}

/// The architecture of the extensions: that of the initramfs, if it says so.
fn arch(asked: &Extend, machine: Option<Machine>) -> Result<Arch, Trouble> {
    let of_base = machine.map(|machine| match machine {
        Machine::Amd64 => Arch::Amd64,
        Machine::Arm64 => Arch::Arm64,
    });
    match (asked.arch.map(Arch::from), of_base) {
        (Some(arch), Some(other)) if arch != other => Err(Trouble::new(format!(
            "{} is for {other}, not for {arch}",
            asked.initramfs.display()
        ))),
        (Some(arch), Some(_) | None) | (None, Some(arch)) => Ok(arch),
        (None, None) => Ok(Arch::of_host()),
    }
}

/// Reads everything that is to be added, so that one that is wrong holds up all.
async fn plan(
    asked: &Extend,
    arch: Arch,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Vec<Planned>, Trouble> {
    let mut planned: Vec<Planned> = Vec::new();
    let mut puller = Puller::new(&asked.pulling, environment);
    for text in &asked.extension {
        let (reference, source) = split(text, environment);
        let extension = one::read(source, arch, &mut puller, screen).await?;
        let manifest = extension.manifest().clone();
        if planned
            .iter()
            .any(|other| other.layer.manifest.name == manifest.name)
        {
            return Err(Trouble::new(format!(
                "{source}: an extension called {} is there already",
                manifest.name
            )));
        }
        let reference = reference
            .or_else(|| extension.reference().map(str::to_owned))
            .unwrap_or_else(|| format!("{}-{}", manifest.name, manifest.version));
        let image = list::file_name(planned.len(), &reference).map_err(|problem| {
            Trouble::new(problem.to_string()).hint("say --extension REFERENCE=PATH")
        })?;
        planned.push(Planned {
            layer: Layer { image, manifest },
            files: Files::Extension(Box::new(extension)),
        });
    }
    if let Some(index) = index(&planned)? {
        planned.push(index);
    }
    if let Some(id) = &asked.schematic {
        let layer = list::schematic(planned.len(), id)
            .map_err(|problem| Trouble::new(format!("--schematic: {problem}")))?;
        planned.push(Planned {
            layer,
            files: Files::None,
        });
    }
    check_services(&planned)?;
    Ok(planned)
}

/// Refuses kernel modules for another kernel than that of the initramfs: it would load none of them.
fn check_kernel(
    asked: &Extend,
    kernel: Option<&str>,
    planned: &[Planned],
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mut indexes = planned.iter().filter_map(|planned| match &planned.files {
        Files::Index(index) => Some(index.release()),
        Files::Extension(_) | Files::None => None,
    });
    let Some(release) = indexes.next() else {
        return Ok(());
    };
    let initramfs = asked.initramfs.display();
    match kernel {
        Some(kernel) if kernel == release => Ok(()),
        Some(kernel) => Err(Trouble::new(format!(
            "{initramfs} is for the kernel {kernel}, and the kernel modules of these extensions are \
             for {release}"
        ))
        .hint("take the extensions that were made with that kernel: it loads no others")),
        None => {
            screen.warn(format_args!(
                "warning: {initramfs} does not say which kernel it is for; the kernel modules are \
                 for {release}, and no other kernel loads them"
            ));
            Ok(())
        }
    }
}

/// Refuses more services than a node takes, and two of one name, of all extensions together.
fn check_services(planned: &[Planned]) -> Result<(), Trouble> {
    let mut names = BTreeMap::new();
    let mut count: usize = 0;
    for one in planned {
        let extension = one.layer.manifest.name.as_str();
        let services = match &one.files {
            Files::Extension(extension) => extension.services(),
            Files::Index(_) | Files::None => &[],
        };
        for service in services {
            count = count.saturating_add(1);
            if let Some(other) = names.insert(service.name.as_str(), extension) {
                return Err(Trouble::new(format!(
                    "the extensions {other} and {extension} both have a service ext-{}",
                    service.name
                ))
                .hint("a node runs one of that name; leave one of them out"));
            }
        }
    }
    if count > SERVICES_MAX {
        return Err(Trouble::new(format!(
            "the extensions have {count} services together, and a node takes {SERVICES_MAX}"
        ))
        .hint("nothing is written; leave some extensions out"));
    }
    Ok(())
}

/// The index of the modules of all extensions, if there are any.
fn index(planned: &[Planned]) -> Result<Option<Planned>, Trouble> {
    let modules: Vec<&Modules> = planned
        .iter()
        .filter_map(|planned| match &planned.files {
            Files::Extension(extension) => Some(extension.modules()),
            Files::Index(_) | Files::None => None,
        })
        .collect();
    let index = Index::of(&modules).map_err(|problems| {
        let mut story = "the kernel modules of these extensions do not fit together:".to_owned();
        for problem in problems {
            story.push_str(&format!("\n  {problem}"));
        }
        Trouble::new(story)
    })?;
    let Some(index) = index else {
        return Ok(None);
    };
    let manifest = index.manifest();
    if planned
        .iter()
        .any(|other| other.layer.manifest.name == manifest.name)
    {
        return Err(Trouble::new(format!(
            "an extension is called {}, as the index of kernel modules is",
            manifest.name
        )));
    }
    let image = list::file_name(planned.len(), &manifest.name)
        .map_err(|problem| Trouble::new(problem.to_string()))?;
    Ok(Some(Planned {
        layer: Layer { image, manifest },
        files: Files::Index(index),
    }))
}

/// Splits `REFERENCE=PATH`; a path that is there may have an equals sign itself.
fn split<'t>(text: &'t str, environment: &Environment) -> (Option<String>, &'t str) {
    match text.split_once('=') {
        Some((reference, source)) if !environment.path(Path::new(text)).exists() => {
            (Some(reference.to_owned()), source)
        }
        Some(_) | None => (None, text),
    }
}

/// Why the image was not written.
#[derive(Debug)]
enum Failed {
    Layers(layers::Error),
    Squashfs(squashfs::Error),
    Io(std::io::Error),
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Layers(error) => write!(f, "{error}"),
            Self::Squashfs(error) => write!(f, "{error}"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl From<layers::Error> for Failed {
    fn from(error: layers::Error) -> Self {
        Self::Layers(error)
    }
}

impl From<squashfs::Error> for Failed {
    fn from(error: squashfs::Error) -> Self {
        Self::Squashfs(error)
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

fn write(
    base: &[u8],
    planned: &[Planned],
    list: &str,
    file: File,
    screen: &mut Screen<'_>,
) -> Result<File, Failed> {
    let mut out = BufWriter::with_capacity(1 << 20, file);
    out.write_all(base)?;
    let mut added = Layers::begin(out)?;
    for one in planned {
        let name = one.layer.image.as_str();
        let mut progress = Progress::new(name.to_owned(), one.size());
        added.add(name, |out| -> Result<(), Failed> {
            let mut said = |done| progress.at(done, screen);
            squashfs::write(&one.tree(), one.contents(), out, &mut said)?;
            Ok(())
        })?;
    }
    let mut out = added.finish(&[(list::LIST, list.as_bytes())])?;
    out.flush()?;
    out.into_inner()
        .map_err(|error| Failed::Io(error.into_error()))
}
