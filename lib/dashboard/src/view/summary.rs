// SPDX-License-Identifier: MPL-2.0
//! The overview: what the machine is, and the log of its kernel.
//!
//! Owns: in how many columns the facts stand.
//! Never: leaves out a fact that is not known: it is `n/a`.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::facts::{Facts, Row};
use crate::model::{Dashboard, Log};
use crate::view::{cut, logs, rule};

/// As wide as the longest name, and a gap.
const NAME_WIDTH: usize = 13;
/// Room for the UUID and its name.
const LEFT_WIDTH: u16 = 50;
const WIDTH_FOR_TWO: u16 = 72;
const WIDTH_FOR_THREE: u16 = 120;
/// The log has at least so many lines, with its name, where the terminal has them.
const LOG_MIN: u16 = 5;

fn columns(facts: &Facts, width: u16) -> Vec<(Constraint, Vec<Row>)> {
    let (machine, kubernetes, network) = (facts.machine(), facts.kubernetes(), facts.network());
    if width >= WIDTH_FOR_THREE {
        vec![
            (Constraint::Length(LEFT_WIDTH), machine),
            (Constraint::Length(NAME_WIDTH_AND_WORD), kubernetes),
            (Constraint::Min(0), network),
        ]
    } else if width >= WIDTH_FOR_TWO {
        vec![
            (
                Constraint::Length(LEFT_WIDTH),
                [machine, kubernetes].concat(),
            ),
            (Constraint::Min(0), network),
        ]
    } else {
        vec![(Constraint::Min(0), [machine, network, kubernetes].concat())]
    }
}

const NAME_WIDTH_AND_WORD: u16 = 26;

fn table_height(columns: &[(Constraint, Vec<Row>)], body: Rect) -> u16 {
    let rows = columns.iter().map(|(_, rows)| rows.len()).max();
    let rows = u16::try_from(rows.unwrap_or_default()).unwrap_or(u16::MAX);
    rows.min(body.height.saturating_sub(LOG_MIN).max(body.height / 2))
}

/// How many lines of the log are shown.
pub(super) fn log_height(dashboard: &Dashboard, body: Rect) -> u16 {
    let columns = dashboard
        .node()
        .map_or_else(Vec::new, |node| columns(&node.facts, body.width));
    let below = body.height.saturating_sub(table_height(&columns, body));
    below.saturating_sub(1)
}

pub(super) fn draw(frame: &mut Frame<'_>, dashboard: &Dashboard, body: Rect) {
    let Some(node) = dashboard.node() else {
        return;
    };
    let columns = columns(&node.facts, body.width);
    let [table, line, log] = Layout::vertical([
        Constraint::Length(table_height(&columns, body)),
        Constraint::Length(1),
        Constraint::Min(0),
    ])
    .areas(body);
    let widths = columns.iter().map(|(width, _)| *width);
    let areas = Layout::horizontal(widths).split(table);
    for ((_, rows), area) in columns.iter().zip(areas.iter()) {
        let width = usize::from(area.width).saturating_sub(1);
        let lines = rows.iter().map(|(name, value)| {
            let value = value.as_deref().unwrap_or("n/a");
            let value = cut(value, width.saturating_sub(NAME_WIDTH));
            Line::from(format!("{name:NAME_WIDTH$}{value}"))
        });
        frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), *area);
    }
    let name = logs::name(&Log::Kernel, dashboard.log_back);
    frame.render_widget(Paragraph::new(rule(&name, line.width)), line);
    logs::lines(frame, &node.kernel, dashboard.log_back, log);
}
