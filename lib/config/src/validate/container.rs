// SPDX-License-Identifier: MPL-2.0
//! Rules about containers.
//!
//! Owns: what a `ContainerConfig` needs.
//! Never: asks whether an image, a device or a path of the node exists.

use crate::container::{
    ContainerNetwork, ContainerRestart, DeviceAccess, MEMORY_MIN, NAME_MAX, Profile, Pull,
    milli_cpus, pids,
};
use crate::document::{ContainerConfig, ContainerMount};
use crate::error::{Fault, Path};

/// What bind mounts and file systems in memory take as options.
const OPTIONS: &[&str] = &["ro", "rw", "nosuid", "nodev", "noexec", "noatime"];
/// What bind mounts take besides.
const BIND_OPTIONS: &[&str] = &["bind", "rbind"];
/// What file systems in memory take besides, with a value each.
const MEMORY_OPTIONS: &[&str] = &["size=", "mode=", "nr_inodes="];
/// The longest reference: what registries take for a name, with a host and a digest.
const REFERENCE_MAX: usize = 512;

/// What is wrong with a container, by place.
pub(super) fn faults(container: &ContainerConfig) -> Vec<(Path, Fault)> {
    let mut faults = Vec::new();
    let mut refuse = |is_wrong: bool, path: &Path, fault: Fault| {
        if is_wrong {
            faults.push((path.clone(), fault));
        }
    };
    let top = Path::new;

    if container.name.is_empty() {
        refuse(true, &top("name"), Fault::Missing);
    } else {
        let what = "at most 48 of a-z, 0-9 and -, a letter or a digit first";
        let wrong = !is_name(&container.name);
        refuse(wrong, &top("name"), Fault::BadValue(what));
    }
    let image = &container.image;
    if image.reference.is_empty() {
        refuse(true, &top("image.ref"), Fault::Missing);
    } else {
        let what = "a reference such as registry.example.org/name:tag or name@sha256:<64 hex>";
        let wrong = !is_reference(&image.reference);
        refuse(wrong, &top("image.ref"), Fault::BadValue(what));
    }
    for (path, is_known, what) in [
        (
            "image.pull",
            Pull::parse(&image.pull).is_some(),
            "IfNotPresent, Always or Never",
        ),
        (
            "security.profile",
            Profile::parse(&container.security.profile).is_some(),
            "default or privileged",
        ),
        (
            "restart",
            ContainerRestart::parse(&container.restart).is_some(),
            "always, untilSuccess or never",
        ),
        (
            "network",
            ContainerNetwork::parse(&container.network).is_some(),
            "host or none",
        ),
    ] {
        refuse(!is_known, &top(path), Fault::BadValue(what));
    }
    let limits = &container.resources.limits;
    let cpus = &limits.cpus;
    refuse(
        !cpus.is_empty() && milli_cpus(cpus).is_none(),
        &top("resources.limits.cpus"),
        Fault::BadValue("a number of processors such as 2, 0.5 or 500m"),
    );
    refuse(
        !limits.pids.is_empty() && pids(&limits.pids).is_none(),
        &top("resources.limits.pids"),
        Fault::BadValue("a number above 0"),
    );
    refuse(
        (1..MEMORY_MIN).contains(&limits.memory.0),
        &top("resources.limits.memory"),
        Fault::BadValue("at least 1 MiB"),
    );
    let run_as = &container.run_as;
    for (path, who) in [("runAs.user", &run_as.user), ("runAs.group", &run_as.group)] {
        let what = "a number, or a name of letters, digits, _, - and .";
        let wrong = !who.is_empty() && !is_user(who);
        refuse(wrong, &top(path), Fault::BadValue(what));
    }
    for (list, key) in [
        (&container.entrypoint, "entrypoint"),
        (&container.args, "args"),
    ] {
        for (index, text) in list.iter().enumerate() {
            let path = top(key).index(index);
            let wrong = text.contains('\0');
            refuse(wrong, &path, Fault::BadValue("text without zeros"));
        }
    }
    if container.entrypoint.first().is_some_and(String::is_empty) {
        let path = top("entrypoint").index(0);
        refuse(true, &path, Fault::BadValue("the path of a program"));
    }
    for (index, variable) in container.environment.iter().enumerate() {
        let path = top("environment").index(index);
        let name = variable.split_once('=').map(|(name, _)| name);
        let good = name.is_some_and(|name| !name.is_empty()) && !variable.contains('\0');
        refuse(!good, &path, Fault::BadValue("NAME=value"));
    }
    let mut targets = Vec::new();
    for (index, mount) in container.mounts.iter().enumerate() {
        let path = top("mounts").index(index);
        let target = mount.destination.trim_end_matches('/');
        refuse(targets.contains(&target), &path.key("destination"), {
            Fault::Rule("another mount is there already")
        });
        targets.push(target);
        for (key, fault) in mount_faults(mount) {
            let path = key.split('.').fold(path.clone(), |path, step| {
                step.parse()
                    .map_or_else(|_| path.key(step), |at| path.index(at))
            });
            refuse(true, &path, fault);
        }
    }
    let mut devices = Vec::new();
    for (index, device) in container.devices.iter().enumerate() {
        let at = top("devices").index(index);
        let good = device.path.starts_with("/dev/") && is_plain(&device.path);
        let path = at.key("path");
        refuse(!good, &path, Fault::BadValue("a path below /dev"));
        let twice = devices.contains(&&device.path);
        refuse(twice, &path, Fault::Rule("the device is there already"));
        devices.push(&device.path);
        let wrong = DeviceAccess::parse(&device.access).is_none();
        refuse(wrong, &at.key("access"), Fault::BadValue("rw or r"));
    }
    faults
}

