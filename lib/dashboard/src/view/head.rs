// SPDX-License-Identifier: MPL-2.0
//! The head of every view: which node it is, and how busy.
//!
//! Owns: its words.
//! Never: hides that a node is away behind numbers that are old.

use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::model::{Dashboard, Node, Reach, Seat};
use crate::units;
use crate::view::{cut, marked};

const UNKNOWN: &str = "n/a";

/// Draws the head in one line or two.
pub(super) fn drawn(dashboard: &Dashboard, area: Rect) -> Paragraph<'static> {
    let width = usize::from(area.width);
    let Some(node) = dashboard.node() else {
        return Paragraph::new(cut("no node is named", width));
    };
    let line = |text: String| Line::from(cut(&text, width));
    let first = match &node.reach {
        Reach::Connecting if node.sample.is_none() => line(format!("{}: connecting", node.name)),
        Reach::Connecting | Reach::There => line(name(node, dashboard.seat)),
        Reach::Away { why, tries } => {
            let text = format!("{} is away (try {tries}): {why}", node.name);
            line(text).style(marked())
        }
    };
    Paragraph::new(vec![first, line(busy(node))])
}

fn name(node: &Node, seat: Seat) -> String {
    let sample = node.sample.as_ref();
    let hostname = node
        .facts
        .network()
        .into_iter()
        .find(|(row, _)| *row == "HOST");
    let shown = match hostname.and_then(|(_, hostname)| hostname) {
        Some(hostname) if seat == Seat::AtTheNode => hostname,
        Some(hostname) if hostname != node.name => format!("{hostname} ({})", node.name),
        Some(_) | None => node.name.clone(),
    };
    let version = sample.and_then(|sample| sample.version.clone());
    let uptime = sample.and_then(|sample| sample.uptime()).map(units::span);
    let refused = sample.and_then(|sample| sample.refused.as_deref());
    format!(
        "{shown}: version {}, up {}{}",
        version.as_deref().unwrap_or(UNKNOWN),
        uptime.as_deref().unwrap_or(UNKNOWN),
        refused.map_or_else(String::new, |why| format!("; missing: {why}")),
    )
}

/// Hardware and load.
fn busy(node: &Node) -> String {
    let sample = node.sample.as_ref();
    let hardware = sample
        .and_then(|sample| sample.processors.as_ref())
        .map(|processors| {
            let model = match processors.model.as_str() {
                "" => node.facts.processor().unwrap_or_default(),
                model => model.to_owned(),
            };
            let speed = if processors.megahertz > 0.0 {
                format!(" {:.1}GHz", processors.megahertz / 1000.0)
            } else {
                String::new()
            };
            let space = if model.is_empty() { "" } else { " " };
            format!("{}x{speed}{space}{}", processors.count, cut(&model, 24))
        });
    let share = node.rates.busy.map(|busy| format!("{:.0}%", busy.all));
    let memory = sample
        .and_then(|sample| sample.memory.as_ref())
        .map(|memory| {
            let total = memory.memtotal.saturating_mul(1024);
            format!(
                "{} {}",
                units::amount(total),
                used(memory.memtotal, memory.memavailable)
            )
        });
    let load = sample.and_then(|sample| sample.load.as_ref());
    let load = load.map(|load| format!("{:.2}", load.load1));
    let processes = sample.and_then(|sample| sample.processes.as_ref());
    let processes = processes.map(|processes| processes.len().to_string());
    let or_unknown = |word: Option<String>| word.unwrap_or_else(|| UNKNOWN.to_owned());
    format!(
        "CPU {} {}  load {}  RAM {}  processes {}",
        or_unknown(hardware),
        or_unknown(share),
        or_unknown(load),
        or_unknown(memory),
        or_unknown(processes),
    )
}

/// Which part of `total` is not `available`.
pub(super) fn used(total: u64, available: u64) -> String {
    let part = total.saturating_sub(available).saturating_mul(100);
    part.checked_div(total)
        .map_or_else(|| UNKNOWN.to_owned(), |percent| format!("{percent}%"))
}
