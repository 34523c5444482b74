// SPDX-License-Identifier: MPL-2.0
//! The DHCP client as a state machine, with virtual time (RFC 2131 §4.4).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::type_complexity,
    reason = "a test fails by panicking"
)]

use std::net::Ipv4Addr;
use std::time::Duration;

use netd::dhcp::{Client, Destination, Event, Note, Send, Step};
use netd::lease::{Lease, Refused};
use proptest::prelude::{any, prop, prop_assert, proptest};
use proto::net::LeaseState;
use wire::dhcp::{ClasslessRoute, Kind, Message};

const HARDWARE: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// In the middle of the jitter: retransmissions come after exactly 4, 8, 16 … seconds.
const RANDOM: u32 = 1000;

/// A client and its virtual time.
struct Bench {
    client: Client,
    now: Duration,
}

impl Bench {
    fn new() -> Self {
        Self {
            client: Client::new(HARDWARE, Default::default()),
            now: Duration::from_secs(1000),
        }
    }

    fn step(&mut self, event: Event<'_>) -> Step {
        self.client.step(event, self.now, RANDOM)
    }

    /// Lets time pass until the client wants to know, and says after how many milliseconds.
    fn pass(&mut self) -> (u128, Step) {
        let at = self.client.next_at().expect("nothing is due");
        let waited = at.saturating_sub(self.now).as_millis();
        self.now = at.max(self.now);
        (waited, self.step(Event::TimePassed))
    }

    fn receive(&mut self, kind: Kind, change: impl FnOnce(&mut Message)) -> Step {
        let mut message = Message::new(kind, RANDOM, HARDWARE);
        message.yours = OURS;
        message.options.server = Some(SERVER);
        message.options.subnet_mask = Some(Ipv4Addr::new(255, 255, 255, 0));
        message.options.lease_s = Some(1000);
        message.options.routers.push(SERVER).unwrap();
        change(&mut message);
        self.step(Event::Received(&message))
    }

    /// Through the whole exchange to a lease of 1000 seconds.
    fn bound() -> Self {
        let mut bench = Self::new();
        bench.step(Event::CarrierCame);
        bench.receive(Kind::Offer, |_| {});
        bench.receive(Kind::Ack, |_| {});
        assert_eq!(bench.client.state(), LeaseState::Bound);
        bench
    }

    fn address(&self) -> Option<Ipv4Addr> {
        self.client.held().map(netd::dhcp::Held::address)
    }
}

fn sent(step: Step) -> Send {
    step.send.expect("nothing was sent")
}

#[test]
fn a_carrier_begins_the_search_and_an_offer_ends_in_a_lease() {
    let mut bench = Bench::new();
    assert_eq!(bench.client.state(), LeaseState::NoCarrier);

    let discover = sent(bench.step(Event::CarrierCame));
    assert_eq!(discover.message.kind, Kind::Discover);
    assert_eq!(
        discover.to,
        Destination::Everyone {
            from: Ipv4Addr::UNSPECIFIED
        }
    );
    assert!(!discover.message.options.parameters.is_empty());
    let request = sent(bench.receive(Kind::Offer, |_| {}));
    assert_eq!(request.message.kind, Kind::Request);
    assert_eq!(request.message.options.requested, Some(OURS));
    assert_eq!(request.message.options.server, Some(SERVER));
    assert_eq!(request.message.transaction, discover.message.transaction);
    let step = bench.receive(Kind::Ack, |_| {});

    assert_eq!(
        step,
        Step {
            send: None,
            note: Some(Note::Given)
        }
    );
    assert_eq!(bench.address(), Some(OURS));
    assert_eq!(bench.client.lease().unwrap().server, SERVER);
}

