// SPDX-License-Identifier: MPL-2.0
//! `version`.
//!
//! Owns: the two blocks of lines, client and server.
//! Never: asks a node when only the client is wanted.

use api::machine::{Version, VersionInfo};

use crate::args::{Globals, Version as Asked};
use crate::places::Environment;
use crate::screen::Screen;
use crate::session::{Session, Target};
use crate::trouble::Trouble;

pub(crate) async fn run(
    asked: &Asked,
    globals: &Globals,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    show_client(asked.short, screen);
    if asked.client {
        return Ok(());
    }
    if !asked.insecure {
        return ask(
            &Session::open(globals, environment).await?,
            asked.short,
            screen,
        )
        .await;
    }
    for target in Target::insecure(globals, &[])? {
        let outcome = match target.open().await {
            Ok(session) => ask(&session, asked.short, screen).await,
            Err(trouble) => Err(trouble),
        };
        if let Err(trouble) = outcome {
            screen.complain(&trouble);
        }
    }
    Ok(())
}

fn show_client(short: bool, screen: &mut Screen<'_>) {
    let tag = concat!("v", env!("CARGO_PKG_VERSION"));
    if short {
        return screen.print(format_args!("Client: {tag}\n"));
    }
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    screen.print(format_args!(
        "Client:\n\tTag:         {tag}\n\tOS/Arch:     {}/{arch}\n",
        std::env::consts::OS
    ));
}

async fn ask(session: &Session, short: bool, screen: &mut Screen<'_>) -> Result<(), Trouble> {
    let reply = session.machine().version(session.request(())?).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    if !short {
        screen.print(format_args!("Server:\n"));
    }
    for message in &reply.messages {
        if let Some(node) = session.node(message.metadata.as_ref(), screen) {
            show(&node, message, short, screen);
        }
    }
    Ok(())
}

fn show(node: &str, message: &Version, short: bool, screen: &mut Screen<'_>) {
    let nothing = VersionInfo::default();
    let version = message.version.as_ref().unwrap_or(&nothing);
    if short {
        return screen.print(format_args!("{node}: {}\n", version.tag));
    }
    screen.print(format_args!(
        "\tNODE:        {node}\n\tTag:         {}\n",
        version.tag
    ));
    for (name, value) in [
        ("SHA:", &version.sha),
        ("Built:", &version.built),
        ("Go version:", &version.go_version),
    ] {
        // Ichor is not written in Go, and a reproducible build has no date.
        if !value.is_empty() {
            screen.print(format_args!("\t{name:12} {value}\n"));
        }
    }
    screen.print(format_args!(
        "\tOS/Arch:     {}/{}\n",
        version.os, version.arch
    ));
    if let Some(platform) = &message.platform {
        screen.print(format_args!("\tPlatform:    {}\n", platform.name));
    }
    if message
        .features
        .as_ref()
        .is_some_and(|features| features.rbac)
    {
        screen.print(format_args!("\tEnabled:     RBAC\n"));
    }
}
