// SPDX-License-Identifier: MPL-2.0
//! What machined promises of metrics.
//!
//! Owns: a client as Prometheus is one, a strict reader of what it gets, and clients that are none.
//! Never: looks inside machined.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::machine_status_event::MachineStage;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::api::apply;
use crate::clients::Client;
use crate::configurations::configuration;
use crate::node::{DEADLINE, TestNode};

/// A port that nobody listens at.
async fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// A node that runs and tells its metrics; its files of the kernel are this machine's.
async fn running() -> (TestNode, Client, String, SocketAddr) {
    let mut node = TestNode::new("");
    for file in [
        "stat",
        "loadavg",
        "meminfo",
        "vmstat",
        "diskstats",
        "net/dev",
        "net/netstat",
        "net/snmp",
        "net/softnet_stat",
        "net/udp",
        "sys/kernel/random/entropy_avail",
        "net/sockstat",
        "sys/fs/file-nr",
        "self/mounts",
    ] {
        let path = node.path(&format!("proc/{file}"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = std::fs::read_to_string(format!("/proc/{file}")).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::fs::create_dir_all(node.path("sys/class/thermal/thermal_zone0")).unwrap();
    node.write("sys/class/thermal/thermal_zone0/type", "x\"86\n");
    node.write("sys/class/thermal/thermal_zone0/temp", "-1500\n");
    node.write("proc/net/snmp6", "Ip6InOctets 7\n");
    let tracked = "proc/sys/net/netfilter/nf_conntrack";
    std::fs::create_dir_all(node.path("proc/sys/net/netfilter")).unwrap();
    node.write(&format!("{tracked}_count"), "5\n");
    node.write(&format!("{tracked}_max"), "65536\n");
    std::fs::create_dir_all(node.path("sys/class/net/eth0")).unwrap();
    node.write("sys/class/net/eth0/operstate", "up\n");
    node.start();
    node.until_maintenance().await;
    let mut client = node.client().await;
    let base = configuration("box");
    let address = free_port().await;
    let text = with_metrics(&base, &address.to_string());
    client
        .apply_configuration(apply(&text, Mode::Auto))
        .await
        .unwrap();
    node.until_stage(MachineStage::Running).await;
    (node, client, base, address)
}

fn with_metrics(base: &str, listen: &str) -> String {
    format!("{base}---\napiVersion: v1alpha1\nkind: MetricsConfig\nlisten: '{listen}'\n")
}

/// Sends bytes and returns all that comes back.
async fn exchange(address: SocketAddr, question: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(question).await.ok()?;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer));
    read.await.unwrap().ok()?;
    Some(String::from_utf8(answer).unwrap())
}

async fn scrape(node: &TestNode, address: SocketAddr) -> String {
    let question = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    let ask = async || {
        let answer = exchange(address, question).await?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains("text/plain; version=0.0.4"), "{head}");
        Some(body.to_owned())
    };
    node.until("metrics", ask).await
}

/// The samples of a text, by name and labels, after every rule of the format was looked at.
fn parse(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'));
    let is_name = |name: &str| {
        let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
        name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
    };
    let mut kinds = BTreeMap::new();
    let mut current = String::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(is_name(name) && !help.is_empty(), "{line}");
            name.clone_into(&mut current);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, current);
            assert!(["counter", "gauge", "untyped"].contains(&kind), "{line}");
            assert!(
                kinds.insert(name.to_owned(), kind).is_none(),
                "{name} twice"
            );
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            assert_eq!(name, current, "a sample outside of its metric");
            if kinds[name] == "counter" {
                assert!(name.ends_with("_total"), "{name}");
            }
            if let Some(labels) = series.strip_prefix(&format!("{name}{{")) {
                check_labels(labels.strip_suffix('}').unwrap(), &is_name);
            }
            let value: f64 = value.parse().unwrap();
            assert!(
                samples.insert(series.to_owned(), value).is_none(),
                "{series} twice"
            );
        }
    }
    samples
}