#[test]
fn silence_is_answered_with_longer_and_longer_waits_and_said_once() {
    let mut bench = Bench::new();
    bench.step(Event::CarrierCame);
    let mut waits = Vec::new();
    let mut notes = 0;
    for _ in 0..8 {
        let (waited, step) = bench.pass();
        waits.push(waited / 1000);
        notes += usize::from(step.note == Some(Note::Silence));
        assert_eq!(sent(step).message.kind, Kind::Discover);
    }

    assert_eq!(waits, [4, 8, 16, 32, 64, 64, 64, 64]);
    assert_eq!(notes, 1);
    assert_eq!(bench.client.attempts(), 9);
}

#[test]
fn an_offer_that_is_never_acknowledged_is_given_up() {
    let mut bench = Bench::new();
    bench.step(Event::CarrierCame);
    bench.receive(Kind::Offer, |_| {});
    let kinds: Vec<Kind> = (0..3).map(|_| sent(bench.pass().1).message.kind).collect();

    assert_eq!(kinds, [Kind::Request, Kind::Request, Kind::Discover]);
    assert_eq!(bench.client.state(), LeaseState::Discovering);
}

#[test]
fn messages_for_others_or_of_another_exchange_change_nothing() {
    for state in [Kind::Discover, Kind::Request] {
        let mut bench = Bench::new();
        bench.step(Event::CarrierCame);
        if state == Kind::Request {
            bench.receive(Kind::Offer, |_| {});
        }
        for kind in [Kind::Offer, Kind::Ack, Kind::Nak] {
            let step = bench.receive(kind, |message| message.transaction ^= 1);
            assert_eq!(step, Step::default());
            let step = bench.receive(kind, |message| message.hardware = [9; 6]);
            assert_eq!(step, Step::default());
        }
        assert_eq!(bench.address(), None);
    }
}

#[test]
fn another_server_can_neither_give_nor_deny_what_one_offered() {
    let mut bench = Bench::new();
    bench.step(Event::CarrierCame);
    bench.receive(Kind::Offer, |_| {});
    for kind in [Kind::Ack, Kind::Nak, Kind::Offer] {
        let step = bench.receive(kind, |message| {
            message.options.server = Some(Ipv4Addr::new(10, 0, 2, 3));
        });
        assert_eq!(step, Step::default());
    }
}

#[test]
fn offers_and_leases_that_cannot_be_are_refused() {
    let change: [(&dyn Fn(&mut Message), Refused); 4] = [
        (
            &|message| message.yours = Ipv4Addr::UNSPECIFIED,
            Refused::Address(Ipv4Addr::UNSPECIFIED),
        ),
        (
            &|message| message.yours = Ipv4Addr::BROADCAST,
            Refused::Address(Ipv4Addr::BROADCAST),
        ),
        (
            &|message| message.yours = Ipv4Addr::LOCALHOST,
            Refused::Address(Ipv4Addr::LOCALHOST),
        ),
        (&|message| message.options.server = None, Refused::NoServer),
    ];
    for (change, refused) in change {
        let mut bench = Bench::new();
        bench.step(Event::CarrierCame);
        let step = bench.receive(Kind::Offer, change);
        assert_eq!(
            step,
            Step {
                send: None,
                note: Some(Note::Refused(refused))
            }
        );
    }
    let mask = Ipv4Addr::new(255, 0, 255, 0);
    let change: [(&dyn Fn(&mut Message), Refused); 4] = [
        (
            &|message| message.options.subnet_mask = Some(mask),
            Refused::Mask(mask),
        ),
        (
            &|message| message.options.subnet_mask = Some(Ipv4Addr::UNSPECIFIED),
            Refused::Mask(Ipv4Addr::UNSPECIFIED),
        ),
        (
            &|message| message.options.lease_s = Some(0),
            Refused::TooShort(0),
        ),
        (
            &|message| message.options.lease_s = Some(3),
            Refused::TooShort(3),
        ),
    ];
    for (change, refused) in change {
        let mut bench = Bench::new();
        bench.step(Event::CarrierCame);
        bench.receive(Kind::Offer, |_| {});
        let step = bench.receive(Kind::Ack, change);
        assert_eq!(step.note, Some(Note::Refused(refused)));
        assert_eq!(bench.address(), None);
    }
}

