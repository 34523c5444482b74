// SPDX-License-Identifier: MPL-2.0
//! `events`.
//!
//! Owns: one line for each kind of event.
//! Never: drops an event that it does not know; only a stream's hello is none.

use api::machine as m;
use api::machine::{Event, EventsRequest};
use prost::Message;

use crate::args::Events;
use crate::harmless;
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;

pub(crate) async fn run(
    session: &Session,
    asked: &Events,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let seconds = asked
        .duration
        .map(|duration| duration.as_secs())
        .unwrap_or_default();
    let request = session.request(EventsRequest {
        tail_events: asked.tail,
        tail_id: asked.since.clone(),
        tail_seconds: i32::try_from(seconds).unwrap_or(i32::MAX),
        with_actor_id: asked.actor_id.clone(),
    })?;
    let reply = session.machine().events(request).await;
    let mut stream = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    screen.print(format_args!(
        "{}\n",
        line(["NODE", "ID", "EVENT", "ACTOR", "SOURCE", "MESSAGE"])
    ));
    loop {
        match stream.message().await {
            Ok(Some(event)) if is_hello(&event) => {}
            Ok(Some(event)) => {
                if let Some(node) = session.node(event.metadata.as_ref(), screen) {
                    screen.print(format_args!("{}\n", show(&node, &event)));
                }
            }
            Ok(None) => return Ok(()),
            Err(status) => return Err(session.failed(&status)),
        }
        if screen.is_closed() {
            return Ok(());
        }
    }
}

/// Whether this only says that the stream of a node is open.
fn is_hello(event: &Event) -> bool {
    let data = event.data.as_ref();
    data.is_some_and(|data| data.type_url.is_empty() && data.value.is_empty())
}

/// Rows come one by one, so the widths are fixed: an address, an event's number, a message type.
fn line(cells: [&str; 6]) -> String {
    let [node, id, event, actor, source, message] = cells.map(harmless::line);
    format!("{node:15}   {id:20}   {event:32}   {actor:36}   {source:24}   {message}")
        .trim_end()
        .to_owned()
}

fn show(node: &str, event: &Event) -> String {
    let nothing = prost_types::Any::default();
    let data = event.data.as_ref().unwrap_or(&nothing);
    let kind = data.type_url.rsplit('/').next().unwrap_or_default();
    let (source, message) =
        story(kind, &data.value).unwrap_or_else(|| (String::new(), "cannot be shown".to_owned()));
    line([node, &event.id, kind, &event.actor_id, &source, &message])
}

/// What an event is about, and what it says; `None` for a kind that this client does not know.
fn story(kind: &str, bytes: &[u8]) -> Option<(String, String)> {
    match kind {
        "machine.SequenceEvent" => {
            let event = m::SequenceEvent::decode(bytes).ok()?;
            let error = event.error.as_ref().map(|e| format!(": {}", e.message));
            let message = format!(
                "{}{}",
                event.action().as_str_name(),
                error.unwrap_or_default()
            );
            Some((event.sequence, message))
        }
        "machine.PhaseEvent" => {
            let event = m::PhaseEvent::decode(bytes).ok()?;
            let message = event.action().as_str_name().to_owned();
            Some((event.phase, message))
        }
        "machine.TaskEvent" => {
            let event = m::TaskEvent::decode(bytes).ok()?;
            let message = event.action().as_str_name().to_owned();
            Some((event.task, message))
        }
        "machine.ServiceStateEvent" => {
            let event = m::ServiceStateEvent::decode(bytes).ok()?;
            let message = format!("{}: {}", event.action().as_str_name(), event.message);
            Some((event.service, message))
        }
        "machine.RestartEvent" => {
            let event = m::RestartEvent::decode(bytes).ok()?;
            Some((String::new(), format!("restart, command {}", event.cmd)))
        }
        "machine.ConfigLoadErrorEvent" => {
            let event = m::ConfigLoadErrorEvent::decode(bytes).ok()?;
            Some(("configuration".to_owned(), event.error))
        }
        "machine.ConfigValidationErrorEvent" => {
            let event = m::ConfigValidationErrorEvent::decode(bytes).ok()?;
            Some(("configuration".to_owned(), event.error))
        }
        "machine.AddressEvent" => {
            let event = m::AddressEvent::decode(bytes).ok()?;
            Some((event.hostname, event.addresses.join(", ")))
        }
        "machine.MachineStatusEvent" => Some((String::new(), machine_status(bytes)?)),
        _ => None,
    }
}

fn machine_status(bytes: &[u8]) -> Option<String> {
    let event = m::MachineStatusEvent::decode(bytes).ok()?;
    let status = event.status.clone().unwrap_or_default();
    let unmet: Vec<String> = status
        .unmet_conditions
        .into_iter()
        .map(|c| format!("{}: {}", c.name, c.reason))
        .collect();
    let ready = if status.ready { "ready" } else { "not ready" };
    Some(
        format!(
            "{}, {ready} {}",
            event.stage().as_str_name(),
            unmet.join("; ")
        )
        .trim_end()
        .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, message: &impl Message) -> Event {
        let data = prost_types::Any {
            type_url: format!("talos/runtime/machine.{kind}"),
            value: message.encode_to_vec(),
        };
        Event {
            data: Some(data),
            id: "42".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn a_service_event_names_the_service_and_what_it_does() {
        let data = m::ServiceStateEvent {
            service: "apid".to_owned(),
            action: m::service_state_event::Action::Running.into(),
            message: "ready".to_owned(),
            health: None,
        };

        let shown = show("10.0.0.2", &event("ServiceStateEvent", &data));

        let words: Vec<&str> = shown.split_whitespace().collect();
        assert_eq!(
            words,
            [
                "10.0.0.2",
                "42",
                "machine.ServiceStateEvent",
                "apid",
                "RUNNING:",
                "ready"
            ]
        );
    }

    #[test]
    fn an_unknown_or_broken_event_is_still_shown() {
        let unknown = show("n", &event("FutureEvent", &m::RestartEvent { cmd: 1 }));
        assert!(unknown.contains("machine.FutureEvent") && unknown.ends_with("cannot be shown"));
        let mut broken = event("TaskEvent", &m::RestartEvent { cmd: 1 });
        broken.data.as_mut().unwrap().value = vec![0xff];
        assert!(show("n", &broken).ends_with("cannot be shown"));
        assert!(show("n", &Event::default()).ends_with("cannot be shown"));
    }

    #[test]
    fn a_hello_is_no_event_and_everything_else_is_one() {
        let hello = Event {
            data: Some(prost_types::Any::default()),
            id: "41".to_owned(),
            ..Default::default()
        };

        assert!(is_hello(&hello));
        assert!(!is_hello(&event(
            "FutureEvent",
            &m::RestartEvent::default()
        )));
        assert!(!is_hello(&Event::default()));
    }

    #[test]
    fn cmd_038_every_kind_of_event_has_a_line() {
        let nothing: &[u8] = &[];
        for kind in [
            "Sequence",
            "Phase",
            "Task",
            "ServiceState",
            "Restart",
            "ConfigLoadError",
            "ConfigValidationError",
            "Address",
            "MachineStatus",
        ] {
            assert!(
                story(&format!("machine.{kind}Event"), nothing).is_some(),
                "{kind}"
            );
        }
    }
}
