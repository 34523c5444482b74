// SPDX-License-Identifier: MPL-2.0
//! `reboot` and `shutdown`.
//!
//! Owns: the orders, and whether their end is waited for.
//! Never: sends an order twice.

mod course;
mod look;
mod sequence;
mod watch;

use api::common::Metadata;
use api::machine::reboot_request::Mode;
use api::machine::{RebootRequest, ShutdownRequest};

use crate::args::{RebootMode, Wait};
pub(crate) use crate::commands::power::course::End;
pub(crate) use crate::commands::power::watch::Watches;
use crate::places::Environment;
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;

pub(crate) async fn reboot(
    session: &Session,
    mode: RebootMode,
    wait: &Wait,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mode = match mode {
        RebootMode::Default => Mode::Default,
        RebootMode::Powercycle => Mode::Powercycle,
    };
    let watches = Watches::begin(session, wait).await;
    let request = session.request(RebootRequest { mode: mode.into() })?;
    let reply = session.machine().reboot(request).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let answers = reply.messages.into_iter();
    let answers = answers.map(|message| (message.metadata, message.actor_id));
    let nodes = accepted(session, answers, screen);
    finish(watches, &nodes, End::Back, wait, environment, screen).await;
    Ok(())
}

pub(crate) async fn shutdown(
    session: &Session,
    force: bool,
    wait: &Wait,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let watches = Watches::begin(session, wait).await;
    let request = session.request(ShutdownRequest { force })?;
    let reply = session.machine().shutdown(request).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let answers = reply.messages.into_iter();
    let answers = answers.map(|message| (message.metadata, message.actor_id));
    let nodes = accepted(session, answers, screen);
    finish(watches, &nodes, End::Off, wait, environment, screen).await;
    Ok(())
}

/// A node that took an order, and who it says carries it out.
#[derive(Debug)]
pub(crate) struct Accepted {
    node: String,
    actor_id: String,
}

/// Those of the nodes that took the order; of the others it is said why not.
pub(crate) fn accepted(
    session: &Session,
    answers: impl Iterator<Item = (Option<Metadata>, String)>,
    screen: &mut Screen<'_>,
) -> Vec<Accepted> {
    let nodes = answers.filter_map(|(metadata, actor_id)| {
        let node = session.node(metadata.as_ref(), screen)?;
        Some(Accepted { node, actor_id })
    });
    nodes.collect()
}

/// Says that the nodes took the order, and waits for its end if that is asked for.
pub(crate) async fn finish(
    watches: Option<Watches>,
    nodes: &[Accepted],
    end: End,
    wait: &Wait,
    environment: &Environment,
    screen: &mut Screen<'_>,
) {
    let Some(watches) = watches else {
        for Accepted { node, .. } in nodes {
            screen.print(format_args!("{node}: the order is accepted\n"));
        }
        return;
    };
    for Accepted { node, .. } in nodes {
        screen.warn(format_args!("{node}: the order is accepted; waiting"));
    }
    if !nodes.is_empty() {
        watch::until(end, watches.of(nodes), wait, environment, screen).await;
    }
}
