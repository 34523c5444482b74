// SPDX-License-Identifier: MPL-2.0
//! JSONPath templates in the dialect of kubectl, as columns of tables and scripts use them
//! (kubernetes.io/docs/reference/kubectl/jsonpath).
//!
//! Owns: what a template is made of, and how what it finds is written.
//! Never: fails where something is not there: that leaves nothing.

mod effort;
mod find;
mod read;

use serde_json::Value;

use self::effort::Effort;

/// A template: text, and paths in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Found(Expression),
    /// The parts between `range` and `end`, for each value.
    Each(Expression, Vec<Part>),
}

/// What stands for values.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    /// From the current value on.
    Path(Vec<Step>),
    /// A text, a number, true or false.
    Literal(Value),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// What stands under a key.
    Key(String),
    /// The same for a key in quotes that has dots: a key that is so called, else the path that it spells.
    Named(String, Vec<String>),
    /// What stands at a position; below zero from the end.
    Position(i64),
    /// What stands from one position up to another, every so many.
    Slice(Option<i64>, Option<i64>, usize),
    /// Everything in a list or map.
    All,
    /// It, and everything below it that holds something.
    Descend,
    /// What each of several steps finds, one after the other.
    Union(Vec<Step>),
    /// Those of a list that a condition holds for.
    Filter(Expression, Condition),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    /// There is something.
    Exists,
    /// It compares so to what stands on the right.
    Compares(Comparison, Expression),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Template {
    /// Reads a template. One without braces is a path.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        read::template(text)
            .map(Self)
            .map_err(|reason| format!("jsonpath: {reason}"))
    }

    /// Whether it shows a spec and nothing else.
    pub(crate) fn is_spec(&self) -> bool {
        matches!(&self.0[..], [Part::Found(Expression::Path(steps))]
            if matches!(&steps[..], [Step::Key(key)] if key == "spec"))
    }

    /// Fills in what the paths find; what is not there leaves nothing. `None`: that is more than anybody
    /// reads. Nodes send templates, too, and everything within everything is more than there is room for.
    pub(crate) fn fill(&self, value: &Value) -> Option<String> {
        let mut out = String::new();
        fill(&self.0, value, &Effort::new(), &mut out)?;
        Some(out)
    }
}

