// SPDX-License-Identifier: MPL-2.0
//! `extension`: making and checking system extensions.
//!
//! Owns: what is said of them, and the files that are made of them.
//! Never: asks a node or a registry.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use extension::{Arch, Extension, Problem, constraint, pack};
use image::squashfs;

use crate::args_extension::{self, Source};
use crate::commands::extension_new;
use crate::places::Environment;
use crate::screen::Screen;
use crate::trouble::Trouble;
use crate::units;
use crate::written::{Progress, Written, check_room};

pub(crate) fn run(
    what: &args_extension::Extension,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    match what {
        args_extension::Extension::New { name, service } => {
            extension_new::run(name, *service, environment, screen)
        }
        args_extension::Extension::Pack { source, output } => {
            pack_one(source, output, environment, screen)
        }
        args_extension::Extension::Validate { paths, platform } => {
            for path in paths {
                validate(path, platform.arch(), environment, screen);
            }
            Ok(())
        }
    }
}

/// Reads an extension that fits our nodes. What is wrong is one error of as many lines.
pub(crate) fn read(
    path: &Path,
    arch: Arch,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Extension, Trouble> {
    let temporary = temporary(environment);
    let refused = |problems: Vec<Problem>| {
        let count = problems.len();
        let s = if count == 1 { "" } else { "s" };
        let mut story = format!("{}: {count} problem{s}", path.display());
        for problem in problems {
            story.push_str(&format!("\n  {problem}"));
        }
        Trouble::new(story)
    };
    let extension = Extension::read(&environment.path(path), arch, &temporary).map_err(refused)?;
    let talos = constraint::version(config::TALOS_VERSION);
    // The kernel is the image's, which is not here; what wants a certain one is told apart.
    let problems = extension.manifest().misfits(talos.as_ref(), None);
    if !problems.is_empty() {
        return Err(refused(problems));
    }
    for note in extension.notes() {
        screen.warn(format_args!("warning: {}: {note}", path.display()));
    }
    if let Some(linux) = &extension.manifest().linux {
        screen.warn(format_args!(
            "warning: {}: only for Linux {linux}; what kernel the nodes have is not known here",
            path.display()
        ));
    }
    Ok(extension)
}

/// The folder for what is needed for a while.
pub(crate) fn temporary(environment: &Environment) -> PathBuf {
    environment
        .temporary
        .clone()
        .unwrap_or_else(std::env::temp_dir)
}

fn validate(path: &Path, arch: Arch, environment: &Environment, screen: &mut Screen<'_>) {
    match read(path, arch, environment, screen) {
        Ok(extension) => {
            let manifest = extension.manifest();
            screen.print(format_args!(
                "{} is valid: {} {}, {} of files\n",
                path.display(),
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

fn pack_one(
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
    let extension = read(&source.path, arch, environment, screen)?;
    let path = environment.path(output);
    let size_max = match form {
        Form::Layer => squashfs::size_max(&extension.tree()),
        Form::Image => pack::image_size_max(&extension),
    };
    let temporary = temporary(environment);
    if let Form::Image = form {
        // The layer waits there until its digest is known.
        check_room(&temporary, size_max)?;
    }
    let (written, file) = Written::begin(&path, size_max)?;
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
