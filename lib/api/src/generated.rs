// SPDX-License-Identifier: MPL-2.0
//! Message types and stubs, as generated from `proto/`.
//!
//! Owns: the module tree that the generated code expects, one module per protobuf package.
//! Never: holds a message written by hand.
#![expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated; the comments stand in proto/, where the contract is"
)]
#![cfg_attr(
    any(feature = "client", feature = "server"),
    expect(unused_qualifications, reason = "the generator writes full paths")
)]

/// Package `google`.
pub mod google {
    /// The error model of gRPC.
    pub mod rpc {
        include!(concat!(env!("OUT_DIR"), "/google.rpc.rs"));
    }
}

/// Envelopes that every reply carries.
pub mod common {
    include!(concat!(env!("OUT_DIR"), "/common.rs"));
}

/// What receivers of events are sent.
pub mod events {
    include!(concat!(env!("OUT_DIR"), "/events.rs"));
}

/// The machine API.
pub mod machine {
    include!(concat!(env!("OUT_DIR"), "/machine.rs"));
}

/// Cluster health.
pub mod cluster {
    include!(concat!(env!("OUT_DIR"), "/cluster.rs"));
}

/// The controller graph.
pub mod inspect {
    include!(concat!(env!("OUT_DIR"), "/inspect.rs"));
}

/// Disks.
pub mod storage {
    include!(concat!(env!("OUT_DIR"), "/storage.rs"));
}

/// Time.
pub mod time {
    include!(concat!(env!("OUT_DIR"), "/time.rs"));
}

/// Certificate requests between nodes.
pub mod securityapi {
    include!(concat!(env!("OUT_DIR"), "/securityapi.rs"));
}

/// Package `cosi`.
pub mod cosi {
    /// Resources and their store.
    pub mod resource {
        pub use crate::watch_response::WatchResponse;

        include!(concat!(env!("OUT_DIR"), "/cosi.resource.rs"));

        /// Specs of definitions and namespaces.
        pub mod meta {
            include!(concat!(env!("OUT_DIR"), "/cosi.resource.meta.rs"));
        }
    }
}

/// Package `resource`.
pub mod resource {
    /// Specs of the configuration's resources.
    pub mod config {
        include!(concat!(env!("OUT_DIR"), "/resource.config.rs"));
    }
}

/// Package `talos`.
pub mod talos {
    /// Package `talos.resource`.
    pub mod resource {
        /// Specs of the other resources.
        pub mod definitions {
            /// Of system extensions.
            pub mod extensions {
                include!(concat!(
                    env!("OUT_DIR"),
                    "/talos.resource.definitions.extensions.rs"
                ));
            }

            /// Of the network.
            pub mod network {
                include!(concat!(
                    env!("OUT_DIR"),
                    "/talos.resource.definitions.network.rs"
                ));
            }

            /// Of the running machine.
            pub mod runtime {
                include!(concat!(
                    env!("OUT_DIR"),
                    "/talos.resource.definitions.runtime.rs"
                ));
            }

            /// Of what only administrators read.
            pub mod secrets {
                include!(concat!(
                    env!("OUT_DIR"),
                    "/talos.resource.definitions.secrets.rs"
                ));
            }

            /// Of services.
            pub mod v1alpha1 {
                include!(concat!(
                    env!("OUT_DIR"),
                    "/talos.resource.definitions.v1alpha1.rs"
                ));
            }
        }
    }
}
