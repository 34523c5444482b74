// SPDX-License-Identifier: MPL-2.0
//! Metrics as text: Prometheus text exposition format 0.0.4.
//!
//! Owns: the form, and how long it may be.
//! Never: knows what a metric means.

use std::fmt::{Display, Write as _};

/// What the answer's head says of it.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The longest answer. A server with a hundred processors and a hundred disks has half of it.
const TEXT_MAX: usize = 2 * 1024 * 1024;
/// The most samples of one metric: what is more is left out, and counted.
const SAMPLES_MAX: usize = 2048;

/// How a metric's values go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// They grow, until the node starts anew.
    Counter,
    /// They go up and down.
    Gauge,
    /// Nobody says.
    Untyped,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Untyped => "untyped",
        }
    }
}

/// Labels of one sample: names and values.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

/// A text in the making.
#[derive(Debug, Default)]
pub(crate) struct Text {
    text: String,
    left_out: u64,
    samples: usize,
}

impl Text {
    /// Begins a metric; its samples follow. Each metric may begin once.
    pub(crate) fn metric(&mut self, name: &str, kind: Kind, help: &str) {
        self.samples = 0;
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(
            self.text,
            "# HELP {name} {help}\n# TYPE {name} {}",
            kind.word()
        );
    }

    /// Adds a sample.
    pub(crate) fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        if self.text.len() >= TEXT_MAX || self.samples >= SAMPLES_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        self.samples = self.samples.saturating_add(1);
        self.text.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            self.text.push(if place == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{label}=\"{}\"", escaped(value));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// Adds all of another text.
    pub(crate) fn append(&mut self, other: Self) {
        self.left_out = self.left_out.saturating_add(other.left_out);
        self.text.push_str(&other.text);
    }

    /// A metric with one sample.
    pub(crate) fn one(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.metric(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The whole.
    #[must_use]
    pub(crate) fn finish(mut self) -> String {
        let left_out = self.left_out;
        let name = "ichor_metrics_left_out";
        self.metric(name, Kind::Gauge, "Samples for which there was no room.");
        // There is always room for this one.
        let _ = writeln!(self.text, "{name} {left_out}");
        self.text
    }
}

/// A label's value as it stands between quotes.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
    text
}

/// A count of parts as a decimal number, exactly: `parts` of which `per_one` make one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// How many.
    pub parts: u64,
    /// How many make one: a power of ten.
    pub per_one: u64,
}

impl Display for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whole = self.parts.checked_div(self.per_one).unwrap_or(0);
        let rest = self.parts.checked_rem(self.per_one).unwrap_or(0);
        let digits = usize::try_from(self.per_one.checked_ilog10().unwrap_or(0)).unwrap_or(0);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{rest:0digits$}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

/// The same of a count that may be below zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed {
    /// How many.
    pub parts: i64,
    /// How many make one: a power of ten.
    pub per_one: u64,
}

impl Display for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.parts < 0 { "-" } else { "" };
        let parts = Parts {
            parts: self.parts.unsigned_abs(),
            per_one: self.per_one,
        };
        write!(f, "{sign}{parts}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_has_its_help_its_type_and_escaped_labels() {
        let mut text = Text::default();
        text.metric("a_total", Kind::Counter, "One\\two\nthree.");
        text.sample("a_total", &[("name", "x\"\\\n"), ("b", "")], 7);
        text.one(
            "b",
            Kind::Gauge,
            "B.",
            Parts {
                parts: 1230,
                per_one: 1000,
            },
        );

        let expected = "# HELP a_total One\\\\two\\nthree.\n# TYPE a_total counter\n\
            a_total{name=\"x\\\"\\\\\\n\",b=\"\"} 7\n# HELP b B.\n# TYPE b gauge\nb 1.23\n";
        let text = text.finish();
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("\nichor_metrics_left_out 0\n"));
    }

    #[test]
    fn samples_have_a_limit_and_what_is_left_out_is_counted() {
        let mut text = Text::default();
        text.metric("a", Kind::Gauge, "A.");
        for number in 0..SAMPLES_MAX + 5 {
            text.sample("a", &[], number);
        }

        assert!(text.finish().ends_with("\nichor_metrics_left_out 5\n"));
        let mut text = Text::default();
        for number in 0..10_000 {
            text.metric(&format!("a{number}"), Kind::Gauge, "A.");
            text.sample("a", &[("b", &"x".repeat(2000))], 1);
        }
        assert!(text.finish().len() < TEXT_MAX * 3 / 2);
    }

    #[test]
    fn parts_of_one_are_exact() {
        for (parts, per_one, text) in [
            (0, 100, "0"),
            (5, 100, "0.05"),
            (100, 100, "1"),
            (12_345, 1000, "12.345"),
            (u64::MAX, 1_000_000, "18446744073709.551615"),
            (7, 1, "7"),
        ] {
            assert_eq!(Parts { parts, per_one }.to_string(), text);
        }
        for (parts, text) in [(-5, "-0.05"), (0, "0"), (120, "1.2")] {
            let per_one = 100;
            assert_eq!(Signed { parts, per_one }.to_string(), text);
        }
    }
}
