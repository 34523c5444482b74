// SPDX-License-Identifier: MPL-2.0
//! The questions of the wizard, as a form that keys move through.
//!
//! Owns: the table of questions, and what each key does.
//! Never: reads a key or draws.

/// Longer than anything that is asked for.
const MAX_TEXT: usize = 253;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Cluster,
    Endpoint,
    Kind,
    HostName,
    Disk,
    Kubernetes,
    Domain,
    Scheduling,
}

/// What is answered, or pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Text(String),
    Choice {
        options: &'static [&'static str],
        chosen: usize,
    },
}

/// One row: a question with its answer.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) question: Question,
    pub(crate) label: &'static str,
    pub(crate) help: &'static str,
    pub(crate) answer: Answer,
}

/// A key, as far as it means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Next,
    Previous,
    Left,
    Right,
    Enter,
    Backspace,
    /// Empties the answer.
    Clear,
    Letter(char),
    Quit,
}

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Nothing,
    Submit,
    Quit,
}

/// The form. Below its rows is a button.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    rows: Vec<Row>,
    /// The row with the cursor; one more is the button.
    at: usize,
    /// Why the last submission was refused.
    pub(crate) problem: Option<String>,
}

/// What the form starts with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defaults {
    pub(crate) endpoint: String,
    pub(crate) disk: String,
    pub(crate) kubernetes: String,
    pub(crate) domain: String,
}

