// SPDX-License-Identifier: MPL-2.0
//! The name servers in use.
//!
//! Owns: `ResolverStatus`: what is left of all wishes, but not those that netd, which writes the file,
//! does not fulfil.
//! Never: shows more than the three that resolvers look at.

use std::net::IpAddr;

use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use super::layered::joined;
use super::wishes::RESOLVERS;
use crate::resources::{Layer, NETWORK_CONFIG, ResolverSpec, ResolverStatus};

/// `MAXNS` of resolv.conf(5).
const SERVERS_MAX: usize = 3;

pub(super) fn controller() -> Controller {
    Controller {
        name: "network.ResolverSpecController",
        inputs: vec![
            Input::of::<ResolverSpec>().only(RESOLVERS).strong(),
            // While something is wished that is not done: what is done instead.
            Input::of::<ResolverSpec>().within(NETWORK_CONFIG),
        ],
        outputs: vec![Output::of::<ResolverStatus>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let Some(merged) = view.get::<ResolverSpec>(RESOLVERS) else {
        return Ok(());
    };
    let mut servers = match is_done(merged.layer) {
        true => merged.servers.clone(),
        false => instead(view),
    };
    servers.truncate(SERVERS_MAX);
    desired.put(RESOLVERS, ResolverStatus(servers));
    Ok(())
}

/// The servers of the highest layer that netd knows of.
fn instead(view: &View<'_>) -> Vec<IpAddr> {
    let wishes = || {
        let all = view.list_within::<ResolverSpec>(NETWORK_CONFIG);
        all.map(|wish| wish.spec).filter(|wish| is_done(wish.layer))
    };
    let highest = wishes().map(|wish| wish.layer).max();
    let of_it = wishes().filter(|wish| Some(wish.layer) == highest);
    joined(of_it.map(|wish| &wish.servers))
}

/// Whether netd does what this layer wishes: it reads neither the command line nor the configuration.
const fn is_done(layer: Layer) -> bool {
    match layer {
        Layer::Default | Layer::Operator => true,
        Layer::Cmdline | Layer::Configuration => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;

    fn spec(servers: &[&str], layer: Layer) -> ResolverSpec {
        ResolverSpec {
            servers: servers.iter().map(|text| text.parse().unwrap()).collect(),
            layer,
        }
    }

    fn in_use(bench: &Bench) -> Vec<String> {
        let found = bench.store.get::<ResolverStatus>(RESOLVERS);
        let ResolverStatus(servers) = found.unwrap();
        servers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn net_02_what_is_left_of_the_wishes_is_held_and_in_use_up_to_three() {
        let mut bench = Bench::of(controller());
        let servers = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
        bench.say(RESOLVERS, spec(&servers, Layer::Operator));

        bench.run();

        assert_eq!(in_use(&bench), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
        assert_eq!(
            bench.holders::<ResolverSpec>(RESOLVERS),
            ["network.ResolverSpecController"]
        );
    }

    #[test]
    fn servers_of_the_configuration_are_not_in_use_while_netd_does_not_take_them() {
        let mut bench = Bench::of(controller());
        let configured = spec(&["9.9.9.9"], Layer::Configuration);
        for (id, spec) in [
            ("default/resolvers", spec(&["1.1.1.1"], Layer::Default)),
            ("dhcp4/eth0/resolvers", spec(&["10.0.0.1"], Layer::Operator)),
            ("dhcp4/eth1/resolvers", spec(&["10.1.0.1"], Layer::Operator)),
            ("configuration/resolvers", configured.clone()),
        ] {
            bench.say_within(NETWORK_CONFIG, id, spec);
        }
        bench.say(RESOLVERS, configured);

        bench.run();

        assert_eq!(in_use(&bench), ["10.0.0.1", "10.1.0.1"]);
    }
}
