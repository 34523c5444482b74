// SPDX-License-Identifier: MPL-2.0
//! Rules about the `cluster` section.
//!
//! Owns: one row per rule.
//! Never: looks up the names in it.

use super::{Rule, Situation, doubles, items, only};
use crate::document::{CniConfig, ResourcesConfig};
use crate::error::{Fault, Path};
use crate::network::{Cidr, is_dns_name};
use crate::url::Url;
use crate::value::Value;

pub(super) const RULES: &[Rule] = &[
    Rule::error(Fault::Missing, |s| {
        only(
            endpoint(s).is_none_or(str::is_empty),
            "cluster.controlPlane.endpoint",
        )
    }),
    Rule::error(
        Fault::BadValue("a URL with a host, such as https://10.0.0.1:6443"),
        |s| {
            let written = endpoint(s).filter(|text| !text.is_empty());
            only(
                written.is_some_and(|text| Url::parse(text).is_none()),
                "cluster.controlPlane.endpoint",
            )
        },
    ),
    Rule::error(Fault::BadValue("a port from 1 to 65535"), |s| {
        let port = s
            .cluster
            .control_plane
            .as_ref()
            .map_or(0, |c| c.local_api_server_port);
        only(
            !(0..=65_535).contains(&port),
            "cluster.controlPlane.localAPIServerPort",
        )
    }),
    Rule::error(Fault::BadValue("a DNS name"), |s| {
        let domain = s
            .cluster
            .network
            .as_ref()
            .map_or("", |network| &network.dns_domain);
        only(
            !domain.is_empty() && !is_dns_name(domain),
            "cluster.network.dnsDomain",
        )
    }),
    Rule::error(Fault::BadValue("networks"), |s| {
        s.cluster.network.as_ref().map_or(Vec::new(), |network| {
            let bad = |text: &String| Cidr::parse(text).is_none();
            let mut broken = items(
                &network.pod_subnets,
                &Path::new("cluster.network.podSubnets"),
                bad,
            );
            let path = Path::new("cluster.network.serviceSubnets");
            broken.extend(items(&network.service_subnets, &path, bad));
            broken
        })
    }),
    Rule::error(Fault::BadValue("flannel, custom or none"), |s| {
        let bad = |cni: &CniConfig| !matches!(cni.name.as_str(), "flannel" | "custom" | "none");
        only(cni(s).is_some_and(bad), "cluster.network.cni.name")
    }),
    Rule::error(Fault::Rule("only with name custom"), |s| {
        let bad = |cni: &CniConfig| cni.name != "custom" && !cni.urls.is_empty();
        only(cni(s).is_some_and(bad), "cluster.network.cni.urls")
    }),
    Rule::error(Fault::BadValue("URLs"), |s| {
        let path = Path::new("cluster.network.cni.urls");
        cni(s).map_or(Vec::new(), |cni| {
            items(&cni.urls, &path, |url| Url::parse(url).is_none())
        })
    }),
    Rule::error(Fault::Rule("only with name flannel"), |s| {
        let bad = |cni: &CniConfig| {
            cni.name != "flannel"
                && cni
                    .flannel
                    .as_ref()
                    .is_some_and(|f| !f.extra_args.is_empty())
        };
        only(
            cni(s).is_some_and(bad),
            "cluster.network.cni.flannel.extraArgs",
        )
    }),
    Rule::warning(
        Fault::Rule("name custom without urls installs no network"),
        |s| {
            let bad = |cni: &CniConfig| cni.name == "custom" && cni.urls.is_empty();
            only(cni(s).is_some_and(bad), "cluster.network.cni")
        },
    ),
    Rule::error(Fault::Rule("only when enabled"), |s| {
        let bad = s
            .cluster
            .external_cloud_provider
            .as_ref()
            .is_some_and(|provider| {
                provider.enabled != Some(true) && !provider.manifests.is_empty()
            });
        only(bad, "cluster.externalCloudProvider.manifests")
    }),
    Rule::error(Fault::BadValue("URLs"), |s| {
        let path = Path::new("cluster.externalCloudProvider.manifests");
        s.cluster
            .external_cloud_provider
            .as_ref()
            .map_or(Vec::new(), |provider| {
                items(&provider.manifests, &path, |url| Url::parse(url).is_none())
            })
    }),
    Rule::error(Fault::Rule("only on control plane nodes"), |s| {
        only(
            s.cluster.etcd.is_some() && !s.kind.is_control_plane(),
            "cluster.etcd",
        )
    }),
    Rule::error(
        Fault::Rule("subnet and advertisedSubnets exclude each other"),
        |s| {
            let bad =
                s.cluster.etcd.as_ref().is_some_and(|etcd| {
                    !etcd.subnet.is_empty() && !etcd.advertised_subnets.is_empty()
                });
            only(bad, "cluster.etcd")
        },
    ),
    Rule::error(Fault::BadValue("networks"), |s| {
        s.cluster.etcd.as_ref().map_or(Vec::new(), |etcd| {
            let bad = |text: &String| !crate::network::is_filter(text);
            let path = Path::new("cluster.etcd.advertisedSubnets");
            let mut broken = items(&etcd.advertised_subnets, &path, bad);
            let path = Path::new("cluster.etcd.listenSubnets");
            broken.extend(items(&etcd.listen_subnets, &path, bad));
            broken
        })
    }),
    Rule::error(Fault::Rule("needs a name"), |s| {
        items(manifests(s), &Path::new("cluster.inlineManifests"), |m| {
            m.name.trim().is_empty()
        })
    }),
    Rule::error(Fault::Rule("the name is there twice"), |s| {
        doubles(manifests(s), &Path::new("cluster.inlineManifests"), |m| {
            m.name.clone()
        })
    }),
    Rule::error(Fault::BadValue("a URL without path"), |s| {
        let service = s.cluster.discovery.as_ref().map(|d| &d.registries.service);
        let bad = discovers(s)
            && service.is_some_and(|service| {
                let path = |url: Url| url.path.trim_end_matches('/').is_empty();
                !service.endpoint.is_empty() && !Url::parse(&service.endpoint).is_some_and(path)
            });
        only(bad, "cluster.discovery.registries.service.endpoint")
    }),
    Rule::error(Fault::Rule("the discovery service needs it"), |s| {
        only(discovers(s) && s.cluster.id.is_empty(), "cluster.id")
    }),
    Rule::error(Fault::Rule("the discovery service needs it"), |s| {
        only(
            discovers(s) && s.cluster.secret.is_empty(),
            "cluster.secret",
        )
    }),
    Rule::error(Fault::Rule("only cpu and memory"), |s| {
        let c = s.cluster;
        let all = [
            (
                "cluster.apiServer",
                c.api_server.as_ref().and_then(|a| a.resources.as_ref()),
            ),
            (
                "cluster.controllerManager",
                c.controller_manager
                    .as_ref()
                    .and_then(|m| m.resources.as_ref()),
            ),
            (
                "cluster.scheduler",
                c.scheduler.as_ref().and_then(|s| s.resources.as_ref()),
            ),
        ];
        all.into_iter()
            .filter_map(|(path, resources)| Some((Path::new(path).key("resources"), resources?)))
            .flat_map(|(path, resources)| other_resources(&path, resources))
            .collect()
    }),
];

