// SPDX-License-Identifier: MPL-2.0
//! What the machine is busy with: processors, memory, disks, network, processes.
//!
//! Owns: the bars and tables, and the order of processes.
//! Never: computes a rate.

use api::machine::ProcessInfo;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::model::{Dashboard, Node};
use crate::units::{amount, rate};
use crate::view::{cut, head, marked};

const UNKNOWN: &str = "n/a";
const BAR_WIDTH: usize = 20;
/// Lines of processors, memory and load.
const GAUGES: u16 = 3;
const WIDTH_FOR_TWO: u16 = 72;

/// Lines of the tables of disks and links, with their heads.
fn devices_height(node: &Node, body: Rect) -> u16 {
    let (disks, links) = (node.rates.disks.len(), node.rates.links.len());
    let rows = if body.width >= WIDTH_FOR_TWO {
        disks.max(links).saturating_add(1)
    } else {
        disks.saturating_add(links).saturating_add(2)
    };
    let rows = u16::try_from(rows).unwrap_or(u16::MAX);
    rows.min(body.height / 3)
}

/// How many processes are shown.
pub(super) fn list_height(dashboard: &Dashboard, body: Rect) -> u16 {
    let devices = dashboard
        .node()
        .map_or(0, |node| devices_height(node, body));
    let above = GAUGES.saturating_add(devices).saturating_add(1);
    body.height.saturating_sub(above)
}

pub(super) fn draw(frame: &mut Frame<'_>, dashboard: &Dashboard, body: Rect) {
    let Some(node) = dashboard.node() else {
        return;
    };
    let [gauges, devices, list] = Layout::vertical([
        Constraint::Length(GAUGES),
        Constraint::Length(devices_height(node, body)),
        Constraint::Min(0),
    ])
    .areas(body);
    let lines: Vec<Line<'_>> = gauge_lines(node).into_iter().map(Line::from).collect();
    frame.render_widget(Paragraph::new(lines), gauges);
    draw_devices(frame, node, devices);
    draw_processes(frame, node, dashboard.processes_from, list);
}

fn gauge_lines(node: &Node) -> [String; 3] {
    let busy = match &node.rates.busy {
        Some(busy) => format!(
            "CPU  {} {:>3.0}%  user {:.0}%  system {:.0}%  waiting {:.0}%",
            bar(busy.all),
            busy.all,
            busy.user,
            busy.system,
            busy.waiting
        ),
        None => format!("CPU  {} {UNKNOWN}", bar(0.0)),
    };
    let sample = node.sample.as_ref();
    let memory = match sample.and_then(|sample| sample.memory.as_ref()) {
        Some(memory) => {
            let kilobytes = |count: u64| amount(count.saturating_mul(1024));
            let used = memory.memtotal.saturating_sub(memory.memavailable);
            format!(
                "RAM  {} {:>4}  used {}  cache {}  buffers {}  free {}",
                bar(percent(used, memory.memtotal)),
                head::used(memory.memtotal, memory.memavailable),
                kilobytes(used),
                kilobytes(memory.cached),
                kilobytes(memory.buffers),
                kilobytes(memory.memfree)
            )
        }
        None => format!("RAM  {} {UNKNOWN}", bar(0.0)),
    };
    let load = sample.and_then(|sample| sample.load.as_ref());
    let load = load.map_or(UNKNOWN.to_owned(), |load| {
        format!("{:.2} {:.2} {:.2}", load.load1, load.load5, load.load15)
    });
    let stat = sample.and_then(|sample| sample.stat.as_ref());
    let running = stat.map_or(UNKNOWN.to_owned(), |stat| {
        format!(
            "{} running, {} blocked",
            stat.process_running, stat.process_blocked
        )
    });
    let switches = node.rates.context_switches;
    let switches = switches.map_or(UNKNOWN.to_owned(), |count| format!("{count:.0}/s"));
    let kernel = format!("LOAD {load}  {running}  context switches {switches}");
    [busy, memory, kernel]
}

