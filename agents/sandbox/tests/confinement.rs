// SPDX-License-Identifier: MPL-2.0
//! What a service can no longer do once the sandbox has become it, seen from inside.
//!
//! The real program is run as root with real programs of the host behind it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod sandboxed;

use std::path::Path;

use proto::container::{Access, Mount};
use proto::service::{Seccomp, ServiceSpec, Stage};
use sys::io::Errno;
use sys::thread::{CapabilitySet, UnshareFlags};

use sandboxed::{Folder, failure, program, run, shell, start_on};

const FIVE_SETS: [&str; 5] = ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"];

#[test]
fn root_without_capabilities_has_none_in_any_set() {
    let outcome = run(&program("/bin/cat", &["/proc/self/status"]));

    for set in FIVE_SETS {
        assert_eq!(outcome.field(set), "0000000000000000", "{set}");
    }
    assert_eq!(outcome.field("Uid:"), "0\t0\t0\t0");
    assert_eq!(outcome.field("NoNewPrivs:"), "1");
    assert_eq!(outcome.field("Seccomp:"), "2");
    assert_eq!(outcome.code, Some(0));
}

#[test]
fn a_service_keeps_its_capabilities_as_another_user_and_no_other() {
    let mut spec = program("/bin/cat", &["/proc/self/status"]);
    (spec.uid, spec.gid) = (53, 54);
    spec.capabilities = (CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW).bits();

    let outcome = run(&spec);

    for set in FIVE_SETS {
        assert_eq!(outcome.field(set), "0000000000003000", "{set}");
    }
    assert_eq!(outcome.field("Uid:"), "53\t53\t53\t53");
    assert_eq!(outcome.field("Gid:"), "54\t54\t54\t54");
    assert_eq!(outcome.field("Groups:"), "");
}

#[test]
fn capabilities_cannot_be_raised_again() {
    let mut spec = shell("setpriv --reuid 0 --ambient-caps +chown true; echo $?");
    spec.capabilities = CapabilitySet::SETUID.bits();

    let outcome = run(&spec);

    assert!(
        !outcome.said.ends_with("\n0\n") && outcome.said != "0\n",
        "{outcome:?}"
    );
}

#[test]
fn what_administers_the_machine_is_not_filtered() {
    let mut spec = program("/bin/cat", &["/proc/self/status"]);
    spec.seccomp = Seccomp::Unconfined;
    spec.capabilities = CapabilitySet::SYS_ADMIN.bits();

    let outcome = run(&spec);

    assert_eq!(outcome.field("Seccomp:"), "0");
    assert_eq!(outcome.field("NoNewPrivs:"), "0");
    assert_eq!(outcome.field("CapBnd:"), "0000000000200000");
    assert_eq!(outcome.field("CapEff:"), "0000000000200000");
}

#[test]
fn denied_calls_fail_even_with_the_capability_for_them() {
    let mut spec = shell("unshare --mount true; mount -t tmpfs x /mnt");
    spec.capabilities = CapabilitySet::SYS_ADMIN.bits();

    let outcome = run(&spec);

    assert!(
        outcome
            .said
            .contains("unshare failed: Operation not permitted"),
        "{outcome:?}"
    );
    assert!(outcome.said.contains("permission denied"), "{outcome:?}");
}

#[test]
fn signals_and_limits_are_those_of_a_new_program() {
    let mut spec = shell(
        "cat /proc/self/oom_score_adj; ulimit -c; ulimit -n; umask; \
         grep -E '^Sig(Blk|Ign)' /proc/self/status; cut -d' ' -f6 /proc/self/stat; echo $$",
    );
    spec.oom_score_adj = 321;

    let outcome = run(&spec);

    let lines: Vec<_> = outcome.said.lines().collect();
    assert_eq!(lines[..4], ["321", "0", "4096", "0022"]);
    for signals in &lines[4..6] {
        assert!(signals.ends_with("0000000000000000"), "{signals}");
    }
    assert_eq!(lines[6], lines[7], "the service leads its session");
}

#[test]
fn arguments_and_environment_are_those_of_the_description_only() {
    let mut spec = shell("echo \"$0\" \"$1\" \"$A\"; env");
    for argument in ["zero", "one two"] {
        spec.args.push(argument).unwrap();
    }
    spec.env.push("A=b c").unwrap();

    let outcome = run(&spec);

    let mut lines: Vec<_> = outcome.said.lines().collect();
    // The shell's own.
    lines.retain(|line| !line.starts_with("PWD=") && !line.starts_with("_="));
    assert_eq!(lines, ["zero one two b c", "A=b c"]);
}

#[test]
fn descriptors_that_are_not_the_services_are_closed() {
    let outcome = run(&program("/bin/ls", &["/proc/self/fd"]));

    // 3 is the folder that ls reads.
    assert_eq!(outcome.said, "0\n1\n2\n3\n");
}

