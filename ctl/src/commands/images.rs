// SPDX-License-Identifier: MPL-2.0
//! `image list` and `image pull`: the images that nodes have.
//!
//! Owns: the table.
//! Never: pulls anything itself.

use api::common::ContainerdNamespace;
use api::machine::{ImageListRequest, ImagePullRequest};
use pki::UnixTime;

use crate::args_extension::Namespace;
use crate::screen::Screen;
use crate::session::Session;
use crate::table::Table;
use crate::trouble::Trouble;
use crate::units;

const HEAD: [&str; 5] = ["NODE", "IMAGE", "DIGEST", "SIZE", "CREATED"];

/// How many images are listed: a node keeps some dozens, a hundred nodes some thousands.
const IMAGES_MAX: usize = 10_000;
/// How long the name or the digest of one may be; references have up to 255 letters, and a digest.
const NAME_MAX: usize = 1024;

/// Writes the images of a cluster with default configurations, one in a line.
pub(crate) fn default(screen: &mut Screen<'_>) {
    for image in config::default_images::all() {
        screen.print(format_args!("{image}\n"));
    }
}

pub(crate) async fn list(
    session: &Session,
    namespace: Namespace,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let namespace = wire(namespace);
    let request = session.request(ImageListRequest { namespace })?;
    let reply = session.machine().image_list(request).await;
    let mut stream = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let mut table = Table::new(&HEAD);
    let mut count: usize = 0;
    let outcome = loop {
        if screen.is_closed() {
            break Ok(());
        }
        let image = match stream.message().await {
            Ok(Some(image)) => image,
            Ok(None) => break Ok(()),
            Err(status) => break Err(session.failed(&status)),
        };
        let Some(node) = session.node(image.metadata.as_ref(), screen) else {
            continue;
        };
        count = count.saturating_add(1);
        if count > IMAGES_MAX || image.name.len().max(image.digest.len()) > NAME_MAX {
            break Err(Trouble::new(format!(
                "{node}: the list is more than {IMAGES_MAX} images, or has a name of more than \
                 {NAME_MAX} bytes; the rest is left out"
            ))
            .hint("ask fewer nodes at once"));
        }
        let created = image.created_at;
        let created = created.map(|at| units::instant(UnixTime(at.seconds)));
        table.row([
            node,
            image.name,
            image.digest,
            units::size(u64::try_from(image.size).unwrap_or(0)),
            created.unwrap_or_default(),
        ]);
    };
    screen.table(&table);
    outcome
}

pub(crate) async fn pull(
    session: &Session,
    namespace: Namespace,
    image: &str,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let request = session.request(ImagePullRequest {
        namespace: wire(namespace),
        reference: image.to_owned(),
    })?;
    let reply = session.machine().image_pull(request).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    for message in reply.messages {
        if let Some(node) = session.node(message.metadata.as_ref(), screen) {
            screen.warn(format_args!("{node}: pulled {image}"));
        }
    }
    Ok(())
}

fn wire(namespace: Namespace) -> i32 {
    match namespace {
        Namespace::System => ContainerdNamespace::NsSystem.into(),
        Namespace::Cri => ContainerdNamespace::NsCri.into(),
    }
}