fn check_labels(mut rest: &str, is_name: &dyn Fn(&str) -> bool) {
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").unwrap();
        assert!(is_name(name), "{rest}");
        let mut escaped = false;
        let end = value.find(|c| {
            let is_end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            is_end
        });
        rest = &value[end.unwrap() + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn metrics_are_what_the_kernel_says_in_the_form_that_prometheus_reads() {
    let (node, _client, _, address) = running().await;

    let samples = parse(&scrape(&node, address).await);

    let stat = node.read("proc/stat");
    let user: f64 = stat
        .lines()
        .find_map(|line| line.strip_prefix("cpu0 "))
        .and_then(|line| line.split_whitespace().next())
        .unwrap()
        .parse()
        .unwrap();
    let told = samples["node_cpu_seconds_total{cpu=\"0\",mode=\"user\"}"];
    assert!((told - user / 100.0).abs() < 0.001, "{told}");
    let memory = node.read("proc/meminfo");
    let total = memory.lines().next().unwrap();
    let total: f64 = total.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!((samples["node_memory_MemTotal_bytes"] - total * 1024.0).abs() < 0.5);
    let load = node.read("proc/loadavg");
    let load: f64 = load.split_whitespace().next().unwrap().parse().unwrap();
    assert!((samples["node_load1"] - load).abs() < 0.001);
    let name = "node_thermal_zone_temp{type=\"x\\\"86\",zone=\"0\"}";
    assert!((samples[name] + 1.5).abs() < 0.001);
    for name in [
        "node_boot_time_seconds",
        "node_context_switches_total",
        "node_filefd_allocated",
        "node_sockstat_sockets_used",
        "node_time_seconds",
        "node_vmstat_pgfault",
        "node_network_receive_bytes_total{device=\"lo\"}",
        "node_network_up{device=\"eth0\"}",
        "node_netstat_Tcp_InSegs",
        "node_netstat_TcpExt_ListenDrops",
        "node_netstat_Ip6_InOctets",
        "node_nf_conntrack_entries",
        "node_nf_conntrack_entries_limit",
        "node_timex_offset_seconds",
        "node_timex_sync_status",
        "ichor_service_up{service=\"apid\"}",
        "ichor_service_restarts_total{service=\"apid\"}",
    ] {
        assert!(samples.contains_key(name), "{name}");
    }
    let any = |prefix: &str| samples.keys().any(|name| name.starts_with(prefix));
    for prefix in [
        "node_disk_read_bytes_total{",
        "node_filesystem_size_bytes{",
        "node_softnet_processed_total{",
        "node_udp_queues{",
        "node_entropy_available_bits",
        "node_uname_info{",
    ] {
        assert!(any(prefix), "{prefix}");
    }
    for (name, value) in &samples {
        if name.starts_with("node_scrape_collector_success") {
            assert!((value - 1.0).abs() < 0.1, "{name}");
        }
    }
    assert!(samples["ichor_metrics_left_out"].abs() < 0.1);
}

#[tokio::test(flavor = "current_thread")]
async fn metrics_are_off_unless_wanted_and_move_and_end_with_the_configuration() {
    let (node, mut client, base, first) = running().await;
    scrape(&node, first).await;

    let second = free_port().await;
    let text = with_metrics(&base, &second.to_string());
    client
        .apply_configuration(apply(&text, Mode::NoReboot))
        .await
        .unwrap();
    scrape(&node, second).await;
    assert!(TcpStream::connect(first).await.is_err());

    client
        .apply_configuration(apply(&base, Mode::NoReboot))
        .await
        .unwrap();
    node.until("no metrics", async || {
        TcpStream::connect(second).await.is_err().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_address_of_the_network_is_refused_for_metrics() {
    let (_node, mut client, base, _) = running().await;

    for listen in [
        "0.0.0.0:9100",
        "10.5.0.2:9100",
        "[::]:9100",
        "127.0.0.1",
        "127.0.0.1:0",
        "",
    ] {
        let text = with_metrics(&base, listen);
        let refused = client
            .apply_configuration(apply(&text, Mode::NoReboot))
            .await;
        let message = refused.unwrap_err().message().to_owned();
        assert!(message.contains("listen"), "{listen}: {message}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn clients_that_ask_badly_or_never_read_harm_no_other() {
    let (node, _client, _, address) = running().await;
    scrape(&node, address).await;

    for (question, answer) in [
        (
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            "HTTP/1.1 404",
        ),
        (
            "POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            "HTTP/1.1 405",
        ),
        ("nonsense\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        (
            format!(
                "GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n",
                "x".repeat(100_000)
            ),
            "",
        ),
    ] {
        let said = exchange(address, question.as_bytes()).await;
        assert!(said.unwrap_or_default().starts_with(answer), "{answer}");
    }
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }

    parse(&scrape(&node, address).await);
    // More of them wait until one of them has had its time, and are not kept.
    for _ in 0..50 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    drop(idle);
    parse(&scrape(&node, address).await);
}
