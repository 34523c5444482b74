// SPDX-License-Identifier: MPL-2.0
//! What happens when the boot cannot go on: one line, then the kernel's `panic=` rule.
//!
//! Owns: fatal errors and the end they lead to.
//! Never: returns.

use core::fmt;
use core::panic::PanicInfo;
use core::time::Duration;

use sys::cmdline;
use sys::event::{Timespec, poll};
use sys::io::Errno;
use sys::system::RebootCommand;

use crate::say;

/// A step of the boot that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fatal {
    /// What was done.
    pub verb: &'static str,
    /// To what.
    pub object: &'static str,
    /// What the kernel said.
    pub errno: Errno,
}

impl Fatal {
    /// Names the step of an error.
    pub fn during(verb: &'static str, object: &'static str) -> impl FnOnce(Errno) -> Self {
        move |errno| Self {
            verb,
            object,
            errno,
        }
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot {} {}: {}",
            self.verb,
            self.object,
            sys::errno::name(self.errno)
        )
    }
}

/// What the kernel's `panic=` says is to follow
/// (Documentation/admin-guide/kernel-parameters.rst).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follow {
    /// `panic=0`, or nothing said.
    Stay,
    /// A positive number of seconds.
    RebootAfter(Duration),
    /// A negative number.
    RebootAtOnce,
}

/// Reads the rule from a command line.
fn follow(line: &str) -> Follow {
    let value = cmdline::find(line, "panic").and_then(|parameter| parameter.value);
    let seconds: i64 = value.and_then(|value| value.parse().ok()).unwrap_or(0);
    match u64::try_from(seconds) {
        Ok(0) => Follow::Stay,
        Ok(seconds) => Follow::RebootAfter(Duration::from_secs(seconds)),
        Err(_) => Follow::RebootAtOnce,
    }
}

/// Says what failed and follows the rule.
pub fn end(fatal: &Fatal) -> ! {
    say!("fatal: {fatal}");
    obey()
}

/// The panic of PID 1, which its code is written never to reach.
pub fn panicked(info: &PanicInfo<'_>) -> ! {
    say!("fatal: {info}");
    obey()
}

fn obey() -> ! {
    let mut buffer = [0; cmdline::MAX_LEN];
    match follow(cmdline::read(&mut buffer).unwrap_or_default()) {
        Follow::Stay => {
            say!("staying as it is (panic=0); reset the machine by hand");
            stay()
        }
        Follow::RebootAfter(delay) => {
            say!(
                "rebooting in {} s (panic={})",
                delay.as_secs(),
                delay.as_secs()
            );
            wait(delay);
            reboot()
        }
        Follow::RebootAtOnce => reboot(),
    }
}

/// Waits; nothing else can happen any more.
fn wait(delay: Duration) {
    let seconds = i64::try_from(delay.as_secs()).unwrap_or(i64::MAX);
    let timeout = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let _ = poll(&mut [], Some(&timeout));
}

fn reboot() -> ! {
    sys::fs::sync();
    let _ = sys::system::reboot(RebootCommand::Restart);
    // Only without CAP_SYS_BOOT, or as the first process of a namespace without its own reboot.
    sys::start::exit(1)
}

fn stay() -> ! {
    loop {
        let _ = poll(&mut [], None);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString as _;
    use std::time::Duration;

    use super::{Fatal, Follow, follow};
    use sys::io::Errno;

    #[test]
    fn panic_rule_is_the_kernels() {
        assert_eq!(follow("quiet"), Follow::Stay);
        assert_eq!(follow("panic=0"), Follow::Stay);
        assert_eq!(
            follow("panic=10"),
            Follow::RebootAfter(Duration::from_secs(10))
        );
        assert_eq!(follow("panic=-1"), Follow::RebootAtOnce);
        assert_eq!(follow("panic=5 panic=-1"), Follow::RebootAtOnce);
    }

    #[test]
    fn panic_rule_that_is_no_number_is_none() {
        for line in [
            "panic",
            "panic=",
            "panic=x",
            "panic=1x",
            "panic=99999999999999999999",
        ] {
            assert_eq!(follow(line), Follow::Stay, "{line}");
        }
    }

    #[test]
    fn fatal_error_names_step_and_errno() {
        let fatal = Fatal::during("mount", "/rootfs.sqsh")(Errno::NOENT);

        assert_eq!(fatal.to_string(), "cannot mount /rootfs.sqsh: ENOENT");
    }
}
