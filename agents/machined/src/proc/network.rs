// SPDX-License-Identifier: MPL-2.0
//! `/proc/net/dev`: what went through network devices.
//!
//! Owns: that file (proc_pid_net(5)).
//! Never: stops at a line it does not know.

use api::machine::{NetDev, NetworkDeviceStats};

/// Reads the text of `/proc/net/dev`. The total has no name but `total`, and counts the loopback
/// device too.
#[must_use]
pub(crate) fn parse(text: &str) -> NetworkDeviceStats {
    let devices: Vec<NetDev> = text.lines().filter_map(device).collect();
    let mut total = NetDev {
        name: "total".to_owned(),
        ..NetDev::default()
    };
    for device in &devices {
        for (sum, value) in numbers(&mut total).into_iter().zip(values(device)) {
            // The kernel's own counters wrap too.
            *sum = sum.wrapping_add(value);
        }
    }
    NetworkDeviceStats {
        metadata: None,
        total: Some(total),
        devices,
    }
}

fn device(line: &str) -> Option<NetDev> {
    // A name may hold colons (labels of old tools); the numbers hold none.
    let (name, counters) = line.rsplit_once(':')?;
    let mut counters = counters.split_ascii_whitespace();
    let mut device = NetDev {
        name: name.trim().to_owned(),
        ..NetDev::default()
    };
    for place in numbers(&mut device) {
        *place = counters.next()?.parse().ok()?;
    }
    Some(device)
}

/// The numbers in the order of the file's columns.
fn numbers(device: &mut NetDev) -> [&mut u64; 16] {
    [
        &mut device.rx_bytes,
        &mut device.rx_packets,
        &mut device.rx_errors,
        &mut device.rx_dropped,
        &mut device.rx_fifo,
        &mut device.rx_frame,
        &mut device.rx_compressed,
        &mut device.rx_multicast,
        &mut device.tx_bytes,
        &mut device.tx_packets,
        &mut device.tx_errors,
        &mut device.tx_dropped,
        &mut device.tx_fifo,
        &mut device.tx_collisions,
        &mut device.tx_carrier,
        &mut device.tx_compressed,
    ]
}

fn values(device: &NetDev) -> [u64; 16] {
    let mut device = device.clone();
    numbers(&mut device).map(|number| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    1000      10    0    0    0     0          0         0     1000      10    0    0    0     0       0          0
  eth0:18446744073709551615 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
";

    #[test]
    fn every_column_is_where_the_api_has_it_and_the_total_is_the_sum() {
        let stats = parse(TEXT);

        let names: Vec<&str> = stats.devices.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["lo", "eth0"]);
        let eth0 = &stats.devices[1];
        assert_eq!(
            values(eth0)[1..],
            [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
        );
        assert_eq!((eth0.rx_bytes, eth0.rx_multicast), (u64::MAX, 8));
        assert_eq!((eth0.tx_collisions, eth0.tx_carrier), (14, 15));
        let total = stats.total.unwrap();
        assert_eq!((total.name.as_str(), total.tx_bytes), ("total", 1009));
        assert_eq!(total.rx_bytes, 999);
    }

    #[test]
    fn nonsense_is_no_device() {
        for text in [
            "",
            "eth0",
            "eth0:",
            "eth0: 1 2 3",
            "eth0: a b c d e f g h i j k l m n o p",
        ] {
            assert_eq!(parse(text).devices, [], "{text}");
        }
    }
}
