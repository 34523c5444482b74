// SPDX-License-Identifier: MPL-2.0
//! Loop devices of numbers, on the kernel of the build machine.
//!
//! Owns: that who binds at the same time gets in nobody's way.
//! Never: mounts anything.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::io::Read as _;
use std::sync::Barrier;

use sys::loop_device::{Loop, attach_read_only_at};

/// Numbers that nobody else on a build machine uses.
const FIRST: u16 = 900;

/// A file of one sector that begins with a number, without a name, behind a device.
fn bound(index: u16, content: u16) -> Loop {
    let file = sys::fs::memfd_create(c"loop", sys::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut sector = [0; 512];
    sector[..2].copy_from_slice(&content.to_le_bytes());
    assert_eq!(sys::io::write(&file, &sector), Ok(512));
    attach_read_only_at(index, &file).unwrap()
}

fn content(device: &Loop) -> u16 {
    let mut bytes = [0; 2];
    let mut device = std::fs::File::open(device.path.as_str()).unwrap();
    device.read_exact(&mut bytes).unwrap();
    u16::from_le_bytes(bytes)
}

#[test]
fn many_bind_at_the_same_time_each_by_its_number() {
    let start = Barrier::new(20);
    let bind = |number: u16| {
        start.wait();
        bound(FIRST + number, number)
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..20)
            .map(|number| scope.spawn(move || bind(number)))
            .collect();
        for (number, device) in (0..).zip(all) {
            let device = device.join().unwrap();
            assert_eq!(device.path.as_str(), format!("/dev/loop{}", FIRST + number));
            assert_eq!(content(&device), number);
        }
    });
}

#[test]
fn another_device_is_taken_when_that_of_the_number_is_not_free() {
    let first = bound(FIRST + 50, 1);
    let second = bound(FIRST + 50, 2);

    assert_ne!(first.path.as_str(), second.path.as_str());
    assert_eq!((content(&first), content(&second)), (1, 2));
}