#[expect(clippy::cast_precision_loss, reason = "a bar has twenty letters")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    100.0 * part as f64 / whole as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "it is between 0 and the width"
)]
fn bar(percent: f64) -> String {
    let full = (percent.clamp(0.0, 100.0) / 100.0 * BAR_WIDTH as f64).round() as usize;
    let empty = BAR_WIDTH.saturating_sub(full);
    format!("[{}{}]", "#".repeat(full), ".".repeat(empty))
}

fn draw_devices(frame: &mut Frame<'_>, node: &Node, area: Rect) {
    let disks = std::iter::once(format!(
        "{:14}{:>8}{:>9}{:>5}",
        "DISK", "READ", "WRITE", "BUSY"
    ))
    .chain(node.rates.disks.iter().map(|disk| {
        format!(
            "{:14}{:>8}{:>9}{:>4.0}%",
            cut(&disk.name, 13),
            rate(disk.read),
            rate(disk.written),
            disk.busy
        )
    }));
    let links = std::iter::once(format!("{:14}{:>8}{:>9}{:>6}", "LINK", "IN", "OUT", "LOST"))
        .chain(node.rates.links.iter().map(|link| {
            format!(
                "{:14}{:>8}{:>9}{:>6}",
                cut(&link.name, 13),
                rate(link.received),
                rate(link.sent),
                link.errors
            )
        }));
    let (disks, links): (Vec<_>, Vec<_>) = (
        disks.map(Line::from).collect(),
        links.map(Line::from).collect(),
    );
    if area.width >= WIDTH_FOR_TWO {
        let [left, right] =
            Layout::horizontal([Constraint::Length(39), Constraint::Min(0)]).areas(area);
        frame.render_widget(Paragraph::new(disks), left);
        frame.render_widget(Paragraph::new(links), right);
    } else {
        frame.render_widget(Paragraph::new([disks, links].concat()), area);
    }
}

fn draw_processes(frame: &mut Frame<'_>, node: &Node, from: usize, area: Rect) {
    let width = usize::from(area.width);
    let head = format!(
        "{:>7} S{:>5}{:>7}{:>7}{:>7}  {}",
        "PID", "THR", "CPU%", "RESMEM", "VIRT", "COMMAND"
    );
    let mut lines = vec![Line::from(format!("{head:width$}")).style(marked())];
    let height = usize::from(area.height).saturating_sub(1);
    let sorted = sorted(node);
    for (share, process) in sorted.into_iter().skip(from).take(height) {
        let share = share.map_or(UNKNOWN.to_owned(), |share| format!("{share:.1}"));
        let text = format!(
            "{:>7} {:1}{:>5}{share:>7}{:>7}{:>7}  {}",
            process.pid,
            cut(&process.state, 1),
            process.threads,
            amount(process.resident_memory),
            amount(process.virtual_memory),
            command(process)
        );
        lines.push(Line::from(cut(&text, width)));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// The busiest first, then the largest.
fn sorted(node: &Node) -> Vec<(Option<f64>, &ProcessInfo)> {
    let processes = node
        .sample
        .iter()
        .flat_map(|sample| &sample.processes)
        .flatten();
    let mut sorted: Vec<(Option<f64>, &ProcessInfo)> = processes
        .map(|process| (node.rates.processes.get(&process.pid).copied(), process))
        .collect();
    sorted.sort_by(|(a_share, a), (b_share, b)| {
        // What is shown the same should stand still.
        let tenths = |share: &Option<f64>| (share.unwrap_or(0.0) * 10.0).round();
        tenths(b_share)
            .total_cmp(&tenths(a_share))
            .then(b.resident_memory.cmp(&a.resident_memory))
            .then(a.pid.cmp(&b.pid))
    });
    sorted
}

/// Threads of the kernel have only a name, which stands in brackets.
fn command(process: &ProcessInfo) -> String {
    match (process.args.as_str(), process.executable.as_str()) {
        ("", "") => format!("[{}]", process.command),
        ("", executable) => executable.to_owned(),
        (args, _) => args.to_owned(),
    }
}
