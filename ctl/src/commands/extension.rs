// SPDX-License-Identifier: MPL-2.0
//! `extension`: making and checking system extensions.
//!
//! Owns: what is said of them, and the files that are made of them.
//! Never: asks a node, or a registry itself; `pulling` does.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use extension::{Arch, Extension, Problem, constraint, pack};
use image::squashfs;

use crate::args_extension::{self, Source};
use crate::beside::Readers;
use crate::commands::extension_new;
use crate::places::Environment;
use crate::progress::Progress;
use crate::pulling::{Origin, Puller};
use crate::screen::Screen;
use crate::trouble::Trouble;
use crate::units;
use crate::written::{Written, check_room};

pub(crate) async fn run(
    what: &args_extension::Extension,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    match what {
        args_extension::Extension::New { name, service } => {
            extension_new::run(name, *service, environment, screen)
        }
        args_extension::Extension::Pack { source, output } => {
            pack_one(source, output, environment, screen).await
        }
        args_extension::Extension::Validate {
            sources,
            platform,
            pulling,
        } => {
            let mut puller = Puller::new(pulling, environment);
            for source in sources {
                validate(source, platform.arch(), &mut puller, screen).await;
            }
            Ok(())
        }
    }
}

/// Reads an extension that fits our nodes. What is wrong is one error of as many lines.
pub(crate) async fn read(
    source: &str,
    arch: Arch,
    puller: &mut Puller<'_>,
    screen: &mut Screen<'_>,
) -> Result<Extension, Trouble> {
    let extension = match Origin::of(source, puller.environment)? {
        Origin::Path(path) => {
            let path = puller.environment.path(&path);
            let temporary = puller.environment.temporary();
            Extension::read(&path, arch, &temporary)
                .map_err(|problems| refused(source, problems))?
        }
        Origin::Reference(reference) => puller.pull(&reference, arch, screen).await?,
    };
    let talos = constraint::version(config::TALOS_VERSION);
    // The kernel is the image's, which is not here; what wants a certain one is told apart.
    let problems = extension.manifest().misfits(talos.as_ref(), None);
    if !problems.is_empty() {
        return Err(refused(source, problems));
    }
    for note in extension.notes() {
        screen.warn(format_args!("warning: {source}: {note}"));
    }
    if let Some(linux) = &extension.manifest().linux {
        screen.warn(format_args!(
            "warning: {source}: only for Linux {linux}; what kernel the nodes have is not known here"
        ));
    }
    Ok(extension)
}

/// Everything that is wrong with an extension.
pub(crate) fn refused(source: &str, problems: Vec<Problem>) -> Trouble {
    let count = problems.len();
    let s = if count == 1 { "" } else { "s" };
    let mut story = format!("{source}: {count} problem{s}");
    for problem in problems {
        story.push_str(&format!("\n  {problem}"));
    }
    Trouble::new(story)
}

async fn validate(source: &str, arch: Arch, puller: &mut Puller<'_>, screen: &mut Screen<'_>) {
    match read(source, arch, puller, screen).await {
        Ok(extension) => {
            let manifest = extension.manifest();
            screen.print(format_args!(
                "{source} is valid: {} {}, {} of files\n",
                manifest.name,
                manifest.version,
                units::size(extension.size())
            ));
            for service in extension.services() {
                screen.print(format_args!("  service ext-{}\n", service.name));
            }
            let modules = extension.modules();
            for module in &modules.all {
                screen.print(format_args!(
                    "  module {} for Linux {}\n",
                    module.name, modules.release
                ));
            }
        }
        Err(trouble) => screen.complain(&trouble),
    }
}

/// What a file is to become.
#[derive(Clone, Copy)]
enum Form {
    Layer,
    Image,
}

async fn pack_one(
    source: &Source,
    output: &Path,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let form = match output.extension().and_then(|ending| ending.to_str()) {
        Some("sqsh") => Form::Layer,
        Some("tar") => Form::Image,
        Some(_) | None => {
            return Err(
                Trouble::new(format!("{} says not what to make", output.display())).hint(
                    "end its name with .sqsh for a layer, or with .tar for a container image",
                ),
            );
        }
    };
    let arch = source.platform.arch();
    let mut puller = Puller::new(&source.pulling, environment);
    let extension = read(&source.source, arch, &mut puller, screen).await?;
    let path = environment.path(output);
    let size_max = match form {
        Form::Layer => squashfs::size_max(&extension.tree()),
        Form::Image => pack::image_size_max(&extension),
    };
    let temporary = environment.temporary();
    if let Form::Image = form {
        // The layer waits there until its digest is known.
        check_room(&temporary, size_max)?;
    }
    let (written, file) = Written::begin(&path, size_max, Readers::All)?;
    let mut progress = Progress::new(output.display().to_string(), extension.size());
    let cannot = |error: &dyn std::fmt::Display| {
        Trouble::new(format!("cannot write {}: {error}", path.display()))
    };
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let made = match form {
        Form::Layer => {
            write_layer(&extension, &mut out, &mut progress, screen).map_err(|error| cannot(&error))
        }
        Form::Image => pack::write_image(&extension, arch, &temporary, &mut out, &mut |done| {
            progress.at(done, screen);
        })
        .map_err(|error| cannot(&error)),
    };
    made.and_then(|()| out.flush().map_err(|error| cannot(&error)))?;
    let file = out
        .into_inner()
        .map_err(|error| cannot(&error.into_error()))?;
    let size = file.metadata().map_err(|error| cannot(&error))?.len();
    written.finish(&file)?;
    screen.warn(format_args!(
        "created {} ({})",
        output.display(),
        units::size(size)
    ));
    Ok(())
}

/// Writes the squashfs of an extension.
pub(crate) fn write_layer(
    extension: &Extension,
    out: &mut BufWriter<File>,
    progress: &mut Progress,
    screen: &mut Screen<'_>,
) -> Result<(), squashfs::Error> {
    let tree = extension.tree();
    let mut said = |done| progress.at(done, screen);
    squashfs::write(&tree, extension.contents(), out, &mut said)?;
    Ok(())
}