#[test]
fn a_lease_is_renewed_with_its_server_at_half_its_time() {
    let mut bench = Bench::bound();
    let (waited, step) = bench.pass();
    let renewal = sent(step);

    assert_eq!(waited, 500_000);
    assert_eq!(
        renewal.to,
        Destination::Server {
            from: OURS,
            server: SERVER
        }
    );
    assert_eq!(renewal.message.client, OURS);
    assert_eq!(renewal.message.options.requested, None);
    assert_eq!(renewal.message.options.server, None);
    assert_eq!(bench.client.state(), LeaseState::Renewing);
    let step = bench.receive(Kind::Ack, |_| {});
    assert_eq!(step.note, Some(Note::Prolonged));
    assert_eq!(bench.client.state(), LeaseState::Bound);
    assert_eq!(bench.pass().0, 500_000);
}

#[test]
fn a_silent_server_leads_to_rebinding_and_then_to_the_end_of_the_lease() {
    let mut bench = Bench::bound();
    let mut log = Vec::new();
    for _ in 0..12 {
        let (_, step) = bench.pass();
        let held = bench.address().is_some();
        let at = bench.now.as_secs() - 1000;
        log.push((at, bench.client.state(), held));
        if let Some(send) = &step.send
            && bench.client.state() == LeaseState::Rebinding
        {
            assert_eq!(send.to, Destination::Everyone { from: OURS });
        }
        if !held {
            assert_eq!(step.note, Some(Note::Expired(OURS)));
            assert_eq!(sent(step).message.kind, Kind::Discover);
            break;
        }
    }

    assert_eq!(
        log,
        [
            (500, LeaseState::Renewing, true),
            (687, LeaseState::Renewing, true),
            (781, LeaseState::Renewing, true),
            (841, LeaseState::Renewing, true),
            (875, LeaseState::Rebinding, true),
            (937, LeaseState::Rebinding, true),
            (997, LeaseState::Rebinding, true),
            (1000, LeaseState::Discovering, false),
        ]
    );
    // And it goes on looking.
    for _ in 0..20 {
        assert_eq!(sent(bench.pass().1).message.kind, Kind::Discover);
    }
}

#[test]
fn the_servers_own_times_are_used_unless_they_are_impossible() {
    for (renewal_s, rebinding_s, expected) in [
        (Some(100), Some(200), (100, 200)),
        (Some(100), None, (100, 875)),
        (Some(900), None, (900, 900)),
        (Some(300), Some(200), (500, 875)),
        (Some(0), Some(10), (500, 875)),
        (Some(1), Some(2000), (500, 875)),
        (None, Some(600), (500, 600)),
        (None, Some(400), (500, 875)),
    ] {
        let mut message = Message::new(Kind::Ack, 1, HARDWARE);
        message.yours = OURS;
        message.options.server = Some(SERVER);
        message.options.lease_s = Some(1000);
        message.options.renewal_s = renewal_s;
        message.options.rebinding_s = rebinding_s;
        let lease = Lease::from_ack(&message, Duration::ZERO).unwrap();
        let seconds = |at: Option<Duration>| at.unwrap().as_secs();

        assert_eq!(
            (seconds(lease.renew_at), seconds(lease.rebind_at)),
            expected
        );
        assert_eq!(seconds(lease.expires_at), 1000);
    }
}

#[test]
fn a_lease_for_ever_is_never_renewed() {
    let mut bench = Bench::new();
    bench.step(Event::CarrierCame);
    bench.receive(Kind::Offer, |_| {});
    bench.receive(Kind::Ack, |message| {
        message.options.lease_s = Some(u32::MAX)
    });

    assert_eq!(bench.client.next_at(), None);
}

