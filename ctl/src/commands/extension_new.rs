// SPDX-License-Identifier: MPL-2.0
//! `extension new`: a folder to begin with.
//!
//! Owns: what is in it.
//! Never: touches a folder that is there.

use std::fs;
use std::path::Path;

use extension::{manifest, services};

use crate::places::Environment;
use crate::screen::Screen;
use crate::trouble::Trouble;

pub(crate) fn run(
    name: &str,
    with_service: bool,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    if !manifest::is_name(name) || (with_service && !services::is_name(name)) {
        return Err(
            Trouble::new(format!("{name:?} cannot be the name of an extension")).hint(
                "up to 63 of a to z, 0 to 9 and - are taken; _ and . may stand between them, and \
             services have up to 59 and no .",
            ),
        );
    }
    let folder = environment.path(Path::new(name));
    if fs::symlink_metadata(&folder).is_ok() {
        return Err(Trouble::new(format!("{} exists already", folder.display()))
            .hint("nothing is written; take another name"));
    }
    // It gets its name when all of it is there.
    let new = environment.path(Path::new(&format!(".{name}.{}", std::process::id())));
    let made = make(&new, name, with_service).and_then(|()| fs::rename(&new, &folder));
    if let Err(error) = made {
        let _ = fs::remove_dir_all(&new);
        return Err(Trouble::file("make", &folder, &error));
    }
    screen.warn(format_args!("created {}", folder.display()));
    if with_service {
        screen.warn(format_args!(
            "put a static program at {name}/rootfs/usr/local/lib/containers/{name}/hello"
        ));
    }
    screen.warn(format_args!(
        "check it with: ichorctl extension validate {name}"
    ));
    Ok(())
}

fn make(folder: &Path, name: &str, with_service: bool) -> std::io::Result<()> {
    let root = folder.join("rootfs/usr/local");
    fs::create_dir_all(&root)?;
    fs::write(folder.join(manifest::MANIFEST), manifest_of(name))?;
    if with_service {
        let descriptions = root.join("etc/containers");
        fs::create_dir_all(&descriptions)?;
        fs::create_dir_all(root.join("lib/containers").join(name))?;
        fs::write(descriptions.join(format!("{name}.yaml")), service_of(name))?;
    }
    Ok(())
}

fn manifest_of(name: &str) -> String {
    let talos = config::TALOS_VERSION
        .rsplit_once('.')
        .map_or(config::TALOS_VERSION, |(minor, _)| minor);
    format!(
        "version: v1alpha1\n\
         metadata:\n  \
           name: \"{name}\"\n  \
           version: v0.1.0\n  \
           author: unknown\n  \
           description: |\n    \
             What {name} adds to a node.\n  \
           compatibility:\n    \
             talos:\n      \
               version: \">= {talos}.0\"\n"
    )
}

fn service_of(name: &str) -> String {
    format!(
        "name: \"{name}\"\n\
         container:\n  \
           entrypoint: ./hello\n  \
           args:\n    \
             - --greeting\n    \
             - hello\n\
         restart: always\n"
    )
}
