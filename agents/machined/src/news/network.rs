// SPDX-License-Identifier: MPL-2.0
//! netd: links, addresses, routes and leases as resources.
//!
//! Owns: the picture that netd draws, whole after each reconnection.
//! Never: shows half a picture: it is published when netd has said everything.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use proto::net::{Address, Lease, LeaseState, Link, LinkName, Reply, Request, Route};
use proto::paths;

use super::{Error, Line, Retry};
use crate::node::Node;
use crate::resources::{AddressStatus, LeaseStatus, LinkStatus, Prefix, RouteStatus, route_id};

/// Who writes links.
pub(crate) const LINKS: &str = "network.LinkStatusController";
/// Who writes addresses.
pub(crate) const ADDRESSES: &str = "network.AddressStatusController";
/// Who writes routes.
pub(crate) const ROUTES: &str = "network.RouteStatusController";
/// Who writes leases.
pub(crate) const LEASES: &str = "network.OperatorSpecController";

/// What netd said.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    links: BTreeMap<String, LinkStatus>,
    addresses: BTreeMap<String, AddressStatus>,
    /// By all that netd tells but the link's name, the flags and the MTU, which may change while a
    /// route stays: two of them can have one id.
    routes: BTreeMap<Route, RouteStatus>,
    leases: BTreeMap<String, LeaseStatus>,
}

impl Picture {
    /// Takes in one piece of news.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn apply(&mut self, news: Reply) -> Result<(), Error> {
        match news {
            Reply::Link(link) => {
                // A renamed link keeps its number.
                self.links.retain(|_, known| known.index != link.index);
                let (id, status) = link_status(&link);
                self.links.insert(id, status);
            }
            Reply::LinkGone(gone) => self.links.retain(|_, known| known.index != gone.index),
            Reply::Address(address) => {
                let (id, status) = address_status(&address);
                self.addresses.insert(id, status);
            }
            Reply::AddressGone(address) => {
                self.addresses.remove(&address_status(&address).0);
            }
            Reply::Route(route) => {
                let status = route_status(&route);
                self.routes.insert(identity_of(route), status);
            }
            Reply::RouteGone(route) => {
                self.routes.remove(&identity_of(route));
            }
            Reply::Lease(lease) => {
                let (id, status) = lease_status(&lease);
                self.leases.insert(id, status);
            }
            Reply::Refused(refusal) => return Err(Error::Refused(refusal)),
            Reply::Synced(()) => {}
            Reply::Welcome(_) | Reply::PacketSocket(()) => return Err(Error::Unexpected),
        }
        Ok(())
    }

    fn publish(&self, node: &Node) {
        node.replace(LINKS, self.links.clone());
        node.replace(ADDRESSES, self.addresses.clone());
        node.replace(ROUTES, self.routes_by_id());
        node.replace(LEASES, self.leases.clone());
    }

    /// The routes by the documents' ids. Those of IPv4 do not say the link: of several with one
    /// id the first is shown, in an order that does not depend on how they came.
    fn routes_by_id(&self) -> BTreeMap<String, RouteStatus> {
        let mut by_id = BTreeMap::new();
        for status in self.routes.values() {
            by_id.entry(id_of(status)).or_insert_with(|| status.clone());
        }
        by_id
    }
}

/// Follows the network for ever.
pub(crate) async fn watch(node: Arc<Node>) {
    let mut retry = Retry::of("netd");
    loop {
        let Err(error) = follow(&node, &mut retry).await;
        retry.wait(&node, error).await;
    }
}

async fn follow(node: &Node, retry: &mut Retry) -> Result<Infallible, Error> {
    let mut line = Line::open(&node.places.at(paths::NETD_SOCKET)).await?;
    line.send(|buffer| Request::Subscribe(()).encode(buffer))
        .await?;
    let mut picture = Picture::default();
    let mut synced = false;
    loop {
        let news = Reply::decode(line.receive().await?).map_err(|_| Error::Unexpected)?;
        if matches!(news, Reply::Synced(())) {
            synced = true;
            retry.succeeded();
        }
        picture.apply(news)?;
        if synced {
            picture.publish(node);
        }
    }
}

