// SPDX-License-Identifier: MPL-2.0
//! Temperatures that chips measure.
//!
//! A sensor on a slow bus takes its time: who calls this is on a thread of its own.
//!
//! Owns: `/sys/class/hwmon` as metrics, and how a chip is called.
//! Never: calls a chip by the order in which the kernel found it, unless it has nothing else.

use std::collections::BTreeMap;

use super::Failure;
use super::exposition::{Kind, Signed, Text};
use super::source::Source;

const FOLDER: &str = "/sys/class/hwmon";

pub(super) fn temperatures(source: &Source, text: &mut Text) -> Result<(), Failure> {
    // By the chip's name and the sensor's: two chips of one device may have the same.
    let mut found = BTreeMap::new();
    let mut names = BTreeMap::new();
    for entry in source.names(FOLDER)? {
        let name = source.read_if_there(&format!("{FOLDER}/{entry}/name"));
        let name = cleaned(&name.ok().flatten().unwrap_or_default());
        let device = source.behind(&format!("{FOLDER}/{entry}/device"));
        let chip = called(device, &name, &entry);
        for file in source.names(&format!("{FOLDER}/{entry}"))? {
            let Some(sensor) = file.strip_suffix("_input").filter(is_temperature) else {
                continue;
            };
            if let Ok(Some(value)) = source.number(&format!("{FOLDER}/{entry}/{file}")) {
                let key = (chip.clone(), sensor.to_owned());
                found.entry(key).or_insert(value);
                if !name.is_empty() {
                    names.entry(chip.clone()).or_insert_with(|| name.clone());
                }
            }
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let metric = "node_hwmon_temp_celsius";
    let help = "What a sensor of a chip measures, in degrees Celsius.";
    text.metric(metric, Kind::Gauge, help);
    for ((chip, sensor), parts) in found {
        let labels = [("chip", chip.as_str()), ("sensor", sensor.as_str())];
        let per_one = 1000;
        text.sample(metric, &labels, Signed { parts, per_one });
    }
    let metric = "node_hwmon_chip_names";
    let help = "What a chip calls itself; always 1.";
    text.metric(metric, Kind::Gauge, help);
    for (chip, name) in names {
        let labels = [("chip", chip.as_str()), ("chip_name", name.as_str())];
        text.sample(metric, &labels, 1);
    }
    Ok(())
}

fn is_temperature(sensor: &&str) -> bool {
    let number = sensor.strip_prefix("temp");
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// How a chip is called: by the place of its device (its name and that of the folder it is in), by
/// its name, or by its number, as node_exporter does.
fn called(device: Option<(String, String)>, name: &str, entry: &str) -> String {
    let (device, kind) = device.unwrap_or_default();
    let (device, kind) = (cleaned(&device), cleaned(&kind));
    match (device.as_str(), kind.as_str()) {
        ("", _) if name.is_empty() => cleaned(entry),
        ("", _) => name.to_owned(),
        (device, "") => device.to_owned(),
        (device, kind) => format!("{kind}_{device}"),
    }
}

/// A name without what node_exporter does not let into one.
fn cleaned(name: &str) -> String {
    let keep = |character: char| match character.to_ascii_lowercase() {
        kept @ ('a'..='z' | '0'..='9' | ':' | '_') => kept,
        _other => '_',
    };
    let name: String = name.trim_end().chars().map(keep).collect();
    name.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn a_chip_is_called_by_its_device_then_by_its_name_then_by_its_number() {
        let device = |name: &str, kind: &str| Some((name.to_owned(), kind.to_owned()));
        for (device, name, chip) in [
            (
                device("coretemp.0", "platform"),
                "coretemp",
                "platform_coretemp_0",
            ),
            (
                device("0000:00:18.3", "pci0000:00"),
                "k10temp",
                "pci0000:00_0000:00:18_3",
            ),
            (device("nvme0", "nvme"), "nvme", "nvme_nvme0"),
            (device("x", ""), "nvme", "x"),
            (None, "cpu_thermal", "cpu_thermal"),
            (None, "", "hwmon3"),
        ] {
            assert_eq!(called(device, name, "hwmon3"), chip);
        }
        assert_eq!(cleaned("_ACPI Zone-1\n"), "acpi_zone_1");
    }

    /// In which order drivers were loaded does not change what a series is called.
    #[test]
    fn the_order_in_which_chips_are_found_changes_nothing() {
        let told = |order: [&str; 2]| {
            let folder = Folder::new();
            let devices = folder.path().join("sys/devices/platform");
            let class = folder.path().join("sys/class/hwmon");
            for (chip, device) in order.iter().zip(["coretemp.0", "coretemp.1"]) {
                std::fs::create_dir_all(devices.join(device)).unwrap();
                std::fs::create_dir_all(class.join(chip)).unwrap();
                let link = class.join(chip).join("device");
                std::os::unix::fs::symlink(devices.join(device), link).unwrap();
                std::fs::write(class.join(chip).join("name"), "coretemp\n").unwrap();
                let value = format!("{}500\n", device.len() + usize::from(device.ends_with('1')));
                std::fs::write(class.join(chip).join("temp1_input"), value).unwrap();
            }
            let source = Source::of(&crate::places::Places::under(folder.path()));
            let mut text = Text::default();
            temperatures(&source, &mut text).unwrap();
            text.finish()
        };

        let one = told(["hwmon0", "hwmon10"]);
        assert_eq!(one, told(["hwmon2", "hwmon1"]));
        for line in [
            "node_hwmon_temp_celsius{chip=\"platform_coretemp_0\",sensor=\"temp1\"} 10.5",
            "node_hwmon_temp_celsius{chip=\"platform_coretemp_1\",sensor=\"temp1\"} 11.5",
            "node_hwmon_chip_names{chip=\"platform_coretemp_1\",chip_name=\"coretemp\"} 1",
        ] {
            assert!(one.contains(line), "{one}");
        }
    }
}
