// SPDX-License-Identifier: MPL-2.0
//! Messages to receivers: one JSON object for each line of a log.
//!
//! Owns: their fields, which are those of the documents, and that none is longer than a packet.
//! Never: has a newline in one: over TCP a newline ends a message.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use proto::log::{CONTROLLERS, SYSLOG};
use serde_json::{Map, Value};

/// The longest message: what a UDP packet takes over IPv6, with some room (65,535 bytes less its
/// header). A line of a log is at most 4 KiB, six times as much when every byte is escaped; so only
/// many tags make a message longer, and then they are left out.
pub(crate) const MESSAGE_MAX: usize = 65_000;
/// The most bytes that all tags may have.
const TAGS_MAX: usize = 32 * 1024;

/// A kernel line as logd keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KernelLine<'a> {
    facility: &'a str,
    priority: &'a str,
    sequence: u64,
    clock_us: u64,
    text: &'a str,
}

impl<'a> KernelLine<'a> {
    /// Reads `facility:   level: [@number]: text`, the number being 13 digits of the record's own
    /// and 16 of its microseconds (`proto::log`).
    #[must_use]
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let (head, rest) = line.split_once(": [@")?;
        let (facility, priority) = head.split_once(':')?;
        let (number, text) = rest.split_once("]: ")?;
        let (sequence, clock) = number.split_at_checked(13)?;
        Some(Self {
            facility,
            priority: priority.trim_start(),
            sequence: sequence.parse().ok()?,
            clock_us: clock.parse().ok()?,
            text,
        })
    }

    /// The message about this line, on a machine that started at a time.
    #[must_use]
    pub(crate) fn message(&self, started_at: SystemTime) -> Vec<u8> {
        let at = started_at.checked_add(Duration::from_micros(self.clock_us));
        let mut fields = Map::new();
        fields.insert("clock".to_owned(), self.clock_us.into());
        fields.insert("seq".to_owned(), self.sequence.into());
        for (key, value) in [
            ("facility", self.facility),
            ("msg", self.text),
            ("priority", self.priority),
            ("talos-level", level_of(self.priority)),
        ] {
            fields.insert(key.to_owned(), value.into());
        }
        fields.insert(
            "talos-time".to_owned(),
            date(at.unwrap_or(started_at)).into(),
        );
        encode(&fields)
    }
}

/// The message about `lost` bytes of the kernel's log before `rest`, on a machine that started at a
/// time. It stands for the last message that was lost, as logd's own line of that kind does.
#[must_use]
pub(crate) fn of_lost_kernel_lines(lost: u64, rest: &[u8], started_at: SystemTime) -> Vec<u8> {
    let first = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let next = KernelLine::parse(&first);
    let line = KernelLine {
        facility: "syslog",
        priority: "warning",
        sequence: next.map_or(0, |next| next.sequence.saturating_sub(1)),
        clock_us: next.map_or(0, |next| next.clock_us),
        text: &self::lost(lost),
    };
    line.message(started_at)
}

/// The level, in the words of all logs, of one of syslog(3).
fn level_of(priority: &str) -> &'static str {
    match priority {
        "emerg" | "alert" | "crit" | "err" => "error",
        "warning" => "warn",
        "debug" => "debug",
        _ => "info",
    }
}

/// The tags of a receiver that its messages can have; `None` when they are too long together.
#[must_use]
pub(crate) fn tags(written: &BTreeMap<String, String>) -> Option<Map<String, Value>> {
    let fields: Map<String, Value> = written
        .iter()
        .map(|(key, value)| (key.clone(), value.clone().into()))
        .collect();
    (encode(&fields).len() <= TAGS_MAX).then_some(fields)
}

