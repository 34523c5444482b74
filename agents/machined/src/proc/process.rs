// SPDX-License-Identifier: MPL-2.0
//! The processes of the node.
//!
//! Owns: reading `/proc/<pid>`.
//! Never: fails because one of them ended meanwhile.

use api::machine::ProcessInfo;
use procfs_core::prelude::FromRead as _;
use procfs_core::process::Stat;

use crate::places::Places;

/// See `proc/stat.rs`.
const TICKS_PER_SECOND: f64 = 100.0;
/// What both of our kernels are built with.
const PAGE_SIZE: u64 = 4096;
/// Longer command lines are cut: a thousand processes are to fit one answer.
const ARGS_MAX: usize = 4096;

/// Lists all processes, by number.
#[must_use]
pub(crate) fn all(places: &Places) -> Vec<ProcessInfo> {
    let folder = places.at("/proc");
    let mut numbers: Vec<u32> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
        .into_iter()
        .filter_map(|number| {
            let folder = folder.join(number.to_string());
            let stat = std::fs::read(folder.join("stat")).ok()?;
            let arguments = std::fs::read(folder.join("cmdline")).unwrap_or_default();
            let executable = std::fs::read_link(folder.join("exe"));
            let executable = executable.map(|path| path.to_string_lossy().into_owned());
            describe(&stat, &arguments, executable.unwrap_or_default())
        })
        .collect()
}

fn describe(stat: &[u8], arguments: &[u8], executable: String) -> Option<ProcessInfo> {
    let stat = Stat::from_read(stat).ok()?;
    let ticks = stat.utime.saturating_add(stat.stime);
    #[expect(
        clippy::cast_precision_loss,
        reason = "the API counts seconds in doubles"
    )]
    let cpu_time = ticks as f64 / TICKS_PER_SECOND;
    let end = arguments.len().min(ARGS_MAX);
    let arguments = arguments.get(..end).unwrap_or_default();
    let mut arguments = String::from_utf8_lossy(arguments).replace('\0', " ");
    // Each byte that is no letter takes three to say so.
    arguments.truncate(arguments.floor_char_boundary(ARGS_MAX));
    Some(ProcessInfo {
        pid: stat.pid,
        ppid: stat.ppid,
        state: stat.state.to_string(),
        threads: i32::try_from(stat.num_threads).unwrap_or(i32::MAX),
        cpu_time,
        virtual_memory: stat.vsize,
        resident_memory: stat.rss.saturating_mul(PAGE_SIZE),
        command: stat.comm,
        executable,
        args: arguments.trim_end().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(comm: &str) -> String {
        format!(
            "42 ({comm}) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 500 \
             8192000 300 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0"
        )
    }

    #[test]
    fn rpc_033_a_process_is_described() {
        let found = describe(stat("net d) x").as_bytes(), b"/a\0--b\0", "/a".to_owned()).unwrap();

        assert_eq!((found.pid, found.ppid, found.threads), (42, 1, 3));
        assert_eq!(
            (found.command.as_str(), found.state.as_str()),
            ("net d) x", "S")
        );
        assert_eq!(found.args, "/a --b");
        assert!((found.cpu_time - 3.0).abs() < f64::EPSILON);
        assert_eq!(found.virtual_memory, 8_192_000);
    }

    #[test]
    fn arguments_that_are_no_letters_are_no_longer_than_others() {
        let found = describe(stat("x").as_bytes(), &[0xff; 2 * ARGS_MAX], String::new()).unwrap();

        assert!(
            (1..=ARGS_MAX).contains(&found.args.len()),
            "{}",
            found.args.len()
        );
    }

    #[test]
    fn what_is_no_process_is_left_out() {
        for text in ["", "42", "42 (a", "x (a) S 1"] {
            assert!(
                describe(text.as_bytes(), b"", String::new()).is_none(),
                "{text}"
            );
        }
    }

    #[test]
    fn this_process_is_in_the_list() {
        let pid = i32::try_from(std::process::id()).unwrap();

        let all = all(&Places::node());

        assert!(all.iter().any(|process| process.pid == pid));
        assert!(all.is_sorted_by_key(|process| process.pid));
    }
}
