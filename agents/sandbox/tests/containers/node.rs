// SPDX-License-Identifier: MPL-2.0
//! A node for one test: a mount namespace with a folder in memory, and a root for containers.
//!
//! Owns: what is mounted in it.
//! Never: lets a mount get to the host.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proto::container::{Access, Attributes, Container, Kind, Missing, Mount, Propagation, Travel};
use proto::service::{Seccomp, ServiceSpec};
use sys::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use sys::thread::UnshareFlags;

use crate::sandboxed::{Folder, Outcome, Running, run, shell, start};

/// `CAP_SYS_MODULE` and `CAP_SYS_BOOT`.
pub(crate) const NEVER: u64 = 1 << 16 | 1 << 22;

/// The mount namespace of a test's thread. It ends with the thread.
pub(crate) struct Node {
    folder: Folder,
    root: String,
    /// Where the host keeps programs, as mounts of every container.
    programs: Vec<&'static str>,
}

impl Node {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        sys::spawn::unshare(UnshareFlags::NEWNS).unwrap();
        // The host's propagation ends here; what is below is as on a node.
        travel(
            "/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        );
        travel(
            "/",
            MountPropagationFlags::SHARED | MountPropagationFlags::REC,
        );
        mount_tmpfs("node", folder.path());
        let root = format!("{}/root", folder.path());
        std::fs::create_dir(&root).unwrap();
        let mut programs = vec!["/usr"];
        for place in ["/bin", "/lib", "/lib64"] {
            match std::fs::read_link(place) {
                Ok(target) => {
                    let place = place.trim_start_matches('/');
                    std::os::unix::fs::symlink(target, Path::new(&root).join(place)).unwrap();
                }
                Err(_) => programs.push(place),
            }
        }
        Self {
            folder,
            root,
            programs,
        }
    }

    /// The folder that is the container's root.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// A path inside the container's root, as the node sees it.
    pub(crate) fn in_root(&self, path: &str) -> PathBuf {
        Path::new(&self.root).join(path)
    }

    /// A path of the node's folder.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder.path())
    }

    /// A new folder of the node.
    pub(crate) fn make(&self, name: &str) -> String {
        self.folder.with(&[name]);
        self.path(name)
    }

    /// A container with nothing but a line for the shell: what extension services get.
    pub(crate) fn container<'a>(&'a self, line: &'a str) -> ServiceSpec<'a> {
        let mut spec = shell(line);
        spec.root = &self.root;
        spec.seccomp = Seccomp::Unconfined;
        spec.capabilities = ((1 << 41) - 1) & !NEVER;
        spec.env.push("PATH=/usr/bin:/usr/sbin").unwrap();
        spec.container = Some(Container::of_folder());
        spec
    }

    /// Starts a container with the host's programs behind its own mounts.
    pub(crate) fn start(&self, spec: &ServiceSpec<'_>) -> Running {
        start(&self.with_programs(spec))
    }

    /// Runs a container, and finds that nothing is left of it.
    pub(crate) fn run(&self, spec: &ServiceSpec<'_>) -> Outcome {
        let (mounts, files) = (mountinfo(), self.files_of_root());

        let outcome = run(&self.with_programs(spec));

        assert_eq!(mountinfo(), mounts, "mounts of the node: {outcome:?}");
        assert_eq!(self.files_of_root(), files, "the source: {outcome:?}");
        outcome
    }

    /// A description with the host's programs behind its own mounts.
    pub(crate) fn with_programs<'a>(&self, spec: &ServiceSpec<'a>) -> ServiceSpec<'a> {
        let mut spec = spec.clone();
        for place in &self.programs {
            let mount = Mount::bind(place, place, Access::ReadOnly);
            let missing = Missing::IsMade;
            spec.mounts.push(Mount { missing, ..mount }).unwrap();
        }
        spec
    }

    fn files_of_root(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut left = vec![PathBuf::from(&self.root)];
        while let Some(folder) = left.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().unwrap().is_dir() {
                    left.push(entry.path());
                }
                found.insert(entry.path());
            }
        }
        found
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Then the empty folder of the host can go.
        let _ = sys::mount::unmount(self.folder.path(), UnmountFlags::DETACH);
    }
}

/// What is mounted in the namespace of this thread.
pub(crate) fn mountinfo() -> String {
    std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap()
}

/// Mounts memory on the node.
pub(crate) fn mount_tmpfs(source: &str, at: &str) {
    sys::mount::mount(source, at, "tmpfs", MountFlags::empty(), None).unwrap();
}

/// Says how mounts of the node travel.
pub(crate) fn travel(path: &str, flags: MountPropagationFlags) {
    sys::mount::mount_change(path, flags).unwrap();
}

pub(crate) fn unmount(path: &str) {
    sys::mount::unmount(path, UnmountFlags::DETACH).unwrap();
}

/// A mount as an extension service describes one.
pub(crate) const fn described<'a>(source: &'a str, target: &'a str, kind: Kind<'a>) -> Mount<'a> {
    Mount {
        source,
        target,
        kind,
        attributes: Attributes::NONE,
        below: Attributes::NONE,
        propagation: None,
        missing: Missing::IsMade,
    }
}

/// A file system as an extension service describes one.
pub(crate) const fn file_system<'a>(name: &'a str, options: &'a str) -> Kind<'a> {
    Kind::FileSystem {
        name,
        flags: 0,
        options,
    }
}

/// Attributes to be set.
pub(crate) const fn set(set: u32) -> Attributes {
    Attributes { set, clear: 0 }
}

/// Where the mounts of a mount and of all below it travel to.
pub(crate) const fn all(kind: Travel) -> Option<Propagation> {
    Some(Propagation { kind, below: true })
}
