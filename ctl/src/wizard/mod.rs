// SPDX-License-Identifier: MPL-2.0
//! `apply-config --mode interactive`: a form in the terminal instead of a file.
//!
//! Owns: how answers become a configuration, and the terminal while the form is open.
//! Never: speaks to a node, or leaves the terminal changed.

mod form;
mod view;

use std::io::IsTerminal as _;

use config::{
    Circumstances, Configuration, Document, GenerateOptions, Mode, SecretsBundle, generate,
};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use crate::commands::gen_check;
use crate::leftovers::Leftover;
use crate::trouble::Trouble;
use form::{Action, Defaults, Form, Key, Question};

/// What the form gave.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) cluster: String,
    pub(crate) document: Document,
}

/// Refuses where nobody can see or fill in a form.
pub(crate) fn check_terminal() -> Result<(), Trouble> {
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Trouble::new("--mode interactive needs a terminal")
        .hint("use `ichorctl gen config` and send the file"))
}

/// Shows the form until it is sent or left.
pub(crate) fn ask(node: &str, secrets: &SecretsBundle) -> Result<Answers, Trouble> {
    let broken = |error: std::io::Error| Trouble::new(format!("the terminal failed: {error}"));
    let mut form = Form::new(defaults(node));
    let mut terminal = ratatui::try_init().map_err(broken)?;
    let _leftover = Leftover::terminal();
    let outcome = loop {
        if let Err(error) = terminal.draw(|frame| view::draw(frame, node, &form)) {
            break Err(broken(error));
        }
        let key = match event::read() {
            Ok(event) => key(&event),
            Err(error) => break Err(broken(error)),
        };
        match key.map_or(Action::Nothing, |key| form.press(key)) {
            Action::Nothing => {}
            Action::Quit => break Err(Trouble::new("nothing is sent")),
            Action::Submit => match make(&form, secrets) {
                Ok(document) => {
                    break Ok(Answers {
                        cluster: form.text(Question::Cluster).to_owned(),
                        document,
                    });
                }
                Err(problem) => form.problem = Some(problem),
            },
        }
    };
    ratatui::restore();
    outcome
}

fn defaults(node: &str) -> Defaults {
    let options = GenerateOptions::default();
    Defaults {
        endpoint: node.to_owned(),
        disk: options.install_disk,
        kubernetes: options.kubernetes_version,
        domain: options.dns_domain,
    }
}

/// What a key of the terminal means, if anything.
#[expect(clippy::wildcard_enum_match_arm, reason = "terminals have many keys")]
fn key(event: &Event) -> Option<Key> {
    let Event::Key(key) = event else {
        return None;
    };
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c' | 'd') => Some(Key::Quit),
            KeyCode::Char('u') => Some(Key::Clear),
            _ => None,
        };
    }
    match key.code {
        KeyCode::Char(letter) => Some(Key::Letter(letter)),
        KeyCode::Enter => Some(Key::Enter),
        KeyCode::Tab | KeyCode::Down => Some(Key::Next),
        KeyCode::BackTab | KeyCode::Up => Some(Key::Previous),
        KeyCode::Left => Some(Key::Left),
        KeyCode::Right => Some(Key::Right),
        KeyCode::Backspace => Some(Key::Backspace),
        KeyCode::Esc => Some(Key::Quit),
        _ => None,
    }
}

/// The configuration that the answers ask for, or what is wrong with them.
fn make(form: &Form, secrets: &SecretsBundle) -> Result<Document, String> {
    let options = GenerateOptions {
        install_disk: form.text(Question::Disk).to_owned(),
        kubernetes_version: form.text(Question::Kubernetes).to_owned(),
        dns_domain: form.text(Question::Domain).to_owned(),
        allow_scheduling_on_control_planes: form.is_other(Question::Scheduling).then_some(true),
        ..GenerateOptions::default()
    };
    let (cluster, endpoint) = (form.text(Question::Cluster), form.text(Question::Endpoint));
    let made = generate(cluster, endpoint, secrets, &options).map_err(|error| error.to_string())?;
    let mut document = if form.is_other(Question::Kind) {
        made.worker
    } else {
        made.controlplane
    };
    let network = document
        .machine
        .as_mut()
        .and_then(|machine| machine.network.as_mut());
    if let Some(network) = network {
        form.text(Question::HostName)
            .clone_into(&mut network.hostname);
    }
    let circumstances = Circumstances {
        mode: Mode::Metal,
        installed: false,
    };
    let report = Configuration::from_document(document.clone()).validate(circumstances);
    // A warning as well: whoever answers can still answer otherwise.
    match report.errors.iter().chain(&report.warnings).next() {
        Some(error) => Err(error.to_string()),
        None if !document.has_secure_endpoint() => Err(gen_check::ENDPOINT.to_owned()),
        None => Ok(document),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pki::UnixTime;

    fn answered(answers: &[(usize, &str)]) -> Result<Document, String> {
        let secrets = SecretsBundle::generate(UnixTime(1_790_000_000)).unwrap();
        let mut form = Form::new(defaults("10.0.0.2"));
        for (row, text) in answers {
            for _ in 0..20 {
                form.press(Key::Previous);
            }
            for _ in 0..*row {
                form.press(Key::Next);
            }
            form.press(Key::Clear);
            for letter in text.chars() {
                form.press(Key::Letter(letter));
            }
        }
        make(&form, &secrets)
    }

    #[test]
    fn strt_20_answers_reach_the_fields_they_are_for() {
        let made = answered(&[(0, "lab"), (3, "node-1"), (4, "/dev/vda"), (7, " ")]).unwrap();

        let (machine, cluster) = (made.machine.unwrap(), made.cluster.unwrap());
        assert_eq!(machine.kind, "controlplane");
        assert_eq!(machine.network.unwrap().hostname, "node-1");
        assert_eq!(machine.install.unwrap().disk, "/dev/vda");
        assert_eq!(cluster.cluster_name, "lab");
        assert_eq!(cluster.allow_scheduling_on_control_planes, Some(true));
        let endpoint = cluster.control_plane.unwrap().endpoint.unwrap();
        assert_eq!(endpoint, "https://10.0.0.2:6443");
        let worker = answered(&[(2, " ")]).unwrap().machine.unwrap();
        assert_eq!(worker.kind, "worker");
    }

    #[test]
    fn strt_20_wrong_answers_are_named_and_nothing_is_made() {
        for (row, text, reason) in [
            (0, "", "the cluster needs a name"),
            (1, "http://10.0.0.2", "is reached over https only"),
            (1, "", "is not a control plane endpoint"),
            (3, "no_name!", "machine.network.hostname"),
            (4, "", "machine.install"),
            (5, "newest", "is not a version of Kubernetes"),
        ] {
            let problem = answered(&[(row, text)]).unwrap_err();
            assert!(problem.contains(reason), "{text}: {problem}");
        }
    }
}
