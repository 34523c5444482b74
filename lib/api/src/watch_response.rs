// SPDX-License-Identifier: MPL-2.0
//! The answer to a watch, which may hold events that were encoded for somebody else.
//!
//! A thousand watchers of one type are told the same: its events are encoded once and sent as bytes.
//!
//! Owns: `cosi.resource.WatchResponse`, in place of the generated one.
//! Never: differs from it on the wire.

use std::sync::Arc;

use prost::DecodeError;
use prost::Message;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{
    DecodeContext, WireType, encode_key, encode_varint, encoded_len_varint, key_len, message,
    skip_field,
};

use crate::cosi::resource::Event;

/// The number of the field that holds the events.
const EVENT: u32 = 1;

/// What has happened to the resources that are watched: first `event`, then `encoded`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WatchResponse {
    /// Events. All that were received are here.
    pub event: Vec<Event>,
    /// Events as bytes, each a whole encoded [`Event`]: only for who sends them.
    pub encoded: Vec<Arc<[u8]>>,
}

impl Message for WatchResponse {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        message::encode_repeated(EVENT, &self.event, buf);
        for event in &self.encoded {
            encode_key(EVENT, WireType::LengthDelimited, buf);
            encode_varint(event.len() as u64, buf);
            buf.put_slice(event);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            EVENT => message::merge_repeated(wire_type, &mut self.event, buf, context),
            _ => skip_field(wire_type, tag, buf, context),
        }
    }

    fn encoded_len(&self) -> usize {
        // A sum of lengths of what is in memory.
        let bytes = self.encoded.iter().fold(0_usize, |sum, event| {
            let len = encoded_len_varint(event.len() as u64).saturating_add(event.len());
            sum.saturating_add(key_len(EVENT)).saturating_add(len)
        });
        message::encoded_len_repeated(EVENT, &self.event).saturating_add(bytes)
    }

    fn clear(&mut self) {
        self.event.clear();
        self.encoded.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosi::resource::EventType;

    /// As the generator would write it.
    #[derive(Clone, PartialEq, Message)]
    struct Generated {
        #[prost(message, repeated, tag = "1")]
        event: Vec<Event>,
    }

    fn event(kind: EventType, error: Option<&str>) -> Event {
        Event {
            event_type: kind.into(),
            error: error.map(str::to_owned),
            ..Event::default()
        }
    }

    #[test]
    fn what_was_encoded_before_is_on_the_wire_what_is_encoded_now() {
        let long = "l".repeat(300);
        let first = event(EventType::Created, None);
        let second = event(EventType::Errored, Some(&long));
        let generated = Generated {
            event: vec![first.clone(), second.clone(), Event::default()],
        };

        let ours = WatchResponse {
            event: vec![first],
            encoded: vec![second.encode_to_vec().into(), Arc::from([])],
        };

        assert_eq!(ours.encode_to_vec(), generated.encode_to_vec());
        assert_eq!(ours.encoded_len(), generated.encoded_len());
        let read = WatchResponse::decode(&*ours.encode_to_vec()).unwrap();
        assert_eq!(read.event, generated.event);
        assert_eq!(read.encoded, Vec::<Arc<[u8]>>::new());
        assert_eq!(WatchResponse::default().encode_to_vec(), []);
    }

    #[test]
    fn a_field_that_is_not_known_is_passed_over_and_half_a_message_is_refused() {
        let known = WatchResponse {
            event: vec![event(EventType::Created, None)],
            encoded: Vec::new(),
        };
        let mut bytes = known.encode_to_vec();
        bytes.extend([0x12, 1, b'x']);

        assert_eq!(WatchResponse::decode(&*bytes), Ok(known));
        assert!(WatchResponse::decode(&bytes[..bytes.len() - 1]).is_err());
    }
}
