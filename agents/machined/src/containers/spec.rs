// SPDX-License-Identifier: MPL-2.0
//! A container as init is told about it.
//!
//! Owns: what a document and an image mean together, and the profiles.
//! Never: reads a file, or gives a right that the profile does not have.

use config::{
    ContainerMountSpec, ContainerNetwork, ContainerRestart, ContainerSpec, DeviceAccess, Profile,
};
use proto::container::{
    Access, Container, DEVICES_MAX, Device, Kind, Missing, Mount, Network, USUAL_CAPABILITIES,
    Users,
};
use proto::heapless;
use proto::service::{ARGS_MAX, ENV_MAX, MOUNTS_MAX, Ready, Restart, Seccomp, ServiceSpec};

use super::PREFIX;
use super::fetch::Image;
use crate::extensions::mount::Described as MountOf;
use crate::extensions::security;
use crate::extensions::spec::{CAPABILITIES, Limits, OOM_SCORE_ADJ, merge};

/// The path that programs of an image without one are found along.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How names are found: what every container of the node's network needs of it.
const NODE_FILES: [&str; 2] = ["/etc/hosts", "/etc/resolv.conf"];
/// The memory for `/tmp` of a root that cannot be written, which programs expect to be there.
const TMP: &str = "/tmp";
/// The microseconds of a thousandth of a processor in each 100 ms.
const MICROS_OF_MILLI: u32 = 100;
/// The least that a control group can be given, in microseconds.
const CPU_MIN_US: u32 = 1000;

/// Everything that a description borrows.
#[derive(Debug)]
pub(super) struct Described {
    id: String,
    image: Image,
    spec: ContainerSpec,
    first: u32,
    limits: Limits,
    environment: Vec<String>,
    mounts: Vec<MountOf>,
}

/// Puts together what a container is.
///
/// # Errors
/// An option of a mount cannot be done.
pub(super) fn describe(
    spec: &ContainerSpec,
    image: &Image,
    first: u32,
    limits: Limits,
) -> Result<Described, String> {
    let own = [PATH.to_owned()];
    let environment = merge(&[&own, &image.environment, &spec.environment]);
    let mut mounts = Vec::new();
    let is_there = |path: &str| {
        let mut targets = spec.mounts.iter().map(|mount| mount.destination.as_str());
        targets.any(|target| target.trim_end_matches('/') == path)
    };
    if !spec.writable_root && !is_there(TMP) {
        let options = ["nosuid", "nodev", "mode=1777"].map(str::to_owned);
        mounts.push(memory(TMP, &options, spec, first)?);
    }
    for (index, mount) in spec.mounts.iter().enumerate() {
        let made = mount_of(mount, spec, first);
        mounts.push(made.map_err(|reason| format!("mounts[{index}]: {reason}"))?);
    }
    Ok(Described {
        id: format!("{PREFIX}{}", spec.name),
        environment: environment.into_iter().map(str::to_owned).collect(),
        mounts,
        image: image.clone(),
        spec: spec.clone(),
        first,
        limits,
    })
}

fn mount_of(
    mount: &ContainerMountSpec,
    spec: &ContainerSpec,
    first: u32,
) -> Result<MountOf, String> {
    if mount.source.is_empty() {
        return memory(&mount.destination, &mount.options, spec, first);
    }
    let options = [vec!["bind".to_owned()], mount.options.clone()].concat();
    let (source, target) = (mount.source.clone(), mount.destination.clone());
    MountOf::new(source, target, "bind", &options).map_err(|(_, reason)| reason)
}

/// A file system in memory that belongs to the container's root.
fn memory(
    target: &str,
    options: &[String],
    spec: &ContainerSpec,
    first: u32,
) -> Result<MountOf, String> {
    let mut options = options.to_vec();
    if spec.profile == Profile::Default {
        // Numbers in options are the node's.
        options.push(format!("uid={first}"));
        options.push(format!("gid={first}"));
    }
    let made = MountOf::new("tmpfs".to_owned(), target.to_owned(), "tmpfs", &options);
    made.map_err(|(_, reason)| reason)
}

