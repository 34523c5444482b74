// SPDX-License-Identifier: MPL-2.0
//! Where in a text each value of its documents stands.
//!
//! Owns: a tree of places, found with a parser that tells them.
//! Never: decides what a value is; the other reader does, and whoever uses places checks against it.

use crate::guard::MAX_DEPTH;
use core::ops::Range;
use saphyr_parser::{Event, Parser, ScalarStyle};

/// A value and the bytes it takes.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where it begins; an anchor or a tag may come first.
    pub(crate) start: usize,
    /// Where it ends: behind its last visible character.
    pub(crate) end: usize,
    pub(crate) shape: Shape,
    /// Whether it is written in brackets, or as the part of something that is.
    pub(crate) is_flow: bool,
}

#[derive(Debug)]
pub(crate) enum Shape {
    Map(Vec<Entry>),
    List(Vec<Item>),
    /// A scalar, as its text.
    Scalar(String),
    /// An alias, or something too odd to be taken apart.
    Opaque,
}

/// A key with its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Where the key begins.
    pub(crate) start: usize,
    /// Behind its colon.
    pub(crate) after: usize,
    pub(crate) value: Node,
}

/// A value of a list.
#[derive(Debug)]
pub(crate) struct Item {
    /// Where its dash is, in block style.
    pub(crate) dash: usize,
    pub(crate) value: Node,
}

/// A document.
#[derive(Debug)]
pub(crate) struct Place {
    /// Where it begins, with the `---` before it.
    pub(crate) start: usize,
    pub(crate) root: Node,
}

/// Finds all documents of a text that another parser took already. `None` if this parser does not.
pub(crate) fn places(text: &str) -> Option<Vec<Place>> {
    let mut walk = Walk::new(text);
    let mut places: Vec<Place> = Vec::new();
    loop {
        let (event, span) = walk.next()?;
        match event {
            Event::StreamEnd => return Some(places),
            Event::DocumentStart(is_explicit) => {
                let start = if is_explicit {
                    span.start
                } else if places.is_empty() {
                    0
                } else {
                    return None;
                };
                let after = if is_explicit { span.end } else { 0 };
                let first = walk.next()?;
                let root = walk.node(first, after)?;
                places.push(Place { start, root });
            }
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd => return None,
        }
    }
}

type Step<'t> = (Event<'t>, Range<usize>);

struct Walk<'t> {
    text: &'t str,
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    /// Where each character begins; the parser counts them. Empty when all take one byte.
    bytes: Vec<u32>,
    /// How deep we are.
    depth: usize,
}

