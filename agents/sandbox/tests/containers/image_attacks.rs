// SPDX-License-Identifier: MPL-2.0
//! What root in a container of an image tries against the node, and what it is answered.

use proto::container::{Kind, Network, Users};
use proto::service::Seccomp;
use sys::io::Errno;
use sys::seccomp::numbers as call;

use crate::image::{FIRST, Image};
use crate::node::described;

/// Makes each call that it is told (`name,number,argument…`) and prints its errno. A call that
/// comes back without one is `0`.
const CALLER: &str = "for (@ARGV) { my ($name, @call) = split /,/; $! = 0; \
    my $result = syscall(0 + shift @call, map { 0 + $_ } @call); \
    print \"$name \", ($result == -1 ? $! + 0 : 0), \"\\n\"; }";

/// `CLONE_NEWUSER` and `SIGCHLD`.
const NEW_USER: u32 = 0x1000_0000;
const NEW_CHILD: u32 = 17;

/// A call with its name, its arguments, and what it is to be answered.
type Attempt = (&'static str, u32, &'static [u32], Errno);

/// Calls that the filter does not let through to the kernel.
const REFUSED: &[Attempt] = &[
    ("mount", call::__NR_mount, &[], Errno::PERM),
    ("umount2", call::__NR_umount2, &[], Errno::PERM),
    ("pivot_root", call::__NR_pivot_root, &[], Errno::PERM),
    ("fsopen", call::__NR_fsopen, &[], Errno::PERM),
    ("open_tree", call::__NR_open_tree, &[], Errno::PERM),
    ("move_mount", call::__NR_move_mount, &[], Errno::PERM),
    ("mount_setattr", call::__NR_mount_setattr, &[], Errno::PERM),
    ("init_module", call::__NR_init_module, &[], Errno::PERM),
    ("finit_module", call::__NR_finit_module, &[], Errno::PERM),
    ("delete_module", call::__NR_delete_module, &[], Errno::PERM),
    ("kexec_load", call::__NR_kexec_load, &[], Errno::PERM),
    (
        "kexec_file_load",
        call::__NR_kexec_file_load,
        &[],
        Errno::PERM,
    ),
    ("reboot", call::__NR_reboot, &[], Errno::PERM),
    ("bpf", call::__NR_bpf, &[], Errno::PERM),
    (
        "perf_event_open",
        call::__NR_perf_event_open,
        &[],
        Errno::PERM,
    ),
    ("userfaultfd", call::__NR_userfaultfd, &[], Errno::PERM),
    (
        "io_uring_setup",
        call::__NR_io_uring_setup,
        &[],
        Errno::PERM,
    ),
    (
        "io_uring_enter",
        call::__NR_io_uring_enter,
        &[],
        Errno::PERM,
    ),
    ("add_key", call::__NR_add_key, &[], Errno::PERM),
    ("request_key", call::__NR_request_key, &[], Errno::PERM),
    ("keyctl", call::__NR_keyctl, &[], Errno::PERM),
    (
        "open_by_handle_at",
        call::__NR_open_by_handle_at,
        &[],
        Errno::PERM,
    ),
    (
        "process_vm_readv",
        call::__NR_process_vm_readv,
        &[],
        Errno::PERM,
    ),
    ("pidfd_getfd", call::__NR_pidfd_getfd, &[], Errno::PERM),
    ("swapon", call::__NR_swapon, &[], Errno::PERM),
    ("quotactl", call::__NR_quotactl, &[], Errno::PERM),
    ("acct", call::__NR_acct, &[], Errno::PERM),
    ("settimeofday", call::__NR_settimeofday, &[], Errno::PERM),
    ("clock_settime", call::__NR_clock_settime, &[], Errno::PERM),
    ("sethostname", call::__NR_sethostname, &[], Errno::PERM),
    ("vhangup", call::__NR_vhangup, &[], Errno::PERM),
    ("syslog", call::__NR_syslog, &[], Errno::PERM),
    ("unshare", call::__NR_unshare, &[NEW_USER], Errno::PERM),
    ("setns", call::__NR_setns, &[0, 0], Errno::PERM),
    (
        "clone",
        call::__NR_clone,
        &[NEW_USER | NEW_CHILD],
        Errno::PERM,
    ),
    // Its flags cannot be seen: there is no such call.
    ("clone3", call::__NR_clone3, &[], Errno::NOSYS),
    // AF_VSOCK, a stream.
    ("socket", call::__NR_socket, &[40, 1, 0], Errno::PERM),
    // ADDR_NO_RANDOMIZE.
    (
        "personality",
        call::__NR_personality,
        &[0x4_0000],
        Errno::PERM,
    ),
    // From tomorrow.
    ("unknown", 511, &[], Errno::NOSYS),
    ("far", 4711, &[], Errno::NOSYS),
];

