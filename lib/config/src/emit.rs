// SPDX-License-Identifier: MPL-2.0
//! Writes YAML the way Talos's tools do: block style, four spaces, keys in the order they come.
//!
//! Owns: which text needs quotes.
//! Never: writes anything that its own reader would read differently.

use crate::comments::{Comments, Example, Notes};

const INDENT: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// At the start of the document.
    Start,
    /// Behind `key:`.
    Key,
    /// Behind `- `.
    Dash,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Map,
    List,
}

#[derive(Debug)]
struct Level {
    place: Place,
    /// Where its entries begin.
    indent: usize,
    /// What the entries of its entries are indented from. In a mapping behind a dash that is the dash,
    /// as Go's YAML library does it.
    base: usize,
    is_empty: bool,
    /// The key that it stands behind.
    key: &'static str,
    /// What could stand in it and does not.
    examples: Vec<Example>,
}

/// Takes a document as a sequence of calls and gives its text.
#[derive(Debug)]
pub(crate) struct Emitter {
    text: String,
    levels: Vec<Level>,
    place: Place,
    step: usize,
    notes: Notes,
}

impl Emitter {
    pub(crate) fn new() -> Self {
        Self::with_indent(INDENT)
    }

    /// Indents by another number of spaces, at least two.
    pub(crate) fn with_indent(step: usize) -> Self {
        Self {
            text: String::new(),
            levels: Vec::new(),
            place: Place::Start,
            notes: Notes::default(),
            step: step.max(2),
        }
    }

