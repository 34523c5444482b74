// SPDX-License-Identifier: MPL-2.0
//! What the dashboard looks like: a head, a body and a foot.
//!
//! Owns: where things stand, on terminals of every size, in letters that every terminal has.
//! Never: changes what is shown, uses colours, or moves what did not change: over a serial line each
//! letter takes its time.

mod head;
mod logs;
mod monitor;
mod summary;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::model::{Dashboard, Seat, View};

/// On a terminal with fewer lines the head is one line.
const HEIGHT_FOR_TWO: u16 = 10;

struct Places {
    head: Rect,
    body: Rect,
    foot: Rect,
}

fn places(area: Rect) -> Places {
    let head_height = if area.height < HEIGHT_FOR_TWO { 1 } else { 2 };
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(head_height),
        Constraint::Min(0),
        Constraint::Length(u16::from(area.height > 2)),
    ])
    .areas(area);
    Places { head, body, foot }
}

/// How many lines of the list that scrolls are on a terminal of this size.
pub(crate) fn page(dashboard: &Dashboard, area: Rect) -> usize {
    let body = places(area).body;
    let height = match dashboard.view {
        View::Summary => summary::log_height(dashboard, body),
        View::Monitor => monitor::list_height(dashboard, body),
        View::Logs => logs::list_height(body),
    };
    usize::from(height)
}

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, dashboard: &Dashboard) {
    let places = places(frame.area());
    frame.render_widget(head::drawn(dashboard, places.head), places.head);
    match dashboard.view {
        View::Summary => summary::draw(frame, dashboard, places.body),
        View::Monitor => monitor::draw(frame, dashboard, places.body),
        View::Logs => logs::draw(frame, dashboard, places.body),
    }
    frame.render_widget(foot(dashboard, places.foot.width), places.foot);
}

/// The keys. What does not fit is left out from the end.
fn foot(dashboard: &Dashboard, width: u16) -> Paragraph<'static> {
    let views = [
        (View::Summary, "F1 summary"),
        (View::Monitor, "F2 monitor"),
        (View::Logs, "F4 logs"),
    ];
    let mut spans = Vec::new();
    for (view, name) in views {
        let is_shown = view == dashboard.view;
        let style = if is_shown { marked() } else { Style::new() };
        spans.push(Span::styled(name, style));
        spans.push(Span::raw("  "));
    }
    if dashboard.seat == Seat::Elsewhere {
        spans.push(Span::raw("q quit  "));
    }
    spans.push(Span::raw("j k scroll"));
    if dashboard.view == View::Logs {
        spans.push(Span::raw("  n p log"));
    }
    let (at, count) = dashboard.place();
    if count > 1 {
        let place = at.saturating_add(1);
        spans.push(Span::raw(format!("  h l node {place}/{count}")));
    }
    let line = Line::from(spans);
    if line.width() > usize::from(width) && count > 1 {
        // The number of the node is what one looks for.
        return Paragraph::new(format!(
            "{}/{count} F1 F2 F4 h l j k q",
            at.saturating_add(1)
        ));
    }
    Paragraph::new(line)
}

/// A line between two parts, with the name of the second.
fn rule(name: &str, width: u16) -> Line<'static> {
    let mut text = format!("--- {name} ");
    let missing = usize::from(width).saturating_sub(text.chars().count());
    text.push_str(&"-".repeat(missing));
    Line::from(text)
}

/// A text in no more than `width` letters; a text that is cut shows that it is.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain(std::iter::once('~')).take(width).collect()
}

/// What stands out, without colours.
fn marked() -> Style {
    Style::new().add_modifier(Modifier::REVERSED)
}

#[cfg(test)]
mod tests;
