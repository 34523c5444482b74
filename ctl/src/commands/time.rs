// SPDX-License-Identifier: MPL-2.0
//! `time`.
//!
//! Owns: the table.
//! Never: compares with the clock of the client.

use api::time::TimeRequest;

use crate::screen::Screen;
use crate::session::Session;
use crate::table::Table;
use crate::trouble::Trouble;
use crate::units;

const HEAD: [&str; 4] = ["NODE", "NTP-SERVER", "NODE-TIME", "NTP-SERVER-TIME"];

pub(crate) async fn run(
    session: &Session,
    check: Option<&str>,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mut client = session.time();
    let reply = match check {
        None => client.time(session.request(())?).await,
        Some(server) => {
            let server = server.to_owned();
            let request = session.request(TimeRequest { server })?;
            client.time_check(request).await
        }
    };
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let mut table = Table::new(&HEAD);
    for message in reply.messages {
        let Some(node) = session.node(message.metadata.as_ref(), screen) else {
            continue;
        };
        let instant = |at: Option<&_>| at.map(units::fine_instant).unwrap_or_default();
        table.row([
            node,
            message.server,
            instant(message.localtime.as_ref()),
            instant(message.remotetime.as_ref()),
        ]);
    }
    screen.table(&table);
    Ok(())
}
