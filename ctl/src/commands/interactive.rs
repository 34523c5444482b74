// SPDX-License-Identifier: MPL-2.0
//! `apply-config --mode interactive`.
//!
//! Owns: the secrets of the cluster before and after the form.
//! Never: sends a configuration whose secrets nobody has.

use std::path::{Path, PathBuf};

use api::machine::apply_configuration_request::Mode;
use config::{Comments, Release, SecretsBundle};
use pki::Secret;

use crate::args::{ApplyConfig, Globals, NOW};
use crate::commands::{apply, gen_config, gen_secrets};
use crate::places::{self, Environment, Existing};
use crate::screen::Screen;
use crate::session::Target;
use crate::trouble::Trouble;
use crate::wizard;

/// Lets the operator fill in a form, keeps the secrets, and sends the configuration to one node.
pub(crate) async fn run(
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
    if asked.confirm.as_deref() == Some(NOW) {
        return Err(Trouble::new(
            "--mode interactive makes a configuration and --confirm now confirms one",
        )
        .hint("leave out --mode to confirm, or give a time such as --confirm 5m"));
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
    let request = apply::prepared(asked, Mode::Auto, made, text.into_bytes(), environment)?;
    let confirm = asked.confirm.as_deref();
    apply::send(&target.open().await?, request, confirm, screen).await
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
            gen_secrets::new(Release::CURRENT)?
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
