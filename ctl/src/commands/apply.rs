// SPDX-License-Identifier: MPL-2.0
//! `apply-config`.
//!
//! Owns: reading the file, the modes, and what nodes answer.
//! Never: changes a configuration on its way but by the patches it is given.

use api::machine::ApplyConfigurationRequest;
use api::machine::apply_configuration_request::Mode;
use config::MAX_BYTES;

use std::path::{Path, PathBuf};

use config::{Comments, SecretsBundle};
use pki::Secret;

use crate::args::{ApplyConfig, ApplyMode, Globals};
use crate::commands::{gen_config, gen_secrets};
use crate::patches;
use crate::places::{self, Environment, Existing};
use crate::screen::Screen;
use crate::session::{Session, Target};
use crate::trouble::Trouble;
use crate::wizard;

pub(crate) async fn run(
    asked: &ApplyConfig,
    globals: &Globals,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    if asked.mode == ApplyMode::Interactive {
        return interactive(asked, globals, environment, screen).await;
    }
    let request = request(asked, environment)?;
    if !asked.insecure {
        return apply(&Session::open(globals, environment).await?, request, screen).await;
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
    let file = asked.file.as_deref().ok_or_else(|| {
        Trouble::new("--file: no configuration is named")
            .hint("make one with `ichorctl gen config`, or use --mode interactive")
    })?;
    let data = places::read_input(file, environment)?;
    prepared(asked, mode, file, data, environment)
}

/// Patches and checks what was read.
fn prepared(
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

/// Lets the operator fill in a form, keeps the secrets, and sends the configuration to one node.
async fn interactive(
    asked: &ApplyConfig,
    globals: &Globals,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    if asked.file.is_some() {
        return Err(Trouble::new(
            "--mode interactive makes a configuration and takes none",
        ));
    }
    wizard::check_terminal()?;
    let targets = if asked.insecure {
        Target::insecure(globals, &asked.cert_fingerprint)?
    } else {
        vec![Target::configured(globals, environment)?]
    };
    let [target] = targets.as_slice() else {
        return Err(Trouble::new("--mode interactive is for one node at a time"));
    };
    // A node that is not there should be known before the form is filled in.
    target.open().await?;
    let keys = Keys::find(environment)?;
    let address = target.addresses.first();
    let node = address
        .map(|address| address.host.clone())
        .unwrap_or_default();
    let answers = wizard::ask(&node, &keys.bundle)?;
    keys.keep(&answers.cluster, &node, screen)?;
    let text = answers.document.to_commented_yaml(Comments::ALL);
    let made = Path::new("the new configuration");
    let request = prepared(asked, Mode::Auto, made, text.into_bytes(), environment)?;
    apply(&target.open().await?, request, screen).await
}

/// The secrets of the cluster and the folder that they are kept in.
struct Keys {
    bundle: SecretsBundle,
    secrets: PathBuf,
    client: PathBuf,
    is_new: bool,
}

impl Keys {
    /// Takes those of an earlier node from the folder, or makes new ones.
    fn find(environment: &Environment) -> Result<Self, Trouble> {
        let secrets = environment.path(Path::new("secrets.yaml"));
        let client = environment.path(Path::new("talosconfig"));
        let is_new = !secrets.exists();
        let bundle = if is_new {
            if client.exists() {
                return Err(Trouble::new(format!(
                    "{} exists already, and there is no secrets.yaml beside it",
                    client.display()
                ))
                .hint("go to the folder of this cluster, or to an empty one for a new cluster"));
            }
            gen_secrets::new(gen_secrets::release("")?)?
        } else {
            gen_secrets::read(&secrets)?
        };
        Ok(Self {
            bundle,
            secrets,
            client,
            is_new,
        })
    }

    /// Writes them before the node has them: nobody could reach it without.
    fn keep(&self, cluster: &str, node: &str, screen: &mut Screen<'_>) -> Result<(), Trouble> {
        let mut files = Vec::new();
        if self.is_new {
            let text = Secret::new(self.bundle.to_yaml().into_bytes());
            files.push((self.secrets.clone(), text));
        }
        if !self.client.exists() {
            let mut client = gen_config::client(cluster, &self.bundle)?;
            for context in client.contexts.values_mut() {
                context.endpoints = vec![node.to_owned()];
            }
            files.push((
                self.client.clone(),
                Secret::new(client.to_yaml().into_bytes()),
            ));
        }
        places::create_all(&files, Existing::Keep, screen)
    }
}

async fn apply(
    session: &Session,
    request: ApplyConfigurationRequest,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let reply = session
        .machine()
        .apply_configuration(session.request(request)?)
        .await;
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
    }
    Ok(())
}
