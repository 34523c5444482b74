// SPDX-License-Identifier: MPL-2.0
//! The mount options of the OCI runtime specification ("Linux mount options"), as the kernel
//! takes them.
//!
//! Owns: what each option means, and what several together mean.
//! Never: passes an option on that it did not understand, but to the file system whose it may be.

use proto::container::{Attributes, Kind, Missing, Mount, Propagation, Travel};

/// A mount as it was described, its options read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    source: String,
    target: String,
    /// The type; empty for a bind mount.
    file_system: String,
    tree: bool,
    flags: u32,
    attributes: Attributes,
    below: Attributes,
    propagation: Option<Propagation>,
    /// What is left for the file system.
    options: String,
}

/// What one option does.
enum Does {
    /// Says that the source is bound; with what is below it, or without.
    Bind { tree: bool },
    /// Sets or clears attributes, of the mount or of all below it too.
    Attributes { change: Attributes, below: bool },
    /// Sets or clears flags of the file system.
    Flags { set: u32, clear: u32 },
    /// Says how mounts travel.
    Travel(Propagation),
    /// Changes nothing: it says what is so anyway.
    Nothing,
    /// Is known, and cannot be done here; why.
    Refused(&'static str),
    /// Is the file system's.
    Data,
}

/// `MS_*` of mount(2) that belong to the file system, not to the mount.
mod flag {
    pub(super) const RDONLY: u32 = 1;
    pub(super) const SYNCHRONOUS: u32 = 1 << 4;
    pub(super) const MANDLOCK: u32 = 1 << 6;
    pub(super) const DIRSYNC: u32 = 1 << 7;
    pub(super) const SILENT: u32 = 1 << 15;
    pub(super) const I_VERSION: u32 = 1 << 23;
    pub(super) const LAZYTIME: u32 = 1 << 25;
}

const fn set(bits: u32) -> Attributes {
    Attributes {
        set: bits,
        clear: 0,
    }
}

const fn clear(bits: u32) -> Attributes {
    Attributes {
        set: 0,
        clear: bits,
    }
}

/// A change of the field for access times, whose values exclude each other.
const fn time(value: u32) -> Attributes {
    Attributes {
        set: value,
        clear: Attributes::ATIME,
    }
}

/// What an option that may begin with `r` for "and all below" does to attributes.
fn attribute(option: &str) -> Option<Attributes> {
    use Attributes as A;
    Some(match option {
        "ro" => set(A::RDONLY),
        "rw" => clear(A::RDONLY),
        "nosuid" => set(A::NOSUID),
        "suid" => clear(A::NOSUID),
        "nodev" => set(A::NODEV),
        "dev" => clear(A::NODEV),
        "noexec" => set(A::NOEXEC),
        "exec" => clear(A::NOEXEC),
        "nodiratime" => set(A::NODIRATIME),
        "diratime" => clear(A::NODIRATIME),
        "nosymfollow" => set(A::NOSYMFOLLOW),
        "symfollow" => clear(A::NOSYMFOLLOW),
        "noatime" => time(A::NOATIME),
        "strictatime" => time(A::STRICTATIME),
        // The value 0, which is also what clearing another one leaves.
        "relatime" | "atime" | "norelatime" | "nostrictatime" => time(0),
        _ => return None,
    })
}

/// Reads one option.
fn meaning(option: &str) -> Does {
    let travel = |kind, below| Does::Travel(Propagation { kind, below });
    let on = |set| Does::Flags { set, clear: 0 };
    let off = |clear| Does::Flags { set: 0, clear };
    match option {
        "bind" => Does::Bind { tree: false },
        "rbind" => Does::Bind { tree: true },
        "private" => travel(Travel::Private, false),
        "rprivate" => travel(Travel::Private, true),
        "slave" => travel(Travel::Slave, false),
        "rslave" => travel(Travel::Slave, true),
        "shared" => travel(Travel::Shared, false),
        "rshared" => travel(Travel::Shared, true),
        "unbindable" => travel(Travel::Unbindable, false),
        "runbindable" => travel(Travel::Unbindable, true),
        "sync" => on(flag::SYNCHRONOUS),
        "async" => off(flag::SYNCHRONOUS),
        "dirsync" => on(flag::DIRSYNC),
        "mand" => on(flag::MANDLOCK),
        "nomand" => off(flag::MANDLOCK),
        "silent" => on(flag::SILENT),
        "loud" => off(flag::SILENT),
        "iversion" => on(flag::I_VERSION),
        "noiversion" => off(flag::I_VERSION),
        "lazytime" => on(flag::LAZYTIME),
        "nolazytime" => off(flag::LAZYTIME),
        "defaults" => Does::Nothing,
        "remount" => Does::Refused("nothing is mounted there yet"),
        "tmpcopyup" => Does::Refused("not supported: the root is in memory already"),
        "idmap" | "ridmap" => Does::Refused("not supported: the service has the node's users"),
        _ => {
            let below = option.strip_prefix('r').and_then(attribute);
            match (attribute(option), below) {
                // First: "ro" and "rw" begin with r themselves.
                (Some(change), _) => Does::Attributes {
                    change,
                    below: false,
                },
                (None, Some(change)) => Does::Attributes {
                    change,
                    below: true,
                },
                (None, None) => Does::Data,
            }
        }
    }
}

/// Lets `change` follow on what `so_far` holds: the later option counts.
fn follow(so_far: &mut Attributes, change: Attributes) {
    so_far.set = (so_far.set & !change.clear) | change.set;
    so_far.clear = (so_far.clear & !change.set) | change.clear;
    // The kernel takes a new access time only with the whole field cleared.
    if change.clear & Attributes::ATIME != 0 {
        so_far.clear |= Attributes::ATIME;
    }
}

impl Described {
    /// Reads the options of a mount.
    ///
    /// # Errors
    /// The place of an option that cannot be done, and why.
    pub(crate) fn new(
        source: String,
        target: String,
        file_system: &str,
        options: &[String],
    ) -> Result<Self, (usize, String)> {
        let mut described = Self {
            source,
            target,
            file_system: match file_system {
                // What runtimes take for a bind mount's type.
                "bind" | "none" => String::new(),
                name => name.to_owned(),
            },
            tree: false,
            flags: 0,
            attributes: Attributes::NONE,
            below: Attributes::NONE,
            propagation: None,
            options: String::new(),
        };
        let mut data = Vec::new();
        for (place, option) in options.iter().enumerate() {
            match meaning(option) {
                Does::Bind { tree } => {
                    described.file_system.clear();
                    described.tree |= tree;
                }
                Does::Attributes { change, below } => {
                    let known = if below {
                        &mut described.below
                    } else {
                        &mut described.attributes
                    };
                    follow(known, change);
                }
                Does::Flags { set, clear } => {
                    described.flags = (described.flags & !clear) | set;
                }
                Does::Travel(propagation) => described.propagation = Some(propagation),
                Does::Nothing => {}
                Does::Refused(reason) => return Err((place, reason.to_owned())),
                Does::Data => data.push((place, option.as_str())),
            }
        }
        if described.is_bind() {
            if let Some((place, option)) = data.first() {
                return Err((*place, format!("\"{option}\" is no option of a bind mount")));
            }
        } else if described.attributes.set & Attributes::RDONLY != 0 {
            described.flags |= flag::RDONLY;
        }
        let data: Vec<&str> = data.into_iter().map(|(_, option)| option).collect();
        described.options = data.join(",");
        Ok(described)
    }

