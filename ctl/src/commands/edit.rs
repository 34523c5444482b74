// SPDX-License-Identifier: MPL-2.0
//! `edit`: the configurations of nodes in an editor, one after the other.
//!
//! Owns: the rounds from the editor to the node and back when the node refuses.
//! Never: loses what was typed: what is not applied is shown again or kept in a file.

use config::MAX_BYTES;

use crate::args_resource::Change;
use crate::commands::apply;
use crate::commands::change::{self, Refusal};
use crate::editor::Editor;
use crate::places::Environment;
use crate::resources::Reader;
use crate::screen::Screen;
use crate::session::Target;
use crate::trouble::Trouble;

/// How often a refused configuration goes back to the editor: a program that is no editor must
/// not go round for ever.
const ROUNDS_MAX: usize = 32;
/// What our own lines begin with; they are taken out again.
const NOTE: &str = "# ichorctl:";

pub(crate) async fn run(
    asked: &Change,
    target: &Target,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    if asked.is_confirmation() {
        change::confirm(&target.open().await?, asked, screen).await;
        return Ok(());
    }
    let editor = Editor::of(environment);
    let mut nodes: Vec<Option<&str>> = target.nodes.iter().map(|node| Some(&node[..])).collect();
    if nodes.is_empty() {
        nodes.push(None);
    }
    for node in nodes {
        match one(target, node, asked, &editor, screen).await {
            Ok(()) => {}
            Err(Ending::Editor(trouble)) => return Err(trouble),
            Err(Ending::Node(trouble)) => screen.complain(&trouble),
        }
    }
    Ok(())
}

/// Why a node was not changed.
enum Ending {
    /// The editor does not work: the other nodes would find the same.
    Editor(Trouble),
    /// Something about this node.
    Node(Trouble),
}

impl From<Trouble> for Ending {
    fn from(trouble: Trouble) -> Self {
        Self::Node(trouble)
    }
}

async fn one(
    target: &Target,
    node: Option<&str>,
    asked: &Change,
    editor: &Editor,
    screen: &mut Screen<'_>,
) -> Result<(), Ending> {
    let (name, before) = {
        let session = target.open().await?;
        let reader = Reader::of(&session, node);
        (reader.name(), change::read(&reader, asked).await?)
    };
    let mut buffer = noted(&[format!("the configuration of node {name}")], &before);
    let mut refused: Option<String> = None;
    for _ in 0..ROUNDS_MAX {
        let bytes = editor.edit(buffer.as_bytes()).map_err(Ending::Editor)?;
        // It would be applied as it is, so it must be whole before anything is asked of the node.
        let text = match String::from_utf8(bytes) {
            Ok(text) => without_notes(&text),
            Err(error) => {
                let trouble = Trouble::new(format!(
                    "{name}: the editor left something that is not UTF-8; nothing is applied"
                ));
                return Err(Ending::Node(keep(editor, error.as_bytes(), trouble)));
            }
        };
        if text.trim().is_empty() {
            screen.warn(format_args!("{name}: empty, nothing is applied"));
            return Ok(());
        }
        if text.trim_end() == before.trim_end() {
            screen.warn(format_args!("{name}: not changed, nothing is applied"));
            return Ok(());
        }
        if refused.as_deref() == Some(text.as_str()) {
            let trouble = Trouble::new(format!(
                "{name}: the configuration is as it was when it was refused; nothing is applied"
            ));
            return Err(Ending::Node(keep(editor, text.as_bytes(), trouble)));
        }
        if text.len() > MAX_BYTES {
            let trouble = Trouble::new(format!(
                "{name}: too long for a configuration: {} bytes, at most {MAX_BYTES}; nothing is \
                 applied",
                text.len()
            ));
            return Err(Ending::Node(keep(editor, text.as_bytes(), trouble)));
        }
        match write(target, node, asked, &before, &text, screen).await {
            Ok(()) => return Ok(()),
            Err(Refusal::Wrong(reason)) => {
                screen.warn(format_args!("{name}: the node refuses it: {reason}"));
                let mut notes = vec![format!("the configuration of node {name} is refused:")];
                notes.extend(reason.lines().map(|line| format!("  {line}")));
                notes.push("correct it, or leave without a change; nothing is applied yet".into());
                buffer = noted(&notes, &text);
                refused = Some(text);
            }
            Err(Refusal::Other(trouble)) => {
                return Err(Ending::Node(keep(editor, text.as_bytes(), trouble)));
            }
        }
    }
    let trouble = Trouble::new(format!(
        "{name}: refused {ROUNDS_MAX} times; nothing is applied"
    ));
    let last = refused.unwrap_or_default();
    Err(Ending::Node(keep(editor, last.as_bytes(), trouble)))
}

/// Writes what came out of the editor, over a new connection: editing takes longer than idle ones
/// are kept.
async fn write(
    target: &Target,
    node: Option<&str>,
    asked: &Change,
    before: &str,
    text: &str,
    screen: &mut Screen<'_>,
) -> Result<(), Refusal> {
    let session = target.open().await?;
    let written = change::write(&session, node, asked, before, text.to_owned()).await?;
    for message in &written {
        let name = session.name_of(node);
        apply::show(&name, message, asked.confirm.as_deref(), screen);
    }
    Ok(())
}

/// Adds to an error where the text is that was not applied.
fn keep(editor: &Editor, text: &[u8], trouble: Trouble) -> Trouble {
    match editor.keep(text) {
        Ok(path) => trouble.hint(format!("what you wrote is kept in {}", path.display())),
        Err(error) => trouble.hint(format!("what you wrote could not be kept: {error}")),
    }
}

fn noted(notes: &[String], text: &str) -> String {
    let mut out = String::new();
    for note in notes {
        // A node must not be able to end the comment.
        let note = note.replace(char::is_control, " ");
        out.push_str(&format!("{NOTE} {note}\n"));
    }
    out.push_str(text);
    out
}

/// The text without our lines at its beginning.
fn without_notes(text: &str) -> String {
    let mut rest = text;
    while rest.starts_with(NOTE) {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_notes_are_taken_out_again_and_nothing_else() {
        let text = "# mine\n# ichorctl: also mine, further down\na: 1\n";
        let notes = ["one".to_owned(), "two\u{1b}[2J\nthree".to_owned()];

        let shown = noted(&notes, text);

        assert_eq!(shown.lines().count(), 5, "{shown}");
        assert_eq!(without_notes(&shown), text);
        assert_eq!(without_notes("# ichorctl: all that is left"), "");
        assert_eq!(without_notes(""), "");
    }
}
