// SPDX-License-Identifier: MPL-2.0
//! Which descriptions can be ones of a service at all.
//!
//! Owns: what is refused before anything is made of it.
//! Never: asks the kernel; what is only wrong on this node fails at the start, with its stage.

use proto::container::{Container, Device, HOSTNAME_MAX, Kind as MountKind, Mount, Source};
use proto::service::{Seccomp, ServiceSpec};

use super::registry::is_good_name;

/// Whether a description can be one of a service at all.
pub(super) fn is_good(spec: &ServiceSpec<'_>) -> bool {
    let good_mount = |mount: &Mount<'_>| is_source(mount) && is_absolute(mount.target);
    is_good_name(spec.name)
        && is_program(spec)
        && (spec.root.is_empty() || is_absolute(spec.root))
        && spec.mounts.iter().all(good_mount)
        && match &spec.container {
            Some(container) => is_good_container(spec, container),
            // Its table of calls is for programs that have nothing of the node.
            None => {
                spec.seccomp != Seccomp::Container && spec.uid != u32::MAX && spec.gid != u32::MAX
            }
        }
        // The kernel takes no less.
        && (spec.cpu_max_us == 0 || spec.cpu_max_us >= 1_000)
        && (-1000..=1000).contains(&spec.oom_score_adj)
}

/// Whether a container can be made of its description.
fn is_good_container(spec: &ServiceSpec<'_>, container: &Container<'_>) -> bool {
    let mut protected = container.masked.iter().chain(&container.read_only);
    let mut groups = container.groups.iter().chain([&spec.uid, &spec.gid]);
    let folder = spec.root.rsplit_once('/').map_or("", |(folder, _)| folder);
    // Its root is laid over a folder and made full of mounts: neither can be the node's. For an
    // image it is the folder that holds it.
    is_below_top(spec.root)
        && (container.source == Source::Folder || is_below_top(folder))
        && spec.mounts.iter().all(|mount| is_below_top(mount.target))
        && protected.all(|path| is_absolute(path))
        && container.users.is_good()
        && groups.all(|id| container.users.has(*id))
        && (container.working_folder.is_empty() || is_absolute(container.working_folder))
        && container.hostname.len() <= HOSTNAME_MAX
        && !container.hostname.contains('\0')
        && container.devices.iter().all(is_good_device)
}

/// Whether a device can be given. Devices work below `/dev` only.
fn is_good_device(device: &Device<'_>) -> bool {
    is_absolute(device.source)
        && is_below_top(device.target)
        && device.target.starts_with("/dev/")
        && !device.target.ends_with('/')
}

/// Whether the program can be found: an image's may be a name or lie beside the working folder.
fn is_program(spec: &ServiceSpec<'_>) -> bool {
    match &spec.container {
        Some(container) if container.source == Source::Image => {
            !spec.path.is_empty() && !spec.path.contains('\0')
        }
        Some(_) | None => is_absolute(spec.path),
    }
}

fn is_absolute(path: &str) -> bool {
    path.starts_with('/') && !path.contains('\0')
}

/// Whether a path leads from the topmost folder downwards.
fn is_below_top(path: &str) -> bool {
    let mut names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    is_absolute(path) && names.clone().next().is_some() && names.all(|name| name != "..")
}

/// Whether a mount can be made of its source at all.
fn is_source(mount: &Mount<'_>) -> bool {
    let good = |text: &str| !text.contains('\0');
    match mount.kind {
        MountKind::Bind | MountKind::BindTree => is_absolute(mount.source),
        MountKind::FileSystem { name, options, .. } => {
            !name.is_empty() && good(name) && good(options) && good(mount.source)
        }
    }
}

#[cfg(test)]
mod tests {
    use heapless::Vec;
    use proto::container::{Access, Container, Device, DeviceAccess, Kind, Mount, Users};
    use proto::service::{Seccomp, ServiceSpec};

    use super::is_good;

    #[test]
    fn descriptions_that_could_escape_are_refused() {
        let good = ServiceSpec::new("a", "/a");
        assert!(is_good(&good));

        let mut stays_root = good.clone();
        stays_root.uid = u32::MAX;
        let mut relative = good.clone();
        relative.path = "a";
        let mut relative_root = good.clone();
        relative_root.root = "../x";
        let mut cut = good.clone();
        cut.path = "/a\0b";
        let mut score = good.clone();
        score.oom_score_adj = -1001;
        for spec in [stays_root, relative, relative_root, cut, score] {
            assert!(!is_good(&spec), "{spec:?}");
        }
    }