#[test]
fn mounts_are_restricted_as_described() {
    let folder = Folder::new("mounts");
    folder.with(&["source", "read", "write"]);
    let path = folder.path();
    let (source, read, write) = (
        format!("{path}/source"),
        format!("{path}/read"),
        format!("{path}/write"),
    );
    let line = format!(
        "touch {read}/a; touch {write}/b && echo written; grep {path} /proc/self/mountinfo"
    );
    let mut spec = shell(&line);
    for (target, access) in [(&read, Access::ReadOnly), (&write, Access::ReadWrite)] {
        spec.mounts
            .push(Mount::bind(&source, target, access))
            .unwrap();
    }

    let outcome = run(&spec);

    assert!(
        outcome.said.contains("Read-only file system"),
        "{outcome:?}"
    );
    assert!(outcome.said.contains("written"), "{outcome:?}");
    assert!(
        outcome.said.contains("/read ro,nosuid,nodev"),
        "{outcome:?}"
    );
    assert!(
        outcome.said.contains("/write rw,nosuid,nodev"),
        "{outcome:?}"
    );
    assert!(
        Path::new(&format!("{source}/b")).exists(),
        "the file is in the source"
    );
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(path), "nothing got out");
}

/// A root that shows only the host's programs, read-only.
fn with_root<'a>(mut spec: ServiceSpec<'a>, folder: &'a Folder) -> ServiceSpec<'a> {
    folder.with(&["bin", "lib", "lib64", "usr", "proc"]);
    spec.root = folder.path();
    for place in ["/bin", "/lib", "/lib64", "/usr"] {
        spec.mounts
            .push(Mount::bind(place, place, Access::ReadOnly))
            .unwrap();
    }
    spec
}

#[test]
fn a_service_with_a_root_sees_nothing_else() {
    let folder = Folder::new("root");
    std::fs::write(folder.with(&[]).join("mine"), "").unwrap();
    let spec = with_root(shell("pwd; cd /; ls -a; ls /../.."), &folder);

    let outcome = run(&spec);

    let inside = "bin\nlib\nlib64\nmine\nproc\nusr\n";
    assert_eq!(
        outcome.said,
        format!("/\n.\n..\n{inside}{inside}"),
        "{outcome:?}"
    );
}

#[test]
fn a_link_in_a_root_does_not_lead_a_mount_outside() {
    let folder = Folder::new("escape");
    let outside = Folder::new("outside");
    std::os::unix::fs::symlink(outside.path(), folder.with(&[]).join("way")).unwrap();
    let mut spec = with_root(shell("true"), &folder);
    spec.mounts
        .push(Mount::bind("/usr", "/way", Access::ReadOnly))
        .unwrap();

    let outcome = run(&spec);

    // Inside the root the link leads to a folder that is not there.
    assert_eq!(
        outcome.failure,
        failure(Stage::Mount, Errno::NOENT, 4),
        "{outcome:?}"
    );
}

#[test]
fn a_failure_names_its_stage_and_errno() {
    let missing = program("/no/such/program", &[]);
    let folder = program("/tmp", &[]);
    let mut root = shell("true");
    root.root = "/no/such/root";
    let mut mount = shell("true");
    for source in ["/usr", "/no/such/source"] {
        mount
            .mounts
            .push(Mount::bind(source, "/mnt", Access::ReadOnly))
            .unwrap();
    }
    let mut user = shell("true");
    user.uid = u32::MAX;
    let mut score = shell("true");
    score.oom_score_adj = 2000;
    let capability = {
        let mut spec = shell("true");
        spec.capabilities = 1 << 63;
        spec
    };
    for (spec, expected) in [
        (missing, failure(Stage::Exec, Errno::NOENT, 0)),
        (folder, failure(Stage::Exec, Errno::ACCESS, 0)),
        (root, failure(Stage::Root, Errno::NOENT, 0)),
        (mount, failure(Stage::Mount, Errno::NOENT, 1)),
        (user, failure(Stage::User, Errno::INVAL, 0)),
        (score, failure(Stage::Process, Errno::INVAL, 0)),
        (capability, failure(Stage::Capabilities, Errno::INVAL, 0)),
    ] {
        let outcome = run(&spec);

        assert_eq!(outcome.failure, expected, "{spec:?}");
        assert_eq!(outcome.code, Some(1));
        assert_eq!(outcome.said, "");
    }
}

#[test]
fn bytes_that_are_no_description_are_refused() {
    let mut good = [0; 1024];
    let len = shell("true").encode(&mut good).unwrap();
    let mut long = good[..len].to_vec();
    long.push(0);
    for bytes in [&[][..], &[0xff; 64], &good[..len - 1], &long] {
        let outcome = start_on(bytes, UnshareFlags::empty()).finish();

        assert_eq!(
            outcome.failure,
            failure(Stage::ReadSpec, Errno::BADMSG, 0),
            "{bytes:?}"
        );
    }
}