impl Form {
    pub(crate) fn new(defaults: Defaults) -> Self {
        let text = |question, label, help, text: String| Row {
            question,
            label,
            help,
            answer: Answer::Text(text),
        };
        let choice = |question, label, help, options| Row {
            question,
            label,
            help,
            answer: Answer::Choice { options, chosen: 0 },
        };
        Self {
            rows: vec![
                text(
                    Question::Cluster,
                    "Cluster",
                    "The name of the cluster. The client configuration is called after it.",
                    "home".to_owned(),
                ),
                text(
                    Question::Endpoint,
                    "Kubernetes endpoint",
                    "Where everybody reaches Kubernetes: this node, or what balances between control \
                     plane nodes. Scheme and port may be left out.",
                    defaults.endpoint,
                ),
                choice(
                    Question::Kind,
                    "Node",
                    "What the node is for. The first one of a cluster is a control plane node.",
                    &["control plane", "worker"],
                ),
                text(
                    Question::HostName,
                    "Host name",
                    "The name of the node; without one it gets its name from DHCP, or one that stays.",
                    String::new(),
                ),
                text(
                    Question::Disk,
                    "Install disk",
                    "The disk that the system is installed to. Everything on it is lost.",
                    defaults.disk,
                ),
                text(
                    Question::Kubernetes,
                    "Kubernetes version",
                    "The version of Kubernetes to run.",
                    defaults.kubernetes,
                ),
                text(
                    Question::Domain,
                    "Domain of services",
                    "The domain that services of the cluster are found under.",
                    defaults.domain,
                ),
                choice(
                    Question::Scheduling,
                    "Pods on this node",
                    "Whether pods of users may run on control plane nodes, as they must where there is \
                     only one node.",
                    &["as usual", "also on control plane nodes"],
                ),
            ],
            at: 0,
            problem: None,
        }
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row with the cursor; `None` when it is on the button.
    pub(crate) fn current(&self) -> Option<&Row> {
        self.rows.get(self.at)
    }

    /// The text of an answer; of a choice, what is chosen.
    pub(crate) fn text(&self, question: Question) -> &str {
        let row = self.rows.iter().find(|row| row.question == question);
        match row.map(|row| &row.answer) {
            Some(Answer::Text(text)) => text.trim(),
            Some(Answer::Choice { options, chosen }) => {
                options.get(*chosen).copied().unwrap_or_default()
            }
            None => "",
        }
    }

    /// Whether another than the first option is chosen.
    pub(crate) fn is_other(&self, question: Question) -> bool {
        let other = |row: &Row| matches!(row.answer, Answer::Choice { chosen, .. } if chosen > 0);
        self.rows
            .iter()
            .any(|row| row.question == question && other(row))
    }

    /// Takes a key.
    pub(crate) fn press(&mut self, key: Key) -> Action {
        match key {
            Key::Quit => return Action::Quit,
            Key::Next => self.at = self.at.saturating_add(1).min(self.rows.len()),
            Key::Previous => self.at = self.at.saturating_sub(1),
            Key::Enter if self.at >= self.rows.len() => return Action::Submit,
            Key::Enter => self.at = self.at.saturating_add(1),
            Key::Left | Key::Right | Key::Backspace | Key::Clear | Key::Letter(_) => self.edit(key),
        }
        Action::Nothing
    }

    fn edit(&mut self, key: Key) {
        let Some(row) = self.rows.get_mut(self.at) else {
            return;
        };
        self.problem = None;
        match (&mut row.answer, key) {
            (Answer::Text(text), Key::Letter(letter)) => {
                if !letter.is_control() && text.chars().count() < MAX_TEXT {
                    text.push(letter);
                }
            }
            (Answer::Text(text), Key::Backspace) => {
                text.pop();
            }
            (Answer::Text(text), Key::Clear) => text.clear(),
            (Answer::Choice { options, chosen }, Key::Right | Key::Letter(' ')) => {
                let next = chosen.saturating_add(1);
                *chosen = if next < options.len() { next } else { 0 };
            }
            (Answer::Choice { options, chosen }, Key::Left) => {
                *chosen = chosen
                    .checked_sub(1)
                    .unwrap_or(options.len().saturating_sub(1));
            }
            // There is nothing to move within a text, and nothing to type into a choice.
            (
                Answer::Text(_) | Answer::Choice { .. },
                Key::Left
                | Key::Right
                | Key::Backspace
                | Key::Clear
                | Key::Letter(_)
                | Key::Next
                | Key::Previous
                | Key::Enter
                | Key::Quit,
            ) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form::new(Defaults::default())
    }

    fn type_text(form: &mut Form, text: &str) {
        for letter in text.chars() {
            assert_eq!(form.press(Key::Letter(letter)), Action::Nothing);
        }
    }

    #[test]
    fn strt_20_letters_go_where_the_cursor_is() {
        let mut form = form();
        form.press(Key::Clear);
        type_text(&mut form, "lab ");
        form.press(Key::Enter);
        type_text(&mut form, "10.0.0.2x");
        form.press(Key::Backspace);

        assert_eq!(form.text(Question::Cluster), "lab");
        assert_eq!(form.text(Question::Endpoint), "10.0.0.2");
    }

    #[test]
    fn strt_20_choices_turn_in_both_directions() {
        let mut form = form();
        form.press(Key::Next);
        form.press(Key::Next);
        assert!(!form.is_other(Question::Kind));
        form.press(Key::Letter(' '));
        assert_eq!(form.text(Question::Kind), "worker");
        form.press(Key::Right);
        assert_eq!(form.text(Question::Kind), "control plane");
        form.press(Key::Left);
        assert!(form.is_other(Question::Kind));
        type_text(&mut form, "x");
        assert!(form.is_other(Question::Kind));
    }

    #[test]
    fn strt_20_only_enter_on_the_button_submits() {
        let mut form = form();
        for _ in 0..form.rows().len() {
            assert!(form.current().is_some());
            assert_eq!(form.press(Key::Enter), Action::Nothing);
        }
        assert!(form.current().is_none());
        type_text(&mut form, "x y");
        form.press(Key::Next);
        assert_eq!(form.press(Key::Enter), Action::Submit);
        form.press(Key::Previous);
        assert_eq!(form.press(Key::Quit), Action::Quit);
    }

    #[test]
    fn an_answer_has_an_end_and_no_control_characters() {
        let mut form = form();
        form.press(Key::Clear);
        form.press(Key::Letter('\u{1b}'));
        assert_eq!(form.text(Question::Cluster), "");
        for _ in 0..1000 {
            form.press(Key::Letter('ö'));
        }
        assert_eq!(form.text(Question::Cluster).chars().count(), MAX_TEXT);
    }

    #[test]
    fn a_problem_stays_until_something_is_changed() {
        let mut form = form();
        form.problem = Some("no".to_owned());
        form.press(Key::Next);
        assert!(form.problem.is_some());
        form.press(Key::Letter('x'));
        assert!(form.problem.is_none());
    }
}