/// The message about a line of a service. A line that is a JSON object gives its fields to the
/// message; tags come before them, and the fields that every message has before both.
#[must_use]
pub(crate) fn of_service(
    service: &str,
    line: &[u8],
    written_at: SystemTime,
    tags: &Map<String, Value>,
) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let structured = match service {
        SYSLOG => Structured::of_syslog(&text),
        CONTROLLERS => Structured::of_controllers(&text),
        _ => Structured::parse(&text),
    };
    let (mut fields, message, level, at) = match structured {
        Some(Structured {
            fields,
            message,
            level,
            at,
        }) => (fields, message, level, at),
        None => (Map::new(), text.into_owned(), "info", None),
    };
    fields.extend(tags.clone());
    fields.insert("msg".to_owned(), message.into());
    fields.insert("talos-level".to_owned(), level.into());
    fields.insert("talos-service".to_owned(), service.into());
    let at = at.unwrap_or_else(|| date(written_at));
    fields.insert("talos-time".to_owned(), at.into());
    let message = encode(&fields);
    if message.len() > MESSAGE_MAX {
        let always = |key: &str| key == "msg" || key.starts_with("talos-");
        fields.retain(|key, _| always(key));
        return encode(&fields);
    }
    message
}

/// What a service said in JSON.
struct Structured {
    fields: Map<String, Value>,
    message: String,
    level: &'static str,
    at: Option<String>,
}

impl Structured {
    /// Reads an object that has a message.
    fn parse(line: &str) -> Option<Self> {
        if !line.starts_with('{') {
            return None;
        }
        let mut fields: Map<String, Value> = serde_json::from_str(line).ok()?;
        let key = ["msg", "message"]
            .into_iter()
            .find(|key| fields.get(*key).is_some_and(Value::is_string))?;
        let message = match fields.remove(key) {
            Some(Value::String(message)) => message,
            _ => return None,
        };
        let level = fields.get("level").and_then(Value::as_str).and_then(level);
        if level.is_some() {
            fields.remove("level");
        }
        let at = fields.get("time").and_then(Value::as_str);
        let at = at.filter(|text| is_date(text)).map(str::to_owned);
        if at.is_some() {
            fields.remove("time");
        }
        let level = level.unwrap_or("info");
        Some(Self {
            fields,
            message,
            level,
            at,
        })
    }

    /// Reads a line of the log of syslog(3): `time facility.level text`.
    fn of_syslog(line: &str) -> Option<Self> {
        let (at, rest) = line.split_once(' ')?;
        let (head, text) = rest.split_once(' ')?;
        let (facility, priority) = head.split_once('.')?;
        let fields = [("facility", facility), ("priority", priority)];
        is_date(at).then(|| Self {
            fields: fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect(),
            message: text.to_owned(),
            level: level_of(priority),
            at: Some(at.to_owned()),
        })
    }

    /// Reads a line of the log of controllers: `time LEVEL text {fields}`.
    fn of_controllers(line: &str) -> Option<Self> {
        let (at, rest) = line.split_once(' ')?;
        let (word, rest) = rest.split_once(' ')?;
        let (message, _) = rest.split_once(" {")?;
        let fields = rest.get(message.len()..)?;
        is_date(at).then_some(())?;
        Some(Self {
            fields: serde_json::from_str(fields).ok()?,
            message: message.to_owned(),
            level: level(word)?,
            at: Some(at.to_owned()),
        })
    }
}

/// A level by the words that programs have for it.
fn level(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "trace" | "debug" => "debug",
        "info" | "notice" => "info",
        "warn" | "warning" => "warn",
        "err" | "error" | "crit" | "critical" => "error",
        "panic" | "dpanic" => "panic",
        "fatal" => "fatal",
        _ => return None,
    })
}

/// Whether a text has the form of RFC 3339 §5.6.
fn is_date(text: &str) -> bool {
    let form = b"0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    let fits = |(form, byte): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => form == byte,
    };
    let rest = bytes.get(form.len()..).unwrap_or_default();
    let is_rest = |byte: &u8| byte.is_ascii_digit() || b".:+-Zz".contains(byte);
    bytes.len() <= 40
        && form.iter().zip(bytes).all(fits)
        && !rest.is_empty()
        && rest.iter().all(is_rest)
}

/// What a receiver is told about what it did not get of a log.
#[must_use]
pub(crate) fn lost(bytes: u64) -> String {
    format!("{bytes} bytes of this log were lost: they came faster than they could be sent")
}

/// A time in UTC, RFC 3339 with nanoseconds.
#[must_use]
pub(crate) fn date(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.subsec_nanos());
    let seconds = pki::UnixTime::from(at).to_string();
    let seconds = seconds.trim_end_matches('Z');
    format!("{seconds}.{nanos:09}Z")
}

