// SPDX-License-Identifier: MPL-2.0
//! What machined promises of logs that go elsewhere.
//!
//! Owns: receivers on loopback, good and bad, and changes of the configuration while logs come.
//! Never: looks inside machined.

use std::net::SocketAddr;

use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::machine_status_event::MachineStage;
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::api::apply;
use crate::clients::{Client, as_admin};
use crate::configurations::configuration;
use crate::logbook::{Lines, Logbook, packet};
use crate::node::{DEADLINE, TestNode};

/// A configuration with receivers of services' logs, each `endpoint` with more keys.
fn shipping_to(base: &str, destinations: &[(String, &str)]) -> String {
    let mut logging = String::from("    logging:\n        destinations:\n");
    for (endpoint, more) in destinations {
        logging.push_str(&format!(
            "            - endpoint: {endpoint}\n              format: json_lines\n{more}"
        ));
    }
    let at = base.find("    network:\n").unwrap();
    format!("{}{logging}{}", &base[..at], &base[at..])
}

const TAGS: &str = "              extraTags:\n                server: s03-rack07\n";

fn kmsg(name: &str, url: &str) -> String {
    format!("---\napiVersion: v1alpha1\nkind: KmsgLogConfig\nname: {name}\nurl: {url}\n")
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    let accepted = tokio::time::timeout(DEADLINE, listener.accept());
    accepted.await.unwrap().unwrap().0
}

/// A node that runs, with logs that the test writes.
struct Shipper {
    node: TestNode,
    client: Client,
    book: Logbook,
    /// Its configuration without receivers.
    base: String,
}

impl Shipper {
    async fn running() -> Self {
        let mut node = TestNode::new("");
        let book = Logbook::of(&mut node);
        node.start();
        node.until_maintenance().await;
        let mut client = node.client().await;
        let base = configuration("box");
        let request = apply(&base, Mode::Auto);
        client.apply_configuration(request).await.unwrap();
        node.until_stage(MachineStage::Running).await;
        Self {
            node,
            client,
            book,
            base,
        }
    }

    async fn configure(&mut self, text: &str) {
        let request = apply(text, Mode::NoReboot);
        self.client.apply_configuration(request).await.unwrap();
    }

    /// Ships the logs of services.
    async fn ship(&mut self, destinations: &[(String, &str)]) {
        let text = shipping_to(&self.base, destinations);
        self.configure(&text).await;
    }

    async fn ship_to(&mut self, address: SocketAddr) {
        self.ship(&[(format!("tcp://{address}"), "")]).await;
    }

    fn say(&self, line: &str) {
        self.book.say("apid", line);
    }

