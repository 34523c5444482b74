// SPDX-License-Identifier: MPL-2.0
//! `config`: the client configuration file.
//!
//! Owns: what each of its commands changes.
//! Never: writes a file when nothing changed.

use std::io::BufRead as _;
use std::path::Path;
use std::time::Duration;

use api::machine::GenerateClientConfigurationRequest;
use config::{Base64Bytes, ClientConfig, ClientContext};
use pki::{Certificate, Key, Secret};
use serde_json::json;

use crate::args::Globals;
use crate::args_config::{Config, Output};
use crate::dial::Address;
use crate::places::{self, Environment, Existing, Kept};
use crate::screen::Screen;
use crate::session::Session;
use crate::table::Table;
use crate::trouble::Trouble;
use crate::units;

pub(crate) async fn run(
    what: Config,
    globals: &Globals,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    if let Config::New {
        path,
        roles,
        crt_ttl,
    } = &what
    {
        if crt_ttl.as_secs() == 0 {
            return Err(Trouble::new("--crt-ttl: a second or more is wanted"));
        }
        let session = Session::open(globals, environment).await?;
        let path = environment.path(path);
        return new(&session, &path, roles, *crt_ttl, screen).await;
    }
    let mut kept = Kept::open(globals, environment)?;
    match what {
        Config::New { .. } => Ok(()),
        Config::Add {
            context,
            ca,
            crt,
            key,
        } => {
            let file = |path: Option<std::path::PathBuf>| {
                path.map(|path| places::read(&environment.path(&path)))
                    .transpose()
            };
            let made = context_of(file(ca)?, file(crt)?, file(key)?)?;
            add(&mut kept, context, made)
        }
        Config::Context { name } => select(&mut kept, name),
        Config::Contexts => {
            screen.table(&contexts(&kept));
            Ok(())
        }
        Config::Endpoint { endpoints } => {
            for endpoint in &endpoints {
                Address::parse(endpoint)?;
            }
            kept.context_mut(globals)?.endpoints = endpoints;
            kept.save()
        }
        Config::Node { nodes } => {
            kept.context_mut(globals)?.nodes = nodes;
            kept.save()
        }
        Config::Info { output } => info(&kept, globals, output, screen),
        Config::Merge { from } => merge(&mut kept, &environment.path(&from), screen),
        Config::Remove {
            context,
            dry_run,
            noconfirm,
        } => remove(&mut kept, &context, dry_run, noconfirm, screen),
    }
}

async fn new(
    session: &Session,
    path: &Path,
    roles: &[String],
    lifetime: Duration,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    session.only_node("config new")?;
    let request = session.request(GenerateClientConfigurationRequest {
        roles: roles.to_vec(),
        crt_ttl: Some(prost_types::Duration {
            seconds: i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX),
            nanos: 0,
        }),
    })?;
    let reply = session
        .machine()
        .generate_client_configuration(request)
        .await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    for message in reply.messages {
        if session.node(message.metadata.as_ref(), screen).is_some() {
            let text = useful(&message.talosconfig, session)?;
            places::create(path, &text, Existing::Keep)?;
            screen.warn(format_args!("created {}", path.display()));
            return Ok(());
        }
    }
    Ok(())
}

/// A node does not know where it is reached: the new file says it as the old one does.
fn useful(text: &[u8], session: &Session) -> Result<Vec<u8>, Trouble> {
    let mut config = ClientConfig::load(text).map_err(|error| {
        Trouble::new(format!(
            "the node answered with no client configuration: {error}"
        ))
    })?;
    for context in config.contexts.values_mut() {
        context.endpoints.clone_from(&session.target.endpoints);
    }
    Ok(config.to_yaml().into_bytes())
}

fn context_of(
    ca: Option<Vec<u8>>,
    crt: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
) -> Result<ClientContext, Trouble> {
    for (flag, pem) in [("--ca", &ca), ("--crt", &crt)] {
        if let Some(pem) = pem {
            Certificate::from_pem(pem)
                .map_err(|error| Trouble::new(format!("{flag} is not a certificate: {error}")))?;
        }
    }
    if let Some(pem) = &key {
        Key::from_pem(pem).map_err(|error| Trouble::new(format!("--key is not a key: {error}")))?;
    }
    Ok(ClientContext {
        ca: Base64Bytes(ca.unwrap_or_default()),
        crt: Base64Bytes(crt.unwrap_or_default()),
        key: key.map(Secret::new).unwrap_or_default(),
        ..ClientContext::default()
    })
}

fn add(kept: &mut Kept, name: String, context: ClientContext) -> Result<(), Trouble> {
    if kept.config.contexts.contains_key(&name) {
        return Err(Trouble::new(format!("there is a context {name:?} already"))
            .hint(format!("remove it first: ichorctl config remove {name}")));
    }
    if kept.config.context.is_empty() {
        kept.config.context.clone_from(&name);
    }
    kept.config.contexts.insert(name, context);
    kept.save()
}