#[test]
fn a_lease_counts_from_when_it_was_asked_for() {
    let mut bench = Bench::new();
    bench.step(Event::CarrierCame);
    bench.receive(Kind::Offer, |_| {});
    bench.now += Duration::from_secs(3);
    bench.receive(Kind::Ack, |_| {});

    assert_eq!(
        bench.client.lease().unwrap().expires_at,
        Some(Duration::from_secs(2000))
    );
}

#[test]
fn a_refusal_takes_the_address_away_and_begins_anew() {
    for passes in [1, 5] {
        let mut bench = Bench::bound();
        for _ in 0..passes {
            bench.pass();
        }
        let step = bench.receive(Kind::Nak, |_| {});

        assert_eq!(step.note, Some(Note::Denied(Some(OURS))));
        assert_eq!(sent(step).message.kind, Kind::Discover);
        assert_eq!(bench.address(), None);
    }
}

#[test]
fn a_server_that_always_refuses_is_asked_less_and_less() {
    let mut bench = Bench::new();
    bench.step(Event::CarrierCame);
    let mut waits = Vec::new();
    for _ in 0..5 {
        bench.receive(Kind::Offer, |_| {});
        let step = bench.receive(Kind::Nak, |_| {});
        assert_eq!(step.note, Some(Note::Denied(None)));
        if step.send.is_none() {
            waits.push(bench.pass().0 / 1000);
        }
    }

    assert_eq!(waits, [8, 16, 32, 64]);
}

#[test]
fn the_same_address_is_asked_for_when_the_carrier_comes_back() {
    let mut bench = Bench::bound();
    assert_eq!(bench.step(Event::CarrierWent), Step::default());
    assert_eq!(bench.client.state(), LeaseState::NoCarrier);
    assert_eq!(bench.address(), Some(OURS));
    let reboot = sent(bench.step(Event::CarrierCame));

    assert_eq!(reboot.message.kind, Kind::Request);
    assert_eq!(reboot.message.options.requested, Some(OURS));
    assert_eq!(reboot.message.options.server, None);
    assert_eq!(reboot.message.client, Ipv4Addr::UNSPECIFIED);
    bench.receive(Kind::Ack, |_| {});
    assert_eq!(bench.client.state(), LeaseState::Bound);
}

#[test]
fn on_another_network_the_old_address_is_denied_and_a_new_one_found() {
    let mut bench = Bench::bound();
    bench.step(Event::CarrierWent);
    bench.step(Event::CarrierCame);
    let step = bench.receive(Kind::Nak, |message| message.options.server = Some(OURS));

    assert_eq!(step.note, Some(Note::Denied(Some(OURS))));
    assert_eq!(bench.address(), None);
    assert_eq!(sent(step).message.kind, Kind::Discover);
}

#[test]
fn a_lease_that_ends_without_a_carrier_is_given_up() {
    let mut bench = Bench::bound();
    bench.step(Event::CarrierWent);
    let (waited, step) = bench.pass();

    assert_eq!(waited, 1_000_000);
    assert_eq!(
        step,
        Step {
            send: None,
            note: Some(Note::Expired(OURS))
        }
    );
    assert_eq!(bench.address(), None);
    assert_eq!(bench.client.next_at(), None);
    assert_eq!(
        sent(bench.step(Event::CarrierCame)).message.kind,
        Kind::Discover
    );
}

#[test]
fn a_lease_that_ended_while_the_machine_slept_is_not_used() {
    let mut bench = Bench::bound();
    bench.now += Duration::from_secs(5000);
    let step = bench.receive(Kind::Ack, |_| {});

    assert_eq!(step.note, Some(Note::Expired(OURS)));
    assert_eq!(bench.address(), None);
}

#[test]
fn a_remembered_address_is_kept_while_nobody_answers_until_it_ends() {
    let mut bench = Bench::new();
    let ends_at = bench.now + Duration::from_secs(100);
    bench.client.remember(OURS, 24, Some(ends_at));
    let reboot = sent(bench.step(Event::CarrierCame));
    assert_eq!(reboot.message.options.requested, Some(OURS));
    while bench.now < ends_at {
        assert_eq!(bench.address(), Some(OURS));
        bench.pass();
    }

    assert_eq!(bench.now, ends_at);
    assert_eq!(bench.address(), None);
    assert_eq!(bench.client.state(), LeaseState::Discovering);
}

