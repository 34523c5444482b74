// SPDX-License-Identifier: MPL-2.0
//! Network interfaces: whether they are up, and what they are.
//!
//! Drivers are asked for the speed: who calls this is on a thread of its own.
//!
//! Owns: `/sys/class/net` as metrics (Documentation/ABI/testing/sysfs-class-net).
//! Never: tells a number that the kernel does not know.

use super::Failure;
use super::exposition::{Kind, Text};
use super::source::Source;

const FOLDER: &str = "/sys/class/net";
/// `IFF_UP` (netdevice(7)).
const UP: u32 = 0x1;

/// What one interface says. Its labels are in the order of [`LABELS`].
struct Interface {
    name: String,
    labels: [String; 6],
    carrier: Option<i64>,
    mtu: Option<i64>,
    speed_bytes: Option<i64>,
}

const LABELS: [&str; 6] = [
    "address",
    "broadcast",
    "duplex",
    "operstate",
    "adminstate",
    "ifalias",
];

impl Interface {
    /// Asks; nothing when it is no interface, as `bonding_masters` is none. What an interface does
    /// not have, or not while it is down, the kernel refuses.
    fn ask(source: &Source, name: String) -> Option<Self> {
        let word = |file: &str| {
            let text = source.read_if_there(&format!("{FOLDER}/{name}/{file}"));
            text.ok().flatten().map(|text| text.trim().to_owned())
        };
        let number = |file| word(file)?.parse::<i64>().ok();
        let state = word("operstate")?;
        let flags = word("flags");
        let flags = flags.and_then(|flags| {
            let digits = flags.strip_prefix("0x")?;
            u32::from_str_radix(digits, 16).ok()
        });
        let admin = match flags {
            Some(flags) if flags & UP != 0 => "up",
            Some(_) => "down",
            None => "unknown",
        };
        let or_nothing = |file| word(file).unwrap_or_default();
        // Megabits; some drivers say -1 for what they do not know.
        let speed = number("speed").filter(|speed| *speed >= 0);
        Some(Self {
            labels: [
                or_nothing("address"),
                or_nothing("broadcast"),
                or_nothing("duplex"),
                state,
                admin.to_owned(),
                or_nothing("ifalias"),
            ],
            carrier: number("carrier"),
            mtu: number("mtu"),
            speed_bytes: speed.map(|speed| speed.saturating_mul(1_000_000 / 8)),
            name,
        })
    }

    fn is_up(&self) -> bool {
        let [_, _, _, state, ..] = &self.labels;
        state == "up"
    }
}

type Value = fn(&Interface) -> Option<i64>;

const NUMBERS: &[(&str, &str, Value)] = &[
    (
        "node_network_up",
        "1 while packets can pass (operstate up), else 0.",
        |interface| Some(i64::from(interface.is_up())),
    ),
    (
        "node_network_carrier",
        "1 while there is a signal on the line, else 0.",
        |interface| interface.carrier,
    ),
    (
        "node_network_mtu_bytes",
        "The longest packet.",
        |interface| interface.mtu,
    ),
    (
        "node_network_speed_bytes",
        "How fast the line is, in bytes for each second.",
        |interface| interface.speed_bytes,
    ),
];

pub(super) fn properties(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let names = source.names(FOLDER)?.into_iter();
    let interfaces: Vec<Interface> = names
        .filter_map(|name| Interface::ask(source, name))
        .collect();
    if interfaces.is_empty() {
        return Ok(());
    }
    let metric = "node_network_info";
    let help = "What /sys/class/net says in words; always 1.";
    text.metric(metric, Kind::Gauge, help);
    for interface in &interfaces {
        let mut labels = vec![("device", interface.name.as_str())];
        let values = interface.labels.iter().map(String::as_str);
        labels.extend(LABELS.into_iter().zip(values));
        text.sample(metric, &labels, 1);
    }
    for (metric, help, value) in NUMBERS {
        let mut has_begun = false;
        for interface in &interfaces {
            let Some(value) = value(interface) else {
                continue;
            };
            if !std::mem::replace(&mut has_begun, true) {
                text.metric(metric, Kind::Gauge, help);
            }
            text.sample(metric, &[("device", &interface.name)], value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn an_interface_tells_what_it_is_and_nothing_that_it_does_not_know() {
        let folder = Folder::new();
        let class = folder.path().join("sys/class/net");
        for (name, files) in [
            (
                "eth0",
                &[
                    ("address", "52:54:00:00:00:01"),
                    ("broadcast", "ff:ff:ff:ff:ff:ff"),
                    ("duplex", "full"),
                    ("operstate", "up"),
                    ("flags", "0x1003"),
                    ("ifalias", ""),
                    ("carrier", "1"),
                    ("mtu", "1500"),
                    ("speed", "1000"),
                ][..],
            ),
            (
                "eth1",
                &[
                    ("operstate", "down"),
                    ("flags", "0x1002"),
                    ("mtu", "9000"),
                    ("speed", "-1"),
                ],
            ),
        ] {
            std::fs::create_dir_all(class.join(name)).unwrap();
            for (file, text) in files {
                std::fs::write(class.join(name).join(file), format!("{text}\n")).unwrap();
            }
        }
        std::fs::write(class.join("bonding_masters"), "bond0\n").unwrap();
        let source = Source::of(&crate::places::Places::under(folder.path()));
        let mut text = Text::default();

        properties(&source, &mut text).unwrap();

        let text = text.finish();
        let samples: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("node_"))
            .collect();
        assert_eq!(
            samples,
            [
                "node_network_info{device=\"eth0\",address=\"52:54:00:00:00:01\",\
                 broadcast=\"ff:ff:ff:ff:ff:ff\",duplex=\"full\",operstate=\"up\",\
                 adminstate=\"up\",ifalias=\"\"} 1",
                "node_network_info{device=\"eth1\",address=\"\",broadcast=\"\",duplex=\"\",\
                 operstate=\"down\",adminstate=\"down\",ifalias=\"\"} 1",
                "node_network_up{device=\"eth0\"} 1",
                "node_network_up{device=\"eth1\"} 0",
                "node_network_carrier{device=\"eth0\"} 1",
                "node_network_mtu_bytes{device=\"eth0\"} 1500",
                "node_network_mtu_bytes{device=\"eth1\"} 9000",
                "node_network_speed_bytes{device=\"eth0\"} 125000000",
            ]
        );
    }
}
