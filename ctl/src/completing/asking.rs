// SPDX-License-Identifier: MPL-2.0
//! What only nodes know.
//!
//! Owns: the calls to nodes, to all at the same time, and what of their answers is a word.
//! Never: says why there is no answer: somebody is in the middle of a line.

use std::collections::BTreeMap;

use api::machine::{ContainersRequest, ListRequest};
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinSet;

use crate::args_containers::Containers;
use crate::completing::offer::{Offer, Said};
use crate::resources::Reader;
use crate::resources::kinds::Kind;
use crate::session::{Session, Target};

/// Words on their way; more make the one who says them wait.
const WAITING_MAX: usize = 64;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    Containers,
    /// Types of resources whose names begin so.
    Kinds(String),
    /// Services and containers.
    Logs,
    /// What is in a folder; its path has a slash at its end.
    Paths(String),
    /// Resources of a type.
    Resources {
        kind: String,
        namespace: Option<String>,
    },
    Services,
}

/// Asks all nodes of all targets, and takes what they say as it comes.
pub(crate) async fn ask(question: &Question, targets: Vec<Target>, offer: &mut Offer) {
    let (tell, mut told) = mpsc::channel(WAITING_MAX);
    for target in targets {
        tokio::spawn(spread(question.clone(), target, tell.clone()));
    }
    drop(tell);
    while !offer.is_full()
        && let Some(said) = told.recv().await
    {
        offer.hear(&said);
    }
}

/// Asks each node of a target.
async fn spread(question: Question, target: Target, tell: Sender<Said>) {
    let Some(session) = open(&target).await else {
        return;
    };
    let mut nodes: Vec<Option<String>> = target.nodes.iter().cloned().map(Some).collect();
    if nodes.is_empty() {
        nodes.push(None);
    }
    for node in nodes {
        let (question, session, tell) = (question.clone(), session.clone(), tell.clone());
        tokio::spawn(async move { one(&question, &session, node.as_deref(), &tell).await });
    }
}

/// Connects to the endpoint that answers first: one that is away would take all the time there is.
async fn open(target: &Target) -> Option<Session> {
    let mut tries = JoinSet::new();
    for way in target.ways() {
        tries.spawn(async move { way.open().await.ok() });
    }
    while let Some(tried) = tries.join_next().await {
        if let Ok(Some(session)) = tried {
            return Some(session);
        }
    }
    None
}

/// Asks one node. It has nothing more to say when nobody listens, and when it fails.
async fn one(
    question: &Question,
    session: &Session,
    node: Option<&str>,
    tell: &Sender<Said>,
) -> Option<()> {
    match question {
        Question::Containers => containers(session, node, tell).await,
        Question::Kinds(typed) => kinds(Reader::of(session, node), typed, tell).await,
        Question::Logs => {
            services(session, node, tell).await?;
            containers(session, node, tell).await
        }
        Question::Paths(folder) => paths(session, node, folder, tell).await,
        Question::Resources { kind, namespace } => {
            resources(Reader::of(session, node), kind, namespace.as_deref(), tell).await
        }
        Question::Services => services(session, node, tell).await,
    }
}

async fn say(tell: &Sender<Said>, word: String, about: String) -> Option<()> {
    tell.send(Said { word, about }).await.ok()
}

async fn containers(session: &Session, node: Option<&str>, tell: &Sender<Said>) -> Option<()> {
    let (namespace, driver) = Containers { kubernetes: false }.whose();
    let asked = ContainersRequest { namespace, driver };
    let request = session.request_to(node, asked).ok()?;
    let reply = session.machine().containers(request).await.ok()?;
    for message in reply.into_inner().messages {
        for container in message.containers {
            say(tell, container.id, container.image).await?;
        }
    }
    Some(())
}

async fn services(session: &Session, node: Option<&str>, tell: &Sender<Said>) -> Option<()> {
    let request = session.request_to(node, ()).ok()?;
    let reply = session.machine().service_list(request).await.ok()?;
    for message in reply.into_inner().messages {
        for service in message.services {
            say(tell, service.id, service.state).await?;
        }
    }
    Some(())
}

