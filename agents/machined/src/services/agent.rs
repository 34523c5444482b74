// SPDX-License-Identifier: MPL-2.0
//! Agents of ours that run only where there is something for them to do.
//!
//! Owns: what all of them have in common, and how one is started.
//! Never: gives one a right besides its user.

use proto::Refusal;
use proto::service::{Ready, Restart, Seccomp, ServiceSpec, State};
use proto::supervisor::{Named, Request};

use crate::news::{Error, init};
use crate::node::Node;

/// How long one may take to end: none holds anything that takes longer to write.
const STOP_TIMEOUT_MS: u32 = 5_000;

/// An agent that init is told of when it is needed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Agent {
    /// Its name at init.
    pub name: &'static str,
    /// Its program.
    pub program: &'static str,
    /// Its user and group.
    pub user: u32,
    /// The most memory, in bytes.
    pub memory_max: u64,
    /// The most threads.
    pub pids_max: u32,
    /// How soon the kernel ends it for want of memory (proc(5), `oom_score_adj`).
    pub oom_score_adj: i16,
}

impl Agent {
    /// Its description for init.
    pub(crate) fn spec(self) -> ServiceSpec<'static> {
        let mut spec = ServiceSpec::new(self.name, self.program);
        spec.uid = self.user;
        spec.gid = self.user;
        spec.memory_max = self.memory_max;
        spec.pids_max = self.pids_max;
        spec.oom_score_adj = self.oom_score_adj;
        spec.restart = Restart::Always;
        spec.ready = Ready::OnMessage;
        spec.stop_timeout_ms = STOP_TIMEOUT_MS;
        spec.seccomp = Seccomp::Agent;
        // The list has room for eight.
        let _full = spec.after.push("logd");
        spec
    }

    /// Has init start it.
    ///
    /// # Errors
    /// init cannot be asked, or refuses.
    pub(crate) async fn start(self, node: &Node) -> Result<(), Error> {
        start(node, self.spec()).await
    }

    /// Whether init sees to it already.
    pub(crate) fn is_there(self, node: &Node) -> bool {
        let state = node.state();
        let entry = state.services.get(self.name);
        entry.is_some_and(|entry| match entry.status.state {
            State::Waiting | State::Starting | State::Running | State::BackingOff => true,
            State::Stopping | State::Stopped | State::Finished | State::Failed => false,
        })
    }

    /// Has init stop it.
    ///
    /// # Errors
    /// As [`Agent::start`].
    pub(crate) async fn stop(self, node: &Node) -> Result<(), Error> {
        init::order(node, &Request::Stop(Named { name: self.name })).await
    }
}

/// Has init start a service that is described for good.
///
/// # Errors
/// init cannot be asked, or refuses.
pub(crate) async fn start(node: &Node, spec: ServiceSpec<'_>) -> Result<(), Error> {
    let name = spec.name;
    match init::order(node, &Request::Define(spec)).await {
        // It was there before: then it is as it was described.
        Ok(()) | Err(Error::Refused(Refusal::Exists)) => {}
        Err(error) => return Err(error),
    }
    init::order(node, &Request::Start(Named { name })).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_has_no_right_but_its_user() {
        let agent = Agent {
            name: "agent",
            program: "/usr/lib/ichor/agent",
            user: 99,
            memory_max: 1,
            pids_max: 1,
            oom_score_adj: -700,
        };

        let spec = agent.spec();

        assert_eq!(spec.capabilities, 0);
        assert_eq!((spec.uid, spec.gid), (99, 99));
        assert_eq!(spec.seccomp, Seccomp::Agent);
    }
}
