// SPDX-License-Identifier: MPL-2.0
//! `service` and `services`.
//!
//! Owns: the list, the long form of one service, and its control.
//! Never: guesses the health of a service that nobody checks.

use api::machine::{
    ServiceEvent, ServiceInfo, ServiceRestartRequest, ServiceStartRequest, ServiceStopRequest,
};
use pki::UnixTime;

use crate::args::ServiceAction;
use crate::places::Environment;
use crate::screen::Screen;
use crate::session::Session;
use crate::table::Table;
use crate::trouble::Trouble;
use crate::units;

pub(crate) async fn run(
    session: &Session,
    id: Option<&str>,
    action: ServiceAction,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    match (id, action) {
        (None, _) => list(session, environment, screen).await,
        (Some(id), ServiceAction::Status) => status(session, id, environment, screen).await,
        (Some(id), ServiceAction::Start | ServiceAction::Stop | ServiceAction::Restart) => {
            control(session, id, action, screen).await
        }
    }
}

async fn services(
    session: &Session,
    screen: &mut Screen<'_>,
) -> Result<Vec<(String, Vec<ServiceInfo>)>, Trouble> {
    let reply = session.machine().service_list(session.request(())?).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let mut nodes = Vec::new();
    for message in reply.messages {
        if let Some(node) = session.node(message.metadata.as_ref(), screen) {
            nodes.push((node, message.services));
        }
    }
    Ok(nodes)
}

async fn list(
    session: &Session,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mut table = Table::new(&[
        "NODE",
        "SERVICE",
        "STATE",
        "HEALTH",
        "LAST CHANGE",
        "LAST EVENT",
    ]);
    let nodes = services(session, screen).await?;
    let now = environment.ages_until();
    for (node, mut services) in nodes {
        services.sort_by(|a, b| a.id.cmp(&b.id));
        for service in services {
            let last = last_event(&service);
            let change = units::age(last.and_then(|event| event.ts.as_ref()), now);
            let event = last.map(|event| event.msg.clone()).unwrap_or_default();
            let health = health(&service);
            table.row([
                node.clone(),
                service.id,
                service.state,
                health.to_owned(),
                change,
                event,
            ]);
        }
    }
    screen.table(&table);
    Ok(())
}

async fn status(
    session: &Session,
    id: &str,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let nodes = services(session, screen).await?;
    let now = environment.ages_until();
    for (node, services) in nodes {
        match services.iter().find(|service| service.id == id) {
            Some(service) => screen.table(&long(&node, service, now)),
            None => screen.complain(
                &Trouble::new(format!("{node}: there is no service {id:?}"))
                    .hint("`ichorctl services` lists them"),
            ),
        }
    }
    Ok(())
}

fn long(node: &str, service: &ServiceInfo, now: UnixTime) -> Table {
    let mut table = Table::headless();
    for (name, value) in [
        ("NODE", node),
        ("ID", &service.id),
        ("STATE", &service.state),
        ("HEALTH", health(service)),
    ] {
        table.row([name.to_owned(), value.to_owned()]);
    }
    if let Some(message) = service
        .health
        .as_ref()
        .map(|h| &h.last_message)
        .filter(|message| !message.is_empty())
    {
        table.row(["LAST HEALTH MESSAGE".to_owned(), message.clone()]);
    }
    let events = service
        .events
        .as_ref()
        .map(|list| &list.events[..])
        .unwrap_or_default();
    // Newest first, as the list shows the newest.
    for (index, event) in events.iter().rev().enumerate() {
        let name = if index == 0 { "EVENTS" } else { "" };
        let age = units::age(event.ts.as_ref(), now);
        table.row([
            name.to_owned(),
            format!("[{}]: {} ({age})", event.state, event.msg),
        ]);
    }
    table
}

fn last_event(service: &ServiceInfo) -> Option<&ServiceEvent> {
    service.events.as_ref().and_then(|list| list.events.last())
}

fn health(service: &ServiceInfo) -> &'static str {
    match &service.health {
        None => "?",
        Some(health) if health.unknown => "?",
        Some(health) if health.healthy => "OK",
        Some(_) => "Fail",
    }
}

async fn control(
    session: &Session,
    id: &str,
    action: ServiceAction,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let id = id.to_owned();
    let mut machine = session.machine();
    let answers: Result<Vec<_>, _> = match action {
        ServiceAction::Start => {
            let request = session.request(ServiceStartRequest { id })?;
            let reply = machine.service_start(request).await;
            reply.map(|r| {
                r.into_inner()
                    .messages
                    .into_iter()
                    .map(|m| (m.metadata, m.resp))
                    .collect()
            })
        }
        ServiceAction::Stop => {
            let request = session.request(ServiceStopRequest { id })?;
            let reply = machine.service_stop(request).await;
            reply.map(|r| {
                r.into_inner()
                    .messages
                    .into_iter()
                    .map(|m| (m.metadata, m.resp))
                    .collect()
            })
        }
        ServiceAction::Restart | ServiceAction::Status => {
            let request = session.request(ServiceRestartRequest { id })?;
            let reply = machine.service_restart(request).await;
            reply.map(|r| {
                r.into_inner()
                    .messages
                    .into_iter()
                    .map(|m| (m.metadata, m.resp))
                    .collect()
            })
        }
    };
    let mut table = Table::new(&["NODE", "RESPONSE"]);
    for (metadata, answer) in answers.map_err(|status| session.failed(&status))? {
        if let Some(node) = session.node(metadata.as_ref(), screen) {
            table.row([node, answer]);
        }
    }
    screen.table(&table);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::machine::{ServiceEvents, ServiceHealth};
    use prost_types::Timestamp;

    fn event(msg: &str, state: &str, seconds: i64) -> ServiceEvent {
        let ts = Some(Timestamp { seconds, nanos: 0 });
        ServiceEvent {
            msg: msg.to_owned(),
            state: state.to_owned(),
            ts,
        }
    }

    #[test]
    fn svc_10_the_long_form_of_a_service_has_its_newest_event_first() {
        let service = ServiceInfo {
            id: "etcd".to_owned(),
            state: "Preparing".to_owned(),
            events: Some(ServiceEvents {
                events: vec![
                    event("waiting for time sync", "Waiting", 982),
                    event("running pre state", "Preparing", 983),
                ],
            }),
            health: Some(ServiceHealth {
                unknown: true,
                ..Default::default()
            }),
        };

        assert_eq!(
            long("172.20.0.2", &service, UnixTime(1000)).to_string(),
            "NODE     172.20.0.2\n\
             ID       etcd\n\
             STATE    Preparing\n\
             HEALTH   ?\n\
             EVENTS   [Preparing]: running pre state (17s ago)\n         \
             [Waiting]: waiting for time sync (18s ago)\n"
        );
    }

    #[test]
    fn health_is_unknown_unless_somebody_checks() {
        let of = |unknown, healthy| {
            let health = ServiceHealth {
                unknown,
                healthy,
                ..Default::default()
            };
            health_of(Some(health))
        };
        fn health_of(health: Option<ServiceHealth>) -> &'static str {
            super::health(&ServiceInfo {
                health,
                ..Default::default()
            })
        }
        assert_eq!(
            [of(true, true), of(false, true), of(false, false)],
            ["?", "OK", "Fail"]
        );
        assert_eq!(health_of(None), "?");
    }
}