    /// Says more than is kept.
    fn flood(&self) {
        for number in 0..3000 {
            self.say(&format!("line {number} {}", "-".repeat(20)));
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn log_02_logs_05_lines_go_to_two_receivers_as_they_are_configured_live() {
    let mut node = Shipper::running().await;
    let (tcp, tcp_at) = listen().await;
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let udp_at = udp.local_addr().unwrap();
    node.book.say("machined", "before");
    node.book.say_as_kernel(1, "not a service's");

    let both = [
        (format!("tcp://{tcp_at}/"), ""),
        (format!("udp://{udp_at}"), TAGS),
    ];
    node.ship(&both).await;

    let mut lines = Lines::over(accept(&tcp).await);
    let (message, others) = lines.until("before").await;
    assert_eq!(others, 0);
    assert_eq!(message["talos-service"], "machined");
    assert_eq!(message["talos-level"], "info");
    let time = message["talos-time"].as_str().unwrap();
    assert!(time.len() == 30 && time.ends_with('Z'), "{time}");
    assert_eq!(message.as_object().unwrap().len(), 4);
    assert_eq!(packet(&udp).await["server"], "s03-rack07");
    node.say("{\"msg\":\"hello\",\"level\":\"error\",\"peer\":7}");
    let message = packet(&udp).await;
    assert_eq!(message["msg"], "hello");
    assert_eq!(message["talos-level"], "error");
    assert_eq!(message["peer"], 7);
    lines.until("hello").await;

    // One goes; the other one's connection stays.
    node.ship(&both[..1]).await;
    node.say("for one");
    lines.until("for one").await;
    let mut nothing = [0; 1];
    assert!(udp.try_recv(&mut nothing).is_err());
}

#[tokio::test(flavor = "current_thread")]
async fn log_04_changed_tags_come_without_anything_again() {
    let mut node = Shipper::running().await;
    let (tcp, at) = listen().await;
    let to = format!("tcp://{at}");
    node.ship(&[(to.clone(), "")]).await;
    node.say("one");
    let mut lines = Lines::over(accept(&tcp).await);
    lines.until("one").await;

    node.ship(&[(to, TAGS)]).await;
    let mut lines = Lines::over(accept(&tcp).await);
    node.say("two");

    let (message, others) = lines.until("two").await;
    assert_eq!(others, 0);
    assert_eq!(message["server"], "s03-rack07");
}

#[tokio::test(flavor = "current_thread")]
async fn log_02_a_restarted_machined_goes_on_where_the_last_one_was() {
    let mut node = Shipper::running().await;
    let (tcp, at) = listen().await;
    node.ship_to(at).await;
    node.say("one");
    let mut before = Lines::over(accept(&tcp).await);
    before.until("one").await;
    node.node
        .until("positions are written down", async || {
            node.node
                .read("run/ichor/machined.shipped")
                .contains("\"apid\":4")
                .then_some(())
        })
        .await;

    node.node.restart();
    before.end().await;
    let mut lines = Lines::over(accept(&tcp).await);
    node.say("two");

    assert_eq!(lines.until("two").await.1, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn logs_09_a_receiver_that_comes_late_gets_what_is_kept_and_how_much_was_lost() {
    let mut node = Shipper::running().await;
    let (tcp, at) = listen().await;
    node.ship_to(at).await;
    node.say("one");
    Lines::over(accept(&tcp).await).until("one").await;
    drop(tcp);
    node.flood();
    node.say("last");

    let tcp = TcpListener::bind(at).await.unwrap();
    let mut lines = Lines::over(accept(&tcp).await);

    let mut messages = Vec::new();
    while messages.last().is_none_or(|text| text != "last") {
        messages.push(lines.next().await["msg"].as_str().unwrap().to_owned());
    }
    let lost = messages
        .iter()
        .position(|text| text.contains("bytes of this log were lost"));
    // What was under way when the receiver went may have been sent before the gap.
    let after = &messages[lost.expect("the gap is told") + 1..];
    assert!(after.len() > 500, "{}", after.len());
    assert!(after[0].starts_with("line 2"), "{}", after[0]);
}

/// Losses of a receiver that had never been there were not counted.
#[tokio::test(flavor = "current_thread")]
async fn logs_09_a_receiver_that_was_never_there_hears_what_it_lost_since_it_was_configured() {
    let mut node = Shipper::running().await;
    // All this was lost before there was a receiver.
    node.flood();
    let (free, at) = listen().await;
    drop(free);
    node.ship_to(at).await;
    node.book.say("netd", "new");
    node.node
        .until("positions are noted", async || {
            let positions = node.node.read("run/ichor/machined.shipped");
            let has = |text| positions.contains(text);
            (has("\"apid\":") && has("\"netd\":0")).then_some(())
        })
        .await;
    let before = node.book.from("apid");
    node.flood();
    node.say("last");

    let tcp = TcpListener::bind(at).await.unwrap();
    let mut lines = Lines::over(accept(&tcp).await);

    let first = lines.next().await;
    let lost = node.book.from("apid") - before;
    let remark =
        format!("{lost} bytes of this log were lost: they came faster than they could be sent");
    assert_eq!(first["msg"], remark);
    assert_eq!(first["talos-service"], "apid");
    let mut others = Vec::new();
    while others.last().is_none_or(|text| text != "last") {
        others.push(lines.next().await["msg"].as_str().unwrap().to_owned());
    }
    assert!(!others.iter().any(|text| text.contains("lost")));
}

#[tokio::test(flavor = "current_thread")]
async fn logs_09_a_new_receiver_is_not_told_what_was_gone_before_it_was_configured() {
    let mut node = Shipper::running().await;
    let (other, other_at) = listen().await;
    node.flood();
    node.say("seen");
    node.ship_to(other_at).await;
    Lines::over(accept(&other).await).until("seen").await;
    // The log is known by now, and goes on without the first receiver.
    node.flood();
    node.say("last");

    let (tcp, at) = listen().await;
    node.ship_to(at).await;

    let mut lines = Lines::over(accept(&tcp).await);
    let first = lines.next().await;
    assert!(
        first["msg"].as_str().unwrap().starts_with("line "),
        "{first}"
    );
    lines.until("last").await;
}

#[tokio::test(flavor = "current_thread")]
async fn logs_05_a_packet_that_found_nobody_is_sent_again() {
    let mut node = Shipper::running().await;
    // A port that is free, as nobody listens there any more.
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = udp.local_addr().unwrap();
    drop(udp);
    let (tcp, tcp_at) = listen().await;
    let both = [(format!("udp://{at}"), ""), (format!("tcp://{tcp_at}"), "")];
    node.ship(&both).await;
    node.say("one");
    node.say("two");
    Lines::over(accept(&tcp).await).until("two").await;

    let udp = UdpSocket::bind(at).await.unwrap();

    let mut came = Vec::new();
    while came.last().is_none_or(|text| text != "two") {
        came.push(packet(&udp).await["msg"].as_str().unwrap().to_owned());
    }
    assert_eq!(came, ["one", "two"]);
}

#[tokio::test(flavor = "current_thread")]
async fn logs_09_a_receiver_that_never_reads_holds_up_nobody() {
    let mut node = Shipper::running().await;
    let ((deaf, deaf_at), (tcp, at)) = (listen().await, listen().await);
    let both = [
        (format!("tcp://{deaf_at}"), ""),
        (format!("tcp://{at}"), ""),
    ];
    node.ship(&both).await;
    let _never_read = accept(&deaf).await;
    let mut lines = Lines::over(accept(&tcp).await);

    let mut sent = 0;
    for round in 0..60 {
        for number in 0..10 {
            node.say(&format!("{round}.{number} {}", "x".repeat(1500)));
        }
        let last = format!("end {round}");
        node.say(&last);
        sent += lines.until(&last).await.1;
    }

    assert!(sent >= 590, "{sent}");
    let version = node.client.version(as_admin(())).await.unwrap();
    assert_eq!(version.get_ref().messages.len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn logs_09_a_receiver_that_resets_gets_the_rest_later() {
    let mut node = Shipper::running().await;
    let (tcp, at) = listen().await;
    node.ship_to(at).await;
    for round in 0..3 {
        node.say(&format!("round {round}"));
        let mut lines = Lines::over(accept(&tcp).await);
        lines.until(&format!("round {round}")).await;
        // Dropped: the next line finds nobody.
    }
    node.say("last");

    let mut lines = Lines::over(accept(&tcp).await);
    lines.until("last").await;
}

#[tokio::test(flavor = "current_thread")]
async fn log_05_logs_07_the_kernel_argument_ships_the_kernels_log_before_any_configuration() {
    let (tcp, at) = listen().await;
    let mut node = TestNode::new(&format!("talos.logging.kernel=tcp://{at}/"));
    let book = Logbook::of(&mut node);
    book.say_as_kernel(711, "[talos] first");
    book.say("apid", "not the kernel's");

    node.start();

    let mut lines = Lines::over(accept(&tcp).await);
    let message = lines.next().await;
    assert_eq!(message["msg"], "[talos] first");
    assert_eq!(message["seq"], 711);
    assert_eq!(message["clock"], 6_252_819);
    assert_eq!(message["facility"], "user");
    assert_eq!(message["priority"], "warning");
    assert_eq!(message["talos-level"], "warn");
    assert!(message["talos-time"].as_str().unwrap().len() == 30);
    assert_eq!(message.as_object().unwrap().len(), 7);
    book.say_as_kernel(712, "second");
    assert_eq!(lines.next().await["seq"], 712);
}

#[tokio::test(flavor = "current_thread")]
async fn log_07_lost_lines_of_the_kernel_are_told_in_a_message_of_the_kernel() {
    let mut node = Shipper::running().await;
    let (tcp, at) = listen().await;
    node.book.say_as_kernel(1, "one");
    let text = node.base.clone() + &kmsg("first", &format!("tcp://{at}/"));
    node.configure(&text).await;
    let mut lines = Lines::over(accept(&tcp).await);
    assert_eq!(lines.next().await["msg"], "one");
    // The stand-in for logd answers nobody meanwhile: it has no thread of its own.
    for number in 2..1000 {
        node.book.say_as_kernel(number, &"-".repeat(30));
    }

    let message = lines.next().await;

    let text = message["msg"].as_str().unwrap();
    assert!(text.contains("bytes of this log were lost"), "{message}");
    assert_eq!(message["facility"], "syslog");
    assert_eq!(message["priority"], "warning");
    assert_eq!(message["clock"], 6_252_819);
    let next = lines.next().await;
    let before = next["seq"].as_u64().unwrap() - 1;
    assert_eq!(message["seq"], before);
}

#[tokio::test(flavor = "current_thread")]
async fn log_06_logs_07_documents_ship_the_kernels_log_live_to_each_of_their_receivers() {
    let mut node = Shipper::running().await;
    let (tcp, at) = listen().await;
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let udp_at = udp.local_addr().unwrap();
    node.book.say_as_kernel(1, "one");

    let (first, second) = (format!("tcp://{at}/"), format!("udp://{udp_at}/"));
    let text = node.base.clone() + &kmsg("first", &first) + &kmsg("second", &second);
    node.configure(&text).await;

    let mut lines = Lines::over(accept(&tcp).await);
    assert_eq!(lines.next().await["msg"], "one");
    assert_eq!(packet(&udp).await["msg"], "one");
    let without = node.base.clone();
    node.configure(&without).await;
    // The receiver sees its connection end, and no other comes.
    lines.end().await;
    node.book.say_as_kernel(2, "two");
}