#[test]
fn calls_that_no_container_needs_are_refused_before_the_kernel_looks_at_them() {
    let image = Image::new("image-calls");
    let calls: Vec<String> = REFUSED
        .iter()
        .map(|(name, number, arguments, _)| {
            let rest: String = arguments.iter().map(|it| format!(",{it}")).collect();
            format!("{name},{number}{rest}")
        })
        .collect();
    let (left, right) = calls.split_at(calls.len() / 2);

    for (calls, attempts) in [left, right]
        .into_iter()
        .zip([&REFUSED[..left.len()], &REFUSED[left.len()..]])
    {
        let mut spec = image.node.with_programs(&image.container(""));
        spec.path = "/usr/bin/perl";
        spec.args = ["-e", CALLER].into_iter().collect();
        for call in calls {
            spec.args.push(call).unwrap();
        }

        let outcome = image.run(&spec);

        let expected: String = attempts
            .iter()
            .map(|(name, _, _, errno)| format!("{name} {}\n", errno.raw_os_error()))
            .collect();
        assert_eq!(outcome.said, expected, "{outcome:?}");
    }
}

/// Lines for the shell, each with what it has to be answered.
const ATTEMPTS: &[(&str, &str)] = &[
    ("mount -o remount,rw /", "permission denied"),
    ("mount -t tmpfs own /srv", "permission denied"),
    ("mount -t proc own /srv", "permission denied"),
    ("mount -o bind /proc /srv", "permission denied"),
    ("umount /proc", "Operation not permitted"),
    ("umount -l /dev", "Operation not permitted"),
    ("mknod /dev/made b 7 0", "Operation not permitted"),
    ("mknod /run/made c 1 1", "Operation not permitted"),
    ("cat /mem", "Permission denied"),
    ("cat /dev/mem", "No such file or directory"),
    ("cat /dev/loop0", "No such file or directory"),
    ("cat /dev/kmsg", "No such file or directory"),
    ("chmod 777 /dev/null", "Operation not permitted"),
    ("rm /srv/of-user", "Read-only file system"),
    ("echo 1 > /proc/sys/kernel/panic", "Permission denied"),
    (
        "echo x > /proc/sys/kernel/core_pattern",
        "Permission denied|nonexistent",
    ),
    (
        "echo x > /proc/sys/kernel/modprobe",
        "Permission denied|nonexistent",
    ),
    (
        "echo b > /proc/sysrq-trigger",
        "Permission denied|nonexistent",
    ),
    (
        "echo 1 > /proc/1/oom_score_adj; echo -1000 > /proc/1/oom_score_adj",
        "Permission denied",
    ),
    (
        "echo mem > /sys/power/state",
        "Read-only file system|nonexistent|Permission denied",
    ),
    ("hostname other", "Operation not permitted"),
    ("date -s 2001-01-01", "Operation not permitted"),
    ("dmesg", "Operation not permitted"),
    ("ifconfig lo 127.0.0.2", "Operation not permitted"),
    (
        "renice -n -5 1",
        "Permission denied|Operation not permitted",
    ),
    (
        "insmod /of-root",
        "Operation not permitted|does not support",
    ),
];

