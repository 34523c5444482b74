// SPDX-License-Identifier: MPL-2.0
//! Screens as they are drawn.
//!
//! Owns: one of each view, terminals of every size, and how many bytes an update takes.
//! Never: needs a terminal.

use std::time::Duration;

use api::machine::{CpuStat, DiskStat, LoadAvg, MemInfo, NetDev, ProcessInfo, SystemStat};
use ratatui::backend::{CrosstermBackend, TestBackend};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::*;
use crate::facts::Facts;
use crate::keys::Key;
use crate::model::{Log, News};
use crate::sample::{Processors, Sample};

fn process(pid: i32, cpu_time: f64, resident_memory: u64, args: &str) -> ProcessInfo {
    ProcessInfo {
        pid,
        state: "S".to_owned(),
        threads: 1,
        cpu_time,
        virtual_memory: 4_000_000,
        resident_memory,
        command: "kthreadd".to_owned(),
        args: args.to_owned(),
        ..ProcessInfo::default()
    }
}

fn facts() -> Facts {
    let mut facts = Facts::default();
    for (kind, id, yaml) in [
        (
            "SystemInformations.hardware.talos.dev",
            "systeminformation",
            "uuid: 12345678-9abc-def0-1234-56789abcdef0",
        ),
        (
            "MachineStatuses.runtime.talos.dev",
            "machine",
            "stage: running\nstatus: {ready: true}",
        ),
        ("MachineTypes.config.talos.dev", "machine-type", "worker"),
        (
            "HostnameStatuses.net.talos.dev",
            "hostname",
            "hostname: node-1",
        ),
        (
            "NodeAddresses.net.talos.dev",
            "current",
            "addresses: [10.0.0.2/24, 2001:db8::2/64]",
        ),
    ] {
        facts.take(kind, id, yaml);
    }
    facts
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn sample(seconds: u64) -> Sample {
    let time = seconds as f64;
    let cpu = CpuStat {
        user: 0.25 * time,
        system: 0.25 * time,
        iowait: 0.25 * time,
        idle: 7200.0 + 1.25 * time,
        ..CpuStat::default()
    };
    Sample {
        at: Duration::from_secs(seconds),
        version: Some("v9.8.7".to_owned()),
        stat: Some(SystemStat {
            cpu_total: Some(cpu),
            cpu: vec![cpu],
            context_switches: seconds.saturating_mul(100),
            process_running: 1,
            ..SystemStat::default()
        }),
        processors: Some(Processors {
            count: 4,
            model: "Cortex-A72".to_owned(),
            megahertz: 1500.0,
        }),
        load: Some(LoadAvg {
            load1: 0.5,
            load5: 0.25,
            load15: 0.125,
            ..LoadAvg::default()
        }),
        memory: Some(MemInfo {
            memtotal: 131_072,
            memfree: 65_536,
            memavailable: 98_304,
            buffers: 1024,
            cached: 16_384,
            ..MemInfo::default()
        }),
        disks: vec![DiskStat {
            name: "mmcblk0".to_owned(),
            read_sectors: seconds.saturating_mul(8),
            io_time_ms: seconds.saturating_mul(100),
            ..DiskStat::default()
        }],
        links: vec![NetDev {
            name: "eth0".to_owned(),
            rx_bytes: seconds.saturating_mul(3000),
            tx_bytes: seconds.saturating_mul(100),
            tx_dropped: 2,
            ..NetDev::default()
        }],
        processes: Some(vec![
            process(1, 1.0, 400_000, "/sbin/init"),
            process(2, 0.0, 0, ""),
            process(40, 0.05 * time, 3_900_000, "/usr/lib/ichor/machined"),
        ]),
        services: vec!["apid".to_owned(), "machined".to_owned()],
        facts: Some(facts()),
        refused: None,
    }
}

fn dashboard() -> Dashboard {
    let names = ["10.0.0.2".to_owned(), "10.0.0.3".to_owned()];
    let mut dashboard = Dashboard::new(&names, Seat::Elsewhere);
    dashboard.hear(0, News::Connected);
    for seconds in [10, 13] {
        dashboard.hear(0, News::Sampled(Box::new(sample(seconds))));
    }
    let text = b"kern: info: [0.0]: Linux version 6.6\nkern: notice: [1.5]: a line that is longer than any terminal of eighty columns is wide\n";
    dashboard.hear(0, News::LogPiece(Log::Kernel, text.to_vec()));
    dashboard
}

fn drawn(dashboard: &Dashboard, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, dashboard)).unwrap();
    let shown = terminal.backend().to_string();
    let lines = shown.lines().map(|line| line.trim_matches('"').trim_end());
    lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

