// SPDX-License-Identifier: MPL-2.0
//! `mounts`.
//!
//! Owns: the table.
//! Never: leaves out a file system that has no size.

use crate::screen::Screen;
use crate::session::Session;
use crate::table::Table;
use crate::trouble::Trouble;
use crate::units;

const HEAD: [&str; 7] = [
    "NODE",
    "FILESYSTEM",
    "SIZE(GB)",
    "USED(GB)",
    "AVAILABLE(GB)",
    "PERCENT USED",
    "MOUNTED ON",
];

pub(crate) async fn run(session: &Session, screen: &mut Screen<'_>) -> Result<(), Trouble> {
    let reply = session.machine().mounts(session.request(())?).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let mut table = Table::new(&HEAD);
    for message in reply.messages {
        let Some(node) = session.node(message.metadata.as_ref(), screen) else {
            continue;
        };
        for mount in message.stats {
            table.row([
                node.clone(),
                mount.filesystem,
                units::gigabytes(mount.size),
                units::gigabytes(mount.size.saturating_sub(mount.available)),
                units::gigabytes(mount.available),
                units::percent_used(mount.size, mount.available),
                mount.mounted_on,
            ]);
        }
    }
    screen.table(&table);
    Ok(())
}
