// SPDX-License-Identifier: MPL-2.0
//! What the events of an order say.
//!
//! Owns: the count of the phases, and whose events are meant.
//! Never: takes the failure of another order for one of this.

use api::machine::{Event, PhaseEvent, SequenceEvent, phase_event};
use prost::Message as _;

/// What is told of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing that is shown.
    Nothing,
    /// A phase began.
    Phase(String),
    /// It failed, and why.
    Failed(String),
}

/// A sequence on its way.
#[derive(Debug)]
pub(super) struct Sequence {
    /// Who the node says does it; empty when it does not say.
    actor_id: String,
    phases: u32,
}

impl Sequence {
    pub(super) fn of(actor_id: String) -> Self {
        Self {
            actor_id,
            phases: 0,
        }
    }

    /// Takes what the node says next. How many phases there are, no event says.
    pub(super) fn take(&mut self, event: &Event) -> Told {
        if !self.actor_id.is_empty() && self.actor_id != event.actor_id {
            return Told::Nothing;
        }
        let Some(data) = &event.data else {
            return Told::Nothing;
        };
        match data.type_url.rsplit('/').next().unwrap_or_default() {
            "machine.SequenceEvent" => {
                let Ok(said) = SequenceEvent::decode(&data.value[..]) else {
                    return Told::Nothing;
                };
                match said.error {
                    Some(error) => Told::Failed(format!(
                        "the {} sequence failed: {}",
                        said.sequence, error.message
                    )),
                    None => Told::Nothing,
                }
            }
            "machine.PhaseEvent" => match PhaseEvent::decode(&data.value[..]) {
                Ok(said) if said.action() == phase_event::Action::Start => {
                    self.phases = self.phases.saturating_add(1);
                    Told::Phase(format!("phase {}: {}", self.phases, said.phase))
                }
                Ok(_) | Err(_) => Told::Nothing,
            },
            _ => Told::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(actor_id: &str, kind: &str, value: Vec<u8>) -> Event {
        Event {
            data: Some(prost_types::Any {
                type_url: format!("talos/runtime/machine.{kind}"),
                value,
            }),
            actor_id: actor_id.to_owned(),
            ..Default::default()
        }
    }

    fn phase(actor_id: &str, action: phase_event::Action) -> Event {
        let said = PhaseEvent {
            phase: "stopServices".to_owned(),
            action: action.into(),
        };
        event(actor_id, "PhaseEvent", said.encode_to_vec())
    }

    #[test]
    fn phases_are_counted_as_they_begin() {
        let mut sequence = Sequence::of("a".to_owned());

        for told in [1, 2] {
            let told = Told::Phase(format!("phase {told}: stopServices"));
            assert_eq!(sequence.take(&phase("a", phase_event::Action::Start)), told);
            let stop = phase("a", phase_event::Action::Stop);
            assert_eq!(sequence.take(&stop), Told::Nothing);
        }
    }

    #[test]
    fn what_others_ordered_and_what_cannot_be_read_is_nothing() {
        let mut sequence = Sequence::of("a".to_owned());

        for event in [
            phase("b", phase_event::Action::Start),
            event("a", "PhaseEvent", vec![0xff]),
            event("a", "SequenceEvent", vec![0xff]),
            event("a", "FutureEvent", Vec::new()),
            Event::default(),
        ] {
            assert_eq!(sequence.take(&event), Told::Nothing);
        }
        let mut sequence = Sequence::of(String::new());
        let told = sequence.take(&phase("b", phase_event::Action::Start));
        assert!(matches!(told, Told::Phase(_)));
    }
}
