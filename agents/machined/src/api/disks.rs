// SPDX-License-Identifier: MPL-2.0
//! Disks of the machine: the service of storage.
//!
//! Owns: the answer. Before there is a configuration anybody may ask: an operator has to know what
//! to install on.
//! Never: reads `/sys` where others wait.

use ::api::storage::storage_service_server::StorageService;
use ::api::storage::{Disks, DisksResponse};
use tonic::{Request, Response, Status};

use super::{Api, Reply};
use crate::proc::block;

#[tonic::async_trait]
impl StorageService for Api {
    async fn disks(&self, _: Request<()>) -> Reply<DisksResponse> {
        let places = self.node.places.clone();
        let listed = self.node.slots.run(move || block::list(&places)).await?;
        let disks =
            listed.map_err(|error| Status::internal(format!("cannot read /sys/block: {error}")))?;
        Ok(Response::new(DisksResponse {
            messages: vec![Disks {
                metadata: None,
                disks,
            }],
        }))
    }
}