    /// Writes comments, too.
    pub(crate) fn with_comments(comments: Comments) -> Self {
        Self {
            notes: Notes::new(comments),
            ..Self::new()
        }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn base(&self) -> usize {
        self.levels.last().map_or(0, |level| level.base)
    }

    fn begin(&mut self, kind: Kind) {
        let parent = self.levels.last().map_or(0, |level| level.indent);
        let indent = match self.place {
            Place::Start => 0,
            Place::Key => self.base().saturating_add(self.step),
            Place::Dash => parent.saturating_add(2),
        };
        // With two spaces, that would leave no room between a key and its text in a block.
        let base = if kind == Kind::Map && self.place == Place::Dash && self.step > 2 {
            parent
        } else {
            indent
        };
        self.levels.push(Level {
            place: self.place,
            indent,
            base,
            is_empty: true,
            key: self.notes.key(),
            examples: Vec::new(),
        });
    }

    fn end(&mut self, when_empty: &str) {
        let Some(level) = self.levels.pop() else {
            return;
        };
        if level.is_empty {
            self.place = level.place;
            self.plain(when_empty);
        }
        for example in level.examples {
            self.notes
                .write_example(&example, level.indent, &mut self.text);
        }
    }

    /// Goes to where the next entry of the innermost level begins.
    fn entry(&mut self) {
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        let first = std::mem::replace(&mut level.is_empty, false);
        let (place, indent) = (level.place, level.indent);
        if first && place == Place::Key {
            self.notes.explain_above(&mut self.text);
            self.text.push('\n');
        }
        if !(first && place == Place::Dash) {
            self.text.extend(std::iter::repeat_n(' ', indent));
        }
    }

    pub(crate) fn begin_map(&mut self) {
        self.begin(Kind::Map);
    }

    pub(crate) fn end_map(&mut self) {
        self.end("{}");
    }

    pub(crate) fn begin_list(&mut self) {
        self.begin(Kind::List);
    }

    pub(crate) fn end_list(&mut self) {
        self.end("[]");
    }

    pub(crate) fn key(&mut self, key: &str) {
        self.entry();
        if is_plain(key) {
            self.text.push_str(key);
        } else {
            self.quote(key);
        }
        self.text.push(':');
        self.place = Place::Key;
    }

    /// Writes a key of the format, with what explains it.
    pub(crate) fn field(&mut self, key: &'static str, doc: &'static str) {
        self.key(key);
        self.notes.begin(key, doc);
    }

    /// Notes a key of the format that is not written: there may be an example of it.
    pub(crate) fn absent(&mut self, key: &'static str, doc: &'static str) {
        let path = self.levels.iter().map(|level| level.key);
        if let Some(example) = self.notes.example(path, key, doc)
            && let Some(level) = self.levels.last_mut()
        {
            level.examples.push(example);
        }
    }

    pub(crate) fn item(&mut self) {
        self.entry();
        self.text.push_str("- ");
        self.place = Place::Dash;
    }

    fn space(&mut self) {
        if self.place == Place::Key {
            self.text.push(' ');
        }
    }

    /// Writes text that needs no quotes by its nature.
    pub(crate) fn plain(&mut self, text: &str) {
        self.space();
        self.text.push_str(text);
        self.end_line();
    }

    /// Ends a line that is not one of a block.
    fn end_line(&mut self) {
        self.notes.explain_behind(&mut self.text);
        self.text.push('\n');
    }

    pub(crate) fn float(&mut self, number: f64) {
        if number.is_nan() {
            self.plain(".nan");
        } else if number.is_infinite() {
            self.plain(if number > 0.0 { ".inf" } else { "-.inf" });
        } else {
            self.plain(&format!("{number:?}"));
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        if is_plain(text) {
            self.plain(text);
        } else if self.place != Place::Start && is_block(text) {
            self.block(text);
        } else {
            self.space();
            self.quote(text);
            self.end_line();
        }
    }

    /// Writes a literal block (YAML 1.2 §8.1.2).
    fn block(&mut self, text: &str) {
        self.space();
        self.text.push('|');
        let body = text.strip_suffix('\n');
        if body.is_none() {
            self.text.push('-');
        } else if body.is_some_and(|body| body.ends_with('\n')) {
            self.text.push('+');
        }
        self.end_line();
        let indent = self.base().saturating_add(self.step);
        for line in body.unwrap_or(text).split('\n') {
            if !line.is_empty() {
                self.text.extend(std::iter::repeat_n(' ', indent));
                self.text.push_str(line);
            }
            self.text.push('\n');
        }
    }

    /// Writes text in double quotes (YAML 1.2 §7.3.1).
    fn quote(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\t' => self.text.push_str("\\t"),
                '\r' => self.text.push_str("\\r"),
                c if is_awkward(c) => {
                    let code = u32::from(c);
                    let escape = if code > 0xffff {
                        format!("\\U{code:08x}")
                    } else {
                        format!("\\u{code:04x}")
                    };
                    self.text.push_str(&escape);
                }
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }
}

/// Characters that are only safe as an escape: control characters and YAML 1.1's odd line breaks.
fn is_awkward(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
        || ('\u{fffe}'..='\u{ffff}').contains(&c)
}

/// Whether text of several lines can be a literal block as it is.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text
            .chars()
            .any(|c| is_awkward(c) && !matches!(c, '\n' | '\t'))
        && !text
            .split('\n')
            .any(|line| !line.is_empty() && line.trim().is_empty())
}

/// Whether text can stand without quotes and is read as text again, also by a YAML 1.1 reader.
fn is_plain(text: &str) -> bool {
    const INDICATORS: &str = "-?:,[]{}#&*!|>'\"%@`";
    let Some(first) = text.chars().next() else {
        return false;
    };
    !INDICATORS.contains(first)
        && !first.is_whitespace()
        && !text.ends_with(char::is_whitespace)
        && !text.ends_with(':')
        && !text.contains(": ")
        && !text.contains(" #")
        && text != "<<"
        // At the start of a line it would end the document.
        && !text.starts_with("...")
        && !text.contains(['\n', '\t'])
        && !text.chars().any(is_awkward)
        && !is_word(text)
        && !is_number(text)
}

/// Words that some version of YAML takes for something else than text.
fn is_word(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ".nan", ".inf", "=",
    ];
    WORDS.contains(&text.to_ascii_lowercase().as_str())
}