impl<'t> Walk<'t> {
    fn new(text: &'t str) -> Self {
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            starts
                .map(|at| u32::try_from(at).unwrap_or(u32::MAX))
                .collect()
        };
        Self {
            text,
            parser: Parser::new_from_str(text),
            bytes,
            depth: 0,
        }
    }

    fn next(&mut self) -> Option<Step<'t>> {
        let (event, span) = self.parser.next_event()?.ok()?;
        let range = self.byte(span.start.index())..self.byte(span.end.index());
        Some((event, range))
    }

    fn byte(&self, character: usize) -> usize {
        if self.bytes.is_empty() {
            return character.min(self.text.len());
        }
        let byte = self.bytes.get(character).map(|byte| *byte as usize);
        byte.unwrap_or(self.text.len())
    }

    /// Takes the value that begins with this event. Its text begins behind `after`.
    fn node(&mut self, (event, span): Step<'t>, after: usize) -> Option<Node> {
        match event {
            Event::Scalar(text, ScalarStyle::Literal | ScalarStyle::Folded, ..) => {
                Some(self.block(text.into_owned(), &span, after))
            }
            Event::Scalar(text, ..) => Some(self.scalar(text.into_owned(), &span, after)),
            Event::Alias(_) => Some(Node {
                start: span.start,
                end: span.end,
                shape: Shape::Opaque,
                is_flow: true,
            }),
            Event::MappingStart(..) => self.deeper(|walk| walk.map(&span, after)),
            Event::SequenceStart(..) => self.deeper(|walk| walk.list(&span, after)),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => None,
        }
    }

    /// Takes a level more, of which there are no more than the other parser takes.
    fn deeper(&mut self, go: impl FnOnce(&mut Self) -> Option<Node>) -> Option<Node> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth = self.depth.saturating_add(1);
        let node = go(self);
        self.depth = self.depth.saturating_sub(1);
        node
    }

    fn scalar(&self, text: String, span: &Range<usize>, after: usize) -> Node {
        let written = self.text.get(span.clone()).unwrap_or_default();
        let visible = written.trim_end().len();
        // Where nothing is written, the parser tells the place of what comes next.
        let start = if visible == 0 { after } else { span.start };
        Node {
            start,
            end: start.saturating_add(visible),
            shape: Shape::Scalar(text),
            is_flow: true,
        }
    }

    /// A literal or folded text: the parser leaves out its first line, `|`.
    fn block(&self, text: String, span: &Range<usize>, after: usize) -> Node {
        let start = self.skip_decoration(after);
        let header = self.text.get(start..).unwrap_or_default();
        let header = header.find(char::is_whitespace).unwrap_or(header.len());
        let inside = self.text.get(start..span.end).unwrap_or_default();
        let visible = inside.trim_end().len().max(header);
        Node {
            start,
            end: start.saturating_add(visible),
            shape: Shape::Scalar(text),
            is_flow: true,
        }
    }

    fn map(&mut self, span: &Range<usize>, after: usize) -> Option<Node> {
        let is_flow = self.is_at(self.skip_decoration(span.start), '{');
        let mut entries = Vec::new();
        let mut is_odd = false;
        let mut last = after;
        loop {
            let (event, key_span) = self.next()?;
            if event == Event::MappingEnd {
                let start = match entries.first() {
                    Some(Entry { start, .. }) if !is_flow => *start,
                    _ => span.start,
                };
                return Some(Node {
                    start,
                    end: if is_flow {
                        self.closing(&key_span)
                    } else {
                        last
                    },
                    shape: if is_odd {
                        Shape::Opaque
                    } else {
                        Shape::Map(entries)
                    },
                    is_flow,
                });
            }
            let key = self.node((event, key_span), last)?;
            let colon = self.skip(key.end);
            let behind = if self.is_at(colon, ':') {
                colon.saturating_add(1)
            } else {
                is_odd |= !is_flow;
                key.end
            };
            let first = self.next()?;
            let value = self.node(first, behind)?;
            last = value.end.max(behind);
            match key.shape {
                Shape::Scalar(text) => entries.push(Entry {
                    key: text,
                    start: key.start,
                    after: behind,
                    value,
                }),
                Shape::Map(_) | Shape::List(_) | Shape::Opaque => is_odd = true,
            }
        }
    }

    fn list(&mut self, span: &Range<usize>, after: usize) -> Option<Node> {
        let is_flow = self.is_at(self.skip_decoration(span.start), '[');
        let mut items: Vec<Item> = Vec::new();
        let mut is_odd = false;
        let mut last = after;
        loop {
            let (event, item_span) = self.next()?;
            if event == Event::SequenceEnd {
                let start = match items.first() {
                    Some(Item { dash, .. }) if !is_flow => *dash,
                    _ => span.start,
                };
                return Some(Node {
                    start,
                    end: if is_flow {
                        self.closing(&item_span)
                    } else {
                        last
                    },
                    shape: if is_odd {
                        Shape::Opaque
                    } else {
                        Shape::List(items)
                    },
                    is_flow,
                });
            }
            let dash = self.skip_decoration(last);
            let behind = if is_flow {
                last
            } else {
                is_odd |= !self.is_at(dash, '-');
                dash.saturating_add(1)
            };
            let value = self.node((event, item_span), behind)?;
            last = value.end.max(behind);
            items.push(Item { dash, value });
        }
    }

    /// Behind a closing bracket; the parser also counts the comment behind it.
    fn closing(&self, span: &Range<usize>) -> usize {
        if self.is_at(span.start, ']') || self.is_at(span.start, '}') {
            span.start.saturating_add(1)
        } else {
            span.end
        }
    }

    fn is_at(&self, at: usize, c: char) -> bool {
        self.text.get(at..).is_some_and(|rest| rest.starts_with(c))
    }

    /// Goes over white space and comments.
    fn skip(&self, mut at: usize) -> usize {
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let visible = rest.trim_start();
            at = at.saturating_add(rest.len().saturating_sub(visible.len()));
            if !visible.starts_with('#') {
                return at;
            }
            at = at.saturating_add(visible.find('\n').unwrap_or(visible.len()));
        }
    }

    /// Goes over white space, comments, anchors and tags.
    fn skip_decoration(&self, at: usize) -> usize {
        let mut at = self.skip(at);
        while self.is_at(at, '&') || self.is_at(at, '!') {
            let rest = self.text.get(at..).unwrap_or_default();
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            at = self.skip(at.saturating_add(end));
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, Shape, places};

    /// Writes a tree as the pieces of text its values take.
    fn show(text: &str, node: &Node, out: &mut Vec<String>) {
        match &node.shape {
            Shape::Map(entries) => {
                for entry in entries {
                    out.push(format!("{}=", &text[entry.start..entry.after]));
                    show(text, &entry.value, out);
                }
            }
            Shape::List(items) => {
                for item in items {
                    if !node.is_flow {
                        assert!(text[item.dash..].starts_with('-'));
                    }
                    show(text, &item.value, out);
                }
            }
            Shape::Scalar(_) | Shape::Opaque => out.push(text[node.start..node.end].to_owned()),
        }
    }

    fn pieces(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        for place in places(text).unwrap() {
            show(text, &place.root, &mut out);
        }
        out
    }

    #[test]
    fn every_value_is_found_where_it_stands() {
        for (text, expected) in [
            ("a: b # c\nd: 'e'\n", "a:=|b|d:=|'e'"),
            (
                "a:\n- b\n-\n  # c\n  d: e\n- - f\n  - g\n",
                "a:=|b|d:=|e|f|g",
            ),
            ("a: # why\n  - b: c\n    d: e\n", "a:=|b:=|c|d:=|e"),
            (
                "a: |\n  b\n  c\n\nd: >-\n  e\n",
                "a:=||\n  b\n  c|d:=|>-\n  e",
            ),
            ("a: {b: c, d: [e]}\nf: *g\n", "a:=|b:=|c|d:=|e|f:=|*g"),
            ("a:\nb: ~\n", "a:=||b:=|~"),
            ("ä: ö\nü: é\n", "ä:=|ö|ü:=|é"),
            ("a: b\r\nc: d\r\n", "a:=|b|c:=|d"),
            ("# top\n---\na: b\n---\nc: d\n...\n", "a:=|b|c:=|d"),
            ("{\"a\": \"b\", \"c\": [1]}", "\"a\":=|\"b\"|\"c\":=|1"),
            ("a: &x\n  - &y b\n  - !!str c\n", "a:=|&y b|!!str c"),
            ("a: &x {b: c}\nd: &y [e]\n", "a:=|b:=|c|d:=|e"),
        ] {
            let text = text.replace("*g", if text.contains("&g") { "*g" } else { "'g'" });
            let expected = expected.replace("*g", "'g'");
            assert_eq!(pieces(&text).join("|"), expected, "{text:?}");
        }
    }

    #[test]
    fn documents_begin_with_their_mark() {
        let text = "# one\na: b\n# two\n---\nc: d\n";
        let starts: Vec<usize> = places(text).unwrap().iter().map(|p| p.start).collect();

        assert_eq!(starts, [0, text.find("---").unwrap()]);
    }

    #[test]
    fn a_text_that_this_parser_refuses_has_no_places() {
        assert!(places("a: [\n").is_none());
        assert!(places("a: *nowhere\n").is_none());
    }
}
