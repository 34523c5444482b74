// SPDX-License-Identifier: MPL-2.0
//! Frames of HTTP/2 and of gRPC, damaged, to the apid that serves them, behind real TLS.
//!
//! Owns: that each conversation ends in time, and what apid is afterwards.
//! Never: minds what the answer is.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]
// They are apid's tests' and have more than is needed here.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::panic,
    reason = "modules of other tests"
)]

#[path = "../../../agents/apid/tests/door/double.rs"]
mod double;
#[path = "../../../agents/apid/tests/door/frames.rs"]
mod frames;
#[path = "../../../agents/apid/tests/door/house.rs"]
mod house;

use api::machine::machine_service_client::MachineServiceClient;
use api::methods::METHODS;
use ichor_fuzz::messages::{Schema, anything, framed};
use ichor_fuzz::mutate::{Dice, mutate};
use ichor_fuzz::watched::{Memory, panics, seeds};
use tokio::time::timeout;
use tonic::transport::Channel;

use frames::{PREFACE, frame, headers, send};
use house::{House, PATIENCE};

/// Conversations, twice.
const RUNS: u64 = 400;
/// What the second half may add to memory that the first did not, in KiB: what the allocator makes of it.
const GROWTH_KIB: u64 = 8 * 1024;
/// What it may take while it goes on, in KiB.
const PEAK_KIB: u64 = 48 * 1024;

/// What is put into frames: pieces of headers (RFC 7541: names and values by number, sizes of the table,
/// numbers without an end), and of settings.
const WORDS: &[&str] = &[
    "\0\x05:path\x01/",
    "\0\x04node\x0610.0.0",
    "\0\x05nodes\x03a,b",
    "\0\x05nodes\0",
    "\0\x0btalos-role\x08os:admin",
    "\0\x0egrpc-timeout\x04999H",
    "\0\x0dgrpc-encoding\x04gzip",
    "\0\x0ccontent-type\x09text/html",
    "\0\x04Node\x01a",
    "\x3f\x7f\x7f\x7f\x7f\x7f",
    "\x3f\x61",
    "\x40\x01\x61\x7f",
    "\0\x01\0\x01\n",
    "\0\x03\0\0\0\x7f",
    "\0\x04\0\0\0\0",
    "\0\x04\x7f\x7f\x7f\x7f",
    "\0\x05\0\0\0\x01",
    "\0\0\0\x08",
    "\x7f\x7f\x7f\x7f",
];

/// Whom a call is for.
const TARGETS: [&[(&str, &str)]; 5] = [
    &[],
    &[("node", "127.0.0.1")],
    &[("nodes", "node-1,10.0.0.2")],
    &[("nodes", "node-1,node-9")],
    &[("node", "")],
];

/// A frame before it is written.
#[derive(Clone)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
    /// What its length is said to be, when that is not true.
    length: Option<u32>,
}

impl Frame {
    fn new(kind: u8, flags: u8, stream: u32, payload: Vec<u8>) -> Self {
        Self {
            kind,
            flags,
            stream,
            payload,
            length: None,
        }
    }

    fn emit(&self) -> Vec<u8> {
        let mut bytes = frame(self.kind, self.flags, self.stream, &self.payload);
        if let Some(length) = self.length {
            bytes[..3].copy_from_slice(&length.to_be_bytes()[1..]);
        }
        bytes
    }
}

/// A call of any method with a message that may be damaged, in as many frames as it likes.
fn frames_of(schema: &Schema, stream: u32, dice: &mut Dice) -> Vec<Frame> {
    let method = dice.pick(METHODS).unwrap();
    let target = TARGETS[dice.below(TARGETS.len())];
    let mut block = headers(method.path, target);
    let mut body = framed(&schema.request(method.path, dice), dice);
    let mut frames = Vec::new();
    if dice.below(4) == 0 {
        let rest = block.split_off(dice.below(block.len()));
        frames.push(Frame::new(1, 0, stream, block));
        frames.push(Frame::new(9, 4, stream, rest));
    } else {
        frames.push(Frame::new(1, 4, stream, block));
    }
    // 16 KiB is the longest frame until settings say otherwise (RFC 9113 §4.2); 64 KiB is the window.
    body.truncate(60_000);
    let piece = if dice.below(4) == 0 {
        1 + dice.below(64)
    } else {
        16_384
    };
    let mut pieces: Vec<Frame> = body
        .chunks(piece.max(body.len() / 50 + 1))
        .map(|bytes| Frame::new(0, 0, stream, bytes.to_vec()))
        .collect();
    match pieces.last_mut() {
        Some(last) => last.flags = 1,
        None => pieces.push(Frame::new(0, 1, stream, Vec::new())),
    }
    frames.extend(pieces);
    frames
}