/// Makes every attempt, and compares the answers.
fn attempt(image: &Image, change: impl Fn(&mut proto::service::ServiceSpec<'_>)) {
    for (line, expected) in ATTEMPTS {
        let mut spec = image.container(line);
        change(&mut spec);

        let outcome = image.run(&spec);

        assert_eq!(outcome.failure, None, "{outcome:?}");
        let said = outcome.said.to_lowercase();
        let answered = expected
            .split('|')
            .any(|it| said.contains(&it.to_lowercase()));
        assert!(answered, "{line}: {outcome:?}");
    }
}

#[test]
fn root_in_a_container_is_refused_what_would_reach_the_node() {
    let image = Image::new("image-attempts");

    attempt(&image, |_| {});
}

/// The users alone hold: neither the filter nor a missing capability is needed.
#[test]
fn root_with_every_capability_and_no_filter_is_refused_the_same() {
    let image = Image::new("image-unfiltered");

    attempt(&image, |spec| {
        spec.seccomp = Seccomp::Unconfined;
        spec.capabilities = u64::MAX;
    });
}

#[test]
fn protections_cannot_be_taken_off_in_a_mount_namespace_of_its_own() {
    let image = Image::new("image-unshare");
    let line = "unshare -m sh -c 'umount /proc/version; umount /srv; mount -o remount,rw,bind /srv; \
                mount -o remount,rw,bind /; echo a > /of-root; wc -c < /proc/version'";
    let mut spec = image.container(line);
    spec.seccomp = Seccomp::Unconfined;
    spec.capabilities = u64::MAX;
    let container = spec.container.as_mut().unwrap();
    container.masked.push("/proc/version").unwrap();
    container.read_only.push("/srv").unwrap();

    let outcome = image.run(&spec);

    assert!(
        outcome.said.contains("Read-only file system"),
        "{outcome:?}"
    );
    assert_eq!(outcome.said.matches("mount:").count(), 4, "{outcome:?}");
    assert!(outcome.said.ends_with("\n0\n"), "{outcome:?}");
}

#[test]
fn nothing_of_the_node_is_seen_through_proc_or_by_leaving_a_root() {
    let image = Image::new("image-proc");
    let outside = std::process::id();
    let line = format!(
        "ls /proc | grep '^[0-9]' | sort -n | head -1; ls /proc/1/root/ /proc/1/cwd/.. | sort -u; \
         kill -9 {outside}; cat /proc/{outside}/environ; \
         mkdir /run/a && cd /run && chroot /run/a /bin/sh; cat /proc/1/root/etc/shadow"
    );

    let said = image.say(&line);

    assert!(said.starts_with("1\n"), "{said}");
    assert!(said.contains("No such process"), "{said}");
    assert!(!said.contains("tree") && !said.contains("images"), "{said}");
    assert_eq!(said.matches("No such file").count(), 3, "{said}");
}

#[test]
fn a_program_cannot_trace_what_has_more_rights() {
    let image = Image::new("image-trace");
    // PTRACE_ATTACH to process 1, which is root's.
    let trace = format!("trace,{},16,1,0,0", call::__NR_ptrace);
    let line =
        format!("setpriv --reuid 1000 --regid 1000 --clear-groups perl -e '{CALLER}' {trace}; :");
    let mut spec = image.node.with_programs(&image.container(""));
    let shown = described("/dev/null", "/run/nothing", Kind::Bind);
    spec.mounts.push(shown).unwrap();
    spec.path = "/usr/bin/sh";
    spec.args = ["-c", &line].into_iter().collect();
    spec.env = ["PATH=/usr/bin"].into_iter().collect();

    let outcome = image.run(&spec);

    assert_eq!(outcome.said, "trace 1\n", "{outcome:?}");
}

/// Who calls may hear the end of who listens, whose input is at its end, before it has said anything, and then
/// leaves without a word: so it calls again.
#[test]
fn a_network_of_its_own_has_nothing_but_lo() {
    let image = Image::new("image-network");
    let line = "cat /sys/class/net/lo/flags; ls -d /sys/class/net/*/; hostname; \
                ping -c 1 -W 1 127.0.0.1 > /dev/null; \
                until grep -qs here /run/got; do \
                nc -l -p 80 < /dev/null > /run/got & \
                until echo here | nc 127.0.0.1 80 2> /dev/null; do :; done; wait; \
                done; cat /run/got";
    for users in [Users::Own { first: FIRST }, Users::Node] {
        let mut spec = image.container(line);
        let container = spec.container.as_mut().unwrap();
        container.users = users;
        container.network = Network::Alone;
        container.hostname = "inside";

        let outcome = image.run(&spec);

        let said = outcome
            .said
            .replace("ping: permission denied (are you root?)\n", "");
        // Up, loopback.
        assert_eq!(
            said, "0x9\n/sys/class/net/lo/\ninside\nhere\n",
            "{outcome:?}"
        );
    }
    assert_ne!(sys::system::uname().nodename(), c"inside");
}
