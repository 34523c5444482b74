// SPDX-License-Identifier: MPL-2.0
//! The configuration of one node: read, and written back when nobody else wrote it meanwhile.
//!
//! Owns: what `edit` and `patch` have in common.
//! Never: writes over a configuration that is not the one that was read.

use api::machine::apply_configuration_request::Mode;
use api::machine::{ApplyConfiguration, ApplyConfigurationRequest};
use config::MAX_BYTES;
use tonic::Code;

use crate::args_resource::{Change, ChangeMode};
use crate::commands::apply;
use crate::resources::Reader;
use crate::resources::form::MACHINE_CONFIG;
use crate::resources::kinds::Kind;
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;

/// The configuration's only id.
const ID: &str = "v1alpha1";

/// Why a configuration was not written.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The node says that it is wrong.
    Wrong(String),
    /// Anything else; another text would not help.
    Other(Trouble),
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Self::Other(trouble)
    }
}

/// Reads the configuration that is in force on a node.
pub(crate) async fn read(reader: &Reader<'_>, change: &Change) -> Result<String, Trouble> {
    let kind = kind(reader, change).await?;
    let namespace = change.namespace.as_deref().unwrap_or(&kind.namespace);
    let id = change.id.as_deref().unwrap_or(ID);
    let found = reader.get(namespace, &kind, id).await?;
    let text = found.spec.unwrap_or_default().yaml_spec;
    if text.is_empty() {
        return Err(Trouble::new(format!(
            "{}: the node says that its configuration is empty",
            reader.name()
        )));
    }
    Ok(text)
}

/// The type that is named, if it is one that operators write.
async fn kind(reader: &Reader<'_>, change: &Change) -> Result<Kind, Trouble> {
    let kind = reader.resolve(&change.kind).await?;
    if kind.name != MACHINE_CONFIG {
        return Err(Trouble::new(format!(
            "{}: resources of type {} cannot be changed: the node writes them itself",
            reader.name(),
            kind.name
        ))
        .hint("what operators write is the machineconfig; look at others with `ichorctl get`"));
    }
    Ok(kind)
}

/// Confirms what is on trial, on one node after the other.
pub(crate) async fn confirm(session: &Session, change: &Change, screen: &mut Screen<'_>) {
    for reader in Reader::each(session) {
        if let Err(trouble) = confirm_at(session, &reader, change, screen).await {
            screen.complain(&trouble);
        }
    }
}

async fn confirm_at(
    session: &Session,
    reader: &Reader<'_>,
    change: &Change,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    kind(reader, change).await?;
    let request = apply::confirmation(mode(change.mode), change.dry_run);
    let mut request = session.request_to(reader.node(), request)?;
    apply::ask_to_confirm(&mut request, change.confirm.as_deref())?;
    let reply = session.machine().apply_configuration(request).await;
    let reply = reply.map_err(|status| session.failed_at(reader.node(), &status))?;
    for message in reply.into_inner().messages {
        apply::show(&reader.name(), &message, change.confirm.as_deref(), screen);
    }
    Ok(())
}

fn mode(asked: ChangeMode) -> Mode {
    match asked {
        ChangeMode::Auto => Mode::Auto,
        ChangeMode::NoReboot => Mode::NoReboot,
        ChangeMode::Reboot => Mode::Reboot,
        ChangeMode::Staged => Mode::Staged,
        ChangeMode::Try => Mode::Try,
    }
}

/// Writes `text` to the node whose configuration was `before`.
pub(crate) async fn write(
    session: &Session,
    node: Option<&str>,
    change: &Change,
    before: &str,
    text: String,
) -> Result<Vec<ApplyConfiguration>, Refusal> {
    if text.len() > MAX_BYTES {
        return Err(Refusal::Other(Trouble::new(format!(
            "{}: too long for a configuration: {} bytes, at most {MAX_BYTES}",
            session.name_of(node),
            text.len()
        ))));
    }
    let reader = Reader::of(session, node);
    if read(&reader, change).await? != before {
        return Err(Refusal::Other(
            Trouble::new(format!(
                "{}: the configuration of the node changed since it was read; nothing is applied",
                reader.name()
            ))
            .hint("somebody else changed it, or a trial ended; begin again with the present one"),
        ));
    }
    let mode = mode(change.mode);
    let request = ApplyConfigurationRequest {
        data: text.into_bytes(),
        mode: mode.into(),
        dry_run: change.dry_run,
        try_mode_timeout: apply::try_timeout(mode, change.timeout),
    };
    let mut request = session.request_to(node, request)?;
    apply::ask_to_confirm(&mut request, change.confirm.as_deref())?;
    match session.machine().apply_configuration(request).await {
        Ok(reply) => Ok(reply.into_inner().messages),
        Err(status) if status.code() == Code::InvalidArgument => {
            Err(Refusal::Wrong(status.message().to_owned()))
        }
        Err(status) => Err(Refusal::Other(session.failed_at(node, &status))),
    }
}