    /// Whether it shows something of the node.
    pub(crate) fn is_bind(&self) -> bool {
        self.file_system.is_empty()
    }

    /// As init is told.
    pub(crate) fn lower(&self) -> Mount<'_> {
        let kind = match (self.is_bind(), self.tree) {
            (true, true) => Kind::BindTree,
            (true, false) => Kind::Bind,
            (false, _) => Kind::FileSystem {
                name: &self.file_system,
                flags: self.flags,
                options: &self.options,
            },
        };
        Mount {
            source: &self.source,
            target: &self.target,
            kind,
            attributes: self.attributes,
            below: self.below,
            propagation: self.propagation,
            missing: Missing::IsMade,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, options: &[&str]) -> Result<Described, (usize, String)> {
        let options: Vec<String> = options.iter().map(|&text| text.to_owned()).collect();
        Described::new("/a".to_owned(), "/b".to_owned(), kind, &options)
    }

    #[test]
    fn ext_06_the_sample_of_the_documents_is_a_shared_read_only_bind() {
        let mount = read("bind", &["rshared", "bind", "ro"]).unwrap();

        let lowered = mount.lower();
        assert_eq!(lowered.kind, Kind::Bind);
        assert_eq!(lowered.attributes, set(Attributes::RDONLY));
        assert_eq!(lowered.below, Attributes::NONE);
        let shared = Propagation {
            kind: Travel::Shared,
            below: true,
        };
        assert_eq!(lowered.propagation, Some(shared));
        assert_eq!(lowered.missing, Missing::IsMade);
    }

    /// The whole table of the OCI runtime specification 1.2.
    #[test]
    fn ext_06_every_option_of_the_oci_specification_is_known() {
        for option in "async atime bind defaults dev diratime dirsync exec iversion lazytime loud \
            mand noatime nodev nodiratime noexec noiversion nolazytime nomand norelatime \
            nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime rexec \
            rnoatime rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro \
            rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable \
            rw shared silent slave strictatime suid symfollow sync unbindable"
            .split_whitespace()
        {
            assert!(
                read("bind", &["rbind", option]).is_ok(),
                "{option} is not known"
            );
        }
        for option in ["remount", "tmpcopyup", "idmap", "ridmap"] {
            let (place, _) = read("bind", &["bind", option]).unwrap_err();
            assert_eq!(place, 1, "{option}");
        }
        let (place, reason) = read("", &["bind", "size=1m"]).unwrap_err();
        assert_eq!(
            (place, reason.as_str()),
            (1, "\"size=1m\" is no option of a bind mount")
        );
    }

    #[test]
    fn the_later_of_two_options_counts_and_access_times_are_one_field() {
        use Attributes as A;
        for (options, set, clear) in [
            (["ro", "rw"].as_slice(), 0, A::RDONLY),
            (&["rw", "ro"], A::RDONLY, 0),
            (&["noatime"], A::NOATIME, A::ATIME),
            (&["noatime", "relatime"], 0, A::ATIME),
            (&["noatime", "strictatime"], A::STRICTATIME, A::ATIME),
            (&["nosuid", "nodev", "suid"], A::NODEV, A::NOSUID),
        ] {
            let mount = read("bind", options).unwrap();
            assert_eq!(mount.attributes, Attributes { set, clear }, "{options:?}");
        }
        let tree = read("bind", &["rbind", "rro"]).unwrap();
        assert_eq!(tree.below, set(A::RDONLY));
        assert_eq!(tree.lower().kind, Kind::BindTree);
    }

    #[test]
    fn what_is_left_is_the_file_systems() {
        let mount = read("tmpfs", &["nosuid", "size=64k", "ro", "mode=700", "sync"]).unwrap();

        assert_eq!(
            mount.lower().kind,
            Kind::FileSystem {
                name: "tmpfs",
                flags: flag::RDONLY | flag::SYNCHRONOUS,
                options: "size=64k,mode=700",
            }
        );
    }
}