fn compare(shown: &str, golden: &str) {
    assert_eq!(shown, golden.trim_end(), "\n{shown}");
}

#[test]
fn dash_03_the_summary_fits_a_terminal_of_eighty_columns() {
    compare(
        &drawn(&dashboard(), 80, 24),
        include_str!("golden/summary.txt"),
    );
}

#[test]
fn dash_03_a_wide_terminal_has_three_columns() {
    compare(
        &drawn(&dashboard(), 130, 14),
        include_str!("golden/summary-wide.txt"),
    );
}

#[test]
fn dash_04_the_monitor_shows_processors_memory_disks_network_and_processes() {
    let mut dashboard = dashboard();
    dashboard.press(Key::Show(View::Monitor), 10);
    compare(
        &drawn(&dashboard, 80, 24),
        include_str!("golden/monitor.txt"),
    );
}

#[test]
fn cmd_023_a_log_is_read_backwards() {
    let mut dashboard = dashboard();
    dashboard.press(Key::Show(View::Logs), 10);
    dashboard.press(Key::LineUp, 10);
    compare(&drawn(&dashboard, 80, 8), include_str!("golden/logs.txt"));
}

#[test]
fn a_node_that_is_away_is_seen_at_once_on_every_view() {
    let mut dashboard = dashboard();
    dashboard.hear(0, News::Lost("connection refused".to_owned()));
    for view in [View::Summary, View::Monitor, View::Logs] {
        dashboard.press(Key::Show(view), 10);
        let shown = drawn(&dashboard, 80, 24);
        assert!(
            shown.starts_with("10.0.0.2 is away (try 1): connection refused\n"),
            "{shown}"
        );
    }
    dashboard.press(Key::NodeRight, 10);
    assert!(drawn(&dashboard, 80, 24).starts_with("10.0.0.3: connecting\nCPU n/a n/a  load n/a"));
}

#[test]
fn no_terminal_is_too_small_to_draw_on() {
    let mut dashboard = dashboard();
    for view in [View::Summary, View::Monitor, View::Logs] {
        dashboard.press(Key::Show(view), 10);
        for (width, height) in [(1, 1), (10, 3), (200, 5), (3, 60), (79, 2), (250, 80)] {
            drawn(&dashboard, width, height);
            let page = page(&dashboard, Rect::new(0, 0, width, height));
            assert!(page <= usize::from(height));
        }
        drawn(&Dashboard::new(&[], Seat::AtTheNode), 80, 24);
    }
}

/// 9600 baud are 960 bytes in a second.
#[test]
fn an_update_takes_less_than_half_a_second_of_a_slow_serial_line() {
    let mut dashboard = dashboard();
    dashboard.press(Key::Show(View::Monitor), 10);
    let options = TerminalOptions {
        viewport: Viewport::Fixed(Rect::new(0, 0, 80, 24)),
    };
    let mut bytes = Vec::new();
    let mut terminal = Terminal::with_options(CrosstermBackend::new(&mut bytes), options).unwrap();
    terminal.draw(|frame| draw(frame, &dashboard)).unwrap();
    dashboard.hear(0, News::Sampled(Box::new(sample(20))));
    terminal.draw(|frame| draw(frame, &dashboard)).unwrap();
    let before = {
        drop(terminal);
        bytes.len()
    };
    let mut again = Vec::new();
    let mut terminal = Terminal::with_options(
        CrosstermBackend::new(&mut again),
        TerminalOptions {
            viewport: Viewport::Fixed(Rect::new(0, 0, 80, 24)),
        },
    )
    .unwrap();
    terminal.draw(|frame| draw(frame, &dashboard)).unwrap();
    drop(terminal);
    let update = before.saturating_sub(again.len());
    assert!(update < 480, "{update} bytes");
    assert!(
        !bytes.windows(5).any(|part| part == b"\x1b[38;"),
        "there are colours"
    );
}