fn link_status(link: &Link) -> (String, LinkStatus) {
    let status = LinkStatus {
        index: link.index,
        arp_type: link.arp_type,
        flags: link.flags,
        lower_index: link.lower_index,
        hardware_address: link.hardware_address.to_vec(),
        permanent_address: link.permanent_address.to_vec(),
        broadcast_address: link.broadcast_address.to_vec(),
        mtu: link.mtu,
        queue_discipline: link.queue_discipline.as_str().to_owned(),
        master_index: link.master_index,
        oper_state: link.oper_state,
        kind: link.kind.as_str().to_owned(),
        slave_kind: link.slave_kind.as_str().to_owned(),
        driver: link.hardware.driver.as_str().to_owned(),
        speed_mbit: link.hardware.speed_mbit,
        duplex: link.hardware.duplex,
    };
    (link.name.as_str().to_owned(), status)
}

fn address_status(address: &Address) -> (String, AddressStatus) {
    let prefix = Prefix {
        address: address.address,
        length: address.prefix_len,
    };
    let status = AddressStatus {
        address: prefix,
        local: address.local,
        broadcast: address.broadcast,
        link_index: address.link_index,
        link_name: address.link_name.as_str().to_owned(),
        scope: address.scope,
        flags: address.flags,
    };
    (format!("{}/{prefix}", address.link_name), status)
}

fn route_status(route: &Route) -> RouteStatus {
    RouteStatus {
        destination: Prefix {
            address: route.destination,
            length: route.prefix_len,
        },
        gateway: route.gateway,
        source: route.source,
        out_link_index: route.link_index,
        out_link_name: route.link_name.as_str().to_owned(),
        priority: route.priority,
        table: route.table,
        protocol: route.protocol,
        scope: route.scope,
        flags: route.flags,
        mtu: route.mtu,
    }
}

fn id_of(status: &RouteStatus) -> String {
    route_id(
        status.destination.address,
        status.table,
        &status.out_link_name,
        status.gateway,
        Some(status.destination),
        status.priority,
    )
}

/// What a route is known by.
fn identity_of(route: Route) -> Route {
    Route {
        link_name: LinkName::new(),
        flags: 0,
        mtu: 0,
        ..route
    }
}

fn lease_status(lease: &Lease) -> (String, LeaseStatus) {
    let bound = match lease.state {
        LeaseState::Bound | LeaseState::Renewing | LeaseState::Rebinding => true,
        LeaseState::NoCarrier | LeaseState::Discovering | LeaseState::Requesting => false,
    };
    let status = LeaseStatus {
        link_name: lease.link_name.as_str().to_owned(),
        bound,
        attempts: lease.attempts,
        dns: lease.dns.to_vec(),
        ntp: lease.ntp.to_vec(),
        hostname: lease.hostname.as_str().to_owned(),
        domain: lease.domain.as_str().to_owned(),
    };
    (format!("dhcp4/{}", lease.link_name), status)
}

#[cfg(test)]
mod tests {
    use proto::net::{Hardware, HardwareAddress, Word};

    use super::*;

    fn link(index: u32, name: &str) -> Reply {
        Reply::Link(Link {
            index,
            name: name.try_into().unwrap(),
            arp_type: 1,
            flags: 0,
            mtu: 1500,
            hardware_address: HardwareAddress::new(),
            permanent_address: HardwareAddress::new(),
            broadcast_address: HardwareAddress::new(),
            lower_index: 0,
            master_index: 0,
            queue_discipline: Word::new(),
            oper_state: 6,
            kind: Word::new(),
            slave_kind: Word::new(),
            hardware: Hardware::UNKNOWN,
        })
    }

    fn route(gateway: Option<&str>, destination: &str, len: u8) -> Route {
        Route {
            destination: destination.parse().unwrap(),
            prefix_len: len,
            gateway: gateway.map(|ip| ip.parse().unwrap()),
            source: None,
            link_index: 2,
            link_name: "eth0".try_into().unwrap(),
            priority: 1024,
            protocol: 16,
            scope: 0,
            table: 254,
            flags: 0,
            mtu: 0,
        }
    }

