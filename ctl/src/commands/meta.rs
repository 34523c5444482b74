// SPDX-License-Identifier: MPL-2.0
//! `meta write` and `meta delete`.
//!
//! Owns: what is said of each node.
//! Never: shows a value.

use api::common::Metadata;
use api::machine::{MetaDeleteRequest, MetaWriteRequest};

use crate::args::Globals;
use crate::args_meta::{Meta, OfMeta};
use crate::places::Environment;
use crate::screen::Screen;
use crate::session::{Session, Target};
use crate::trouble::Trouble;

pub(crate) async fn run(
    asked: &Meta,
    globals: &Globals,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    if !asked.insecure {
        let session = Session::open(globals, environment).await?;
        return change(&session, &asked.what, screen).await;
    }
    for target in Target::insecure(globals, &[])? {
        let outcome = match target.open().await {
            Ok(session) => change(&session, &asked.what, screen).await,
            Err(trouble) => Err(trouble),
        };
        if let Err(trouble) = outcome {
            screen.complain(&trouble);
        }
    }
    Ok(())
}

async fn change(session: &Session, what: &OfMeta, screen: &mut Screen<'_>) -> Result<(), Trouble> {
    let (key, done, nodes) = match what {
        OfMeta::Write { key, value } => {
            let request = session.request(MetaWriteRequest {
                key: u32::from(*key),
                value: value.clone().into_bytes(),
            })?;
            let reply = session.machine().meta_write(request).await;
            let nodes = reply.map(|reply| {
                let messages = reply.into_inner().messages.into_iter();
                messages.map(|message| message.metadata).collect()
            });
            (key, "written", nodes)
        }
        OfMeta::Delete { key } => {
            let request = session.request(MetaDeleteRequest {
                key: u32::from(*key),
            })?;
            let reply = session.machine().meta_delete(request).await;
            let nodes = reply.map(|reply| {
                let messages = reply.into_inner().messages.into_iter();
                messages.map(|message| message.metadata).collect()
            });
            (key, "deleted", nodes)
        }
    };
    let nodes: Vec<Option<Metadata>> = nodes.map_err(|status| session.failed(&status))?;
    for metadata in nodes {
        if let Some(node) = session.node(metadata.as_ref(), screen) {
            screen.warn(format_args!("{node}: META {key:#04x} is {done}"));
        }
    }
    Ok(())
}
