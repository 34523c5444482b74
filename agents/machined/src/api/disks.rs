// SPDX-License-Identifier: MPL-2.0
//! Disks of the machine: the service of storage.
//!
//! Owns: the answer. Before there is a configuration anybody may ask: an operator has to know what
//! to install on.
//! Never: reads `/sys` where others wait.

use ::api::quota::Share;
use ::api::storage::storage_service_server::StorageService;
use ::api::storage::{Disks, DisksResponse};
use tonic::{Request, Status};

use super::{Api, Reply, roles};
use crate::browse::Look;
use crate::proc::block;

#[tonic::async_trait]
impl StorageService for Api {
    async fn disks(&self, request: Request<()>) -> Reply<DisksResponse> {
        let places = self.node.places.clone();
        let look = Look::Names(Share::of(roles(&request)));
        let listed = self.node.slots.run(look, move || {
            let disks = block::list(&places)
                .map_err(|error| Status::internal(format!("cannot read /sys/block: {error}")))?;
            Ok(DisksResponse {
                messages: vec![Disks {
                    metadata: None,
                    disks,
                }],
            })
        });
        listed.await
    }
}