fn fill(parts: &[Part], value: &Value, effort: &Effort, out: &mut String) -> Option<()> {
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Found(expression) => {
                for (place, found) in expression.find(value, effort)?.into_iter().enumerate() {
                    if place > 0 {
                        out.push(' ');
                    }
                    out.push_str(&shown(found));
                    effort.fits(out)?;
                }
            }
            Part::Each(expression, parts) => {
                for value in expression.find(value, effort)? {
                    fill(parts, value, effort, out)?;
                }
            }
        }
        effort.spend()?;
        effort.fits(out)?;
    }
    Some(())
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn filled(template: &str, value: &Value) -> String {
        Template::parse(template).unwrap().fill(value).unwrap()
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

    /// The value and the rows of the page of kubectl.
    #[test]
    fn the_page_of_kubectl_is_understood() {
        let value = json!({
            "kind": "List",
            "items": [
                {"kind": "None", "metadata": {"name": "127.0.0.1", "labels": {"kubernetes.io/hostname": "127.0.0.1"}},
                 "status": {"capacity": {"cpu": "4"}, "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.1"}]}},
                {"kind": "None", "metadata": {"name": "127.0.0.2", "labels": {"kubernetes.io/hostname": "127.0.0.2"}},
                 "status": {"capacity": {"cpu": "8"}, "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.2"},
                                                                    {"type": "another", "address": "127.0.0.3"}]}}
            ],
            "users": [
                {"name": "myself", "user": {}},
                {"name": "e2e", "user": {"username": "admin", "password": "secret"}}
            ]
        });
        for (template, text) in [
            ("{.kind} is the kind", "List is the kind"),
            ("{['kind']}", "List"),
            ("{..name}", "127.0.0.1 127.0.0.2 myself e2e"),
            ("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"),
            ("{.users[0].name}", "myself"),
            (
                "{.items[*]['metadata.name', 'status.capacity']}",
                r#"127.0.0.1 127.0.0.2 {"cpu":"4"} {"cpu":"8"}"#,
            ),
            (r#"{.users[?(@.name=="e2e")].user.password}"#, "secret"),
            (
                r#"{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}"#,
                r#"[127.0.0.1, {"cpu":"4"}] [127.0.0.2, {"cpu":"8"}] "#,
            ),
            (
                r"{range .items[*]}{.metadata.name}{'\t'}{end}",
                "127.0.0.1\t127.0.0.2\t",
            ),
            (
                r"{.items[0].metadata.labels.kubernetes\.io/hostname}",
                "127.0.0.1",
            ),
            (
                r"{.items[*].metadata.labels['kubernetes\.io/hostname']}",
                "127.0.0.1 127.0.0.2",
            ),
            ("{.users[-1:].name}", "e2e"),
            ("{.users[-1].name}", "e2e"),
        ] {
            assert_eq!(filled(template, &value), text, "{template}");
        }
    }

    #[test]
    fn positions_and_slices_count_from_both_ends() {
        let value = json!({"list": [0, 1, 2, 3, 4]});
        for (path, text) in [
            ("0", "0"),
            ("-1", "4"),
            ("-5", "0"),
            ("5", ""),
            ("-6", ""),
            ("1:3", "1 2"),
            (":2", "0 1"),
            ("3:", "3 4"),
            ("-2:", "3 4"),
            (":-1", "0 1 2 3"),
            ("::2", "0 2 4"),
            ("1:5:3", "1 4"),
            ("0:99", "0 1 2 3 4"),
            ("-99:2", "0 1"),
            ("3:1", ""),
            ("2:2", ""),
            ("*", "0 1 2 3 4"),
            ("0,2", "0 2"),
            ("-1, 0:2", "4 0 1"),
        ] {
            assert_eq!(
                filled(&format!("{{.list[{path}]}}"), &value),
                text,
                "{path}"
            );
        }
    }

    #[test]
    fn a_filter_compares_texts_numbers_and_truths() {
        let value = json!({"list": [
            {"n": 1, "t": "a", "is": true, "in": {"deep": [7]}},
            {"n": 2, "t": "b", "is": false},
            {"n": 2.5, "t": "c) ]", "o": null},
            {"t": 2}
        ]});
        for (filter, found) in [
            ("@.n==2", "2"),
            ("@.n!=2", "1 2.5"),
            ("@.n<2", "1"),
            ("@.n<=2", "1 2"),
            ("@.n > 1.5", "2 2.5"),
            ("@.n>=-1", "1 2 2.5"),
            ("@.t=='a'", "1"),
            (r#"@.t=="c) ]""#, "2.5"),
            ("@.t < 'b'", "1"),
            ("@.t != 'b'", "1 2.5"),
            ("@.is==true", "1"),
            ("@.is==false", "2"),
            ("@.is", "1 2"),
            ("@.o", "2.5"),
            ("@.in.deep[0]==7", "1"),
            ("1==@.n", "1"),
            ("@.n==@.t", ""),
            ("@.missing!='x'", ""),
        ] {
            let template = format!("{{.list[?({filter})].n}}");
            assert_eq!(filled(&template, &value), found, "{filter}");
        }
        assert_eq!(filled("{.list[0][?(@.n==1)]}", &value), "");
        assert_eq!(filled("{[?(@>1)]}", &json!([1, 2, 3])), "2 3");
    }

    #[test]
    fn ranges_stand_in_ranges_and_quotes_hold_what_means_something_elsewhere() {
        let value = json!([{"name": "a", "in": [1, 2]}, {"name": "b", "in": []}]);
        for (template, text) in [
            (
                "{range [*]}{.name}:{range .in[*]} {@}{end};{end}.",
                "a: 1 2;b:;.",
            ),
            ("{range .missing[*]}x{end}y", "y"),
            (r#"{"}{ \"quoted\" "}"#, "}{ \"quoted\" "),
            (r"{'\x41\u00e9\t\\\''}", "Aé\t\\'"),
            ("{'a\"b'}{\"a'b\"}", "a\"ba'b"),
            ("{42}{-1.5}{true}", "42-1.5true"),
            ("{[0]..}", r#"{"in":[1,2],"name":"a"} [1,2]"#),
            ("{..in[0]}", "1"),
            (
                "{..*}",
                r#"{"in":[1,2],"name":"a"} {"in":[],"name":"b"} [1,2] a 1 2 [] b"#,
            ),
            ("{.}", r#"[{"in":[1,2],"name":"a"},{"in":[],"name":"b"}]"#),
            ("{ [0].name }", "a"),
        ] {
            assert_eq!(filled(template, &value), text, "{template}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused_with_a_reason() {
        let deep = "{range @}".repeat(40) + &"{end}".repeat(40);
        for template in [
            "",
            "{}",
            "{.a",
            "{.a[}",
            "{.a[1}",
            "{.a[b]}",
            "{.a[1:2:0]}",
            "{.a[1:2:-1]}",
            "{.a[1:2:3:4]}",
            "{.a[99999999999999999999]}",
            "{.a[]}",
            "{.a[1,]}",
            "{.a.}",
            "{....a}",
            "{.a b}",
            "{\"open}",
            "{'open",
            r"{'\q'}",
            r"{'\x4'}",
            r"{'\ud800'}",
            "{.list[?(@.x==1]}",
            "{.list[?(@.x=1)]}",
            "{.list[?(@.x=~1)]}",
            "{.list[?(@.x==)]}",
            "{.list[?()]}",
            "{.list[?(@.x==1 && @.y==2)]}",
            "{.list[?(@.x==null)]}",
            "{range .a}",
            "{range}{end}",
            "{.list[?(x==1)]}",
            "{end}",
            "{1x}",
            deep.as_str(),
        ] {
            let refused = Template::parse(template).unwrap_err();
            assert!(refused.starts_with("jsonpath: "), "{template}: {refused}");
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

    /// A node that defines such a column made a table that nobody saw the end of.
    #[test]
    fn everything_within_everything_is_given_up() {
        let mut value = json!(1);
        for _ in 0..40 {
            value = json!([value, value.as_i64(), {"a": 1}]);
        }
        let ranges = "{range ..*}".repeat(12) + "x" + &"{end}".repeat(12);
        for template in [&ranges, "{..*..*..*..*..*..*}", "{..*}{..*}{..*}"] {
            let template = Template::parse(template).unwrap();
            let filled = template.fill(&value);
            assert!(filled.is_none_or(|text| text.len() < 1 << 20));
        }
        assert_eq!(Template::parse(&ranges).unwrap().fill(&value), None);
        let long = json!(["x".repeat(3 << 20), "y".repeat(3 << 20)]);
        assert_eq!(Template::parse("{[*]}").unwrap().fill(&long), None);
        assert!(Template::parse("{[0]}").unwrap().fill(&long).is_some());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*", parts in proptest::collection::vec(
            prop_oneof![
                Just("{"), Just("}"), Just("["), Just("]"), Just("[?("), Just(")]"), Just(".."), Just(".a"),
                Just("'"), Just("\""), Just("\\"), Just("range "), Just("end"), Just("{end}"), Just("@"),
                Just("=="), Just("<"), Just("-1"), Just(":"), Just(","), Just("*"), Just(" "), Just("{range .."),
            ], 0..24,
        )) {
            let value = json!({"a": [{"a": [1, "é"]}, {"a": {"a": null}}], "b": [[], [-1]]});
            for text in [text, parts.concat()] {
                if let Ok(template) = Template::parse(&text) {
                    template.fill(&value);
                }
            }
        }
    }
}
