// SPDX-License-Identifier: MPL-2.0
//! Files of the node: listed, read, added up and copied.
//!
//! Owns: what the requests mean, and what is refused of them.
//! Never: touches a file itself; `browse` does, in threads.

use std::sync::Arc;

use api::common::Data;
use api::machine::{
    CopyRequest, DiskUsageInfo, DiskUsageRequest, FileInfo, ListRequest, ReadRequest,
};
use api::quota::Share;
use api::rbac::Roles;
use tonic::Status;
use tonic::codegen::BoxStream;

use crate::browse::{self, Asked, Kinds, Look, Told};
use crate::node::Node;

/// Rows that are made before the client asks for them: each is small, and a thread that wakes for
/// each would spend its time waking.
const ROWS_AHEAD: usize = 64;
/// The same for pieces of files.
const PIECES_AHEAD: usize = 1;
/// How many paths one request may name: more than a line of a terminal holds.
const PATHS_MAX: usize = 256;

pub(super) fn list(
    node: &Arc<Node>,
    roles: Roles,
    request: &ListRequest,
) -> Result<BoxStream<FileInfo>, Status> {
    let asked = Asked::parse_from_root(&request.root, &node.places)?;
    let levels = if request.recurse {
        depth(request.recursion_depth)
    } else {
        Some(1)
    };
    let kinds = Kinds::parse(&request.types)
        .ok_or_else(|| Status::invalid_argument("types: one of them is unknown"))?;
    let look = Look::Names(Share::of(roles));
    node.slots.stream(look, ROWS_AHEAD, move |out| {
        browse::list(&asked, levels, &kinds, out);
    })
}

pub(super) fn read(node: &Arc<Node>, request: &ReadRequest) -> Result<BoxStream<Data>, Status> {
    let asked = Asked::parse(&request.path, &node.places)?;
    node.slots.stream(Look::Contents, PIECES_AHEAD, move |out| {
        browse::read(&asked, out)
    })
}

pub(super) fn copy(node: &Arc<Node>, request: &CopyRequest) -> Result<BoxStream<Data>, Status> {
    let asked = Asked::parse(&request.root_path, &node.places)?;
    node.slots.stream(Look::Contents, PIECES_AHEAD, move |out| {
        browse::copy(&asked, out)
    })
}

pub(super) fn usage(
    node: &Arc<Node>,
    roles: Roles,
    request: &DiskUsageRequest,
) -> Result<BoxStream<DiskUsageInfo>, Status> {
    if request.paths.len() > PATHS_MAX {
        return Err(Status::invalid_argument(format!(
            "paths: more than {PATHS_MAX}"
        )));
    }
    let root = ["/".to_owned()];
    let paths = if request.paths.is_empty() {
        &root[..]
    } else {
        &request.paths
    };
    let paths = paths
        .iter()
        .map(|path| Asked::parse_from_root(path, &node.places));
    let paths = paths.collect::<Result<Vec<Asked>, Status>>()?;
    let told = Told {
        levels: depth(request.recursion_depth),
        files: request.all,
        threshold: request.threshold,
    };
    let look = Look::Names(Share::of(roles));
    node.slots.stream(look, ROWS_AHEAD, move |out| {
        browse::usage(&paths, told, out);
    })
}

/// Reads a depth: 0 is no limit (api.md, `ListRequest`, `DiskUsageRequest`), and so is what is below
/// it, as Talos has it. The walk has a limit of its own.
fn depth(number: i32) -> Option<u32> {
    u32::try_from(number).ok().filter(|levels| *levels > 0)
}