/// Damages a frame, or what stands around it.
fn damage(frames: &mut Vec<Frame>, dice: &mut Dice) {
    let at = dice.below(frames.len());
    let byte = u8::try_from(dice.below(256)).unwrap();
    match dice.below(10) {
        0 => frames[at].kind = byte % 12,
        1 => frames[at].flags = byte,
        2 => frames[at].stream = [0, 1, 2, 3, 0x7fff_ffff, 0xffff_ffff][dice.below(6)],
        3 => frames[at].length = Some(u32::try_from(dice.below(1 << 24)).unwrap()),
        4 => {
            frames.remove(at);
        }
        5 => {
            let again = frames[at].clone();
            frames.insert(dice.below(frames.len()), again);
        }
        6 => {
            let other = dice.below(frames.len());
            frames.swap(at, other);
        }
        7 => {
            let any = Frame::new(byte % 12, 0, u32::from(byte % 5), anything(dice));
            // CONTINUATION, PING, RST_STREAM: many of one kind, at once.
            let times = if dice.below(4) == 0 { 1000 } else { 1 };
            frames.splice(at..at, std::iter::repeat_n(any, times));
        }
        _ => frames[at].payload = mutate(&[frames[at].payload.clone()], WORDS, dice),
    }
    if frames.is_empty() {
        frames.push(Frame::new(6, 0, 0, vec![0; 8]));
    }
}

/// What a client sends on one connection.
fn conversation(schema: &Schema, dice: &mut Dice) -> Vec<u8> {
    let mut frames = vec![Frame::new(4, 0, 0, Vec::new())];
    for number in 0..=dice.below(4) {
        let stream = u32::try_from(number * 2 + 1).unwrap();
        frames.extend(frames_of(schema, stream, dice));
    }
    for _ in 0..=dice.below(3) {
        damage(&mut frames, dice);
    }
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frames.iter().flat_map(Frame::emit));
    match dice.below(8) {
        0 => bytes.truncate(dice.below(bytes.len())),
        1 => bytes = mutate(&[bytes], WORDS, dice),
        _ => {}
    }
    bytes
}

async fn storm(
    schema: &Schema,
    seeds: std::ops::Range<u64>,
    house: &House,
    other: &mut MachineServiceClient<Channel>,
) {
    for seed in seeds {
        let mut dice = Dice::new(seed);
        let bytes = conversation(schema, &mut dice);

        // It fails when the conversation has no end.
        send(house, &bytes).await;

        assert_eq!(panics(), 0, "seed {seed}: {bytes:02x?}");
        assert!(!house.apid.is_finished(), "seed {seed}");
        let served = timeout(PATIENCE, other.version(())).await.unwrap();
        assert!(served.is_ok(), "seed {seed}: the other is told {served:?}");
    }
}

#[tokio::test]
async fn damaged_frames_of_every_method_end_in_time_and_harm_nobody() {
    assert_eq!(panics(), 0);
    let house = House::running().await;
    let mut other = house.admitted(&["os:reader"]).await;
    let schema = Schema::of_api(vec![b"lines".to_vec(), b"flood".to_vec()]).unwrap();
    let seeds = seeds(RUNS);
    let again = seeds.end..seeds.end + (seeds.end - seeds.start);
    storm(&schema, seeds, &house, &mut other).await;
    let before = Memory::mark();

    storm(&schema, again, &house, &mut other).await;

    let after = Memory::read();
    assert!(after.now <= before.now + GROWTH_KIB, "{before:?} {after:?}");
    assert!(after.peak <= before.now + PEAK_KIB, "{before:?} {after:?}");
    // Every place was given back: as many clients come in as there is room for.
    for _ in 0..60 {
        let mut client = house.admitted(&["os:reader"]).await;
        timeout(PATIENCE, client.version(()))
            .await
            .unwrap()
            .unwrap();
    }
}