fn encode(fields: &Map<String, Value>) -> Vec<u8> {
    // Every key is a text, and no value fails to be written.
    serde_json::to_vec(fields).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_nanos(nanos))
            .unwrap()
    }

    fn service(line: &[u8], tags: &[(&str, &str)]) -> Value {
        let written = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let tags = super::tags(&written.collect()).unwrap();
        let message = of_service("machined", line, at(1_636_541_329_294_858_021), &tags);
        assert!(!message.contains(&b'\n'));
        serde_json::from_slice(&message).unwrap()
    }

    #[test]
    fn logs_06_a_line_is_the_documents_message() {
        let line = "[talos] apply config request: immediate true, on reboot false";

        let message = service(line.as_bytes(), &[]);

        let expected = serde_json::json!({
            "msg": line,
            "talos-level": "info",
            "talos-service": "machined",
            "talos-time": "2021-11-10T10:48:49.294858021Z",
        });
        assert_eq!(message, expected);
    }

    #[test]
    fn log_04_tags_are_there_verbatim_and_never_hide_what_must_be_there() {
        let message = service(b"x", &[("server", "s03-rack07"), ("msg", "tag")]);

        assert_eq!(message.get("server").unwrap(), "s03-rack07");
        assert_eq!(message.get("msg").unwrap(), "x");
        let long = BTreeMap::from([("a".to_owned(), "x".repeat(TAGS_MAX))]);
        assert_eq!(tags(&long), None);
    }

    #[test]
    fn log_03_a_line_of_json_gives_its_fields() {
        let line = br#"{"level":"WARNING","time":"2026-01-02T03:04:05.5Z","msg":"m","n":1,
            "talos-service":"liar"}"#;

        let message = service(line, &[("n", "tag")]);

        let expected = serde_json::json!({
            "msg": "m",
            "n": "tag",
            "talos-level": "warn",
            "talos-service": "machined",
            "talos-time": "2026-01-02T03:04:05.5Z",
        });
        assert_eq!(message, expected);
    }

    #[test]
    fn log_03_what_only_looks_like_json_stays_a_line() {
        for line in [
            "{",
            "{}",
            "[1]",
            r#"{"msg":1}"#,
            r#"{"level":"info"}"#,
            r#"{"msg":"a"} and more"#,
        ] {
            let message = service(line.as_bytes(), &[]);
            assert_eq!(message.get("msg").unwrap(), line);
        }
        // A depth that would take the stack is refused by the parser.
        let deep = format!("{{\"msg\":\"a\",\"b\":{}", "[".repeat(4000));
        assert_eq!(service(deep.as_bytes(), &[]).get("msg").unwrap(), &deep);
        let odd = service(br#"{"msg":"a","level":"loud","time":"now"}"#, &[]);
        assert_eq!(odd.get("talos-level").unwrap(), "info");
        assert_eq!(odd.get("level").unwrap(), "loud");
        assert_eq!(odd.get("time").unwrap(), "now");
    }

    #[test]
    fn diag_21_lines_of_controllers_have_their_level_time_and_fields() {
        let line = "2026-01-02T03:04:05.123Z WARN controller failed {\"component\": \
                    \"controller-runtime\", \"error\": \"a {b}\"}";
        let message = of_service("controller-runtime", line.as_bytes(), at(0), &Map::new());

        let message: Value = serde_json::from_slice(&message).unwrap();
        let expected = serde_json::json!({
            "component": "controller-runtime",
            "error": "a {b}",
            "msg": "controller failed",
            "talos-level": "warn",
            "talos-service": "controller-runtime",
            "talos-time": "2026-01-02T03:04:05.123Z",
        });
        assert_eq!(message, expected);
        for odd in [
            "",
            "no date {}",
            "2026-01-02T03:04:05Z LOUD a {}",
            "2026-01-02T03:04:05Z INFO a {",
        ] {
            let message = of_service("controller-runtime", odd.as_bytes(), at(0), &Map::new());
            let message: Value = serde_json::from_slice(&message).unwrap();
            assert_eq!(message.get("msg").unwrap(), odd);
        }
    }

    #[test]
    fn log_08_lines_of_syslog_have_their_level_and_time() {
        let line = "2026-01-02T03:04:05.123456789Z daemon.err iscsid[7]: cannot login";
        let none = Map::new();
        let message = of_service("syslogd", line.as_bytes(), at(0), &none);

        let message: Value = serde_json::from_slice(&message).unwrap();
        let expected = serde_json::json!({
            "facility": "daemon",
            "msg": "iscsid[7]: cannot login",
            "priority": "err",
            "talos-level": "error",
            "talos-service": "syslogd",
            "talos-time": "2026-01-02T03:04:05.123456789Z",
        });
        assert_eq!(message, expected);
        let message = of_service("syslogd", b"{\"msg\":\"a\"}", at(0), &none);
        let message: Value = serde_json::from_slice(&message).unwrap();
        assert_eq!(message.get("msg").unwrap(), "{\"msg\":\"a\"}");
    }

    #[test]
    fn logs_06_no_line_is_too_long_for_a_packet_and_no_byte_too_odd() {
        let line = vec![1; proto::log::LINE_MAX];
        let tags = BTreeMap::from([("a".to_owned(), "x".repeat(TAGS_MAX - 10))]);
        let tags = super::tags(&tags).unwrap();

        let message = of_service("x", &line, at(0), &tags);

        assert!(message.len() < MESSAGE_MAX, "{}", message.len());
        assert_eq!(
            service(b"\xff\xfe", &[]).get("msg").unwrap(),
            "\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn logs_08_a_kernel_line_is_the_documents_message() {
        let text = "[talos] task startAllServices (1/1): waiting for 6 services";
        let line = format!("user: warning: [@{:013}{:016}]: {text}", 711, 6_252_819);

        let line = KernelLine::parse(&line).unwrap();
        let message = line.message(at(1_637_945_594_069_050_000));

        let message: Value = serde_json::from_slice(&message).unwrap();
        let expected = serde_json::json!({
            "clock": 6_252_819,
            "facility": "user",
            "msg": text,
            "priority": "warning",
            "seq": 711,
            "talos-level": "warn",
            "talos-time": "2021-11-26T16:53:20.321869000Z",
        });
        assert_eq!(message, expected);
    }

    #[test]
    fn log_07_logs_08_lost_kernel_lines_are_a_message_of_the_kernel() {
        let rest = format!("user: warning: [@{:013}{:016}]: a\nb", 711, 6_252_819);

        let message = of_lost_kernel_lines(40, rest.as_bytes(), at(1_637_945_594_069_050_000));

        let message: Value = serde_json::from_slice(&message).unwrap();
        let expected = serde_json::json!({
            "clock": 6_252_819,
            "facility": "syslog",
            "msg": "40 bytes of this log were lost: they came faster than they could be sent",
            "priority": "warning",
            "seq": 710,
            "talos-level": "warn",
            "talos-time": "2021-11-26T16:53:20.321869000Z",
        });
        assert_eq!(message, expected);
        for odd in [&b""[..], b"\n", b"\xff"] {
            let message = of_lost_kernel_lines(1, odd, at(0));
            let message: Value = serde_json::from_slice(&message).unwrap();
            assert_eq!(message.as_object().unwrap().len(), 7);
        }
    }

    #[test]
    fn log_07_priorities_have_the_levels_of_the_documents() {
        for (priority, level) in [
            ("emerg", "error"),
            ("alert", "error"),
            ("crit", "error"),
            ("err", "error"),
            ("warning", "warn"),
            ("notice", "info"),
            ("info", "info"),
            ("debug", "debug"),
        ] {
            let line = format!("kern: {priority:>7}: [@{:029}]: a]: b: [@", 5);
            let line = KernelLine::parse(&line).unwrap();
            assert_eq!(level_of(line.priority), level, "{priority}");
            assert_eq!(
                (line.text, line.sequence, line.clock_us),
                ("a]: b: [@", 0, 5)
            );
        }
        for wrong in [
            "",
            "kern",
            "kern: info: x",
            "kern: info: [@1]: x",
            "a: b: [@",
        ] {
            assert_eq!(KernelLine::parse(wrong), None, "{wrong}");
        }
    }
}
