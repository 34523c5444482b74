// SPDX-License-Identifier: MPL-2.0
//! What the wizard looks like.
//!
//! Owns: where things stand on the terminal.
//! Never: changes the form.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};

use crate::wizard::form::{Answer, Form, Row};

/// As wide as the longest label, and a gap.
const LABEL_WIDTH: usize = 21;
const KEYS: &str = "Up, Down: move   Left, Right: choose   Ctrl-U: empty   Enter: next   Esc: quit";
const BUTTON: &str = "[ Send to the node ]";
const BUTTON_HELP: &str = "Makes the configuration, keeps its secrets here in secrets.yaml and talosconfig, \
                           and sends it to the node.";

/// Draws the form for a node.
pub(crate) fn draw(frame: &mut Frame<'_>, node: &str, form: &Form) {
    let rows = u16::try_from(form.rows().len()).unwrap_or(u16::MAX);
    let [top, middle, bottom] = Layout::vertical([
        Constraint::Length(rows.saturating_add(4)),
        Constraint::Min(4),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let mut lines: Vec<Line<'_>> = form
        .rows()
        .iter()
        .map(|row| {
            line(
                row,
                form.current().is_some_and(|at| at.question == row.question),
            )
        })
        .collect();
    lines.push(Line::default());
    lines.push(Line::from(Span::styled(
        BUTTON,
        marked(form.current().is_none()),
    )));
    let title = format!(" A configuration for {node} ");
    frame.render_widget(
        Paragraph::new(lines).block(Block::bordered().title(title)),
        top,
    );

    let (title, text) = match &form.problem {
        Some(problem) => (" This cannot be ", problem.as_str()),
        None => (
            " What it is ",
            form.current().map_or(BUTTON_HELP, |row| row.help),
        ),
    };
    let help = Paragraph::new(text)
        .wrap(Wrap { trim: true })
        .block(Block::bordered().title(title));
    frame.render_widget(help, middle);
    frame.render_widget(Paragraph::new(KEYS), bottom);
}

fn line(row: &Row, is_current: bool) -> Line<'_> {
    let label = Span::raw(format!("{:LABEL_WIDTH$}", row.label));
    let answer = match &row.answer {
        Answer::Text(text) if is_current => format!("{text}_"),
        Answer::Text(text) => text.clone(),
        Answer::Choice { options, chosen } => {
            format!("< {} >", options.get(*chosen).copied().unwrap_or_default())
        }
    };
    Line::from(vec![label, Span::styled(answer, marked(is_current))])
}

fn marked(is_current: bool) -> Style {
    if is_current {
        Style::new().add_modifier(Modifier::REVERSED)
    } else {
        Style::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wizard::form::{Defaults, Key};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn drawn(form: &Form, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| draw(frame, "10.0.0.2", form))
            .unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn strt_20_every_question_is_on_a_small_terminal_with_its_answer_and_help() {
        let mut form = Form::new(Defaults {
            endpoint: "https://10.0.0.2:6443".to_owned(),
            ..Defaults::default()
        });
        form.press(Key::Next);

        let screen = drawn(&form, 80, 24);

        for row in form.rows() {
            assert!(screen.contains(row.label), "{}\n{screen}", row.label);
        }
        for part in [
            "https://10.0.0.2:6443_",
            "< control plane >",
            "may be left out",
            "Esc",
        ] {
            assert!(screen.contains(part), "{part}\n{screen}");
        }
    }

    #[test]
    fn a_problem_takes_the_place_of_the_help() {
        let mut form = Form::new(Defaults::default());
        form.problem = Some("the cluster needs a name".to_owned());

        let screen = drawn(&form, 80, 24);

        assert!(screen.contains("This cannot be") && screen.contains("the cluster needs a name"));
    }

    #[test]
    fn no_terminal_is_too_small_to_draw_on() {
        let form = Form::new(Defaults::default());
        for (width, height) in [(1, 1), (10, 3), (200, 5), (3, 60)] {
            drawn(&form, width, height);
        }
    }
}
