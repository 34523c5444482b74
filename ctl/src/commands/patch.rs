// SPDX-License-Identifier: MPL-2.0
//! `patch`: the configurations of nodes, changed without an editor.
//!
//! Owns: that every node's own configuration is patched, and written once.
//! Never: writes what a patch does not fit.

use std::path::Path;

use crate::args_resource::Patch;
use crate::commands::apply;
use crate::commands::change::{self, Refusal};
use crate::patches;
use crate::places::Environment;
use crate::resources::Reader;
use crate::screen::Screen;
use crate::session::{Session, Target};
use crate::trouble::Trouble;

pub(crate) async fn run(
    asked: &Patch,
    target: &Target,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mut texts = asked.patch.clone();
    if let Some(file) = &asked.patch_file {
        texts.push(format!("@{}", file.display()));
    }
    if asked.change.is_confirmation() {
        if !texts.is_empty() {
            return Err(
                Trouble::new("--confirm now confirms what is on trial and takes no patch")
                    .hint("leave the patch out, or give a time such as --confirm 5m"),
            );
        }
        change::confirm(&target.open().await?, &asked.change, screen).await;
        return Ok(());
    }
    if texts.is_empty() {
        return Err(Trouble::new("no patch is named")
            .hint("name one with --patch, as text or as @FILE, or with --patch-file"));
    }
    // A patch that cannot be read is found before any node is asked.
    let patches = patches::read(&texts, environment)?;
    let session = target.open().await?;
    for reader in Reader::each(&session) {
        if let Err(trouble) = one(&session, &reader, asked, &patches, screen).await {
            screen.complain(&trouble);
        }
    }
    Ok(())
}

async fn one(
    session: &Session,
    reader: &Reader<'_>,
    asked: &Patch,
    patches: &[config::patch::Patch],
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let name = reader.name();
    let before = change::read(reader, &asked.change).await?;
    let what = format!("the configuration of {name}");
    let text = patches::apply(Path::new(&what), before.as_bytes(), patches)?;
    let written = change::write(session, reader.node(), &asked.change, &before, text).await;
    let messages = written.map_err(|refusal| match refusal {
        Refusal::Wrong(reason) => Trouble::new(format!(
            "{name}: the patched configuration is refused, nothing is applied: {reason}"
        )),
        Refusal::Other(trouble) => trouble,
    })?;
    for message in messages {
        let confirm = asked.change.confirm.as_deref();
        if asked.change.dry_run {
            apply::show(&name, &message, confirm, screen);
            continue;
        }
        let details = apply::show_warnings(&name, &message, screen);
        screen.print(format_args!("patched mc at the node {name}\n"));
        screen.warn(format_args!("{name}: {details}"));
        apply::show_confirmation(&name, details, confirm, screen);
    }
    Ok(())
}
