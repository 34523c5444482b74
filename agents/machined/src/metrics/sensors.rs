// SPDX-License-Identifier: MPL-2.0
//! Temperatures of thermal zones.
//!
//! A sensor on a slow bus takes its time: who calls this is on a thread of its own.
//!
//! Owns: `/sys/class/thermal` as metrics.
//! Never: stops at a sensor that does not answer.

use super::Failure;
use super::exposition::{Kind, Signed, Text};
use super::source::Source;

pub(super) fn zones(source: &Source, text: &mut Text) -> Result<(), Failure> {
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
        text.metric(name, Kind::Gauge, "How hot a zone is, in degrees Celsius.");
    }
    for (zone, kind, parts) in zones {
        let labels = [("type", kind.as_str()), ("zone", zone.as_str())];
        let per_one = 1000;
        text.sample(name, &labels, Signed { parts, per_one });
    }
    Ok(())
}