async fn paths(
    session: &Session,
    node: Option<&str>,
    folder: &str,
    tell: &Sender<Said>,
) -> Option<()> {
    let asked = ListRequest {
        root: folder.to_owned(),
        recursion_depth: 1,
        ..ListRequest::default()
    };
    let request = session.request_to(node, asked).ok()?;
    let mut stream = session.machine().list(request).await.ok()?.into_inner();
    while let Some(file) = stream.message().await.ok()? {
        let name = file.relative_name;
        // The folder itself is there, too.
        if name.is_empty() || name == "." || name.contains('/') {
            continue;
        }
        let end = if file.is_dir { "/" } else { "" };
        say(tell, format!("{folder}{name}{end}"), String::new()).await?;
    }
    Some(())
}

async fn kinds(reader: Reader<'_>, typed: &str, tell: &Sender<Said>) -> Option<()> {
    let kinds = reader.kinds().await.ok()?;
    for (word, about) in named(&kinds, typed) {
        say(tell, word, about).await?;
    }
    Some(())
}

/// The names of types that begin so: one for each type, or, where none begins so, all.
fn named(kinds: &[Kind], typed: &str) -> Vec<(String, String)> {
    let begins = |name: &String| name.starts_with(typed);
    let mut usual: BTreeMap<String, Vec<&Kind>> = BTreeMap::new();
    for kind in kinds {
        usual.entry(kind.usual_name()).or_default().push(kind);
    }
    let one = |(name, kinds): (String, Vec<&Kind>)| match kinds[..] {
        [kind] => vec![(name, kind.name.clone())],
        // What is the name of several types means none.
        _ => kinds
            .iter()
            .map(|kind| (kind.name.to_ascii_lowercase(), kind.name.clone()))
            .collect(),
    };
    let names: Vec<(String, String)> = usual.into_iter().flat_map(one).collect();
    let names: Vec<_> = names.into_iter().filter(|(name, _)| begins(name)).collect();
    if !names.is_empty() {
        return names;
    }
    let all = kinds.iter().flat_map(|kind| {
        let names = kind.names().map(str::to_owned);
        names.map(|name| (name, kind.name.clone()))
    });
    all.filter(|(name, _)| begins(name)).collect()
}

async fn resources(
    reader: Reader<'_>,
    kind: &str,
    namespace: Option<&str>,
    tell: &Sender<Said>,
) -> Option<()> {
    let mut kind = reader.resolve(kind).await.ok()?;
    if let Some(namespace) = namespace {
        namespace.clone_into(&mut kind.namespace);
    }
    let mut stream = reader.stream_of(&kind).await.ok()?;
    while let Some(message) = stream.message().await.ok()? {
        let found = message.resource.and_then(|resource| resource.metadata);
        if let Some(metadata) = found {
            say(tell, metadata.id, String::new()).await?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::kinds::kind;

    #[test]
    fn a_type_has_one_name_until_another_is_begun() {
        let kinds = [
            kind("Members.cluster.talos.dev", &["members", "member", "mem"]),
            kind("MachineConfigs.config.talos.dev", &["machineconfig", "mc"]),
            kind("Services.v1alpha1.talos.dev", &["services", "svc"]),
            kind("Services.other.dev", &["services", "others"]),
        ];
        let names = |typed| -> Vec<String> {
            let named = named(&kinds, typed).into_iter();
            named.map(|(name, _)| name).collect()
        };

        assert_eq!(
            names(""),
            [
                "machineconfigs.config.talos.dev",
                "members",
                "services.v1alpha1.talos.dev",
                "services.other.dev",
            ]
        );
        assert_eq!(names("me"), ["members"]);
        assert_eq!(names("sv"), ["svc"]);
        assert_eq!(names("mc"), ["mc"]);
        assert_eq!(names("Mem"), ["Members.cluster.talos.dev"]);
        assert_eq!(names("x"), [""; 0]);
    }
}
