// SPDX-License-Identifier: MPL-2.0
//! What comes to an extension service from outside of its image: its environment file and its
//! `ExtensionServiceConfig`.
//!
//! Owns: what that file says, and laying out the files of the configuration.
//! Never: shows their content.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::description::{Extension, is_variable};
use super::mount::Described;
use super::read::is_plain;
use super::spec::Additions;
use crate::configuration::ExtensionService;
use crate::places::Places;

/// Where the files of configurations are; a folder for each service.
const FILES: &str = "/system/overlays/extensions";

/// Says what comes to a service, and writes nothing; `environment_file` is what is in it.
///
/// # Errors
/// A file cannot be where the configuration wants it.
pub(super) fn plan(
    extension: &Extension,
    environment_file: Option<&str>,
    configured: Option<&ExtensionService>,
) -> Result<Additions, String> {
    let mut additions = Additions {
        from_file: environment_file.map_or_else(Vec::new, parse),
        ..Additions::default()
    };
    if let Some(configured) = configured {
        additions.environment.clone_from(&configured.environment);
        additions.mounts = mounts(&extension.name, configured)?;
    }
    Ok(additions)
}

/// How the files of a configuration come into the container.
fn mounts(name: &str, configured: &ExtensionService) -> Result<Vec<Described>, String> {
    let mut mounts = Vec::new();
    for (index, (path, _)) in configured.files.iter().enumerate() {
        let is_good = is_plain(path) && !path.contains('\0');
        if !is_good || path.trim_matches('/').is_empty() {
            return Err(format!(
                "configFiles[{index}]: mountPath {path:?} is not an absolute path without .."
            ));
        }
        let source = format!("{FILES}/{name}/{index}");
        let options = ["bind", "ro"].map(str::to_owned);
        mounts.extend(Described::new(source, path.clone(), "bind", &options));
    }
    Ok(mounts)
}

/// Writes the files of a configuration, and takes away those of an earlier one.
///
/// # Errors
/// What could not be written, and why.
pub(super) fn lay_out(
    places: &Places,
    extension: &Extension,
    configured: Option<&ExtensionService>,
) -> Result<(), String> {
    let name = &extension.name;
    let folder = places.at(format!("{FILES}/{name}"));
    if let Some(configured) = configured {
        write(&folder, configured).map_err(|error| format!("{FILES}/{name}: {error}"))?;
    }
    // What an earlier configuration had may be secret. What cannot be removed is root's alone.
    let keep = configured.map_or(0, |configured| configured.files.len());
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if number.is_none_or(|number: usize| number >= keep) {
            let _left = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn write(folder: &Path, configured: &ExtensionService) -> io::Result<()> {
    let mut private = DirBuilder::new();
    private.recursive(true).mode(0o700).create(folder)?;
    for (index, (_, content)) in configured.files.iter().enumerate() {
        // A running service keeps the old file; its mount is of the file, not of the name.
        let new = folder.join(format!("{index}.new"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&new)?.write_all(content.expose().as_bytes())?;
        std::fs::rename(&new, folder.join(index.to_string()))?;
    }
    Ok(())
}

/// The variables of an environment file: a `NAME=value` a line, with comments and empty lines,
/// `export` before and quotes around the value, as shells read them.
fn parse(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.strip_prefix("export ").unwrap_or(line).trim_start())
        .filter(|line| is_variable(line) && !line.contains('\0'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| format!("{}={}", name.trim_end(), unquote(value.trim())))
        .collect()
}

fn unquote(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value.strip_prefix(quote);
        if let Some(inner) = inner.and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Content;
    use crate::testing::Folder;

    #[test]
    fn ext_04_an_environment_file_is_read_as_shells_do() {
        let text = "# comment\nA=1\n\nexport B = two words \nC=\"a b\"\nD='x=y'\nnothing\n=x\nE=\n";

        let variables = parse(text);

        assert_eq!(variables, ["A=1", "B=two words", "C=a b", "D=x=y", "E="]);
    }

    #[test]
    fn ext_12_14_files_of_a_configuration_are_private_and_mounted_read_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new();
        let places = Places::under(folder.path());
        let text = "name: a\ncontainer:\n  entrypoint: a\nrestart: always\n";
        let extension = Extension::parse(text).unwrap();
        let configured = |content: &str| ExtensionService {
            name: "a".to_owned(),
            files: vec![("/etc/a.conf".to_owned(), Content::new(content))],
            environment: vec!["A=b".to_owned()],
        };

        for content in ["first", "second"] {
            let configured = configured(content);
            let additions = plan(&extension, None, Some(&configured)).unwrap();
            lay_out(&places, &extension, Some(&configured)).unwrap();

            assert_eq!(additions.environment, ["A=b"]);
            let mount = additions.mounts.first().unwrap().lower();
            assert_eq!(
                (mount.source, mount.target),
                ("/system/overlays/extensions/a/0", "/etc/a.conf")
            );
            assert_eq!(mount.attributes.set, proto::container::Attributes::RDONLY);
            let file = places.at(mount.source);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        // Without a configuration nothing of it is left.
        lay_out(&places, &extension, None).unwrap();
        assert!(!places.at("/system/overlays/extensions/a/0").exists());
    }

    /// init refused such a service as "malformed", without a word on why.
    #[test]
    fn ext_14_a_path_that_leads_out_is_refused_by_its_name() {
        let text = "name: a\ncontainer:\n  entrypoint: a\nrestart: always\n";
        let extension = Extension::parse(text).unwrap();
        for path in ["/", "a", "/a/../b", "", "/a\0b"] {
            let configured = ExtensionService {
                name: "a".to_owned(),
                files: vec![(path.to_owned(), Content::new("x"))],
                environment: Vec::new(),
            };

            let refused = plan(&extension, None, Some(&configured)).unwrap_err();

            assert!(
                refused.contains(&format!("mountPath {path:?}")),
                "{refused}"
            );
        }
    }
}
