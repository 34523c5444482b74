// SPDX-License-Identifier: MPL-2.0
//! Processes, signals and filters, with a child for each test that changes its process.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use sys::event::{PollFd, PollFlags, Timespec, poll};
use sys::fd::{AsFd as _, OwnedFd};
use sys::io::Errno;
use sys::net::{AddressFamily, SocketType};
use sys::pipe::{PipeFlags, pipe_with};
use sys::process::{Signal, WaitOptions, getpid, kill_process, waitpid};
use sys::seccomp::{Filter, Test, Verdict, numbers};
use sys::signal::{SignalFd, Signals};
use sys::spawn::{Spawned, Strings};

/// How long a child may take.
const PATIENCE: Timespec = Timespec {
    tv_sec: 20,
    tv_nsec: 0,
};

/// Runs `child` in a process of its own and returns its exit code, or its signal as a negative
/// number. The child must not allocate: other threads of this program hold locks.
fn in_child(child: impl FnOnce() -> u8) -> i32 {
    wait_for(&sys::spawn::spawn(sys::spawn::Placement::BESIDE, &[], child, |_| 255).unwrap())
}

fn wait_for(child: &Spawned) -> i32 {
    let ended = poll(
        &mut [PollFd::new(&child.pidfd, PollFlags::IN)],
        Some(&PATIENCE),
    )
    .unwrap();
    assert_eq!(ended, 1, "the child is not ready");
    let (_, status) = waitpid(Some(child.pid), WaitOptions::empty())
        .unwrap()
        .unwrap();
    status
        .exit_status()
        .or(status.terminating_signal().map(i32::wrapping_neg))
        .unwrap()
}

#[test]
fn a_child_ends_with_its_result() {
    assert_eq!(in_child(|| 7), 7);
}

#[test]
fn a_blocked_signal_is_read_once() {
    let code = in_child(|| {
        let set = Signals::of(&[Signal::USR1, Signal::TERM]);
        if sys::signal::block_only(set).is_err() {
            return 1;
        }
        let Ok(signals) = SignalFd::new(set) else {
            return 2;
        };
        if signals.read() != Ok(None) {
            return 3;
        }
        let _ = kill_process(getpid(), Signal::USR1);
        match signals.read() {
            Ok(Some(received))
                if received.signal == 10
                    && i32::try_from(received.pid) == Ok(getpid().as_raw_pid()) => {}
            Ok(_) | Err(_) => return 4,
        }
        if signals.read() == Ok(None) { 0 } else { 5 }
    });

    assert_eq!(code, 0);
}

#[test]
fn an_ignored_signal_does_nothing_until_it_is_reset() {
    let code = in_child(|| {
        if sys::signal::ignore(Signal::USR1).is_err() {
            return 1;
        }
        let _ = kill_process(getpid(), Signal::USR1);
        if sys::signal::reset_all().is_err() {
            return 2;
        }
        let _ = kill_process(getpid(), Signal::USR1);
        3
    });

    assert_eq!(code, Signal::USR1.as_raw().wrapping_neg());
    assert_eq!(sys::signal::ignore(Signal::KILL), Err(Errno::INVAL));
}

fn pipe() -> (OwnedFd, OwnedFd) {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    (read, sys::spawn::raise(write).unwrap())
}

#[test]
fn a_program_gets_its_descriptors_arguments_and_environment() {
    let (read, write) = pipe();
    let (mut arguments, mut environment) = (Strings::<4, 64>::new(), Strings::<2, 16>::new());
    for argument in ["/bin/sh", "-c", "echo $A >&9; exit 3"] {
        arguments.push(argument).unwrap();
    }
    environment.push("A=b").unwrap();

    let child = sys::spawn::spawn(
        sys::spawn::Placement::BESIDE,
        &[(write.as_fd(), 9)],
        || {
            sys::spawn::exec(c"/bin/sh", &arguments, &environment);
            99
        },
        |_| 98,
    )
    .unwrap();

    assert_eq!(wait_for(&child), 3);
    let mut said = [0; 16];
    let len = sys::io::read(&read, &mut said[..]).unwrap();
    assert_eq!(said.get(..len), Some(&b"b\n"[..]));
}

