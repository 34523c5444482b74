// SPDX-License-Identifier: MPL-2.0
//! An extension service as its keeper knows it.
//!
//! Owns: which document of the configuration is its own.
//! Never: waits; its keeper does.

use std::sync::Arc;
use std::time::Duration;

use proto::service::ServiceSpec;

use super::conditions::Conditions;
use super::description::Extension;
use super::settings;
use super::spec::{Additions, Limits};
use crate::configuration::ExtensionService;
use crate::keeper::{self, Kept};
use crate::node::Node;
use crate::resources::MachineConfig;

/// An extension service and its limits.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) extension: Extension,
    pub(super) limits: Limits,
    pub(super) conditions: Conditions,
}

impl Service {
    fn plan(&self, configured: &Option<ExtensionService>) -> Result<Additions, String> {
        let file = self.conditions.environment_file();
        settings::plan(&self.extension, file, configured.as_ref())
    }
}

impl Kept for Service {
    const KIND: &'static str = "extension service";
    /// Its `ExtensionServiceConfig`, if there is one.
    type Settings = Option<ExtensionService>;
    type Prepared = Additions;

    fn id(&self) -> String {
        self.extension.id()
    }

    fn settings(&self, node: &Node) -> Self::Settings {
        let state = node.state();
        let found = state.store.get::<MachineConfig>(MachineConfig::ID)?;
        let mut all = found.0.machine.extension_services.iter();
        all.find(|service| service.name == self.extension.name)
            .cloned()
    }

    /// It belongs to the image, and that stays.
    fn is_gone(&self, _: &Self::Settings) -> bool {
        false
    }

    async fn unmet(&mut self, node: &Arc<Node>, _: &Self::Settings) -> Result<Vec<String>, String> {
        self.conditions.unmet(node, &self.extension).await
    }

    fn rest(&mut self) {
        self.conditions.rest();
    }

    /// What it may do is its image's affair, and all of it is there.
    fn remark(&self, _: &Node, _: &Self::Settings) -> Option<String> {
        None
    }

    fn again(&self) -> Option<Duration> {
        None
    }

    fn check(&self, settings: &Self::Settings) -> Result<(), String> {
        self.describe(&self.plan(settings)?, keeper::fits)?
    }

    fn prepare(&mut self, node: &Node, settings: &Self::Settings) -> Result<Additions, String> {
        let planned = self.plan(settings)?;
        settings::lay_out(&node.places, &self.extension, settings.as_ref())?;
        Ok(planned)
    }

    fn describe<R>(
        &self,
        prepared: &Additions,
        with: impl FnOnce(ServiceSpec<'_>) -> R,
    ) -> Result<R, String> {
        let described = self.extension.with_spec(prepared, self.limits, with);
        described.map_err(|refused| refused.to_string())
    }
}
