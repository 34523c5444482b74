// SPDX-License-Identifier: MPL-2.0
//! Targets: what programs say in logs, on its way to operators and to receivers elsewhere.
//!
//! Owns: what holds for any bytes that a program sends to syslog(3) or writes as a line.
//! Never: expects a form of them.

use crate::Target;
use machined::outside;
use proto::log::{LINE_MAX, SYSLOG};

/// What the time of a line of syslog(3) is here, in nanoseconds after the epoch.
const AT_NS: u64 = 1_767_323_045_123_456_789;

/// Messages to syslog(3): each is one line that moves no cursor, and one message for receivers.
pub const MESSAGE: Target = Target {
    name: "syslog-message",
    seeds: &[
        "<28>Jan  2 03:04:05 iscsid[77]: cannot login\n",
        "<165>1 2026-01-02T03:04:05Z host app 99 ID47 - \u{feff}text here",
        "<13>1 - - app - - [a@1 b=\"c\"] text",
        "<0>su: failed\0",
    ],
    words: &[
        "<13>",
        "<191>",
        "<192>",
        "<",
        ">",
        "1 ",
        " - ",
        "-",
        "Jan  2 03:04:05 ",
        "[a@1 b=\"\\]\"]",
        "[",
        "]",
        "\n",
        "\r",
        "\0",
        "\x1b[2J",
        "\u{feff}",
        "\u{85}",
        "\u{e4}",
    ],
    run: |input| {
        // Some are longer than a line.
        let long = input.repeat(input.first().map_or(1, |byte| usize::from(*byte)));
        for message in [input, &long] {
            let line = logd::syslog::line(message, AT_NS);
            assert!(line.len() <= LINE_MAX);
            let (end, text) = line.split_last().unwrap_or((&0, &[]));
            assert_eq!(*end, b'\n');
            assert!(
                text.iter()
                    .all(|byte| !byte.is_ascii_control() || *byte == b'\t')
            );
            let shipped = shipped(SYSLOG, text);
            assert_eq!(shipped.get("talos-service"), Some(&SYSLOG.into()));
            assert!(shipped.get("facility").is_some() && shipped.get("priority").is_some());
        }
    },
};

/// Lines of services, which may be JSON, and of the kernel: each is one message, with its fields.
pub const SHIPPED: Target = Target {
    name: "shipped-line",
    seeds: &[
        "{\"msg\":\"began\",\"level\":\"warning\",\"time\":\"2026-01-02T03:04:05.5Z\",\"n\":1}",
        "{\"message\":\"began\",\"talos-service\":\"forged\",\"a\":{\"b\":[1,null,\"\\u0000\"]}}",
        "kern:    info: [@00000000000420000000012345678]: eth0: link up",
        "words",
    ],
    words: &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "null",
        "1e999",
        "-0",
        "\\ud800",
        "\"msg\":",
        "\"message\":",
        "\"level\":\"fatal\"",
        "\"time\":\"0000-00-00T00:00:00Z\"",
        "\"time\":1",
        "\"talos-time\":",
        "\"msg\":{",
        ": [@",
        "]: ",
        "9999999999999",
        "kern:",
        "\n",
        "\0",
        "\u{e4}",
    ],
    run: |input| {
        let line = input.get(..LINE_MAX).unwrap_or(input);
        let message = shipped("app", line);
        assert_eq!(message.get("talos-service"), Some(&"app".into()));
        let text = String::from_utf8_lossy(line);
        if let Some(message) = outside::shipped_kernel_line(&text) {
            let message = read(&message);
            for field in [
                "clock",
                "seq",
                "facility",
                "msg",
                "priority",
                "talos-level",
                "talos-time",
            ] {
                assert!(message.get(field).is_some(), "{field}");
            }
        }
    },
};

/// The message about a line of a service: an object in one line, within its limit, that says what it has to.
fn shipped(service: &str, line: &[u8]) -> serde_json::Value {
    let message = read(&outside::shipped_line(service, line));
    for field in ["msg", "talos-level", "talos-time"] {
        let value = message.get(field);
        assert!(value.is_some_and(serde_json::Value::is_string), "{field}");
    }
    message
}

fn read(message: &[u8]) -> serde_json::Value {
    assert!(message.len() <= outside::SHIPPED_MAX);
    assert!(!message.contains(&b'\n'), "a newline ends a message");
    let read = serde_json::from_slice(message);
    assert!(read.is_ok(), "{:?}", String::from_utf8_lossy(message));
    read.unwrap_or_default()
}
