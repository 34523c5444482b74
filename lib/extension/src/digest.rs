// SPDX-License-Identifier: MPL-2.0
//! Digests: what says that a blob is the one that was meant.
//!
//! Owns: SHA-256 as container images write it.
//! Never: takes another algorithm; `sha512` would have to be wanted by somebody first.

use std::fmt::Write as _;
use std::io::{self, Read};

use ring::digest::{Context, SHA256};

/// A checked `sha256:<64 hex>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest(String);

impl Digest {
    /// Reads one as manifests have it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (hex.len() == 64 && hex.bytes().all(is_hex)).then(|| Self(hex.to_owned()))
    }

    /// The digest of bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut sum = Sum::new(io::empty());
        sum.count(bytes);
        sum.finish().0
    }

    /// The hexadecimal part.
    pub(crate) fn hex(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

/// A stream that is summed up while it is read or written.
pub(crate) struct Sum<R> {
    from: R,
    context: Context,
    len: u64,
}

impl<R> Sum<R> {
    pub(crate) fn new(from: R) -> Self {
        Self {
            from,
            context: Context::new(&SHA256),
            len: 0,
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.len = self.len.saturating_add(bytes.len() as u64);
    }

    /// The digest and the length of what went through.
    pub(crate) fn finish(self) -> (Digest, u64) {
        let (_, digest, len) = self.into_parts();
        (digest, len)
    }

    /// The stream besides.
    pub(crate) fn into_parts(self) -> (R, Digest, u64) {
        let mut hex = String::new();
        for byte in self.context.finish().as_ref() {
            let _ = write!(hex, "{byte:02x}");
        }
        (self.from, Digest(hex), self.len)
    }
}

impl<R: Read> Read for Sum<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.context.update(buffer.get(..count).unwrap_or_default());
        self.len = self.len.saturating_add(count as u64);
        Ok(count)
    }
}

impl<W: io::Write> io::Write for Sum<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.from.write(bytes)?;
        self.count(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.from.flush()
    }
}
