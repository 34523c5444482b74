// SPDX-License-Identifier: MPL-2.0
//! An extension service as init is told about it.
//!
//! Owns: what every extension service is given, and the limits of what init can be told.
//! Never: reads files.

use proto::heapless;
use proto::service::{ARGS_MAX, ENV_MAX, MOUNTS_MAX, Ready, Seccomp, ServiceSpec};

use super::description::Extension;
use super::mount::Described;
use super::read::{Refused, refused};
use super::{PREFIX, ROOTS};

/// The most processes that one may have on the largest machine.
const PIDS_MAX: u64 = 4096;
/// As much memory as a process takes at least, with what the kernel keeps for it.
const PROCESS_BYTES: u64 = 256 * 1024;
/// The documents' number.
pub(crate) const OOM_SCORE_ADJ: i16 = -600;
/// Loading kernel modules, and `reboot`: what no service is for (`CAP_SYS_MODULE`,
/// `CAP_SYS_BOOT`).
const NEVER: u64 = 1 << 16 | 1 << 22;
/// All others: extension services are privileged (41 are known to Linux 6.12).
pub(crate) const CAPABILITIES: u64 = ((1 << 41) - 1) & !NEVER;

/// How much of the machine one service may take. What is left must be enough for the node: when
/// the machine itself is out of memory, the kernel throws out the pages of programs that run, the
/// agents' own among them, long before it ends anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Memory in bytes.
    pub(crate) memory_max: u64,
    /// Processes.
    pub(crate) pids_max: u32,
}

impl Limits {
    /// Those of a machine with so much memory, in bytes: half of it, and as many processes as fit
    /// into that half. 0 is not known: then the service has none.
    pub(crate) fn of(memory: u64) -> Self {
        let memory_max = memory / 2;
        let pids = (memory_max / PROCESS_BYTES).min(PIDS_MAX);
        Self {
            memory_max,
            pids_max: u32::try_from(pids).unwrap_or(0),
        }
    }
}

/// What comes to a description from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Additions {
    /// From its environment file; the description's own counts more.
    pub from_file: Vec<String>,
    /// From its `ExtensionServiceConfig`; counts most.
    pub environment: Vec<String>,
    /// From its `ExtensionServiceConfig`.
    pub mounts: Vec<Described>,
}

impl Extension {
    /// The name that init and the API know it by.
    #[must_use]
    pub(crate) fn id(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }

    /// Calls `with` with what init is to be told.
    ///
    /// # Errors
    /// It is more than init can be told.
    pub(crate) fn with_spec<R>(
        &self,
        additions: &Additions,
        limits: Limits,
        with: impl FnOnce(ServiceSpec<'_>) -> R,
    ) -> Result<R, Refused> {
        let variables = merge(&[
            &additions.from_file,
            &self.environment,
            &additions.environment,
        ]);
        let mounts: Vec<&Described> = self.mounts.iter().chain(&additions.mounts).collect();
        for (key, count, max) in [
            ("container.args", self.args.len(), ARGS_MAX),
            ("container.environment", variables.len(), ENV_MAX),
            ("container.mounts", mounts.len(), MOUNTS_MAX),
        ] {
            if count > max {
                let reason = format!("has {count} entries, at most {max} are possible");
                return refused(key, reason);
            }
        }
        let id = self.id();
        let root = format!("{ROOTS}/{}", self.name);
        let mut spec = ServiceSpec::new(&id, &self.entrypoint);
        spec.args = collect(self.args.iter().map(String::as_str));
        spec.env = collect(variables.into_iter());
        spec.mounts = collect(mounts.into_iter().map(Described::lower));
        spec.capabilities = CAPABILITIES;
        spec.memory_max = limits.memory_max;
        spec.pids_max = limits.pids_max;
        spec.oom_score_adj = OOM_SCORE_ADJ;
        spec.restart = self.restart;
        spec.ready = Ready::OnExec;
        spec.seccomp = Seccomp::Unconfined;
        spec.root = &root;
        spec.container = Some(self.security.lower());
        Ok(with(spec))
    }
}

/// The variables of all lists, in order; the last of a name counts.
pub(crate) fn merge<'a>(lists: &[&'a [String]]) -> Vec<&'a str> {
    let mut merged: Vec<&str> = Vec::new();
    let name_of = |variable: &'a str| variable.split('=').next();
    for variable in lists.iter().copied().flatten() {
        merged.retain(|known| name_of(known) != name_of(variable));
        merged.push(variable);
    }
    merged
}

