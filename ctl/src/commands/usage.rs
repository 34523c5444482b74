// SPDX-License-Identifier: MPL-2.0
//! `usage`.
//!
//! Owns: the columns of a sum.
//! Never: lets a path that is not there hide the others.

use api::common::Metadata;
use api::machine::{DiskUsageInfo, DiskUsageRequest};

use crate::args_files::Usage;
use crate::rows::{self, Item};
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;
use crate::units;

pub(crate) async fn run(
    session: &Session,
    asked: &Usage,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mut paths = asked.paths.clone();
    if paths.is_empty() {
        paths.push("/".to_owned());
    }
    let is_one = paths.len() == 1;
    let request = session.request(DiskUsageRequest {
        recursion_depth: asked.depth,
        all: asked.all,
        threshold: asked.threshold,
        paths,
    })?;
    let reply = session.machine().disk_usage(request).await;
    let stream = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let cells = |node, sum: DiskUsageInfo| {
        if !sum.error.is_empty() {
            return None;
        }
        let size = if asked.humanize {
            units::size(u64::try_from(sum.size).unwrap_or_default())
        } else {
            sum.size.to_string()
        };
        // Of several paths each has a `.`.
        let name = if is_one { sum.relative_name } else { sum.name };
        Some(vec![node, size, name])
    };
    rows::show(&["NODE", "SIZE", "NAME"], stream, session, screen, cells).await
}

impl Item for DiskUsageInfo {
    fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }

    fn error(&self) -> &str {
        &self.error
    }
}