/// What is wrong with a mount; steps of the path have dots between them.
fn mount_faults(mount: &ContainerMount) -> Vec<(String, Fault)> {
    let mut faults = Vec::new();
    let mut refuse = |key: &str, fault| faults.push((key.to_owned(), fault));
    let target = &mount.destination;
    if target.is_empty() {
        refuse("destination", Fault::Missing);
    } else if !is_plain(target) || target.trim_matches('/').is_empty() {
        let what = "an absolute path without .., below /";
        refuse("destination", Fault::BadValue(what));
    }
    let more = match mount.kind.as_str() {
        "" | "bind" => {
            if mount.source.is_empty() {
                refuse("source", Fault::Missing);
            } else if !is_plain(&mount.source) {
                refuse("source", Fault::BadValue("an absolute path without .."));
            }
            BIND_OPTIONS
        }
        "tmpfs" => {
            if !mount.source.is_empty() && mount.source != "tmpfs" {
                refuse("source", Fault::Rule("a tmpfs shows nothing of the node"));
            }
            MEMORY_OPTIONS
        }
        _ => {
            refuse("type", Fault::BadValue("bind or tmpfs"));
            return faults;
        }
    };
    for (index, option) in mount.options.iter().enumerate() {
        let is_more = more.iter().any(|known| match known.strip_suffix('=') {
            Some(name) => option.split_once('=').is_some_and(|(key, value)| {
                key == name && !value.is_empty() && !value.contains([',', '\0', ' '])
            }),
            None => option == known,
        });
        if !is_more && !OPTIONS.contains(&option.as_str()) {
            let what = "ro, rw, nosuid, nodev, noexec, noatime; rbind for bind; size=, mode= and \
                        nr_inodes= for tmpfs";
            refuse(&format!("options.{index}"), Fault::BadValue(what));
        }
    }
    faults
}

/// Whether a path is absolute, goes nowhere upwards and holds no control character.
fn is_plain(path: &str) -> bool {
    path.starts_with('/')
        && path.split('/').all(|part| part != "..")
        && !path.contains(char::is_control)
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= NAME_MAX && !name.starts_with('-') && name.bytes().all(fits)
}

fn is_user(who: &str) -> bool {
    if who.bytes().all(|byte| byte.is_ascii_digit()) {
        // The container has as many users as the node maps for it.
        return who.parse::<u16>().is_ok();
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    who.len() <= 32 && !who.starts_with('-') && who.chars().all(fits)
}

/// Whether a text can be the reference of an image: `[host[:port]/]path[:tag][@sha256:…]`. What its parts
/// mean is the puller's to say.
fn is_reference(text: &str) -> bool {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let good_digest = digest.is_none_or(|digest| {
        digest
            .strip_prefix("sha256:")
            .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_hex))
    });
    let (folder, last) = match name.rsplit_once('/') {
        Some((folder, last)) => (Some(folder), last),
        None => (None, name),
    };
    let (last, tag) = match last.split_once(':') {
        Some((last, tag)) => (last, Some(tag)),
        None => (last, None),
    };
    let good_tag = tag.is_none_or(|tag| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        !tag.is_empty() && tag.len() <= 128 && !tag.starts_with(['-', '.']) && tag.chars().all(fits)
    });
    let is_part = |part: &str| {
        let fits =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
        let ends =
            |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        part.chars().all(fits) && ends(part.chars().next()) && ends(part.chars().next_back())
    };
    let is_host = |part: &str| {
        let (host, port) = part.rsplit_once(':').unwrap_or((part, "1"));
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let starts = host.starts_with(|c: char| c.is_ascii_alphanumeric());
        let is_address = host.starts_with('[')
            && host.ends_with(']')
            && host
                .trim_matches(['[', ']'])
                .parse::<core::net::Ipv6Addr>()
                .is_ok();
        (is_address || (starts && host.chars().all(fits)))
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let folders: Vec<&str> = folder.into_iter().flat_map(|all| all.split('/')).collect();
    let good_folders = folders
        .iter()
        .enumerate()
        .all(|(at, part)| is_part(part) || (at == 0 && is_host(part)));
    text.len() <= REFERENCE_MAX && good_digest && good_tag && good_folders && is_part(last)
}

#[cfg(test)]
mod tests {
    use super::is_reference;

    #[test]
    fn references_are_told_from_other_text() {
        let digest = "a".repeat(64);
        for good in [
            "busybox".to_owned(),
            "busybox:1.36".to_owned(),
            "library/busybox".to_owned(),
            "docker.io/library/busybox:1.36.1-musl".to_owned(),
            "10.0.2.2:5000/a/b_c/d.e:V1".to_owned(),
            "[2001:db8::1]:5000/a".to_owned(),
            "localhost/a".to_owned(),
            format!("ghcr.io/a/b:v1@sha256:{digest}"),
            format!("a@sha256:{digest}"),
        ] {
            assert!(is_reference(&good), "{good}");
        }
        for bad in [
            String::new(),
            "Busybox".to_owned(),
            "a b".to_owned(),
            "a//b".to_owned(),
            "/a".to_owned(),
            "a/".to_owned(),
            "a:".to_owned(),
            "a:.b".to_owned(),
            "a:b:c".to_owned(),
            "../a".to_owned(),
            "host:0/a".to_owned(),
            "host:99999/a".to_owned(),
            "http://host/a".to_owned(),
            "a@sha256:abc".to_owned(),
            format!("a@sha512:{digest}"),
            format!("a@sha256:{}", digest.to_uppercase()),
            format!("{}a", "a/".repeat(300)),
            "a\n".to_owned(),
        ] {
            assert!(!is_reference(&bad), "{bad:?}");
        }
    }
}
