// SPDX-License-Identifier: MPL-2.0
//! Kernel modules: has udevd load those that the configuration names, and shows those that are loaded.
//!
//! Owns: when a module is asked for again, and what an operator is told about it.
//! Never: loads one itself, holds the boot for one, or unloads one that is not wanted any more: that
//! comes with the next start.

mod loaded;
mod outcome;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proto::paths;
use proto::udev::{Loaded, MODULE_NAME_MAX, Module, PARAMETERS_MAX, Reply, Request, Settled};

use crate::news::{Error, Line, Retry};
use crate::node::Node;
use crate::resources::LoadedKernelModule;
use outcome::{Outcome, judge};

/// Who writes down which modules are loaded.
pub(crate) const OWNER: &str = "runtime.LoadedKernelModuleController";

/// The first pause before a module that was not loaded is asked for again; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// The longest: a driver whose device is plugged in later is there within a minute.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// A module that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its name.
    pub name: String,
    /// Its parameters, with spaces between.
    pub parameters: String,
}

/// Has modules loaded for ever: when the configuration names others, and again when it failed.
pub(crate) async fn keep(node: Arc<Node>) {
    let mut news = node.modules.subscribe();
    let mut known: BTreeMap<String, Outcome> = BTreeMap::new();
    let mut pause = PAUSE_FIRST;
    loop {
        let wanted = news.borrow_and_update().clone();
        known.retain(|name, _| wanted.iter().any(|one| one.name == *name));
        let all_done = load_all(&node, &wanted, &mut known).await;
        tokio::select! {
            changed = news.changed() => {
                if changed.is_err() {
                    return;
                }
                pause = PAUSE_FIRST;
            }
            () = tokio::time::sleep(pause), if !all_done => {
                pause = pause.saturating_mul(2).min(PAUSE_MAX);
            }
        }
    }
}

/// Asks for every module about which there is something new to ask. Says whether all are as wanted.
async fn load_all(node: &Node, wanted: &[Wanted], known: &mut BTreeMap<String, Outcome>) -> bool {
    let mut line = None;
    let mut all_done = true;
    for one in wanted {
        let before = known.get(&one.name);
        if before.is_some_and(|before| before.is_done_with(one)) {
            continue;
        }
        let answer = ask(node, &mut line, one).await;
        let (outcome, said) = judge(one, answer, before);
        if let Some(text) = said.for_console {
            node.journal.console(text);
        } else if let Some(text) = said.for_log {
            node.journal.log(text);
        }
        all_done &= outcome.is_done_with(one);
        known.insert(one.name.clone(), outcome);
    }
    all_done
}

/// Asks udevd for one module, over a connection that is kept for the next one.
async fn ask(node: &Node, kept: &mut Option<Line>, wanted: &Wanted) -> Result<Loaded, Error> {
    if wanted.name.len() > MODULE_NAME_MAX || wanted.parameters.len() > PARAMETERS_MAX {
        return Err(Error::TooLong);
    }
    let mut line = match kept.take() {
        Some(line) => line,
        None => Line::open(&node.places.at(paths::UDEVD_SOCKET)).await?,
    };
    let request = Request::Load(Module {
        name: &wanted.name,
        parameters: &wanted.parameters,
    });
    line.send(|buffer| request.encode(buffer)).await?;
    let answer = match Reply::decode(line.receive().await?) {
        Ok(Reply::Loaded(loaded)) => loaded,
        Ok(Reply::Refused(refusal)) => return Err(Error::Refused(refusal)),
        Ok(Reply::Welcome(_) | Reply::Settled(_)) | Err(_) => return Err(Error::Unexpected),
    };
    *kept = Some(line);
    Ok(answer)
}

/// Shows which modules are loaded, for ever, where the image has any. udevd hears of each that comes.
pub(crate) async fn watch(node: Arc<Node>) {
    if !loaded::can_be(&node.places) {
        return;
    }
    let mut retry = Retry::of("udevd");
    loop {
        let Err(error) = follow(&node, &mut retry).await;
        retry.wait(&node, error).await;
    }
}

async fn follow(node: &Node, retry: &mut Retry) -> Result<std::convert::Infallible, Error> {
    let mut line = Line::open(&node.places.at(paths::UDEVD_SOCKET)).await?;
    let mut known = Settled {
        events: 0,
        overruns: 0,
    };
    loop {
        let changed = Request::Changed(known);
        line.send(|buffer| changed.encode(buffer)).await?;
        known = match Reply::decode(line.receive().await?) {
            Ok(Reply::Settled(settled)) => settled,
            Ok(Reply::Refused(refusal)) => return Err(Error::Refused(refusal)),
            Ok(Reply::Welcome(_) | Reply::Loaded(_)) | Err(_) => return Err(Error::Unexpected),
        };
        retry.succeeded();
        let modules: BTreeMap<String, LoadedKernelModule> = loaded::read(&node.places);
        node.replace(OWNER, modules);
    }
}
