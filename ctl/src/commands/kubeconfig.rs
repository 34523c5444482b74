// SPDX-License-Identifier: MPL-2.0
//! `kubeconfig`.
//!
//! Owns: the way from the node's archive to a file.
//! Never: writes a half of a file, or one that others can read.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use extension::tar::{Archive, Kind};
use flate2::read::GzDecoder;

use crate::args_cluster::Kubeconfig as Asked;
use crate::kubeconfig::{Kubeconfig, NoKubeconfig, Taken};
use crate::places::{self, Environment, Existing};
use crate::replaced::is_stream;
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;

/// The longest archive and the longest file: both have a few kilobytes.
const LEN_MAX: usize = 1024 * 1024;
/// The name of a file that nobody named.
const FILE: &str = "kubeconfig";

pub(crate) async fn run(
    session: &Session,
    asked: &Asked,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let path = place(asked, environment)?;
    if !asked.merge && !asked.force && path.exists() && !is_stream(&path) {
        return Err(taken(&path));
    }
    let name = session.name_of(session.only_node("kubeconfig")?);
    let text = unpacked(&ask(session).await?)
        .map_err(|reason| Trouble::new(format!("{name}: the kubeconfig: {reason}")))?;
    if !asked.merge {
        let existing = if asked.force {
            Existing::Replace
        } else {
            Existing::Keep
        };
        places::create(&path, &text, existing)?;
        screen.warn(format_args!("created {}", path.display()));
        return Ok(());
    }
    let wrong = |what: &str| {
        let what = what.to_owned();
        move |NoKubeconfig(reason): NoKubeconfig| Trouble::new(format!("{what}: {reason}"))
    };
    let new = Kubeconfig::parse(&text).map_err(wrong(&format!("the kubeconfig of {name}")))?;
    let mut merged = match std::fs::read(&path) {
        Ok(present) => Kubeconfig::parse(&present).map_err(wrong(&path.display().to_string()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Kubeconfig::default(),
        Err(error) => return Err(Trouble::file("read", &path, &error)),
    };
    let stays = if asked.force {
        Taken::Goes
    } else {
        Taken::Stays
    };
    let called = asked.force_context_name.as_deref();
    let (is, was) = merged
        .merge(&new, called, stays)
        .map_err(wrong(&format!("the kubeconfig of {name}")))?;
    let text = merged.to_yaml().map_err(wrong("the kubeconfig"))?;
    places::create(&path, text.as_bytes(), Existing::Replace)?;
    let wanted = called.unwrap_or(&was);
    if is != wanted {
        screen.warn(format_args!(
            "context {wanted:?} is taken; the new one is called {is:?}"
        ));
    }
    screen.warn(format_args!("context {is:?} is in {}", path.display()));
    Ok(())
}

fn taken(path: &Path) -> Trouble {
    Trouble::new(format!("{} exists already", path.display()))
        .hint("use --force to overwrite it, or name another place")
}

/// Where it goes. A link leads to the file that is replaced.
fn place(asked: &Asked, environment: &Environment) -> Result<PathBuf, Trouble> {
    let path = match (&asked.path, asked.merge) {
        (Some(path), _) => environment.path(path),
        (None, false) => environment.path(Path::new(FILE)),
        (None, true) => {
            let home = environment.home.as_ref();
            let home = home.ok_or_else(|| {
                Trouble::new("there is no $HOME to look for .kube/config")
                    .hint("name the file: ichorctl kubeconfig <path>")
            })?;
            home.join(".kube/config")
        }
    };
    let path = if path.is_dir() { path.join(FILE) } else { path };
    Ok(std::fs::canonicalize(&path).unwrap_or(path))
}

/// The archive of the node.
async fn ask(session: &Session) -> Result<Vec<u8>, Trouble> {
    let node = session.only_node("kubeconfig")?;
    let reply = session
        .machine()
        .kubeconfig(session.request_to(node, ())?)
        .await;
    let failed = |status| session.failed_at(node, &status);
    let mut stream = reply.map_err(failed)?.into_inner();
    let mut archive = Vec::new();
    while let Some(piece) = stream.message().await.map_err(failed)? {
        archive.extend(piece.bytes);
        if archive.len() > LEN_MAX {
            let name = session.name_of(node);
            return Err(Trouble::new(format!(
                "{name}: the kubeconfig is longer than {LEN_MAX} bytes"
            )));
        }
    }
    Ok(archive)
}

/// The only file of an archive.
fn unpacked(archive: &[u8]) -> Result<Vec<u8>, String> {
    // What a few bytes unpack to may be very much.
    let limit = u64::try_from(LEN_MAX).unwrap_or(u64::MAX);
    let unpacked = GzDecoder::new(archive).take(limit.saturating_mul(2));
    let mut archive = Archive::new(unpacked);
    let member = archive.next().map_err(|problem| problem.to_string())?;
    let member = member.filter(|member| member.kind == Kind::File);
    let member = member.ok_or("the archive has no file")?;
    if member.len > limit {
        return Err(format!("it is longer than {LEN_MAX} bytes"));
    }
    let mut text = Vec::new();
    let read = archive.content(member.len).read_to_end(&mut text);
    read.map_err(|error| error.to_string())?;
    Ok(text)
}
