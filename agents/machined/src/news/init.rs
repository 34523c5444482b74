// SPDX-License-Identifier: MPL-2.0
//! init: the services, and what is asked of it.
//!
//! Owns: the list of services as init has it, and the orders to it.
//! Never: repeats an order whose answer was lost.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use proto::paths;
use proto::supervisor::{ListFrom, Reply, Request};

use super::{Error, Line, Retry};
use crate::clock;
use crate::node::Node;
use crate::resources::{DownService, Service};
use crate::services::{Change, Standing};

/// Who writes services as resources.
pub(crate) const OWNER: &str = "v1alpha1.ServiceController";

/// Follows the services for ever.
pub(crate) async fn watch(node: Arc<Node>) {
    let mut retry = Retry::of("init");
    loop {
        let Err(error) = follow(&node, &mut retry).await;
        retry.wait(&node, error).await;
    }
}

async fn follow(node: &Node, retry: &mut Retry) -> Result<Infallible, Error> {
    let mut line = Line::open(&node.places.at(paths::INIT_SOCKET)).await?;
    list(node, &mut line).await?;
    retry.succeeded();
    line.send(|buffer| Request::Subscribe(()).encode(buffer))
        .await?;
    loop {
        match Reply::decode(line.receive().await?) {
            Ok(Reply::Done(())) => {}
            Ok(Reply::Changed(status)) => take_in(node, status),
            Ok(Reply::Removed(gone)) => {
                node.state().services.remove(gone.name.as_str());
                mirror(node);
            }
            Ok(Reply::Refused(refusal)) => return Err(Error::Refused(refusal)),
            Ok(Reply::Welcome(_) | Reply::Page(_) | Reply::Pipe(_) | Reply::Mounting(_))
            | Err(_) => {
                return Err(Error::Unexpected);
            }
        }
    }
}

/// Takes in the whole list, and forgets who is not in it.
async fn list(node: &Node, line: &mut Line) -> Result<(), Error> {
    let mut names = Vec::new();
    loop {
        let index = u16::try_from(names.len()).unwrap_or(u16::MAX);
        line.send(|buffer| Request::List(ListFrom { index }).encode(buffer))
            .await?;
        let page = match Reply::decode(line.receive().await?) {
            Ok(Reply::Page(page)) => page,
            Ok(Reply::Refused(refusal)) => return Err(Error::Refused(refusal)),
            _other => return Err(Error::Unexpected),
        };
        let empty = page.services.is_empty();
        for status in page.services {
            names.push(status.name.as_str().to_owned());
            take_in(node, status);
        }
        if empty || names.len() >= usize::from(page.total) {
            break;
        }
    }
    node.state().services.retain(&names);
    mirror(node);
    Ok(())
}

fn take_in(node: &Node, status: proto::service::ServiceStatus) {
    let id = status.name.as_str().to_owned();
    let (change, is_another) = {
        let services = &mut node.state().services;
        let before = services.process(&id);
        let change = services.apply(status, clock::now());
        let after = services.process(&id);
        let is_another = before.is_some() && after.is_some() && before != after;
        (change, is_another)
    };
    if is_another {
        // init tells what is, and not all that was. The one before is gone all the same.
        show(node, |other| other != id);
    }
    if let Some(change) = change {
        tell(node, &change);
    }
}

/// Tells everybody about a change of a service.
pub(crate) fn tell(node: &Node, change: &Change) {
    node.journal.log(format_args!(
        "service[{}]: {}",
        change.0.service, change.0.message
    ));
    node.publish("", "ServiceStateEvent", &change.0);
    mirror(node);
}

/// Shows the services that run as resources: each is destroyed when its process ends, and the next one
/// begins at version 1. Those that do not run though they should are for the controllers.
pub(crate) fn mirror(node: &Node) {
    show(node, |_id| true);
    let down: BTreeMap<String, DownService> = node
        .state()
        .services
        .standings()
        .filter(|(_, standing)| *standing == Standing::Down)
        .map(|(id, _)| (id.to_owned(), DownService))
        .collect();
    node.replace(OWNER, down);
    node.services_changed.notify_waiters();
}

/// Shows those services that run and are `wanted`.
fn show(node: &Node, wanted: impl Fn(&str) -> bool) {
    let services: BTreeMap<String, Service> = node
        .state()
        .services
        .iter()
        .filter(|(id, entry)| {
            let running = entry.status.state == proto::service::State::Running;
            running && wanted(id)
        })
        .map(|(id, entry)| {
            let service = Service {
                healthy: entry.health.is_good(),
            };
            (id.to_owned(), service)
        })
        .collect();
    node.replace(OWNER, services);
}

/// Gives init one order.
///
/// # Errors
/// init is not there or refuses.
pub(crate) async fn order(node: &Node, request: &Request<'_>) -> Result<(), Error> {
    order_with(node, |buffer| request.encode(buffer)).await
}

/// Gives init the order that `encode` writes.
///
/// # Errors
/// init is not there or refuses.
pub(crate) async fn order_with(
    node: &Node,
    encode: impl FnOnce(&mut [u8]) -> Result<usize, proto::EncodeError>,
) -> Result<(), Error> {
    // One after another: init has room for few who ask, and says no to the others.
    let _turn = node.orders.lock().await;
    let mut line = Line::open(&node.places.at(paths::INIT_SOCKET)).await?;
    line.send(encode).await?;
    match Reply::decode(line.receive().await?) {
        Ok(Reply::Done(())) => Ok(()),
        Ok(Reply::Refused(refusal)) => Err(Error::Refused(refusal)),
        _other => Err(Error::Unexpected),
    }
}