    #[test]
    fn a_renamed_link_has_only_its_new_name() {
        let mut picture = Picture::default();

        picture.apply(link(2, "eth0")).unwrap();
        picture.apply(link(2, "enp1s0")).unwrap();
        picture.apply(link(3, "eth0")).unwrap();
        assert_eq!(picture.links.keys().collect::<Vec<_>>(), ["enp1s0", "eth0"]);
        picture
            .apply(Reply::LinkGone(proto::net::LinkIndex { index: 2 }))
            .unwrap();

        assert_eq!(picture.links.keys().collect::<Vec<_>>(), ["eth0"]);
    }

    #[test]
    fn routes_have_the_documented_ids() {
        for (route, id) in [
            (
                route(Some("10.0.2.2"), "0.0.0.0", 0),
                "inet4/10.0.2.2//1024",
            ),
            (route(None, "10.0.2.0", 24), "inet4//10.0.2.0/24/1024"),
            (route(Some("fe80::1"), "::", 0), "eth0/inet6/fe80::1//1024"),
        ] {
            assert_eq!(id_of(&route_status(&route)), id);
        }
    }

    #[test]
    fn of_two_routes_with_one_id_the_other_stays_when_one_goes() {
        let first = route(Some("10.0.2.2"), "0.0.0.0", 0);
        let second = Route {
            link_index: 3,
            link_name: "eth1".try_into().unwrap(),
            ..first.clone()
        };
        for [one, other] in [[&first, &second], [&second, &first]] {
            let mut picture = Picture::default();

            picture.apply(Reply::Route(one.clone())).unwrap();
            picture.apply(Reply::Route(other.clone())).unwrap();
            let both = picture.routes_by_id();
            picture.apply(Reply::RouteGone(one.clone())).unwrap();
            let left = picture.routes_by_id();

            let id = "inet4/10.0.2.2//1024";
            assert_eq!(both.keys().collect::<Vec<_>>(), [id]);
            assert_eq!(both[id].out_link_name, "eth0");
            assert_eq!(left.keys().collect::<Vec<_>>(), [id]);
            assert_eq!(left[id].out_link_name, other.link_name.as_str());
        }
    }

    #[test]
    fn a_route_goes_also_when_its_link_has_another_name_by_then() {
        let mut picture = Picture::default();
        let before = route(Some("fe80::1"), "::", 0);
        let after = Route {
            link_name: "enp1s0".try_into().unwrap(),
            ..before.clone()
        };

        picture.apply(Reply::Route(before)).unwrap();
        picture.apply(Reply::RouteGone(after)).unwrap();

        assert_eq!(picture.routes_by_id().len(), 0);
    }

    #[test]
    fn a_route_with_another_mtu_is_the_same_route() {
        let mut picture = Picture::default();
        let before = route(Some("10.0.2.2"), "0.0.0.0", 0);
        let after = Route {
            flags: 0x4000,
            mtu: 1400,
            ..before.clone()
        };

        picture.apply(Reply::Route(before.clone())).unwrap();
        picture.apply(Reply::Route(after)).unwrap();
        let shown: Vec<_> = picture.routes_by_id().into_values().collect();
        picture.apply(Reply::RouteGone(before)).unwrap();

        assert_eq!(shown.len(), 1);
        assert_eq!((shown[0].flags, shown[0].mtu), (0x4000, 1400));
        assert_eq!(picture, Picture::default());
    }

    #[test]
    fn what_came_and_went_leaves_nothing() {
        let mut picture = Picture::default();
        let one = route(Some("10.0.2.2"), "0.0.0.0", 0);

        picture.apply(Reply::Route(one.clone())).unwrap();
        picture.apply(Reply::RouteGone(one.clone())).unwrap();
        picture.apply(Reply::RouteGone(one)).unwrap();

        assert_eq!(picture, Picture::default());
    }

    #[test]
    fn an_answer_that_is_no_news_is_an_error() {
        let mut picture = Picture::default();

        assert!(
            picture
                .apply(Reply::Welcome(proto::Greeting::OURS))
                .is_err()
        );
        assert!(
            picture
                .apply(Reply::Refused(proto::Refusal::NotAllowed))
                .is_err()
        );
    }
}