    #[test]
    fn mounts_that_no_kernel_could_make_are_refused() {
        let file_system = |name, options| Mount {
            kind: Kind::FileSystem {
                name,
                flags: 0,
                options,
            },
            ..Mount::bind("own", "/a", Access::ReadWrite)
        };
        let bind = |source, target| Mount::bind(source, target, Access::ReadOnly);
        for (mount, expected) in [
            (bind("/a", "/b"), true),
            (bind("/", "/b"), true),
            (file_system("tmpfs", "size=1m"), true),
            (bind("a", "/b"), false),
            (bind("", "/b"), false),
            (bind("/a", "b"), false),
            (bind("/a\0c", "/b"), false),
            (bind("/a", "/b\0c"), false),
            (file_system("", ""), false),
            (file_system("tmpfs\0", ""), false),
            (file_system("tmpfs", "size=1m\0"), false),
        ] {
            let mut spec = ServiceSpec::new("a", "/a");
            spec.mounts.push(mount).unwrap();
            assert_eq!(is_good(&spec), expected, "{mount:?}");
        }
    }

    #[test]
    fn ext_02_containers_need_a_root_that_is_not_the_nodes() {
        let with = |root, target, path| {
            let mut spec = ServiceSpec::new("a", "/a");
            spec.root = root;
            let mount = Mount::bind("/a", target, Access::ReadOnly);
            spec.mounts.push(mount).unwrap();
            spec.container = Some(Container {
                masked: Vec::from_slice(&[path]).unwrap(),
                read_only: Vec::from_slice(&[path]).unwrap(),
                ..Container::of_folder()
            });
            spec
        };
        for (root, target, path, expected) in [
            ("/image", "/b", "/proc/keys", true),
            ("", "/b", "/proc/keys", false),
            ("/", "/b", "/proc/keys", false),
            ("//./", "/b", "/proc/keys", false),
            ("/image/..", "/b", "/proc/keys", false),
            ("image", "/b", "/proc/keys", false),
            ("/image\0", "/b", "/proc/keys", false),
            ("/image", "/", "/proc/keys", false),
            ("/image", "/b/..", "/proc/keys", false),
            ("/image", "/b", "proc/keys", false),
            ("/image", "/b", "/proc\0", false),
        ] {
            let spec = with(root, target, path);
            assert_eq!(is_good(&spec), expected, "{spec:?}");
        }
    }

    /// A container of an image, changed.
    fn of_image(change: impl FnOnce(&mut ServiceSpec<'static>)) -> bool {
        let mut spec = ServiceSpec::new("a", "/a");
        spec.root = "/images/a";
        spec.seccomp = Seccomp::Container;
        spec.container = Some(Container::of_image(Users::FIRST));
        change(&mut spec);
        is_good(&spec)
    }

    fn in_container(change: impl FnOnce(&mut Container<'static>)) -> bool {
        of_image(|spec| change(spec.container.as_mut().unwrap()))
    }

    fn with_device(source: &'static str, target: &'static str) -> bool {
        let access = DeviceAccess::Read;
        in_container(|it| {
            it.devices = Vec::from_slice(&[Device {
                source,
                target,
                access,
            }])
            .unwrap();
        })
    }

    #[test]
    fn containers_of_images_that_could_be_more_than_told_are_refused() {
        assert!(of_image(|_| {}));
        assert!(of_image(|spec| spec.uid = Users::COUNT - 1));
        assert!(of_image(|spec| spec.cpu_max_us = 1_000));
        assert!(of_image(|spec| spec.path = "nginx"));
        assert!(in_container(|it| it.working_folder = "/srv"));
        assert!(with_device("/dev/ttyS0", "/dev/modem"));

        for (accepted, what) in [
            (
                of_image(|spec| spec.root = "/a"),
                "an image in the topmost folder",
            ),
            (
                of_image(|spec| spec.root = "//a"),
                "an image in the topmost folder",
            ),
            (
                of_image(|spec| spec.uid = Users::COUNT),
                "a user that it has not",
            ),
            (
                of_image(|spec| spec.gid = u32::MAX),
                "a group that it has not",
            ),
            (of_image(|spec| spec.cpu_max_us = 999), "too little time"),
            (of_image(|spec| spec.path = ""), "no program"),
            (
                of_image(|spec| spec.container = None),
                "its calls without a container",
            ),
            (
                in_container(|it| it.users = Users::Own { first: 0 }),
                "the node's users",
            ),
            (
                in_container(|it| it.users = Users::Own { first: 7 }),
                "users of two",
            ),
            (
                in_container(|it| it.groups = Vec::from_slice(&[1 << 16]).unwrap()),
                "a group",
            ),
            (
                in_container(|it| it.working_folder = "srv"),
                "a folder from nowhere",
            ),
            (in_container(|it| it.hostname = "a\0b"), "a cut name"),
            (with_device("ttyS0", "/dev/a"), "a device from nowhere"),
            (with_device("/dev/ttyS0", "/tmp/a"), "a device elsewhere"),
            (with_device("/dev/ttyS0", "/dev/../a"), "a device elsewhere"),
            (
                with_device("/dev/ttyS0", "/dev/"),
                "a device without a name",
            ),
        ] {
            assert!(!accepted, "{what}");
        }
    }
}
