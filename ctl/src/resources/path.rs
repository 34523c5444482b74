// SPDX-License-Identifier: MPL-2.0
//! JSONPath templates, as far as columns of tables and scripts use them.
//!
//! Owns: reading one, and what it finds: keys, positions and whole lists.
//! Never: takes a part of the language that is not built for something else; it is refused.

use serde_json::Value;

/// A template: text, and paths in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Path(Vec<Step>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// What stands under a key.
    Key(String),
    /// What stands at a position.
    Position(usize),
    /// Everything in a list or map.
    All,
}

impl Template {
    /// Reads a template. One without braces is a path.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.contains('{') {
            return Ok(Self(vec![Part::Path(steps(text)?)]));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (inside, behind) = after
                .split_once('}')
                .ok_or_else(|| format!("jsonpath: a brace is not closed in {text:?}"))?;
            parts.push(match inside.strip_prefix('"') {
                Some(quoted) => Part::Text(literal(quoted)?),
                None => Part::Path(steps(inside.trim())?),
            });
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Whether it shows a spec and nothing else.
    pub(crate) fn is_spec(&self) -> bool {
        matches!(&self.0[..], [Part::Path(steps)]
            if matches!(&steps[..], [Step::Key(key)] if key == "spec"))
    }

    /// Fills in what the paths find; what is not there leaves nothing.
    pub(crate) fn fill(&self, value: &Value) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Path(steps) => {
                    let found = steps.iter().fold(vec![value], |found, step| {
                        found
                            .into_iter()
                            .flat_map(|value| step.find(value))
                            .collect()
                    });
                    let found: Vec<String> = found.into_iter().map(shown).collect();
                    out.push_str(&found.join(" "));
                }
            }
        }
        out
    }
}

impl Step {
    fn find<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match (self, value) {
            (Self::Key(key), Value::Object(map)) => map.get(key).into_iter().collect(),
            (Self::Position(at), Value::Array(list)) => list.get(*at).into_iter().collect(),
            (Self::All, Value::Array(list)) => list.iter().collect(),
            (Self::All, Value::Object(map)) => map.values().collect(),
            (Self::Key(_) | Self::Position(_) | Self::All, _) => Vec::new(),
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// The text after an opening quote.
fn literal(quoted: &str) -> Result<String, String> {
    serde_json::from_str(&format!("\"{quoted}"))
        .map_err(|_| format!("jsonpath: \"{quoted} is not a text in quotes"))
}

fn steps(path: &str) -> Result<Vec<Step>, String> {
    let unbuilt =
        || format!("jsonpath: {path:?} is not a path, or of a kind that is not built yet");
    let mut rest = path.strip_prefix(['@', '$']).unwrap_or(path);
    let mut steps = Vec::new();
    if rest.is_empty() {
        return if path.is_empty() {
            Err(unbuilt())
        } else {
            Ok(steps)
        };
    }
    // A key may come first without its dot.
    if rest.len() == path.len() && !rest.starts_with(['.', '[']) {
        let (step, behind) = key(rest).ok_or_else(unbuilt)?;
        steps.push(step);
        rest = behind;
    }
    while !rest.is_empty() {
        let (step, behind) = if let Some(inside) = rest.strip_prefix('[') {
            let (inside, behind) = inside.split_once(']').ok_or_else(unbuilt)?;
            (bracket(inside).ok_or_else(unbuilt)?, behind)
        } else {
            let after = rest.strip_prefix('.').ok_or_else(unbuilt)?;
            match after.strip_prefix('*') {
                Some(behind) => (Step::All, behind),
                None => key(after).ok_or_else(unbuilt)?,
            }
        };
        steps.push(step);
        rest = behind;
    }
    Ok(steps)
}

/// A key at the beginning of a path, and what follows it. A backslash takes a dot for a letter.
fn key(path: &str) -> Option<(Step, &str)> {
    let mut name = String::new();
    let mut escaped = false;
    let mut end = path.len();
    for (at, letter) in path.char_indices() {
        match letter {
            '\\' if !escaped => escaped = true,
            '.' | '[' if !escaped => {
                end = at;
                break;
            }
            '?' | '(' | ')' | '*' | ',' | '\'' | '"' | ' ' | ']' => return None,
            letter => {
                escaped = false;
                name.push(letter);
            }
        }
    }
    let rest = path.get(end..)?;
    (!name.is_empty()).then_some((Step::Key(name), rest))
}

fn bracket(inside: &str) -> Option<Step> {
    match inside {
        "*" | ":" => return Some(Step::All),
        _ => {}
    }
    let quoted = |quote: char| {
        inside
            .strip_prefix(quote)
            .and_then(|inside| inside.strip_suffix(quote))
    };
    if let Some(name) = quoted('\'').or_else(|| quoted('"')) {
        return Some(Step::Key(name.to_owned()));
    }
    inside.parse().ok().map(Step::Position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filled(template: &str, value: &Value) -> String {
        Template::parse(template).unwrap().fill(value)
    }

    #[test]
    fn the_columns_of_the_documents_are_found() {
        let value = json!({
            "type": "ether", "linkState": true, "status": {"ready": false},
            "aliases": ["rd", "rds"], "addresses": ["10.0.0.2/24", "fe80::1/64"], "n": 7,
            "a.b": {"c d": 1}, "list": [{"x": 1}, {"x": 2}], "nothing": null
        });
        for (template, text) in [
            ("{.type}", "ether"),
            ("{.linkState}", "true"),
            ("{.status.ready}", "false"),
            ("{.aliases[:]}", "rd rds"),
            ("{.addresses}", r#"["10.0.0.2/24","fe80::1/64"]"#),
            ("{.n}", "7"),
            ("{.list[1].x}", "2"),
            ("{.list[*].x}", "1 2"),
            ("{['a.b']['c d']}", "1"),
            (r"{.a\.b}", r#"{"c d":1}"#),
            ("type={.type}{\"\\n\"}", "type=ether\n"),
            (".type", "ether"),
            ("type", "ether"),
            ("{$.n}{@.n}", "77"),
            ("{.nothing}", ""),
            ("{.missing.deeper[3]}", ""),
            ("{.type[0].x}", ""),
        ] {
            assert_eq!(filled(template, &value), text, "{template}");
        }
        assert_eq!(filled("{@}", &json!("controlplane")), "controlplane");
    }

    #[test]
    fn what_is_not_built_is_refused_and_taken_for_nothing_else() {
        for template in [
            "",
            "{}",
            "{.a",
            "{.list[?(@.x==1)]}",
            "{.list[-1]}",
            "{.list[0:1]}",
            "{..x}",
            "{range .list[*]}",
            "{.list[0,1]}",
            "{.a[}",
            "{.}",
            "{.a.}",
            "{\"open}",
        ] {
            let refused = Template::parse(template).unwrap_err();
            assert!(refused.contains("jsonpath"), "{template}: {refused}");
        }
    }

    #[test]
    fn only_a_spec_is_a_spec() {
        for (template, expected) in [
            ("{.spec}", true),
            (".spec", true),
            ("{['spec']}", true),
            ("{.spec.machine}", false),
            ("{.spec}\n", false),
            ("{@}", false),
        ] {
            let template = Template::parse(template).unwrap();
            assert_eq!(template.is_spec(), expected, "{template:?}");
        }
    }
}