impl Described {
    /// Calls `with` with what init is to be told.
    ///
    /// # Errors
    /// It is more than init can be told.
    pub(super) fn with_spec<R>(
        &self,
        with: impl FnOnce(ServiceSpec<'_>) -> R,
    ) -> Result<R, String> {
        let spec = &self.spec;
        let from_node = self.files_of_node();
        for (key, count, max) in [
            ("args", self.image.args.len(), ARGS_MAX),
            ("environment", self.environment.len(), ENV_MAX),
            (
                "mounts",
                self.mounts.len().saturating_add(from_node.len()),
                MOUNTS_MAX,
            ),
            ("devices", spec.devices.len(), DEVICES_MAX),
        ] {
            if count > max {
                return Err(format!(
                    "{key}: has {count} entries, at most {max} are possible"
                ));
            }
        }
        let mut told = ServiceSpec::new(&self.id, &self.image.program);
        told.args = self.image.args.iter().map(String::as_str).collect();
        told.env = self.environment.iter().map(String::as_str).collect();
        told.uid = self.image.uid;
        told.gid = self.image.gid;
        told.memory_max = spec.memory_max.unwrap_or(self.limits.memory_max);
        told.pids_max = spec.pids_max.unwrap_or(self.limits.pids_max);
        told.cpu_max_us = spec.milli_cpus.map_or(0, |milli| {
            milli.saturating_mul(MICROS_OF_MILLI).max(CPU_MIN_US)
        });
        told.oom_score_adj = OOM_SCORE_ADJ;
        told.restart = match spec.restart {
            ContainerRestart::Always => Restart::Always,
            ContainerRestart::UntilSuccess => Restart::UntilSuccess,
            ContainerRestart::Never => Restart::Never,
        };
        told.ready = Ready::OnExec;
        told.root = &self.image.path;
        told.mounts = from_node
            .into_iter()
            .chain(self.mounts.iter().map(MountOf::lower))
            .collect();
        (told.seccomp, told.capabilities) = match spec.profile {
            Profile::Default => (Seccomp::Container, USUAL_CAPABILITIES),
            Profile::Privileged => (Seccomp::Unconfined, CAPABILITIES),
        };
        told.container = Some(self.container());
        Ok(with(told))
    }

    fn container(&self) -> Container<'_> {
        let spec = &self.spec;
        let mut container = Container {
            writable_root: spec.writable_root,
            masked: security::MASKED.into_iter().collect(),
            read_only: security::READ_ONLY.into_iter().collect(),
            groups: self.image.groups.iter().copied().collect(),
            working_folder: &self.image.working_folder,
            devices: self.devices(),
            network: match spec.network {
                ContainerNetwork::Host => Network::Node,
                ContainerNetwork::None => Network::Alone,
            },
            ..Container::of_image(self.first)
        };
        match spec.profile {
            Profile::Default => {}
            Profile::Privileged => {
                container.users = Users::Node;
                container.no_new_privileges = false;
            }
        }
        if spec.network == ContainerNetwork::None {
            container.hostname = &spec.name;
        }
        container
    }