fn select(kept: &mut Kept, name: String) -> Result<(), Trouble> {
    if !kept.config.contexts.contains_key(&name) {
        return Err(kept.no_context(&name));
    }
    kept.config.context = name;
    kept.save()
}

fn contexts(kept: &Kept) -> Table {
    let mut table = Table::new(&["CURRENT", "NAME", "ENDPOINTS", "NODES"]);
    for (name, context) in &kept.config.contexts {
        let current = if *name == kept.config.context {
            "*"
        } else {
            ""
        };
        table.row([
            current.to_owned(),
            name.clone(),
            context.endpoints.join(","),
            context.nodes.join(","),
        ]);
    }
    table
}

fn info(
    kept: &Kept,
    globals: &Globals,
    output: Output,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let name = kept.context_name(globals)?;
    let context = kept.context(globals)?;
    // A context without a certificate (a proxy's) has neither roles nor an end.
    let certificate = Certificate::from_pem(&context.crt.0).ok();
    let roles = certificate
        .as_ref()
        .map(|c| c.organizations().to_vec())
        .unwrap_or_default();
    let expires = certificate.as_ref().map(Certificate::not_after);
    let date = expires.map(units::date).unwrap_or_default();
    let distance = expires
        .map(|at| units::distance(at, places::now()))
        .unwrap_or_default();
    match output {
        Output::Text => {
            let or = |list: &[String], none: &str| {
                if list.is_empty() {
                    none.to_owned()
                } else {
                    list.join(", ")
                }
            };
            let end = if expires.is_some() {
                format!("{distance} ({date})")
            } else {
                "there is none".to_owned()
            };
            for (label, value) in [
                ("Current context:", name.to_owned()),
                ("Nodes:", or(&context.nodes, "not defined")),
                ("Endpoints:", or(&context.endpoints, "not defined")),
                ("Roles:", or(&roles, "none")),
                ("Certificate expires:", end),
            ] {
                screen.print(format_args!("{label:20} {value}\n"));
            }
        }
        Output::Json => {
            let value = json!({
                "context": name, "nodes": context.nodes, "endpoints": context.endpoints,
                "roles": roles, "certTTL": distance, "certNotAfter": date,
            });
            screen.print(format_args!("{value:#}\n"));
        }
        Output::Yaml => {
            // JSON strings and lists are YAML as they stand (YAML 1.2 §1.3).
            for (key, value) in [
                ("context", json!(name)),
                ("nodes", json!(context.nodes)),
                ("endpoints", json!(context.endpoints)),
                ("roles", json!(roles)),
                ("certTTL", json!(distance)),
                ("certNotAfter", json!(date)),
            ] {
                screen.print(format_args!("{key}: {value}\n"));
            }
        }
    }
    Ok(())
}

fn merge(kept: &mut Kept, from: &Path, screen: &mut Screen<'_>) -> Result<(), Trouble> {
    let other = places::load(&places::read(from)?, from)?;
    if other.contexts.is_empty() {
        return Err(Trouble::new(format!("{} has no contexts", from.display())));
    }
    for (was, is) in kept.config.merge(other) {
        screen.warn(format_args!(
            "context {was:?} is taken; the new one is called {is:?}"
        ));
    }
    kept.save()
}

fn remove(
    kept: &mut Kept,
    pattern: &str,
    dry_run: bool,
    noconfirm: bool,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let names: Vec<String> = kept
        .config
        .contexts
        .keys()
        .filter(|name| matches(pattern, name))
        .cloned()
        .collect();
    if names.is_empty() {
        return Err(kept.no_context(pattern));
    }
    if names.contains(&kept.config.context) {
        return Err(Trouble::new(format!(
            "context {:?} is the current one and stays",
            kept.config.context
        ))
        .hint("select another first: ichorctl config context <name>"));
    }
    for name in &names {
        screen.warn(format_args!("context to remove: {name}"));
    }
    if dry_run {
        return Ok(());
    }
    if !noconfirm {
        screen.warn(format_args!("remove? [y/N]"));
        let mut answer = String::new();
        // No answer is a no.
        let _ = std::io::stdin().lock().read_line(&mut answer);
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            return Err(Trouble::new("nothing is removed")
                .hint("answer y, or use --noconfirm where nobody can answer"));
        }
    }
    kept.config.contexts.retain(|name, _| !names.contains(name));
    kept.save()
}

/// Whether `pattern`, in which `*` stands for any letters, fits the whole of `name`.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| rest.get(at..).is_some_and(|rest| matches(tail, rest)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_letters() {
        for (pattern, name, fits) in [
            ("home", "home", true),
            ("home", "home-1", false),
            ("home-*", "home-1", true),
            ("*", "", true),
            ("*-*-x", "a-b-c-x", true),
            ("ö*", "öl", true),
            ("a*b", "ab", true),
            ("a*b", "ba", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
