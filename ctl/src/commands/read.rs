// SPDX-License-Identifier: MPL-2.0
//! `read`.
//!
//! Owns: handing a file through as it comes.
//! Never: mixes the files of two nodes, or changes a byte.

use api::machine::ReadRequest;

use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;

pub(crate) async fn run(
    session: &Session,
    path: &str,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let node = session.only_node("read")?;
    let request = ReadRequest {
        path: path.to_owned(),
    };
    let reply = session
        .machine()
        .read(session.request_to(node, request)?)
        .await;
    let failed = |status| session.failed_at(node, &status);
    let mut stream = reply.map_err(failed)?.into_inner();
    while let Some(piece) = stream.message().await.map_err(failed)? {
        if session.node(piece.metadata.as_ref(), screen).is_some() {
            screen.write(&piece.bytes);
        }
        if screen.is_closed() {
            break;
        }
    }
    Ok(())
}
