// SPDX-License-Identifier: MPL-2.0
//! Keys, certificates, their issue and renewal.
//!
//! Owns: the certificate authorities of a cluster, what their certificates say, and how keys look.
//! Never: reads a clock, opens a file or a socket, or shows a private key in `Debug`.
#![forbid(unsafe_code)]

mod authority;
mod certificate;
mod curve;
mod der;
mod error;
mod key;
mod layout;
mod leaf;
mod pem;
mod random;
mod request;
mod rsa;
mod secret;
mod time;

pub use authority::{Authority, Identity};
pub use certificate::{Certificate, organizations};
pub use error::Error;
pub use key::{Algorithm, Key};
pub use leaf::{Leaf, Names, Usage};
pub use pem::certificates;
pub use random::{random_bytes, random_token};
pub use request::Request;
pub use secret::Secret;
pub use time::{UnixTime, renew_at};
