// SPDX-License-Identifier: MPL-2.0
//! Discovery, KubeSpan and etcd: types that are known and have no resources yet.
//!
//! Owns: their facts, as the documents have them.
//! Never: has a type that a controller writes.

use super::registered;

registered! {
    "Affiliates.cluster.talos.dev" in "cluster", Public,
        ["affiliate"],
        ["Hostname" = "{.hostname}", "Machine Type" = "{.machineType}",
         "Addresses" = "{.addresses}"];
    "EtcdMembers.etcd.talos.dev" in "etcd", Public,
        ["etcdmember", "em", "ems"],
        ["Member ID" = "{.memberID}"];
    "KubeSpanEndpoints.kubespan.talos.dev" in "kubespan", Public,
        ["kubespanendpoint", "kse", "kses"],
        ["Endpoint" = "{.endpoint}", "Affiliate ID" = "{.affiliateID}"];
    "KubeSpanIdentities.kubespan.talos.dev" in "kubespan", Sensitive,
        ["kubespanidentity", "ksi", "ksis"],
        ["Address" = "{.address}", "PublicKey" = "{.publicKey}"];
    "KubeSpanPeerSpecs.kubespan.talos.dev" in "kubespan", Public,
        ["kubespanpeerspec", "ksps"],
        ["Label" = "{.label}", "Endpoints" = "{.endpoints}"];
    "KubeSpanPeerStatuses.kubespan.talos.dev" in "kubespan", Public,
        ["kubespanpeerstatus", "ksps"],
        ["Label" = "{.label}", "Endpoint" = "{.endpoint}", "State" = "{.state}",
         "Rx" = "{.receiveBytes}", "Tx" = "{.transmitBytes}"];
    "Members.cluster.talos.dev" in "cluster", Public,
        ["member"],
        ["Hostname" = "{.hostname}", "Machine Type" = "{.machineType}",
         "OS" = "{.operatingSystem}", "Addresses" = "{.addresses}"];
    "PKIStatuses.etcd.talos.dev" in "etcd", Public,
        ["pkistatus", "pkis"],
        ["Ready" = "{.ready}", "Secrets Version" = "{.version}"];
}