#[test]
fn a_program_that_is_not_there_is_an_error_in_the_child() {
    let arguments = Strings::<2, 8>::new();
    let code = in_child(|| {
        let errno = sys::spawn::exec(c"/no/such/program", &arguments, &Strings::<1, 1>::new());
        if errno == Errno::NOENT { 0 } else { 1 }
    });

    assert_eq!(code, 0);
}

#[test]
fn a_descriptor_that_was_not_raised_is_not_passed() {
    let (read, _write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    // Numbers from 64 on are possible in a large test program; this one must be below.
    let low = sys::io::dup(&read).unwrap();
    if sys::fd::AsRawFd::as_raw_fd(&low) < 64 {
        let child = sys::spawn::spawn(
            sys::spawn::Placement::BESIDE,
            &[(low.as_fd(), 9)],
            || 1,
            |errno| if errno == Errno::INVAL { 0 } else { 2 },
        );
        assert_eq!(wait_for(&child.unwrap()), 0);
    }
}

#[test]
fn an_inherited_descriptor_is_taken_once() {
    let (read, _write) = pipe();
    let read = sys::spawn::raise(read).unwrap();
    let child = sys::spawn::spawn(
        sys::spawn::Placement::BESIDE,
        &[(read.as_fd(), 50)],
        || {
            let first = sys::inherited::take(50);
            let second = sys::inherited::take(50);
            let closed = sys::inherited::take(51);
            let reserved = sys::inherited::take(2);
            match (first, second, closed, reserved) {
                (Ok(_), Err(Errno::BADF), Err(Errno::BADF), Err(Errno::BADF)) => 0,
                _ => 1,
            }
        },
        |_| 2,
    );

    assert_eq!(wait_for(&child.unwrap()), 0);
}

#[test]
fn denied_calls_fail_and_others_go_on() {
    let code = in_child(|| {
        if sys::thread::set_no_new_privs(true).is_err() {
            return 1;
        }
        let mut filter = Filter::new(Verdict::Allow, u32::MAX, Verdict::Allow);
        filter.set(numbers::__NR_sethostname, Verdict::Refuse);
        // AF_INET.
        filter.set(numbers::__NR_socket, Verdict::If(Test::Not(2)));
        if filter.install().is_err() {
            return 2;
        }
        match sys::system::sethostname(b"x") {
            Err(Errno::PERM) => {}
            Ok(()) | Err(_) => return 3,
        }
        let socket = |family| sys::net::socket(family, SocketType::STREAM, None).map(drop);
        match (socket(AddressFamily::INET), socket(AddressFamily::UNIX)) {
            (Err(Errno::PERM), Ok(())) => 0,
            _ => 4,
        }
    });

    assert_eq!(code, 0);
}

#[test]
fn files_are_made_for_another_user_with_the_rights_of_this_one() {
    let code = in_child(|| {
        let bits = sys::thread::CapabilitiesSecureBits::NO_SETUID_FIXUP;
        if sys::thread::set_capabilities_secure_bits(bits).is_err() {
            return 1;
        }
        if sys::owner::make_files_of(7, 8).is_err() {
            return 2;
        }
        let made = sys::fs::openat(
            sys::fs::CWD,
            "/tmp",
            sys::fs::OFlags::TMPFILE | sys::fs::OFlags::RDWR,
            sys::fs::Mode::empty(),
        );
        match made.and_then(sys::fs::fstat) {
            Ok(about) if (about.st_uid, about.st_gid) == (7, 8) => 0,
            Ok(_) | Err(_) => 3,
        }
    });

    assert_eq!(code, 0);
}

#[test]
fn new_namespaces_need_no_descriptors_of_their_own() {
    let files = sys::thread::UnshareFlags::FILES;

    assert_eq!(sys::spawn::unshare(files), Err(Errno::INVAL));
}
