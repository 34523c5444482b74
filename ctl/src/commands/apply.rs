// SPDX-License-Identifier: MPL-2.0
//! `apply-config`.
//!
//! Owns: reading the file, the modes, and what nodes answer.
//! Never: changes a configuration on its way but by the patches it is given.

use std::path::Path;
use std::time::Duration;

use api::machine::apply_configuration_request::Mode;
use api::machine::{ApplyConfiguration, ApplyConfigurationRequest};
use api::wire::CONFIRM;
use config::MAX_BYTES;
use serde::Deserialize as _;
use tonic::Request;
use tonic::metadata::MetadataValue;

use crate::args::{ApplyConfig, ApplyMode, Globals, NOW};
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
    if asked.insecure && asked.confirm.as_deref() == Some(NOW) {
        return Err(Trouble::new(
            "--confirm now shows that its sender can come in, --insecure shows nobody",
        )
        .hint("leave out --insecure and use the talosconfig of the new configuration"));
    }
    if asked.mode == ApplyMode::Interactive {
        return interactive::run(asked, globals, environment, screen).await;
    }
    let request = request(asked, environment)?;
    let confirm = asked.confirm.as_deref();
    if !asked.insecure {
        let session = Session::open(globals, environment).await?;
        return send(&session, request, confirm, screen).await;
    }
    for target in Target::insecure(globals, &asked.cert_fingerprint)? {
        let outcome = match target.open().await {
            Ok(session) => send(&session, request.clone(), confirm, screen).await,
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
    if asked.file.is_none() && asked.confirm.as_deref() == Some(NOW) {
        return Ok(confirmation(mode, asked.dry_run));
    }
    let file = asked.file.as_deref().ok_or_else(|| {
        Trouble::new("--file: no configuration is named")
            .hint("make one with `ichorctl gen config`, or use --mode interactive")
    })?;
    let data = places::read_input(file, environment)?;
    prepared(asked, mode, file, data, environment)
}

/// A request about whatever is on trial.
pub(crate) fn confirmation(mode: Mode, dry_run: bool) -> ApplyConfigurationRequest {
    ApplyConfigurationRequest {
        mode: mode.into(),
        dry_run,
        ..ApplyConfigurationRequest::default()
    }
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
    is_bare(file, &data)?;
    let patches = patches::read(&asked.config_patch, environment)?;
    if !patches.is_empty() {
        data = patches::apply(file, &data, &patches)?.into_bytes();
    }
    Ok(ApplyConfigurationRequest {
        data,
        mode: mode.into(),
        dry_run: asked.dry_run,
        try_mode_timeout: try_timeout(mode, asked.timeout),
    })
}

/// Sends a request and shows what each node says.
pub(crate) async fn send(
    session: &Session,
    request: ApplyConfigurationRequest,
    confirm: Option<&str>,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mut request = session.request(request)?;
    ask_to_confirm(&mut request, confirm)?;
    let reply = session.machine().apply_configuration(request).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    for message in reply.messages {
        if let Some(node) = session.node(message.metadata.as_ref(), screen) {
            show(&node, &message, confirm, screen);
        }
    }
    Ok(())
}

/// With mode try, when the old configuration comes back.
pub(crate) fn try_timeout(mode: Mode, timeout: Duration) -> Option<prost_types::Duration> {
    (mode == Mode::Try).then(|| prost_types::Duration {
        seconds: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(timeout.subsec_nanos()).unwrap_or_default(),
    })
}

/// Notes on a request that the configuration is to be confirmed.
pub(crate) fn ask_to_confirm<T>(
    request: &mut Request<T>,
    confirm: Option<&str>,
) -> Result<(), Trouble> {
    if let Some(confirm) = confirm {
        let value = MetadataValue::try_from(confirm)
            .map_err(|_| Trouble::new(format!("--confirm: {confirm:?} cannot be sent")))?;
        request.metadata_mut().insert(CONFIRM, value);
    }
    Ok(())
}

/// Shows what a node says about a configuration that it took.
pub(crate) fn show(
    node: &str,
    message: &ApplyConfiguration,
    confirm: Option<&str>,
    screen: &mut Screen<'_>,
) {
    let details = show_warnings(node, message, screen);
    screen.print(format_args!("{node}: {details}\n"));
    show_confirmation(node, details, confirm, screen);
}

/// Shows a node's warnings; returns what it did.
pub(crate) fn show_warnings<'m>(
    node: &str,
    message: &'m ApplyConfiguration,
    screen: &mut Screen<'_>,
) -> &'m str {
    for warning in &message.warnings {
        screen.warn(format_args!("{node}: warning: {warning}"));
    }
    match message.mode_details.trim_end() {
        "" => "the configuration is applied",
        details => details,
    }
}

/// Shows how a configuration is confirmed, or that the node does not know how.
pub(crate) fn show_confirmation(
    node: &str,
    details: &str,
    confirm: Option<&str>,
    screen: &mut Screen<'_>,
) {
    // Other nodes ignore metadata that they do not know.
    if confirm.is_some() && !details.to_ascii_lowercase().contains("confirm") {
        screen.warn(format_args!(
            "{node}: warning: this node knows nothing of --confirm: what it was sent is applied \
             for good"
        ));
    } else if confirm.is_some_and(|confirm| confirm != NOW) {
        screen.warn(format_args!(
            "{node}: confirm it with: ichorctl apply-config --confirm now"
        ));
    }
}

/// Refuses what `get` prints: a configuration in an envelope.
fn is_bare(file: &Path, data: &[u8]) -> Result<(), Trouble> {
    let first = serde_yaml_ng::Deserializer::from_slice(data).next();
    let parsed = first.and_then(|first| serde_yaml_ng::Value::deserialize(first).ok());
    let has = |key| {
        parsed
            .as_ref()
            .is_some_and(|value| value.get(key).is_some())
    };
    if has("node") && has("metadata") && has("spec") {
        return Err(Trouble::new(format!(
            "{} is a resource as `get` prints it, not a configuration",
            file.display()
        ))
        .hint(
            "its spec is the configuration: take it with `ichorctl get machineconfig -o \
             jsonpath={.spec}`, or with `yq eval .spec`",
        ));
    }
    Ok(())
}
