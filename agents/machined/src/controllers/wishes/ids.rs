// SPDX-License-Identifier: MPL-2.0
//! What wishes are called: the layer comes in front of the id, or the operator and its link.
//!
//! Owns: putting it there and taking it off.
//! Never: knows what the rest of an id means.

use crate::resources::Layer;

/// The id before merging of what `layer` wishes of `link`. The operator is DHCPv4: there is no other.
pub(super) fn with_layer(layer: Layer, link: &str, id: &str) -> String {
    match layer {
        Layer::Operator => format!("dhcp4/{link}/{id}"),
        Layer::Default | Layer::Cmdline | Layer::Configuration => {
            format!("{}/{id}", layer.name())
        }
    }
}

/// The id after merging.
pub(super) fn without_layer(id: &str, layer: Layer) -> &str {
    let labels = match layer {
        Layer::Operator => 2,
        Layer::Default | Layer::Cmdline | Layer::Configuration => 1,
    };
    let mut rest = id;
    for _ in 0..labels {
        rest = rest.split_once('/').map_or(rest, |(_, after)| after);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layer_and_the_operator_are_no_part_of_what_is_merged() {
        for (id, layer, link, merged) in [
            ("default/lo/::1/128", Layer::Default, "lo", "lo/::1/128"),
            (
                "dhcp4/eth0/eth0/10.0.0.2/24",
                Layer::Operator,
                "eth0",
                "eth0/10.0.0.2/24",
            ),
            (
                "configuration/dhcp4/eth0",
                Layer::Configuration,
                "eth0",
                "dhcp4/eth0",
            ),
        ] {
            assert_eq!(without_layer(id, layer), merged);
            assert_eq!(with_layer(layer, link, merged), id);
        }
    }
}
