// SPDX-License-Identifier: MPL-2.0
//! Changes a text where its documents changed, and nowhere else.
//!
//! Owns: the edits that make one tree out of another, with comments and order kept.
//! Never: hands out a text that it did not read back: what cannot be edited is written anew.

use super::align::align;
use super::tree::{below, emit, inside};
use crate::emit::Emitter;
use crate::map::Map;
use crate::marks::{Entry, Item, Node, Place, Shape, places};
use crate::read::MERGE_KEY;
use crate::schema::Kind;
use crate::stream::stream;
use crate::value::Value;
use core::ops::Range;

/// A document before and after.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    /// Which one of the text it is; `None` for a new one.
    pub(crate) number: Option<usize>,
    pub(crate) before: &'a Value,
    /// `None` when it is gone.
    pub(crate) after: Option<&'a Value>,
    pub(crate) kind: &'static Kind,
}

/// Returns the text with all changes. Documents that cannot be edited lose their comments.
pub(crate) fn rewrite(text: &str, changes: &[Change<'_>]) -> String {
    for style in [Style::Edit, Style::Replace] {
        let edited = places(text).and_then(|places| edited(text, &places, changes, style));
        if let Some(edited) = edited.filter(|edited| is_as_meant(edited, changes)) {
            return edited;
        }
    }
    let kept = changes.iter().filter_map(|change| {
        let mut out = Emitter::new();
        emit(change.after?, change.kind, &mut out);
        Some(out.finish())
    });
    kept.collect::<Vec<String>>().join("---\n")
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    /// Touch only what changed.
    Edit,
    /// Write whole documents anew if anything in them changed.
    Replace,
}

/// Reads the text back and compares.
fn is_as_meant(text: &str, changes: &[Change<'_>]) -> bool {
    let Ok(stream) = stream(text) else {
        return false;
    };
    let found = stream.pieces.iter().map(|piece| &piece.value);
    let meant = changes.iter().filter_map(|change| change.after);
    stream.problems.is_empty() && found.eq(meant)
}

fn edited(text: &str, places: &[Place], changes: &[Change<'_>], style: Style) -> Option<String> {
    let mut edits = Edits {
        text,
        list: Vec::new(),
        step: places
            .iter()
            .find_map(|p| step_of(text, &p.root))
            .unwrap_or(4),
    };
    let mut added = String::new();
    for change in changes {
        match (change.number, change.after) {
            (None, None) => {}
            (None, Some(after)) => {
                added.push_str("---\n");
                added.push_str(&edits.print(after, change.kind));
            }
            (Some(number), None) => {
                let next = number.saturating_add(1);
                let end = places.get(next).map_or(text.len(), |next| next.start);
                edits.push(places.get(number)?.start, end, String::new());
            }
            (Some(number), Some(after)) => {
                let place = places.get(number)?;
                if change.before != after {
                    edits.document(place, change.before, after, change.kind, style)?;
                }
            }
        }
    }
    if !added.is_empty() {
        let open = if text.ends_with('\n') { "" } else { "\n" };
        edits.push(text.len(), text.len(), format!("{open}{added}"));
    }
    edits.apply()
}

/// How far the text indents: what the first mapping inside of a mapping does.
fn step_of(text: &str, node: &Node) -> Option<usize> {
    let entries = block_entries(node)?;
    let outer = column(text, entries.first()?.start);
    entries.iter().find_map(|entry| {
        let inner = block_entries(&entry.value)?.first()?;
        let step = column(text, inner.start).checked_sub(outer)?;
        (2..=8).contains(&step).then_some(step)
    })
}

fn block_entries(node: &Node) -> Option<&[Entry]> {
    match &node.shape {
        Shape::Map(entries) if !node.is_flow => Some(entries),
        Shape::Map(_) | Shape::List(_) | Shape::Scalar(_) | Shape::Opaque => None,
    }
}

fn column(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    at.saturating_sub(
        before
            .rfind('\n')
            .map_or(0, |newline| newline.saturating_add(1)),
    )
}

/// Where a value stands: what is before it, and how far its surroundings are indented.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Behind the colon or the dash.
    after: usize,
    /// The column of the key or the dash.
    column: usize,
    is_item: bool,
}

#[derive(Debug)]
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

struct Edits<'t> {
    text: &'t str,
    list: Vec<Edit>,
    step: usize,
}

impl Edits<'_> {
    fn push(&mut self, start: usize, end: usize, text: String) {
        self.list.push(Edit { start, end, text });
    }

    /// Carries them out. `None` if two of them touch the same text.
    fn apply(mut self) -> Option<String> {
        self.list.sort_by_key(|edit| (edit.start, edit.end));
        let mut out = String::with_capacity(self.text.len());
        let mut at = 0;
        for edit in self.list {
            out.push_str(self.text.get(at..edit.start)?);
            out.push_str(&edit.text);
            at = edit.end;
        }
        out.push_str(self.text.get(at..)?);
        Some(out)
    }

    fn print(&self, value: &Value, kind: &'static Kind) -> String {
        let mut out = Emitter::with_indent(self.step);
        emit(value, kind, &mut out);
        out.finish()
    }

    fn print_item(&self, value: &Value, kind: &'static Kind) -> String {
        let mut out = Emitter::with_indent(self.step);
        out.begin_list();
        out.item();
        emit(value, kind, &mut out);
        out.end_list();
        out.finish()
    }

    fn print_entry(&self, key: &str, value: &Value, kind: &'static Kind) -> String {
        let mut out = Emitter::with_indent(self.step);
        out.begin_map();
        out.key(key);
        emit(value, kind, &mut out);
        out.end_map();
        out.finish()
    }

    /// A value as it stands behind a colon or a dash.
    fn print_in(&self, value: &Value, kind: &'static Kind, slot: Slot) -> Option<String> {
        let (text, before) = if slot.is_item {
            (self.print_item(value, kind), "-")
        } else {
            (self.print_entry("k", value, kind), "k:")
        };
        let text = text.strip_prefix(before)?;
        Some(indented(
            text.strip_suffix('\n').unwrap_or(text),
            slot.column,
        ))
    }

    fn document(
        &mut self,
        place: &Place,
        before: &Value,
        after: &Value,
        kind: &'static Kind,
        style: Style,
    ) -> Option<()> {
        let root = &place.root;
        if style == Style::Edit
            && !root.is_flow
            && let (Shape::Map(entries), Value::Map(old), Value::Map(new)) =
                (&root.shape, before, after)
            && new.keys().any(|key| old.contains_key(key))
        {
            return self.map(entries, old, new, kind);
        }
        let printed = self.print(after, kind);
        let printed = printed.strip_suffix('\n').unwrap_or(&printed).to_owned();
        self.push(root.start, root.end, printed);
        Some(())
    }

    /// Makes one value out of another.
    fn value(
        &mut self,
        node: &Node,
        before: &Value,
        after: &Value,
        kind: &'static Kind,
        slot: Slot,
    ) -> Option<()> {
        if before == after {
            return Some(());
        }
        if !node.is_flow {
            match (&node.shape, before, after) {
                (Shape::Map(entries), Value::Map(old), Value::Map(new))
                    if new.keys().any(|key| old.contains_key(key)) =>
                {
                    return self.map(entries, old, new, kind);
                }
                (Shape::List(items), Value::List(old), Value::List(new)) => {
                    let pairs = align(old, new);
                    if !pairs.is_empty() {
                        return self.items(items, old, new, pairs, inside(kind));
                    }
                }
                _ => {}
            }
        }
        let printed = self.print_in(after, kind, slot)?;
        let rest = self.text.get(node.end..self.line_end(node.end))?;
        let (here, below) = match printed.split_once('\n') {
            // A comment behind the old value stays behind the key of a new block.
            Some((first, _)) if first.is_empty() || slot.is_item && !rest.trim().is_empty() => {
                ("", Some(printed.as_str()))
            }
            _ => (printed.as_str(), None),
        };
        self.push(slot.after, node.end.max(slot.after), here.to_owned());
        if let Some(below) = below {
            let end = self.line_end(node.end.max(slot.after));
            let below = if below.starts_with('\n') {
                below.to_owned()
            } else {
                let column = slot.column.saturating_add(2);
                format!("\n{}{}", " ".repeat(column), below.trim_start())
            };
            self.push(end, end, below);
        }
        Some(())
    }

    fn map(&mut self, entries: &[Entry], old: &Map, new: &Map, kind: &'static Kind) -> Option<()> {
        let column = column(self.text, entries.first()?.start);
        let is_kept = |entry: &Entry| entry.key == MERGE_KEY || new.contains_key(&entry.key);
        for entry in entries.iter().filter(|entry| entry.key != MERGE_KEY) {
            let slot = Slot {
                after: entry.after,
                column,
                is_item: false,
            };
            if let (Some(before), Some(after)) = (old.get(&entry.key), new.get(&entry.key)) {
                self.value(&entry.value, before, after, below(kind, &entry.key), slot)?;
            }
        }
        for run in entries.chunk_by(|one, next| is_kept(one) == is_kept(next)) {
            if let (Some(first), Some(last)) = (run.first(), run.last())
                && !is_kept(first)
            {
                let mut rest = entries.iter().skip_while(|entry| entry.start <= last.start);
                let next = rest.next().map(|entry| entry.start);
                self.remove(first.start, end_of_entry(last), next);
            }
        }
        let added: Map = new
            .iter()
            .filter(|(key, _)| !old.contains_key(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !added.is_empty() {
            let last = entries.iter().rfind(|entry| is_kept(entry))?;
            let printed = self.print(&Value::Map(added), kind);
            self.insert_below(end_of_entry(last), &printed, column);
        }
        Some(())
    }

    /// Changes the items that both lists have, takes out and puts in the others.
    fn items(
        &mut self,
        items: &[Item],
        old: &[Value],
        new: &[Value],
        pairs: Vec<(usize, usize)>,
        kind: &'static Kind,
    ) -> Option<()> {
        if items.len() != old.len() {
            return None;
        }
        let column = column(self.text, items.first()?.dash);
        let (mut one, mut two) = (0, 0);
        let ends = [(old.len(), new.len())];
        for (next_one, next_two) in pairs.into_iter().chain(ends) {
            self.gap(items, one..next_one, new.get(two..next_two)?, kind)?;
            if let (Some(item), Some(before), Some(after)) =
                (items.get(next_one), old.get(next_one), new.get(next_two))
            {
                let slot = Slot {
                    after: item.dash.saturating_add(1),
                    column,
                    is_item: true,
                };
                self.value(&item.value, before, after, kind, slot)?;
            }
            (one, two) = (next_one.saturating_add(1), next_two.saturating_add(1));
        }
        Some(())
    }

    /// Takes items out that have nothing left of them, and puts new ones in their place.
    fn gap(
        &mut self,
        items: &[Item],
        gone: Range<usize>,
        added: &[Value],
        kind: &'static Kind,
    ) -> Option<()> {
        let column = column(self.text, items.first()?.dash);
        let next = items.get(gone.end);
        let before = gone.start.checked_sub(1).and_then(|last| items.get(last));
        if before.is_none() && next.is_none() {
            // Nothing stays: the list is another one.
            return None;
        }
        let run = items.get(gone)?;
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            self.remove(first.dash, end_of_item(last), next.map(|item| item.dash));
        }
        if added.is_empty() {
            return Some(());
        }
        let printed: String = added
            .iter()
            .map(|item| self.print_item(item, kind))
            .collect();
        match (before, next) {
            (Some(before), _) => self.insert_below(end_of_item(before), &printed, column),
            (None, next) => {
                let dash = next?.dash;
                let text = format!("{}{}", indented(&printed, column), " ".repeat(column));
                self.push(dash, dash, text);
            }
        }
        Some(())
    }

    /// Takes entries or items out, with their lines if nothing else is on them.
    fn remove(&mut self, start: usize, end: usize, next: Option<usize>) {
        let indent = column(self.text, start);
        let line = start.saturating_sub(indent);
        let is_alone = self
            .text
            .get(line..start)
            .is_some_and(|before| before.trim().is_empty());
        if is_alone {
            let end = self.line_end(end).saturating_add(1).min(self.text.len());
            self.push(line, end, String::new());
        } else {
            // It begins on the line of a dash, where the next one moves up to.
            self.push(start, next.unwrap_or(end), String::new());
        }
    }

    /// Adds lines below the one that ends the value before.
    fn insert_below(&mut self, end: usize, lines: &str, column: usize) {
        let end = self.line_end(end);
        let lines = indented(lines.strip_suffix('\n').unwrap_or(lines), column);
        let text = format!("\n{}{lines}", " ".repeat(column));
        self.push(end, end, text);
    }

    /// The end of the line, before its line break.
    fn line_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let end = rest.find('\n').map_or(rest.len(), |end| {
            let line = rest.get(..end).unwrap_or_default();
            line.strip_suffix('\r').unwrap_or(line).len()
        });
        at.saturating_add(end)
    }
}

fn end_of_item(item: &Item) -> usize {
    item.value.end.max(item.dash.saturating_add(1))
}

fn end_of_entry(entry: &Entry) -> usize {
    entry.value.end.max(entry.after)
}

/// Indents all lines but the first and empty ones.
fn indented(text: &str, column: usize) -> String {
    let indent = " ".repeat(column);
    let mut lines = text.split('\n');
    let mut out = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(&indent);
            out.push_str(line);
        }
    }
    out
}
