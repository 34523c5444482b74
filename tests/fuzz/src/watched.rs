// SPDX-License-Identifier: MPL-2.0
//! What a storm must leave as it was in the process that it goes through.
//!
//! Owns: how many inputs there are, and what the process says of its memory and of panics.
//! Never: judges an input.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number from the environment.
///
/// # Panics
/// It is no number.
#[must_use]
pub fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    assert!(number.is_ok(), "{name}: {text:?} is no number");
    number.ok()
}

/// The seeds of a storm: `usual` many, or what `ICHOR_FUZZ_RUNS` and `ICHOR_FUZZ_SEED` say.
///
/// # Panics
/// They are no numbers.
#[must_use]
pub fn seeds(usual: u64) -> std::ops::Range<u64> {
    let runs = number("ICHOR_FUZZ_RUNS").unwrap_or(usual);
    let first = number("ICHOR_FUZZ_SEED").unwrap_or(1);
    first..first.saturating_add(runs)
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// How many panics there were in any thread or task, since this was first asked: a runtime catches
/// those of its tasks, and nobody else would hear of them.
pub fn panics() -> usize {
    static HOOKED: OnceLock<()> = OnceLock::new();
    HOOKED.get_or_init(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            before(panic);
        }));
    });
    PANICS.load(Ordering::SeqCst)
}

/// Memory of this process, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// What it has.
    pub now: u64,
    /// The most that it had since [`Memory::mark`].
    pub peak: u64,
}

impl Memory {
    /// Reads it; zeros when the kernel does not say.
    #[must_use]
    pub fn read() -> Self {
        let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(name));
            let number = rest.and_then(|rest| rest.split_whitespace().next());
            number.and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        Self {
            now: field("VmRSS:"),
            peak: field("VmHWM:"),
        }
    }

    /// Begins to look for the peak anew (proc_pid_clear_refs(5)), and reads.
    #[must_use]
    pub fn mark() -> Self {
        // Without it the peak is the one since the start, and no test passes that should not.
        let _old_kernel = std::fs::write("/proc/self/clear_refs", "5");
        Self::read()
    }
}
