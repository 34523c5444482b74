// SPDX-License-Identifier: MPL-2.0
//! The partition that holds META.
//!
//! Owns: where its copies are, in which order they are written, and which one counts.
//! Never: makes a partition, or waits with a deadline; who asks runs this in a thread.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _};
use std::path::Path;

use super::format::{self, Bad, COPY, OLD_COPY, Values};

/// The smallest partition: two copies, and the two of the old form behind them.
const SIZE_MIN: u64 = 2 * COPY as u64 + 2 * OLD_COPY as u64;

/// Where the two copies of the old form begin, in bytes from the end.
const OLD_COPIES: [u64; 2] = [2 * OLD_COPY as u64, OLD_COPY as u64];

/// What is on a partition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// These values.
    Values(Values),
    /// Nothing was ever written.
    Blank,
    /// Both copies are bad, for these reasons.
    Bad(Bad, Bad),
}

/// Reads a partition.
///
/// # Errors
/// It cannot be read, or is none.
pub(super) fn read(path: &Path) -> io::Result<Found> {
    let file = open(path, OpenOptions::new().read(true))?;
    let size = size(&file)?;
    let mut copy = vec![0; COPY];
    let mut read = |offset: u64| {
        file.read_exact_at(&mut copy, offset)?;
        Ok::<_, io::Error>((format::parse(&copy), copy.iter().all(|byte| *byte == 0)))
    };
    let (first, first_is_blank) = read(0)?;
    let first = match first {
        Ok(values) => return Ok(Found::Values(values)),
        Err(bad) => bad,
    };
    let (second, second_is_blank) = read(COPY as u64)?;
    let second = match second {
        Ok(values) => return Ok(Found::Values(values)),
        Err(bad) => bad,
    };
    let mut old = vec![0; OLD_COPY];
    for back in OLD_COPIES {
        file.read_exact_at(&mut old, size.saturating_sub(back))?;
        if let Ok(values) = format::parse_old(&old) {
            return Ok(Found::Values(values));
        }
    }
    if first_is_blank && second_is_blank {
        return Ok(Found::Blank);
    }
    Ok(Found::Bad(first, second))
}

/// Writes a copy to both its places, each of which is on the disk before the next is begun: whenever
/// the power goes, one of them is whole.
///
/// # Errors
/// The partition's. The first copy may be there then.
pub(super) fn write(path: &Path, copy: &[u8]) -> io::Result<()> {
    let file = open(path, OpenOptions::new().write(true))?;
    let _room = size(&file)?;
    for offset in [0, COPY as u64] {
        file.write_all_at(copy, offset)?;
        file.sync_data()?;
    }
    Ok(())
}

/// Opens a partition, and nothing that could hold whoever opens it.
fn open(path: &Path, how: &OpenOptions) -> io::Result<File> {
    let kind = std::fs::metadata(path)?.file_type();
    if !kind.is_block_device() && !kind.is_file() {
        return Err(io::Error::other("it is no block device"));
    }
    how.open(path)
}

fn size(file: &File) -> io::Result<u64> {
    let size = io::Seek::seek(&mut &*file, io::SeekFrom::End(0))?;
    if size < SIZE_MIN {
        let reason = format!("it has {size} bytes, META takes {SIZE_MIN}");
        return Err(io::Error::other(reason));
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    const MIB: usize = 1024 * 1024;

    fn values(value: &[u8]) -> Values {
        Values::from([(0x0a, value.to_vec()), (0x0c, b"kept".to_vec())])
    }

    fn copy(value: &[u8]) -> Vec<u8> {
        format::emit(&values(value)).unwrap()
    }

    #[test]
    fn what_is_written_is_found_and_a_new_partition_is_blank() {
        let folder = Folder::new();
        let path = folder.path().join("META");
        std::fs::write(&path, vec![0; MIB]).unwrap();
        assert_eq!(read(&path).unwrap(), Found::Blank);

        write(&path, &copy(b"one")).unwrap();

        assert_eq!(read(&path).unwrap(), Found::Values(values(b"one")));
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), MIB);
        assert!(bytes[2 * COPY..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_power_cut_after_every_prefix_leaves_the_old_values_or_the_new_ones() {
        let folder = Folder::new();
        let path = folder.path().join("META");
        std::fs::write(&path, vec![0; MIB]).unwrap();
        write(&path, &copy(b"old")).unwrap();
        let before = std::fs::read(&path).unwrap();
        write(&path, &copy(b"new, and longer")).unwrap();
        let after = std::fs::read(&path).unwrap();
        // A sector is whole or not (the kernel promises no more); some cuts tear one all the same.
        let cuts = (0..=2 * COPY)
            .step_by(4096)
            .chain([1, 13, 700, COPY - 5, COPY + 1, COPY + 20]);
        for cut in cuts {
            let mut torn = before.clone();
            torn[..cut].copy_from_slice(&after[..cut]);
            std::fs::write(&path, &torn).unwrap();

            let found = read(&path).unwrap();

            let (old, new) = (values(b"old"), values(b"new, and longer"));
            assert!(
                found == Found::Values(old) || found == Found::Values(new.clone()),
                "cut {cut}: {found:?}"
            );
            if cut >= COPY {
                assert_eq!(found, Found::Values(new), "cut {cut}");
            }
        }
    }

    #[test]
    fn one_bad_copy_is_made_up_for_and_two_are_told() {
        let folder = Folder::new();
        let path = folder.path().join("META");
        std::fs::write(&path, vec![0; MIB]).unwrap();
        write(&path, &copy(b"one")).unwrap();
        let good = std::fs::read(&path).unwrap();
        for at in [100, COPY + 100] {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(read(&path).unwrap(), Found::Values(values(b"one")), "{at}");
        }

        let mut bytes = good;
        bytes[100] ^= 1;
        bytes[COPY] ^= 1;
        std::fs::write(&path, &bytes).unwrap();

        assert_eq!(
            read(&path).unwrap(),
            Found::Bad(Bad::Checksum, Bad::Foreign)
        );
    }

    #[test]
    fn what_is_too_small_or_no_partition_is_an_error() {
        let folder = Folder::new();
        let path = folder.path().join("META");
        std::fs::write(&path, vec![0; 2 * COPY]).unwrap();

        assert!(read(&path).is_err() && write(&path, &copy(b"x")).is_err());
        assert!(read(folder.path()).is_err());
        assert!(read(&folder.path().join("none")).is_err());
    }
}