    fn devices(&self) -> heapless::Vec<Device<'_>, DEVICES_MAX> {
        let devices = self.spec.devices.iter();
        devices
            .map(|(path, access)| Device {
                source: path,
                target: path,
                access: match access {
                    DeviceAccess::ReadOnly => proto::container::DeviceAccess::Read,
                    DeviceAccess::ReadWrite => proto::container::DeviceAccess::ReadWrite,
                },
            })
            .collect()
    }

    /// The files of the node that a container of its network sees, unless it has others there.
    fn files_of_node(&self) -> Vec<Mount<'static>> {
        if self.spec.network == ContainerNetwork::None {
            return Vec::new();
        }
        let mounts = &self.spec.mounts;
        let is_there = |path: &str| {
            let mut targets = mounts.iter().map(|mount| mount.destination.as_str());
            targets.any(|target| target == path || target.trim_end_matches('/') == "/etc")
        };
        let files = NODE_FILES.into_iter().filter(|path| !is_there(path));
        files
            .map(|path| Mount {
                kind: Kind::Bind,
                missing: Missing::IsMade,
                ..Mount::bind(path, path, Access::ReadOnly)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::container;

    const LIMITS: (u64, u32) = (1 << 26, 100);

    fn image() -> Image {
        Image {
            path: "/var/lib/ichor/images/a.sqsh".to_owned(),
            program: "/bin/httpd".to_owned(),
            args: vec!["-f".to_owned()],
            environment: vec!["A=image".to_owned(), "PATH=/bin".to_owned()],
            working_folder: "/srv".to_owned(),
            lowest_port: 80,
            uid: 101,
            gid: 102,
            groups: vec![44],
        }
    }

    fn told<R>(more: &str, with: impl FnOnce(ServiceSpec<'_>) -> R) -> Result<R, String> {
        let limits = Limits::of(LIMITS.0 << 1);
        describe(&container(more), &image(), 0x10_0000, limits)?.with_spec(with)
    }

    #[test]
    fn a_container_has_users_of_its_own_few_rights_and_a_root_that_stays() {
        told("environment: [A=own]\n", |spec| {
            assert_eq!(
                (spec.name, spec.path, spec.root),
                ("ctr-web", "/bin/httpd", "/var/lib/ichor/images/a.sqsh")
            );
            assert_eq!(spec.env.as_slice(), ["PATH=/bin", "A=own"]);
            assert_eq!((spec.uid, spec.gid), (101, 102));
            assert_eq!(spec.seccomp, Seccomp::Container);
            assert_eq!(spec.capabilities, USUAL_CAPABILITIES);
            assert_eq!(spec.memory_max, LIMITS.0);
            assert_eq!(spec.cpu_max_us, 0);
            let container = spec.container.unwrap();
            assert_eq!(container.users, Users::Own { first: 0x10_0000 });
            assert!(container.no_new_privileges && !container.writable_root);
            assert_eq!(container.working_folder, "/srv");
            assert_eq!(container.groups.as_slice(), [44]);
            assert_eq!(container.network, Network::Node);
            assert!(container.masked.contains(&"/proc/kcore"));
            let targets: Vec<&str> = spec.mounts.iter().map(|mount| mount.target).collect();
            assert_eq!(targets, ["/etc/hosts", "/etc/resolv.conf", "/tmp"]);
        })
        .unwrap();
    }

    #[test]
    fn every_key_reaches_init() {
        let more = "mounts:\n  - {source: /var/a, destination: /a, options: [ro]}\n  - {destination: /tmp, \
                    type: tmpfs, options: [size=1m]}\ndevices: [{path: /dev/ttyS0, access: r}]\nresources: \
                    {limits: {memory: 8MiB, cpus: 0.25, pids: 7}}\nrestart: untilSuccess\nnetwork: none\n";
        told(more, |spec| {
            assert_eq!(
                (spec.memory_max, spec.cpu_max_us, spec.pids_max),
                (8 << 20, 25_000, 7)
            );
            assert_eq!(spec.restart, Restart::UntilSuccess);
            let container = spec.container.unwrap();
            assert_eq!(
                (container.network, container.hostname),
                (Network::Alone, "web")
            );
            let device = container.devices.first().unwrap();
            assert_eq!(
                (device.source, device.access),
                ("/dev/ttyS0", proto::container::DeviceAccess::Read)
            );
            let [bind, tmp] = spec.mounts.as_slice() else {
                panic!("{:?}", spec.mounts);
            };
            assert_eq!(
                (bind.source, bind.target, bind.kind),
                ("/var/a", "/a", Kind::Bind)
            );
            assert_eq!(bind.attributes.set, proto::container::Attributes::RDONLY);
            let Kind::FileSystem { name, options, .. } = tmp.kind else {
                panic!("{tmp:?}");
            };
            assert_eq!(
                (name, options),
                ("tmpfs", "size=1m,uid=1048576,gid=1048576")
            );
        })
        .unwrap();
    }

    #[test]
    fn a_privileged_container_is_as_an_extension_service() {
        told(
            "security: {profile: privileged, writableRoot: true}\n",
            |spec| {
                assert_eq!(spec.seccomp, Seccomp::Unconfined);
                // SYS_ADMIN, but neither SYS_MODULE nor SYS_BOOT.
                assert_eq!(spec.capabilities & (1 << 21 | 1 << 16 | 1 << 22), 1 << 21);
                let container = spec.container.unwrap();
                assert_eq!(container.users, Users::Node);
                assert!(!container.no_new_privileges && container.writable_root);
            },
        )
        .unwrap();
    }

    #[test]
    fn the_smallest_part_of_a_processor_is_what_the_kernel_takes() {
        told("resources: {limits: {cpus: 1m}}\n", |spec| {
            assert_eq!(spec.cpu_max_us, 1000);
        })
        .unwrap();
    }

    #[test]
    fn too_much_for_init_is_refused_by_its_key() {
        let mut mounts = String::from("mounts:\n");
        for number in 0..15 {
            mounts.push_str(&format!("  - {{source: /a, destination: /m{number}}}\n"));
        }
        let refused = told(&mounts, |_| ()).unwrap_err();
        assert_eq!(refused, "mounts: has 18 entries, at most 16 are possible");
    }
}
