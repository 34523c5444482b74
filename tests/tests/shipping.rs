// SPDX-License-Identifier: MPL-2.0
//! Logs and events of a node that go to receivers elsewhere, and its metrics.
#![expect(
    clippy::indexing_slicing,
    reason = "a key that a JSON value lacks is null"
)]

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use ichor_tests::node::{LIMIT, host_listener};
use ichor_tests::{Arch, Node, Setup, on_each_architecture};
use serde_json::Value;

on_each_architecture! {
    logs_reach_receivers_from_the_first_message_of_the_kernel_on
}

/// This host, as the machine sees it.
const HOST: &str = "10.0.2.2";

/// A receiver of lines; the machine may connect again at any time.
struct Receiver {
    listener: TcpListener,
    lines: Option<BufReader<TcpStream>>,
}

impl Receiver {
    fn new() -> Result<(Self, u16)> {
        let (listener, port) = host_listener()?;
        let receiver = Self {
            listener,
            lines: None,
        };
        Ok((receiver, port))
    }

    /// The next message that `is_it` takes.
    fn until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        let began = Instant::now();
        while began.elapsed() < LIMIT {
            let lines = match &mut self.lines {
                Some(lines) => lines,
                None => {
                    let (stream, _) = self.listener.accept()?;
                    stream.set_read_timeout(Some(LIMIT))?;
                    self.lines.insert(BufReader::new(stream))
                }
            };
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                self.lines = None;
                continue;
            }
            let message = serde_json::from_str(&line).with_context(|| line.clone())?;
            if is_it(&message) {
                return Ok(message);
            }
        }
        bail!("{what} did not come")
    }
}

fn logs_reach_receivers_from_the_first_message_of_the_kernel_on(arch: Arch) -> Result<()> {
    let (mut kernel, kernel_port) = Receiver::new()?;
    let mut setup = Setup::new(arch);
    setup.cmdline = format!("talos.logging.kernel=tcp://{HOST}:{kernel_port}/");
    let node = Node::running(&setup)?;

    // The kernel's first words were kept until the network was there.
    let first = kernel.until("the kernel's first message", |_| true)?;
    ensure!(first["seq"] == 0, "{first}");
    ensure!(first["facility"] == "kern", "{first}");
    let is_ours = |message: &Value| {
        let text = message["msg"].as_str().unwrap_or_default();
        text.starts_with("[talos] ")
    };
    let ours = kernel.until("a message of machined", is_ours)?;
    ensure!(
        ours["priority"] == "warning" && ours["talos-level"] == "warn",
        "{ours}"
    );
    ensure!(ours["seq"].as_u64() > first["seq"].as_u64(), "{ours}");

    services(&node)?;
    metrics_and_syslog(&node)
}

fn services(node: &Node) -> Result<()> {
    let (mut services, port) = Receiver::new()?;
    let packets = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    packets.set_read_timeout(Some(LIMIT))?;
    let udp_port = packets.local_addr()?.port();
    node.patch(&format!(
        "machine:\n  logging:\n    destinations:\n      - endpoint: tcp://{HOST}:{port}/\n        \
         format: json_lines\n        extraTags: {{rack: r7}}\n      - endpoint: \
         udp://{HOST}:{udp_port}/\n        format: json_lines\n"
    ))?;

    // What was said before there was a receiver comes too.
    let boot = services.until("the boot", |message| {
        message["talos-service"] == "machined"
            && message["msg"]
                .as_str()
                .is_some_and(|text| text.contains("boot sequence: done"))
    })?;
    ensure!(boot["rack"] == "r7", "{boot}");
    let time = boot["talos-time"].as_str().unwrap_or_default();
    ensure!(time.len() == 30 && time.ends_with('Z'), "{boot}");
    let mut packet = vec![0; 65_536];
    let len = packets.recv(&mut packet)?;
    let message: Value = serde_json::from_slice(packet.get(..len).unwrap_or_default())?;
    ensure!(message.get("talos-service").is_some(), "{message}");
    ensure!(message.get("rack").is_none(), "{message}");
    Ok(())
}

fn metrics_and_syslog(node: &Node) -> Result<()> {
    let socket = node.ctl(&["ls", "-l", "/dev/log"])?.ok()?;
    ensure!(socket.contains("srw-rw-rw-"), "{socket}");
    node.ctl(&["logs", "syslogd"])?.ok()?;
    node.patch("apiVersion: v1alpha1\nkind: MetricsConfig\nlisten: 127.0.0.1:9100\n")?;
    node.follow(
        &["logs", "machined", "-f"],
        &["metrics are at http://127.0.0.1:9100"],
    )?;
    let sockets = node.ctl(&["netstat", "--listening"])?.ok()?;
    ensure!(sockets.contains("127.0.0.1:9100"), "{sockets}");
    Ok(())
}