#[test]
fn a_remembered_address_becomes_a_lease_when_a_server_agrees() {
    let mut bench = Bench::new();
    bench.client.remember(OURS, 24, None);
    bench.step(Event::CarrierCame);
    let step = bench.receive(Kind::Ack, |_| {});

    assert_eq!(step.note, Some(Note::Given));
    assert!(bench.client.lease().is_some());
}

#[test]
fn classless_routes_replace_the_router() {
    let mut bench = Bench::new();
    bench.step(Event::CarrierCame);
    bench.receive(Kind::Offer, |_| {});
    let route = ClasslessRoute {
        destination: Ipv4Addr::new(10, 77, 0, 0),
        prefix_len: 16,
        gateway: SERVER,
    };
    bench.receive(Kind::Ack, |message| {
        message.options.routes.push(route).unwrap()
    });

    assert_eq!(bench.client.lease().unwrap().routes, [route]);
}

#[test]
fn a_lease_without_a_mask_has_that_of_its_class_and_a_tiny_mtu_is_ignored() {
    for (address, prefix_len) in [
        ([10, 0, 0, 1], 8),
        ([172, 16, 0, 1], 16),
        ([192, 168, 0, 1], 24),
    ] {
        let mut message = Message::new(Kind::Ack, 1, HARDWARE);
        message.yours = address.into();
        message.options.server = Some(SERVER);
        message.options.mtu = Some(100);
        let lease = Lease::from_ack(&message, Duration::ZERO).unwrap();

        assert_eq!(lease.prefix_len, prefix_len);
        assert_eq!(lease.mtu, None);
        assert_eq!(lease.lease_s, 1800);
    }
}

proptest! {
    #[test]
    fn retransmissions_stay_within_their_jitter(random in any::<u32>()) {
        let mut client = Client::new(HARDWARE, Default::default());
        client.step(Event::CarrierCame, Duration::ZERO, random);
        let first = client.next_at().unwrap();
        prop_assert!((3000..=5000).contains(&first.as_millis()));
    }

    #[test]
    fn whatever_happens_the_client_lives_and_never_holds_an_address_past_its_time(
        happenings in prop::collection::vec((0_u8..7, any::<u32>(), any::<u16>()), 0..200),
    ) {
        let mut client = Client::new(HARDWARE, Default::default());
        let mut now = Duration::ZERO;
        let mut transaction = 0;
        for (what, random, seconds) in happenings {
            now += Duration::from_millis(u64::from(seconds) * 10);
            let mut message = Message::new(Kind::Ack, transaction, HARDWARE);
            message.yours = Ipv4Addr::from_bits(random);
            message.options.server = Some(SERVER);
            message.options.lease_s = Some(u32::from(seconds));
            message.options.renewal_s = Some(random % 1000);
            let event = match what {
                0 => Event::CarrierCame,
                1 => Event::CarrierWent,
                2 | 3 => Event::TimePassed,
                4 => { message.kind = Kind::Offer; Event::Received(&message) }
                5 => { message.kind = Kind::Nak; Event::Received(&message) }
                _ => Event::Received(&message),
            };
            let step = client.step(event, now, random);
            if let Some(send) = step.send {
                transaction = send.message.transaction;
            }
            if let Some(end) = client.lease().and_then(|lease| lease.expires_at) {
                prop_assert!(end > now || what > 3, "{end:?} {now:?}");
            }
            if client.state() == LeaseState::Bound {
                prop_assert!(client.lease().is_some());
            }
            if client.state() != LeaseState::NoCarrier && client.lease().is_none() {
                prop_assert!(client.next_at().is_some());
            }
        }
    }
}
