// SPDX-License-Identifier: MPL-2.0
//! `usage`.
//!
//! Owns: the columns of a sum.
//! Never: lets a path that is not there hide the others.

use api::machine::DiskUsageRequest;

use crate::args_files::Usage;
use crate::rows::Rows;
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
    let mut stream = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let mut rows = Rows::new(if asked.humanize {
        &["NODE", "SIZE", "NAME"]
    } else {
        &["NODE", "SIZE(B)", "NAME"]
    });
    let outcome = loop {
        match stream.message().await {
            Ok(Some(sum)) => {
                let Some(node) = session.node(sum.metadata.as_ref(), screen) else {
                    continue;
                };
                if !sum.error.is_empty() {
                    screen.complain(&Trouble::new(format!("{node}: {}", sum.error)));
                    continue;
                }
                let size = if asked.humanize {
                    units::size(u64::try_from(sum.size).unwrap_or_default())
                } else {
                    sum.size.to_string()
                };
                // Of several paths each has a `.`.
                let name = if is_one { sum.relative_name } else { sum.name };
                rows.row([node, size, name], screen);
            }
            Ok(None) => break Ok(()),
            Err(status) => break Err(session.failed(&status)),
        }
        if screen.is_closed() {
            break Ok(());
        }
    };
    rows.finish(outcome.is_ok(), screen);
    outcome
}
