// SPDX-License-Identifier: MPL-2.0
//! A resource as text: a row, a document of YAML, JSON.
//!
//! Owns: what stands where, and that the text of a spec stays as it is: comments, order, quotes.
//! Never: shows a spec as something that it is not: what cannot be nested is shown as text.

use api::cosi::resource::{Metadata, Resource};
use prost_types::Timestamp;
use serde_json::{Map, Value, json};

use crate::resources::kinds::Kind;
use crate::resources::path::Template;

/// How deep the next level stands.
const INDENT: &str = "    ";
/// The type whose spec is a text that operators wrote.
pub(crate) const MACHINE_CONFIG: &str = "MachineConfigs.config.talos.dev";

/// A resource of a node.
#[derive(Debug, Clone)]
pub(crate) struct Shown<'a> {
    /// The node.
    pub(crate) node: &'a str,
    /// What happened to it, when it is watched.
    pub(crate) event: Option<&'a str>,
    /// The resource.
    pub(crate) resource: &'a Resource,
}

impl Shown<'_> {
    fn metadata(&self) -> Metadata {
        self.resource.metadata.clone().unwrap_or_default()
    }

    fn spec_text(&self) -> &str {
        let spec = self.resource.spec.as_ref();
        spec.map(|spec| spec.yaml_spec.as_str()).unwrap_or_default()
    }

    /// The cells of a table from the namespace on.
    pub(crate) fn cells(&self, kind: &Kind) -> Vec<String> {
        let metadata = self.metadata();
        let spec = value(self.spec_text());
        let display = kind.display.clone();
        let mut cells = vec![metadata.namespace, display, metadata.id, metadata.version];
        cells.extend(kind.columns.iter().map(|(_, path)| match path {
            Some(path) => path.fill(&spec).unwrap_or_else(|| "?".to_owned()),
            None => "?".to_owned(),
        }));
        cells
    }

    /// One document of YAML.
    pub(crate) fn yaml(&self) -> String {
        let metadata = self.metadata();
        let mut out = format!("node: {}\n", scalar(self.node));
        if let Some(event) = self.event {
            out.push_str(&format!("event: {event}\n"));
        }
        out.push_str("metadata:\n");
        let mut line = |name: &str, value: String| {
            let space = if value.is_empty() { "" } else { " " };
            out.push_str(&format!("{INDENT}{name}:{space}{value}\n"));
        };
        line("namespace", scalar(&metadata.namespace));
        line("type", scalar(&metadata.r#type));
        line("id", scalar(&metadata.id));
        line("version", version(&metadata.version).to_string());
        if !metadata.owner.is_empty() {
            line("owner", scalar(&metadata.owner));
        }
        line("phase", scalar(&metadata.phase));
        for (name, at) in [
            ("created", &metadata.created),
            ("updated", &metadata.updated),
        ] {
            if let Some(at) = at {
                line(name, date(at));
            }
        }
        for (name, map) in [
            ("labels", sorted(&metadata.labels)),
            ("annotations", sorted(&metadata.annotations)),
        ] {
            if !map.is_empty() {
                line(name, String::new());
                for (key, value) in map {
                    line(&format!("{INDENT}{}", scalar(key)), scalar(value));
                }
            }
        }
        if !metadata.finalizers.is_empty() {
            out.push_str(&format!("{INDENT}finalizers:\n"));
            for holder in &metadata.finalizers {
                out.push_str(&format!("{INDENT}{INDENT}- {}\n", scalar(holder)));
            }
        }
        if self.resource.spec.is_some() {
            out.push_str(&spec(self.spec_text()));
        }
        out
    }

    /// The same as JSON.
    pub(crate) fn json(&self) -> Value {
        let metadata = self.metadata();
        let mut about = Map::new();
        let mut put = |name: &str, value: Value| {
            about.insert(name.to_owned(), value);
        };
        put("namespace", json!(metadata.namespace));
        put("type", json!(metadata.r#type));
        put("id", json!(metadata.id));
        put("version", version(&metadata.version));
        put("owner", json!(metadata.owner));
        put("phase", json!(metadata.phase));
        for (name, at) in [
            ("created", &metadata.created),
            ("updated", &metadata.updated),
        ] {
            if let Some(at) = at {
                put(name, json!(date(at)));
            }
        }
        for (name, map) in [
            ("labels", &metadata.labels),
            ("annotations", &metadata.annotations),
        ] {
            if !map.is_empty() {
                put(name, json!(map));
            }
        }
        if !metadata.finalizers.is_empty() {
            put("finalizers", json!(metadata.finalizers));
        }
        let mut out = Map::new();
        out.insert("node".to_owned(), json!(self.node));
        out.insert("metadata".to_owned(), Value::Object(about));
        if let Some(event) = self.event {
            out.insert("event".to_owned(), json!(event));
        }
        if self.resource.spec.is_some() {
            out.insert("spec".to_owned(), value(self.spec_text()));
        }
        Value::Object(out)
    }

    /// What a template finds, if that is not too much. The spec of a configuration as a whole is its text.
    pub(crate) fn path(&self, template: &Template) -> Option<String> {
        if template.is_spec() && self.metadata().r#type == MACHINE_CONFIG {
            return Some(self.spec_text().to_owned());
        }
        template.fill(&self.json())
    }
}

/// Writes JSON as the documents have it.
pub(crate) fn pretty(value: &Value) -> String {
    use serde::Serialize as _;
    let mut out = Vec::new();
    let form = serde_json::ser::PrettyFormatter::with_indent(INDENT.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, form);
    let text = match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8(out).unwrap_or_default(),
        Err(_) => value.to_string(),
    };
    // JSON itself escapes only the lower ones.
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' {
            shown.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

fn sorted(map: &std::collections::HashMap<String, String>) -> Vec<(&String, &String)> {
    let mut all: Vec<_> = map.iter().collect();
    all.sort();
    all
}

/// A version is a number but for what is not there.
fn version(text: &str) -> Value {
    text.parse::<u64>()
        .map_or_else(|_| json!(text), Value::from)
}

fn date(at: &Timestamp) -> String {
    let whole = Timestamp { nanos: 0, ..*at };
    whole.to_string()
}

/// A text as a value of YAML in one line.
fn scalar(text: &str) -> String {
    let written = serde_yaml_ng::to_string(text).unwrap_or_default();
    let written = written.trim_end();
    if written.is_empty() || written.contains('\n') {
        return json!(text).to_string();
    }
    written.to_owned()
}

/// A spec as a value; the text itself when it is no single document.
fn value(text: &str) -> Value {
    let parsed = serde_yaml_ng::from_str::<serde_yaml_ng::Value>(text);
    let converted = parsed
        .ok()
        .and_then(|value| serde_json::to_value(value).ok());
    converted.unwrap_or_else(|| json!(text))
}

/// `spec:` and the text of a spec below it, as it is. Each form is read back before it is used.
fn spec(text: &str) -> String {
    type Yaml = serde_yaml_ng::Value;
    let read = |text: &str| serde_yaml_ng::from_str::<Yaml>(text).ok();
    let nests = |wrapped: &str, meant: &Yaml| {
        read(wrapped).is_some_and(|read| read.get("spec") == Some(meant))
    };
    let text = &harmless(text);
    if let Some(meant) = read(text) {
        let trimmed = text.trim();
        if !trimmed.contains('\n') {
            let line = format!("spec: {trimmed}\n");
            if nests(&line, &meant) {
                return line;
            }
        }
        let block = format!("spec:\n{}", indented(text));
        if nests(&block, &meant) {
            return block;
        }
    }
    // Several documents, or something that only stands at the top of one: as text.
    let chomping = match text.trim_end_matches('\n').len().abs_diff(text.len()) {
        0 => "|-",
        1 => "|",
        _ => "|+",
    };
    let literal = format!("spec: {chomping}\n{}", indented(text));
    if nests(&literal, &Yaml::String(text.clone())) {
        return literal;
    }
    format!("spec: {}\n", json!(text))
}

fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(text.len() / 4));
    for line in text.split_inclusive('\n') {
        if !line.trim_end_matches(['\r', '\n']).is_empty() {
            out.push_str(INDENT);
        }
        out.push_str(line);
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// What a node says must not be able to draw on the operator's terminal.
pub(crate) fn harmless(text: &str) -> String {
    let keep = |c: char| !c.is_control() || matches!(c, '\n' | '\t' | '\r');
    text.chars()
        .map(|c| if keep(c) { c } else { ' ' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::cosi::resource::Spec;

    fn resource(yaml: &str) -> Resource {
        Resource {
            metadata: Some(Metadata {
                namespace: "config".to_owned(),
                r#type: MACHINE_CONFIG.to_owned(),
                id: "v1alpha1".to_owned(),
                version: "2".to_owned(),
                owner: "a.Controller".to_owned(),
                phase: "running".to_owned(),
                created: Some(Timestamp {
                    seconds: 1_624_998_198,
                    nanos: 5,
                }),
                updated: None,
                finalizers: vec!["b.Controller".to_owned()],
                annotations: Default::default(),
                labels: [("k".to_owned(), "yes: no".to_owned())].into(),
            }),
            spec: Some(Spec {
                proto_spec: Vec::new(),
                yaml_spec: yaml.to_owned(),
            }),
        }
    }

    fn shown<'a>(resource: &'a Resource, event: Option<&'a str>) -> Shown<'a> {
        Shown {
            node: "10.0.0.2",
            event,
            resource,
        }
    }

    #[test]
    fn res_02_res_08_yaml_has_the_node_first_and_keeps_the_comments_of_a_spec() {
        let text = "# ours\nversion: v1alpha1 # fixed\n\nb: 1\na: |\n  x\n\n  y\n";
        let resource = resource(text);

        assert_eq!(
            shown(&resource, None).yaml(),
            "node: 10.0.0.2\n\
             metadata:\n    namespace: config\n    type: MachineConfigs.config.talos.dev\n    \
             id: v1alpha1\n    version: 2\n    owner: a.Controller\n    phase: running\n    \
             created: 2021-06-29T20:23:18Z\n    labels:\n        k: 'yes: no'\n    \
             finalizers:\n        - b.Controller\n\
             spec:\n    # ours\n    version: v1alpha1 # fixed\n\n    b: 1\n    a: |\n      x\n\n      y\n"
        );
        assert!(
            shown(&resource, Some("updated"))
                .yaml()
                .starts_with("node: 10.0.0.2\nevent: updated\nmetadata:\n")
        );
    }

    #[test]
    fn every_spec_is_read_back_as_what_it_was() {
        for text in [
            "a: 1\n",
            "a: 1",
            "a: 1 # one\n\n\n",
            "{}\n",
            "[]",
            "controlplane\n",
            "'yes'\n",
            "a: {b: [1, 2]}\nc: >\n  folded\n  text\n",
            "a: |2\n   x\n  y\n",
            "{\"a\": {\n\"b\": 1}}\n",
            "- 1\n- b: 2\n",
            "\ta: 1\n",
            "",
            "\n",
            "# only a comment\n",
        ] {
            let wrapped: serde_yaml_ng::Value =
                serde_yaml_ng::from_str(&spec(text)).unwrap_or_else(|e| panic!("{text:?}: {e}"));
            let inside = wrapped.get("spec").unwrap();
            match serde_yaml_ng::from_str::<serde_yaml_ng::Value>(text) {
                Ok(meant) => assert_eq!(*inside, meant, "{text:?}"),
                Err(_) => assert_eq!(inside.as_str(), Some(text), "{text:?}"),
            }
        }
    }

    #[test]
    fn several_documents_are_shown_as_the_text_that_they_are() {
        for text in [
            "a: 1 # one\n---\nb: 2\n",
            "a: 1\n---\nb: 2",
            "a: 1\n---\nb: 2\n\n\n",
            "a: 1\r\n---\r\nb: 2\r\n",
            "  a: 1\n---\n  b: 2\n",
            "%YAML 1.2\n---\na: 1\n---\nb: 2\n",
        ] {
            let wrapped: serde_yaml_ng::Value = serde_yaml_ng::from_str(&spec(text)).unwrap();
            assert_eq!(
                wrapped.get("spec").unwrap().as_str(),
                Some(text),
                "{text:?}"
            );
            assert_eq!(value(text), json!(text), "{text:?}");
        }
        assert!(spec("a: 1 # one\n---\nb: 2\n").starts_with("spec: |\n    a: 1 # one\n    ---\n"));
    }

    #[test]
    fn json_has_the_same_and_a_path_finds_the_text_of_a_configuration() {
        let text = "machine: # ours\n    type: worker\n";
        let resource = resource(text);
        let shown = shown(&resource, Some("created"));

        let json = shown.json();
        assert_eq!(json["node"], "10.0.0.2");
        assert_eq!(json["event"], "created");
        assert_eq!(json["metadata"]["version"], 2);
        assert_eq!(json["spec"]["machine"]["type"], "worker");
        assert!(pretty(&json).starts_with("{\n    \"event\": \"created\",\n"));
        let path = |path| shown.path(&Template::parse(path).unwrap()).unwrap();
        assert_eq!(path("{.spec}"), text);
        assert_eq!(path("{.spec.machine.type}"), "worker");
        assert_eq!(path("{.metadata.id}"), "v1alpha1");
    }

    #[test]
    fn what_a_node_says_cannot_draw_on_the_terminal() {
        let mut evil = resource("a: \u{1b}[2J\u{9b}\n");
        evil.metadata.as_mut().unwrap().id = "x\u{1b}[2J\ny".to_owned();

        let out = shown(&evil, None).yaml() + &pretty(&shown(&evil, None).json());

        assert!(!out.contains(['\u{1b}', '\u{9b}']), "{out:?}");
    }
}