fn endpoint<'a>(s: &Situation<'a>) -> Option<&'a str> {
    s.cluster.control_plane.as_ref()?.endpoint.as_deref()
}

/// The pod network's section, on the nodes where it counts.
fn cni<'a>(s: &Situation<'a>) -> Option<&'a CniConfig> {
    let cni = s.cluster.network.as_ref()?.cni.as_ref()?;
    s.kind.is_control_plane().then_some(cni)
}

fn manifests<'a>(s: &Situation<'a>) -> &'a [crate::document::ClusterInlineManifest] {
    s.cluster.inline_manifests.as_deref().unwrap_or(&[])
}

/// Whether the discovery service is used.
fn discovers(s: &Situation<'_>) -> bool {
    s.cluster.discovery.as_ref().is_some_and(|discovery| {
        discovery.enabled == Some(true) && discovery.registries.service.disabled != Some(true)
    })
}

fn other_resources(path: &Path, resources: &ResourcesConfig) -> Vec<Path> {
    let mut broken = Vec::new();
    for (key, value) in [
        ("requests", &resources.requests),
        ("limits", &resources.limits),
    ] {
        if let Value::Map(map) = value {
            let others = map
                .keys()
                .filter(|name| !matches!(name.as_str(), "cpu" | "memory"));
            broken.extend(others.map(|name| path.key(key).key(name)));
        }
    }
    broken
}
