// SPDX-License-Identifier: MPL-2.0
//! Logs, followed or read backwards.
//!
//! Owns: how lines stand.
//! Never: looks at more lines than are shown.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::model::{Dashboard, Log};
use crate::ring::Ring;
use crate::view::rule;

/// How many lines are shown.
pub(super) fn list_height(body: Rect) -> u16 {
    body.height.saturating_sub(1)
}

/// What a log is called, and where in it one is.
pub(super) fn name(log: &Log, back: usize) -> String {
    let name = match log {
        Log::Kernel => "kernel log",
        Log::Service(name) => name,
    };
    if back == 0 {
        name.to_owned()
    } else {
        format!("{name}, {back} lines before the end")
    }
}

pub(super) fn draw(frame: &mut Frame<'_>, dashboard: &Dashboard, body: Rect) {
    let Some(node) = dashboard.node() else {
        return;
    };
    let [line, list] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(body);
    let mut name = name(&node.log(), dashboard.log_back);
    if let Some(why) = &node.log_ended {
        name.push_str(&format!("; it ended: {why}"));
    }
    frame.render_widget(Paragraph::new(rule(&name, line.width)), line);
    lines(frame, node.lines(), dashboard.log_back, list);
}

/// Draws a window of a log.
pub(super) fn lines(frame: &mut Frame<'_>, ring: &Ring, back: usize, area: Rect) {
    let rows = ring.window(back, usize::from(area.width), usize::from(area.height));
    let rows: Vec<Line<'_>> = rows.into_iter().map(Line::from).collect();
    frame.render_widget(Paragraph::new(rows), area);
}