/// Anything that could be a number, a time or a date.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    let packed = digits.replace('_', "");
    let based = ["0x", "0o", "0b", "0X", "0O", "0B"]
        .iter()
        .any(|base| packed.starts_with(base));
    // YAML 1.1 reads 12:30 as a number to the base of 60.
    let clock = packed
        .split_once(':')
        .is_some_and(|(hours, _)| !hours.is_empty() && hours.bytes().all(|b| b.is_ascii_digit()));
    let dated = packed.get(..10).is_some_and(|day| {
        day.chars().all(|c| c.is_ascii_digit() || c == '-') && day.contains('-')
    });
    let special = packed.to_ascii_lowercase();
    packed.parse::<f64>().is_ok() || based || clock || dated || special.starts_with(".inf")
}

#[cfg(test)]
mod tests {
    use super::Emitter;
    use crate::schema::Field;
    use crate::value::Value;
    use proptest::prelude::*;

    fn write(value: &Value) -> String {
        let mut out = Emitter::new();
        value.emit(&mut out);
        out.finish()
    }

    fn read(text: &str) -> Value {
        let from = serde_yaml_ng::Deserializer::from_str(text).next().unwrap();
        crate::read::read(
            from,
            &crate::schema::Kind::Free,
            1 << 20,
            &mut crate::memory::Memory::unlimited(),
        )
        .unwrap()
        .0
    }

    #[test]
    fn a_key_that_begins_like_the_end_of_a_document_is_quoted() {
        for key in ["...", "... 0", "...a"] {
            let value = Value::map([(key, Value::Null)]);
            assert_eq!(read(&write(&value)), value, "{key}");
        }
    }

    #[test]
    fn text_that_looks_like_something_else_is_quoted() {
        for text in [
            "",
            "yes",
            "No",
            "null",
            "~",
            "1.10",
            "0644",
            "0x1f",
            "12:30",
            "2024-01-01",
            "- a",
            "a: b",
        ] {
            assert!(write(&Value::from(text)).starts_with('"'), "{text:?}");
        }
    }

    #[test]
    fn ordinary_text_is_not_quoted() {
        for text in [
            "/dev/sda",
            "10.0.0.1:8080",
            "10.244.0.0/16",
            "https://[fd00::1]:6443",
            "a-b",
            "os:admin",
            "1.2.3.4",
        ] {
            assert_eq!(write(&Value::from(text)), format!("{text}\n"));
        }
    }

    #[test]
    fn lists_and_mappings_are_indented_as_go_does_it() {
        let inner = Value::map([("c", Value::List(vec![Value::map([("d", "e".into())])]))]);
        let item = Value::map([("a", "x\ny".into()), ("b", inner)]);
        let value = Value::map([(
            "list",
            Value::List(vec![item, Value::List(vec!["z".into()])]),
        )]);

        assert_eq!(
            write(&value),
            "list:\n    - a: |-\n        x\n        y\n      b:\n        c:\n            - d: e\n    - - z\n"
        );
        assert_eq!(read(&write(&value)), value);
    }

    #[test]
    fn text_of_several_lines_becomes_a_block() {
        let value = Value::map([
            ("a", Value::from("one\n  two\n\nthree\n")),
            ("b", Value::from("x\ny")),
        ]);

        assert_eq!(
            write(&value),
            "a: |\n    one\n      two\n\n    three\nb: |-\n    x\n    y\n"
        );
        assert_eq!(read(&write(&value)), value);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Integer),
            (1u64 << 63..).prop_map(Value::Unsigned),
            any::<f64>()
                .prop_filter("NaN is not itself", |n| !n.is_nan())
                .prop_map(Value::Float),
            any::<String>().prop_map(Value::Text),
            "[ \n\t:#'\"a0-9.-]{0,12}".prop_map(Value::Text),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
                proptest::collection::btree_map("[ \n:#a0-9.-]{0,6}", inner, 0..5)
                    .prop_map(|map| Value::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn whatever_is_written_reads_back_the_same(value in value()) {
            let text = write(&value);
            prop_assert_eq!(read(&text), value, "{}", text);
        }
    }
}
