// SPDX-License-Identifier: MPL-2.0
//! Temperatures.
//!
//! A sensor on a slow bus takes its time: who calls this is on a thread of its own.
//!
//! Owns: `/sys/class/thermal` and `/sys/class/hwmon` as metrics.
//! Never: stops at a sensor that does not answer.

use super::Failure;
use super::exposition::{Kind, Text};
use super::source::Source;

/// Thousandths of a degree.
#[derive(Debug, Clone, Copy)]
struct Millidegrees(i64);

impl std::fmt::Display for Millidegrees {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let parts = super::exposition::Parts {
            parts: self.0.unsigned_abs(),
            per_one: 1000,
        };
        write!(f, "{sign}{parts}")
    }
}

pub(super) fn temperatures(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let folder = "/sys/class/thermal";
    let name = "node_thermal_zone_temp";
    let mut zones = Vec::new();
    for entry in source.names(folder)? {
        let Some(zone) = entry.strip_prefix("thermal_zone") else {
            continue;
        };
        let read = |file: &str| format!("{folder}/{entry}/{file}");
        let kind = source.read_if_there(&read("type"));
        if let (Ok(Some(kind)), Ok(Some(temperature))) = (kind, source.number(&read("temp"))) {
            zones.push((zone.to_owned(), kind.trim().to_owned(), temperature));
        }
    }
    if !zones.is_empty() {
        text.metric(name, Kind::Gauge, "Zone temperature in Celsius");
    }
    for (zone, kind, temperature) in zones {
        let labels = [("type", kind.as_str()), ("zone", zone.as_str())];
        text.sample(name, &labels, Millidegrees(temperature));
    }
    chips(source, text)
}

fn chips(source: &Source, text: &mut Text) -> Result<(), Failure> {
    let folder = "/sys/class/hwmon";
    let mut found = Vec::new();
    for chip in source.names(folder)? {
        let name = source.read_if_there(&format!("{folder}/{chip}/name"));
        let name = name.ok().flatten().unwrap_or_default();
        for file in source.names(&format!("{folder}/{chip}"))? {
            let Some(sensor) = file.strip_suffix("_input") else {
                continue;
            };
            let is_temperature = sensor
                .strip_prefix("temp")
                .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
            if is_temperature
                && let Ok(Some(value)) = source.number(&format!("{folder}/{chip}/{file}"))
            {
                found.push((
                    chip.clone(),
                    name.trim().to_owned(),
                    sensor.to_owned(),
                    value,
                ));
            }
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let metric = "node_hwmon_temp_celsius";
    text.metric(
        metric,
        Kind::Gauge,
        "Hardware monitor for temperature (input)",
    );
    for (chip, _, sensor, value) in &found {
        let labels = [("chip", chip.as_str()), ("sensor", sensor.as_str())];
        text.sample(metric, &labels, Millidegrees(*value));
    }
    let metric = "node_hwmon_chip_names";
    let help = "Annotation metric for human-readable chip names";
    text.metric(metric, Kind::Gauge, help);
    found.dedup_by(|one, other| one.0 == other.0);
    for (chip, name, ..) in &found {
        let labels = [("chip", chip.as_str()), ("chip_name", name.as_str())];
        text.sample(metric, &labels, 1);
    }
    Ok(())
}
