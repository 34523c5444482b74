// SPDX-License-Identifier: MPL-2.0
//! The other kinds of documents.
//!
//! Owns: their keys and the table of kinds.
//! Never: holds the main document.

use core::net::SocketAddr;

use crate::document::ContainerConfig;
use crate::emit::Emitter;
use crate::scalar::PortRange;
use crate::schema::{Cursor, Field, Kind, document};
use crate::value::Value;

document! {
    /// A management service that the node connects to over WireGuard.
    pub struct SideroLinkConfig {
        "apiVersion" api_version: String, omit, "`v1alpha1`.";
        "kind" kind: String, keep, "`SideroLinkConfig`.";
        "apiUrl" api_url: String, keep, "Its URL.";
    }

    /// A receiver of events.
    pub struct EventSinkConfig {
        "apiVersion" api_version: String, omit, "`v1alpha1`.";
        "kind" kind: String, keep, "`EventSinkConfig`.";
        "endpoint" endpoint: String, keep, "Its address and port.";
    }

    /// A receiver of the kernel's log.
    pub struct KmsgLogConfig {
        "apiVersion" api_version: String, omit, "`v1alpha1`.";
        "kind" kind: String, keep, "`KmsgLogConfig`.";
        "name" name: String, keep, "Its name.";
        "url" url: String, keep, "Its URL, tcp or udp.";
    }

    /// Metrics for Prometheus; of Ichor alone.
    pub struct MetricsConfig {
        "apiVersion" api_version: String, omit, "`v1alpha1`.";
        "kind" kind: String, keep, "`MetricsConfig`.";
        "listen" listen: String, keep, "An address of loopback, and a port.";
    }

    /// What happens to incoming packets without a rule.
    pub struct NetworkDefaultActionConfig {
        "apiVersion" api_version: String, omit, "`v1alpha1`.";
        "kind" kind: String, keep, "`NetworkDefaultActionConfig`.";
        "ingress" ingress: String, keep, "`accept` or `block`.";
    }

    /// A rule for incoming packets.
    pub struct NetworkRuleConfig {
        "apiVersion" api_version: String, omit, "`v1alpha1`.";
        "kind" kind: String, keep, "`NetworkRuleConfig`.";
        "name" name: String, keep, "Its name.";
        "portSelector" port_selector: RulePortSelector, keep, "Which packets.";
        "ingress" ingress: Vec<IngressRule>, keep, "From where.";
    }

    /// What an extension service reads (v1.7 and newer).
    pub struct ExtensionServiceConfig {
        "apiVersion" api_version: String, omit, "`v1alpha1`.";
        "kind" kind: String, keep, "`ExtensionServiceConfig`.";
        "name" name: String, keep, "The service's name.";
        "configFiles" config_files: Vec<ExtensionServiceFile>, omit, "Files to put into its container.";
        "environment" environment: Vec<String>, omit, "Environment variables, `NAME=value`.";
    }

    /// A file of an extension service.
    pub struct ExtensionServiceFile {
        "content" content: String, keep, "What is in it.";
        "mountPath" mount_path: String, keep, "Where it is in the container.";
    }

    /// Which packets a rule is about.
    pub struct RulePortSelector {
        "ports" ports: Vec<PortRange>, keep, "Ports.";
        "protocol" protocol: String, keep, "`tcp`, `udp`, `icmp` or `icmpv6`.";
    }

    /// From where packets may come.
    pub struct IngressRule {
        "subnet" subnet: String, keep, "A network.";
        "except" except: String, omit, "A part of it that may not.";
    }
}

macro_rules! extras {
    ($($name:ident)*) => {
        /// A document besides the main one.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(
            clippy::large_enum_variant,
            reason = "a file has few documents, and a box would be in the way of all who look"
        )]
        pub enum Extra {
            $( #[doc = concat!("`", stringify!($name), "`.")] $name($name), )*
        }

        impl Extra {
            /// What the document looks like, if its kind is known.
            pub(crate) fn kind_of(name: &str) -> Option<&'static Kind> {
                match name {
                    $( stringify!($name) => Some($name::KIND), )*
                    _ => None,
                }
            }

            pub(crate) fn take(name: &str, value: Value, at: &mut Cursor) -> Option<Self> {
                match name {
                    $( stringify!($name) => Some(Self::$name($name::take(value, at))), )*
                    _ => None,
                }
            }

            pub(crate) fn emit(&self, out: &mut Emitter) {
                match self {
                    $( Self::$name(document) => document.emit(out), )*
                }
            }
        }
    };
}

extras! {
    SideroLinkConfig
    ContainerConfig
    EventSinkConfig
    ExtensionServiceConfig
    KmsgLogConfig
    MetricsConfig
    NetworkDefaultActionConfig
    NetworkRuleConfig
}

impl MetricsConfig {
    /// Where metrics are: an address of loopback and a port. `None`: it is none, and refused.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let address: SocketAddr = self.listen.parse().ok()?;
        (address.ip().is_loopback() && address.port() != 0).then_some(address)
    }
}

impl Extra {
    /// Writes the document.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut out = Emitter::new();
        self.emit(&mut out);
        out.finish()
    }

    /// Its kind and name: what a file may have only once.
    #[must_use]
    pub fn identity(&self) -> (&'static str, &str) {
        match self {
            Self::SideroLinkConfig(_) => ("SideroLinkConfig", ""),
            Self::ContainerConfig(document) => ("ContainerConfig", &document.name),
            Self::EventSinkConfig(_) => ("EventSinkConfig", ""),
            Self::ExtensionServiceConfig(document) => ("ExtensionServiceConfig", &document.name),
            Self::KmsgLogConfig(document) => ("KmsgLogConfig", &document.name),
            Self::MetricsConfig(_) => ("MetricsConfig", ""),
            Self::NetworkDefaultActionConfig(_) => ("NetworkDefaultActionConfig", ""),
            Self::NetworkRuleConfig(document) => ("NetworkRuleConfig", &document.name),
        }
    }
}
