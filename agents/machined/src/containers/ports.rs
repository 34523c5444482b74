// SPDX-License-Identifier: MPL-2.0
//! Ports that a container cannot have.
//!
//! In the node's network the low ones are for users who have a right there, and users of a
//! container's own have none (decision 43).
//!
//! Owns: whether an image is for such a port, and the words.
//! Never: keeps a container from starting: what its program does is its own affair.

use config::{ContainerNetwork, ContainerSpec, Profile};

use crate::files;
use crate::places::Places;

/// The first port that is everybody's (`ip_unprivileged_port_start` of ip-sysctl).
const FIRST_FREE: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
/// What it is unless somebody sets it.
const FIRST_FREE_DEFAULT: u16 = 1024;
/// The longest number there, with room, in bytes.
const NUMBER_MAX: u64 = 16;

/// What is said of a container whose image is for a port that it cannot have; `port` is the lowest
/// of the image, 0 for none.
pub(super) fn remark(places: &Places, spec: &ContainerSpec, port: u16) -> Option<String> {
    let is_concerned =
        spec.network == ContainerNetwork::Host && spec.profile == Profile::Default && port != 0;
    if !is_concerned {
        return None;
    }
    let text = files::read_text(&places.at(FIRST_FREE), NUMBER_MAX).ok();
    let first = text.and_then(|text| text.trim().parse().ok());
    let first: u16 = first.unwrap_or(FIRST_FREE_DEFAULT);
    (port < first).then(|| {
        format!(
            "Its image is for port {port}, and below {first} the default profile can have none of \
             the node's network: give it another port, or set \
             net.ipv4.ip_unprivileged_port_start in machine.sysctls"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Folder, container};

    #[test]
    fn a_port_that_a_container_cannot_have_is_said() {
        let folder = Folder::new();
        let places = Places::under(folder.path());
        let usual = container("");

        let said = remark(&places, &usual, 80).unwrap();
        assert!(
            said.starts_with("Its image is for port 80, and below 1024"),
            "{said}"
        );
        for (spec, port) in [
            (&usual, 0),
            (&usual, 1024),
            (&container("network: none\n"), 80),
            (&container("security: {profile: privileged}\n"), 80),
        ] {
            assert_eq!(remark(&places, spec, port), None);
        }
        // The operator has said that they are everybody's.
        let file = places.at(FIRST_FREE);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "80\n").unwrap();
        assert_eq!(remark(&places, &usual, 80), None);
        assert!(remark(&places, &usual, 79).is_some());
    }
}