fn collect<T, const N: usize>(from: impl Iterator<Item = T>) -> heapless::Vec<T, N> {
    from.take(N).collect()
}

#[cfg(test)]
mod tests {
    use proto::service::Restart;

    use super::*;

    const LIMITS: Limits = Limits {
        memory_max: 1 << 26,
        pids_max: 100,
    };
    const HELLO: &str = "name: hello\ncontainer:\n  entrypoint: ./hello\n  args: [--once, '']\n  \
        environment: [A=b, C=own]\n  mounts:\n    - source: /run\n      destination: /host/run\n      \
        type: bind\n      options: [rbind, ro]\nrestart: never\nlogToConsole: true\n";

    #[test]
    fn ext_02_a_description_becomes_a_privileged_container() {
        let extension = Extension::parse(HELLO).unwrap();

        let told = extension.with_spec(&Additions::default(), LIMITS, |spec| {
            assert_eq!((spec.name, spec.path), ("ext-hello", "/hello"));
            assert_eq!(spec.root, "/usr/local/lib/containers/hello");
            assert_eq!(spec.args.as_slice(), ["--once", ""]);
            assert_eq!(spec.env.as_slice(), ["A=b", "C=own"]);
            assert_eq!(spec.restart, Restart::Never);
            assert_eq!(spec.mounts.first().unwrap().target, "/host/run");
            assert!(spec.container.is_some());
            assert_eq!(spec.seccomp, Seccomp::Unconfined);
            // SYS_ADMIN, but neither SYS_MODULE nor SYS_BOOT.
            assert_eq!(spec.capabilities & (1 << 21 | 1 << 16 | 1 << 22), 1 << 21);
            assert!(spec.memory_max > 0 && spec.pids_max > 0);
        });
        assert_eq!(told, Ok(()));
    }

    #[test]
    fn ext_05_16_environment_counts_more_than_its_file_and_configuration_most() {
        let extension = Extension::parse(HELLO).unwrap();
        let list = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let additions = Additions {
            from_file: list("C=file D=file E=file"),
            environment: list("E=configured"),
            mounts: Vec::new(),
        };

        let told = extension.with_spec(&additions, LIMITS, |spec| {
            assert_eq!(
                spec.env.as_slice(),
                ["D=file", "A=b", "C=own", "E=configured"]
            );
        });
        assert_eq!(told, Ok(()));
    }

    /// On a machine of 128 MiB a service of 1000 processes was killed for lack of memory, and one
    /// that took all memory stopped the node.
    #[test]
    fn a_service_may_take_half_of_the_machine() {
        const MIB: u64 = 1024 * 1024;
        for (memory, memory_max, pids_max) in [
            (109 * MIB, 109 * MIB / 2, 218),
            (1024 * MIB, 512 * MIB, 2048),
            (64 * 1024 * MIB, 32 * 1024 * MIB, 4096),
            (0, 0, 0),
        ] {
            let limits = Limits::of(memory);
            assert_eq!((limits.memory_max, limits.pids_max), (memory_max, pids_max));
        }
    }

    #[test]
    fn too_much_for_init_is_refused() {
        let many = format!("args: [{}]", "a, ".repeat(33));
        let extension = Extension::parse(&HELLO.replace("args: [--once, '']", &many)).unwrap();

        let refusal = extension
            .with_spec(&Additions::default(), LIMITS, |_| ())
            .unwrap_err();

        assert!(refusal.to_string().starts_with("container.args: has 33"));
    }
}
