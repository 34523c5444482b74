// SPDX-License-Identifier: MPL-2.0
//! udevd: what the kernel says about devices, made into permissions and stable names.
//!
//! The kernel's devtmpfs makes the nodes; udevd sets who may use them and keeps the links in
//! `/dev/disk` and `/dev/mapper`. It keeps no table of devices: sysfs says what there is, the
//! links themselves say who has a name, so a udevd that is killed forgets nothing.
//!
//! Owns: permissions and links below `/dev`, and loading kernel modules.
//! Never: renames an interface, loads firmware (there is none to load), or keeps anything that sysfs
//! can tell again.
#![no_std]
#![forbid(unsafe_code)]

pub mod attribute;
pub mod device;
pub mod links;
pub mod modules;
pub mod names;
pub mod place;
pub mod probe;
pub mod rules;
pub mod run;
pub mod serve;
pub mod uevents;
pub mod vpd;

pub use run::main;
