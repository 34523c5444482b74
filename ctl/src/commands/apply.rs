// SPDX-License-Identifier: MPL-2.0
//! `apply-config`.
//!
//! Owns: reading the file, the modes, and what nodes answer.
//! Never: changes a configuration on its way but by the patches it is given.

use std::path::Path;

use api::machine::ApplyConfigurationRequest;
use api::machine::apply_configuration_request::Mode;
use api::wire::CONFIRM;
use config::MAX_BYTES;
use tonic::metadata::MetadataValue;

use crate::args::{ApplyConfig, ApplyMode, Globals};
use crate::commands::interactive;
use crate::patches;
use crate::places::{self, Environment};
use crate::screen::Screen;
use crate::session::{Session, Target};
use crate::trouble::Trouble;

pub(crate) async fn run(
    asked: &ApplyConfig,
    globals: &Globals,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    if asked.mode == ApplyMode::Interactive {
        return interactive::run(asked, globals, environment, screen).await;
    }
    let request = request(asked, environment)?;
    if !asked.insecure {
        let session = Session::open(globals, environment).await?;
        return send(&session, request, asked.confirm.as_deref(), screen).await;
    }
    for target in Target::insecure(globals, &asked.cert_fingerprint)? {
        let outcome = match target.open().await {
            Ok(session) => apply(&session, request.clone(), screen).await,
            Err(trouble) => Err(trouble),
        };
        if let Err(trouble) = outcome {
            screen.complain(&trouble);
        }
    }
    Ok(())
}

fn request(
    asked: &ApplyConfig,
    environment: &Environment,
) -> Result<ApplyConfigurationRequest, Trouble> {
    let mode = match asked.mode {
        ApplyMode::Auto => Mode::Auto,
        ApplyMode::NoReboot => Mode::NoReboot,
        ApplyMode::Reboot => Mode::Reboot,
        ApplyMode::Staged => Mode::Staged,
        ApplyMode::Try => Mode::Try,
        // Its file is made before; then it is applied as if by itself.
        ApplyMode::Interactive => Mode::Auto,
    };
    if asked.file.is_none() && asked.confirm.as_deref() == Some("now") {
        // Whatever is on trial.
        return Ok(ApplyConfigurationRequest {
            mode: mode.into(),
            dry_run: asked.dry_run,
            ..ApplyConfigurationRequest::default()
        });
    }
    let file = asked.file.as_deref().ok_or_else(|| {
        Trouble::new("--file: no configuration is named")
            .hint("make one with `ichorctl gen config`, or use --mode interactive")
    })?;
    let data = places::read_input(file, environment)?;
    prepared(asked, mode, file, data, environment)
}

/// Patches and checks what was read.
pub(crate) fn prepared(
    asked: &ApplyConfig,
    mode: Mode,
    file: &Path,
    mut data: Vec<u8>,
    environment: &Environment,
) -> Result<ApplyConfigurationRequest, Trouble> {
    if data.is_empty() {
        return Err(Trouble::new(format!("{} is empty", file.display())));
    }
    if data.len() > MAX_BYTES {
        return Err(Trouble::new(format!(
            "{} is too long for a configuration: {} bytes, at most {MAX_BYTES}",
            file.display(),
            data.len()
        )));
    }
    let patches = patches::read(&asked.config_patch, environment)?;
    if !patches.is_empty() {
        data = patches::apply(file, &data, &patches)?.into_bytes();
    }
    let timeout = (mode == Mode::Try).then(|| prost_types::Duration {
        seconds: i64::try_from(asked.timeout.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(asked.timeout.subsec_nanos()).unwrap_or_default(),
    });
    Ok(ApplyConfigurationRequest {
        data,
        mode: mode.into(),
        dry_run: asked.dry_run,
        try_mode_timeout: timeout,
    })
}

/// Sends a request and shows what each node says.
pub(crate) async fn apply(
    session: &Session,
    request: ApplyConfigurationRequest,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    send(session, request, None, screen).await
}

async fn send(
    session: &Session,
    request: ApplyConfigurationRequest,
    confirm: Option<&str>,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mut request = session.request(request)?;
    if let Some(confirm) = confirm {
        let value = MetadataValue::try_from(confirm)
            .map_err(|_| Trouble::new(format!("--confirm: {confirm:?} cannot be sent")))?;
        request.metadata_mut().insert(CONFIRM, value);
    }
    let reply = session.machine().apply_configuration(request).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    for message in reply.messages {
        let Some(node) = session.node(message.metadata.as_ref(), screen) else {
            continue;
        };
        for warning in &message.warnings {
            screen.warn(format_args!("{node}: warning: {warning}"));
        }
        let details = match message.mode_details.trim_end() {
            "" => "the configuration is applied",
            details => details,
        };
        screen.print(format_args!("{node}: {details}\n"));
        // Other nodes ignore metadata that they do not know.
        if confirm.is_some() && !details.to_ascii_lowercase().contains("confirm") {
            screen.warn(format_args!(
                "{node}: warning: this node knows nothing of --confirm: what it was sent is applied \
                 for good"
            ));
        } else if confirm.is_some_and(|confirm| confirm != "now") {
            screen.warn(format_args!(
                "{node}: confirm it with: ichorctl apply-config --confirm now"
            ));
        }
    }
    Ok(())
}
