// SPDX-License-Identifier: MPL-2.0
//! The memory functions, which this test program uses in place of libc's.
#![expect(unsafe_code, reason = "calls the functions by their C names")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

sys::__memory_functions!();

/// The functions under test; the definitions above come before those of libc.
mod ours {
    unsafe extern "C" {
        pub(crate) fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
        pub(crate) fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
        pub(crate) fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8;
        pub(crate) fn memcmp(left: *const u8, right: *const u8, len: usize) -> i32;
        pub(crate) fn bcmp(left: *const u8, right: *const u8, len: usize) -> i32;
        pub(crate) fn strlen(text: *const u8) -> usize;
    }
}

/// Lengths around every step of the loops.
const LENGTHS: [usize; 16] = [0, 1, 2, 7, 8, 9, 15, 16, 17, 23, 31, 32, 33, 63, 64, 100];

fn pattern() -> Vec<u8> {
    (0..300_usize)
        .map(|index| (index * 7 % 251) as u8)
        .collect()
}

#[test]
fn memory_moves_right_however_the_places_overlap() {
    for len in LENGTHS {
        for from in 100..120_usize {
            for to in (from - 40..from + 40).chain([0, 200]) {
                let before = pattern();
                let mut after = before.clone();
                let start = after.as_mut_ptr();

                // SAFETY: both places with `len` bytes are inside the 300 of the vector.
                let result =
                    unsafe { ours::memmove(start.wrapping_add(to), start.wrapping_add(from), len) };

                assert_eq!(result, start.wrapping_add(to));
                for (index, byte) in after.iter().enumerate() {
                    let moved = (to..to + len).contains(&index);
                    let expected = if moved {
                        before[index - to + from]
                    } else {
                        before[index]
                    };
                    assert_eq!(
                        *byte, expected,
                        "{len} bytes from {from} to {to}, at {index}"
                    );
                }
            }
        }
    }
}

#[test]
fn memory_is_copied_whole_and_nothing_around_it() {
    for len in LENGTHS {
        let from = pattern();
        let mut to = vec![0xee; len + 2];

        // SAFETY: the target has two bytes more, the source many.
        unsafe {
            ours::memcpy(
                to.as_mut_ptr().wrapping_add(1),
                from.as_ptr().wrapping_add(3),
                len,
            )
        };

        assert_eq!(to[1..=len], from[3..3 + len]);
        assert_eq!((to[0], to[len + 1]), (0xee, 0xee));
    }
}

#[test]
fn memory_is_set_whole_and_nothing_around_it() {
    for len in LENGTHS {
        for byte in [0, 1, 0x7f, 0xff, 0x1ab] {
            let mut place = vec![0xee; len + 2];

            // SAFETY: the place has two bytes more.
            unsafe { ours::memset(place.as_mut_ptr().wrapping_add(1), byte, len) };

            assert!(
                place[1..=len]
                    .iter()
                    .all(|set| i32::from(*set) == byte & 0xff)
            );
            assert_eq!((place[0], place[len + 1]), (0xee, 0xee));
        }
    }
}

#[test]
fn memory_compares_by_the_first_byte_that_differs() {
    for len in LENGTHS {
        let left = pattern();
        let same = left.clone();
        // SAFETY: both have 300 bytes.
        let order = unsafe { ours::memcmp(left.as_ptr(), same.as_ptr(), len) };
        assert_eq!(order, 0);
        for at in 0..len {
            for (byte, other) in [(0, 255), (255, 0), (127, 128), (1, 2)] {
                let (mut left, mut right) = (left.clone(), left.clone());
                (left[at], right[at]) = (byte, other);
                // What comes after the first difference does not count.
                (left[at + 1], right[at + 1]) = (other, byte);

                // SAFETY: both have 300 bytes.
                let order = unsafe { ours::memcmp(left.as_ptr(), right.as_ptr(), len) };
                // SAFETY: as above.
                let differ = unsafe { ours::bcmp(left.as_ptr(), right.as_ptr(), len) };

                assert_eq!(order.cmp(&0), byte.cmp(&other), "{len} at {at}");
                assert_ne!(differ, 0);
            }
        }
    }
}

#[test]
fn text_is_as_long_as_it_says() {
    for len in LENGTHS {
        let mut text = vec![b'x'; len];
        text.extend([0, b'y', 0]);

        // SAFETY: there is a NUL in the vector.
        assert_eq!(unsafe { ours::strlen(text.as_ptr()) }, len);
    }
}
