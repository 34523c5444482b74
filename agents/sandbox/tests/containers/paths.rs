// SPDX-License-Identifier: MPL-2.0
//! Masked and read-only paths.

use proto::container::{Kind, PATHS_MAX};
use proto::service::{ServiceSpec, Stage};
use sys::io::Errno;

use crate::node::{Node, described, file_system};
use crate::sandboxed::failure;

fn protect<'a>(spec: &mut ServiceSpec<'a>, masked: &[&'a str], read_only: &[&'a str]) {
    let container = spec.container.as_mut().unwrap();
    container.masked = masked.iter().copied().collect();
    container.read_only = read_only.iter().copied().collect();
}

#[test]
fn ext_08_masked_files_read_empty_and_masked_folders_are_empty() {
    let node = Node::new("masked");
    std::fs::create_dir_all(node.in_root("secret/below")).unwrap();
    std::fs::write(node.in_root("secret/file"), "secret").unwrap();
    std::fs::write(node.in_root("file"), "secret").unwrap();
    let line = "cat /file /proc/version; ls -A /secret /sys/fs; echo lost > /file; \
                echo a > /secret/a; rmdir /secret; cat /file; cat /link";
    std::os::unix::fs::symlink("secret/file", node.in_root("link")).unwrap();
    let mut spec = node.container(line);
    spec.container.as_mut().unwrap().writable_root = true;
    let missing = ["/missing", "/file/below", "/proc/no-such-file"];
    let mut masked = vec!["/secret", "/file", "/proc/version", "/sys/fs", "/file"];
    masked.extend(missing);
    protect(&mut spec, &masked, &missing);

    let outcome = node.run(&spec);

    assert_eq!(outcome.failure, None);
    let lines: Vec<_> = outcome.said.lines().collect();
    assert_eq!(lines[..3], ["/secret:", "", "/sys/fs:"], "{outcome:?}");
    assert!(lines[3].contains("Read-only file system"), "{outcome:?}");
    assert!(lines[4].contains("busy"), "{outcome:?}");
    assert!(lines[5].contains("No such file"), "{outcome:?}");
}

#[test]
fn ext_08_read_only_paths_can_be_read_and_not_written() {
    let node = Node::new("protected");
    std::fs::create_dir(node.in_root("kept")).unwrap();
    std::fs::write(node.in_root("kept/file"), "kept\n").unwrap();
    let line = "cat /kept/file; echo a > /kept/file; echo b > /kept/new; \
                true >> /proc/sys/kernel/panic; echo c > /over/there/c; echo d > /beside && echo done";
    let mut spec = node.container(line);
    spec.container.as_mut().unwrap().writable_root = true;
    spec.mounts = ["/over", "/over/there"]
        .map(|target| described("own", target, file_system("tmpfs", "")))
        .into_iter()
        .collect();
    protect(&mut spec, &[], &["/kept", "/proc/sys", "/over"]);

    let outcome = node.run(&spec);

    let lines: Vec<_> = outcome.said.lines().collect();
    assert_eq!(lines[0], "kept");
    for line in &lines[1..5] {
        assert!(line.contains("Read-only file system"), "{outcome:?}");
    }
    assert_eq!(lines[5..], ["done"]);
}

#[test]
fn ext_08_empty_lists_protect_nothing() {
    let node = Node::new("open");
    let line = "wc -c < /proc/version; ls /sys/fs | wc -l; \
                true >> /proc/sys/kernel/panic && echo written";
    let mut spec = node.container(line);

    protect(&mut spec, &["/proc/version", "/sys/fs"], &["/proc/sys"]);
    let outcome = node.run(&spec);
    assert!(outcome.said.starts_with("0\n0\n"), "{outcome:?}");
    assert!(!outcome.said.ends_with("written\n"), "{outcome:?}");

    protect(&mut spec, &[], &[]);
    let outcome = node.run(&spec);
    assert!(!outcome.said.contains("0\n0\n"), "{outcome:?}");
    assert!(outcome.said.ends_with("\nwritten\n"), "{outcome:?}");
}

#[test]
fn ext_08_as_many_paths_as_can_be_described_are_protected() {
    let node = Node::new("many");
    let masked: Vec<_> = (0..PATHS_MAX).map(|n| format!("/masked/{n}")).collect();
    let read_only: Vec<_> = (0..PATHS_MAX).map(|n| format!("/kept/{n}")).collect();
    for path in &masked {
        std::fs::create_dir_all(node.in_root(&path[1..])).unwrap();
        std::fs::write(node.in_root(&format!("{path}/file")[1..]), "").unwrap();
    }
    for path in &read_only {
        std::fs::create_dir_all(node.in_root(&path[1..])).unwrap();
    }
    let line = "ls /masked | wc -l; ls -A /masked/* | grep -c file; \
                for kept in /kept/*; do true > $kept/new; done 2>&1 | grep -c Read-only";
    let mut spec = node.container(line);
    spec.container.as_mut().unwrap().writable_root = true;
    let masked: Vec<_> = masked.iter().map(String::as_str).collect();
    let read_only: Vec<_> = read_only.iter().map(String::as_str).collect();
    protect(&mut spec, &masked, &read_only);

    let outcome = node.run(&spec);

    assert_eq!(outcome.said, format!("{PATHS_MAX}\n0\n{PATHS_MAX}\n"));
}

#[test]
fn ext_08_files_are_masked_whatever_the_service_mounts_on_dev() {
    let node = Node::new("null");
    std::fs::write(node.in_root("file"), "secret").unwrap();
    let mut spec = node.container("cat /file; ls -A /dev");
    let dev = described("own", "/dev", file_system("tmpfs", ""));
    spec.mounts.push(dev).unwrap();
    protect(&mut spec, &["/file"], &[]);

    let outcome = node.run(&spec);

    assert_eq!((outcome.said.as_str(), outcome.failure), ("", None));
}

#[test]
fn ext_08_a_link_never_leads_a_protected_path_outside_of_the_root() {
    let node = Node::new("links");
    let outside = node.make("outside");
    std::fs::write(node.path("outside/file"), "mine\n").unwrap();
    std::os::unix::fs::symlink(&outside, node.in_root("absolute")).unwrap();
    std::os::unix::fs::symlink("../../../../../../outside", node.in_root("upwards")).unwrap();
    std::os::unix::fs::symlink("loop", node.in_root("loop")).unwrap();
    let line = format!("cat {outside}/file");
    let mut spec = node.container(&line);
    spec.mounts
        .push(described(&outside, &outside, Kind::Bind))
        .unwrap();

    // Inside the root the first leads to what is mounted there, and the second to nothing.
    protect(&mut spec, &["/absolute", "/upwards"], &["/upwards"]);
    let outcome = node.run(&spec);
    assert!(outcome.said.contains("No such file"), "{outcome:?}");
    assert!(std::fs::exists(node.path("outside/file")).unwrap());

    protect(&mut spec, &["/upwards"], &["/loop"]);
    let outcome = node.run(&spec);
    assert_eq!(outcome.failure, failure(Stage::Paths, Errno::LOOP, 1));
}
