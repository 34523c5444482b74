// SPDX-License-Identifier: MPL-2.0
//! A container as its keeper knows it.
//!
//! Owns: its image on the way, and which document of the configuration is its own.
//! Never: waits; its keeper does.

use std::sync::Arc;
use std::time::Duration;

use config::{ContainerRestart, ContainerSpec};
use proto::service::ServiceSpec;

use super::fetch::{Fetch, Image, State};
use super::spec::{self, Described};
use super::{PREFIX, ports, users, wanted};
use crate::extensions::spec::Limits;
use crate::keeper::{self, Kept};
use crate::node::Node;

/// How long a container that could not be started is left alone: its image may have come to its
/// registry meanwhile.
const AGAIN: Duration = Duration::from_secs(300);

/// A container.
#[derive(Debug)]
pub(super) struct Container {
    name: String,
    limits: Limits,
    /// What is fetched, and for which settings.
    fetch: Option<(ContainerSpec, Fetch)>,
    /// The image that it starts with.
    image: Option<Image>,
    /// Whether it is worth another try.
    restart: ContainerRestart,
}

impl Container {
    pub(super) fn new(name: &str, limits: Limits) -> Self {
        Self {
            name: name.to_owned(),
            limits,
            fetch: None,
            image: None,
            restart: ContainerRestart::Never,
        }
    }
}

impl Kept for Container {
    const KIND: &'static str = "container";
    /// What its document says, and its first user on the node; `None` without a document.
    type Settings = Option<(ContainerSpec, u32)>;
    type Prepared = Described;

    fn id(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }

    fn settings(&self, node: &Node) -> Self::Settings {
        let all = wanted(node);
        let ranges = users::ranges(all.iter().map(|spec| spec.name.as_str()));
        let first = *ranges.get(self.name.as_str())?;
        let own = all.iter().find(|spec| spec.name == self.name)?;
        Some((own.clone(), first))
    }

    fn is_gone(&self, settings: &Self::Settings) -> bool {
        settings.is_none()
    }

    async fn unmet(
        &mut self,
        node: &Arc<Node>,
        settings: &Self::Settings,
    ) -> Result<Vec<String>, String> {
        let Some((spec, _)) = settings else {
            return Ok(vec![format!("container configuration \"{}\"", self.name)]);
        };
        self.restart = spec.restart;
        if self.fetch.as_ref().is_none_or(|(of, _)| of != spec) {
            self.fetch = Some((spec.clone(), Fetch::begin(node, spec)));
        }
        let state = self.fetch.as_ref().map(|(_, fetch)| fetch.state());
        let image = |words: &str| match words {
            "" => format!("image {}", spec.image),
            words => format!("image {}: {words}", spec.image),
        };
        match state {
            None => Ok(vec![image("")]),
            Some(State::Coming(words)) => Ok(vec![image(&words)]),
            Some(State::Not(reason)) => Err(reason),
            Some(State::There(found)) => {
                self.image = Some(found);
                Ok(Vec::new())
            }
        }
    }

    fn rest(&mut self) {
        self.fetch = None;
    }

    fn remark(&self, node: &Node, settings: &Self::Settings) -> Option<String> {
        let (spec, _) = settings.as_ref()?;
        ports::remark(&node.places, spec, self.image.as_ref()?.lowest_port)
    }

    fn again(&self) -> Option<Duration> {
        match self.restart {
            ContainerRestart::Always | ContainerRestart::UntilSuccess => Some(AGAIN),
            ContainerRestart::Never => None,
        }
    }

    /// As far as it can be said without its image: with the one that it has.
    fn check(&self, settings: &Self::Settings) -> Result<(), String> {
        match (settings, &self.image) {
            (Some((spec, first)), Some(image)) => {
                let described = spec::describe(spec, image, *first, self.limits)?;
                self.describe(&described, keeper::fits)?
            }
            (_, _) => Ok(()),
        }
    }

    fn prepare(&mut self, node: &Node, settings: &Self::Settings) -> Result<Described, String> {
        match (settings, &self.image) {
            (Some((spec, first)), Some(image)) => {
                node.images.starts(&self.id(), &image.path);
                spec::describe(spec, image, *first, self.limits)
            }
            (_, _) => Err("its image is not there".to_owned()),
        }
    }

    fn describe<R>(
        &self,
        prepared: &Described,
        with: impl FnOnce(ServiceSpec<'_>) -> R,
    ) -> Result<R, String> {
        prepared.with_spec(with)
    }
}
