// SPDX-License-Identifier: MPL-2.0
//! What the machine does as a whole, and what keeps it from being ready.
//!
//! Owns: `MachineStatus`: the table of what must be, while it boots and while it runs.
//! Never: looks at anything itself: services, network and time have resources of their own.

use proto::service::State;
use resource::{Body, Controller, Desired, Failure, Input, Output, View};

use crate::resources::{
    DownService, MachineStage, MachineStatus, NetworkStatus, Service, TimeStatus,
    TrustdCertificate, UnmetCondition,
};
use crate::services::{self, Standing};

/// What must be, with why it is not; nothing when it is.
type Row = (&'static str, fn(&View<'_>) -> Option<String>);

const CONDITIONS: &[Row] = &[
    ("time", time),
    ("network", network),
    ("services", services_are_well),
];

pub(super) fn controller() -> Controller {
    Controller {
        name: "runtime.MachineStatusController",
        inputs: vec![
            Input::of::<MachineStage>().only(MachineStage::ID),
            Input::of::<TimeStatus>().only("node"),
            Input::of::<NetworkStatus>().only("status"),
            Input::of::<Service>(),
            Input::of::<DownService>(),
            Input::of::<TrustdCertificate>().only(TrustdCertificate::ID),
        ],
        outputs: vec![Output::of::<MachineStatus>()],
        body: Body::Pure(reconcile),
    }
}

fn reconcile(view: &View<'_>, desired: &mut Desired) -> Result<(), Failure> {
    let Some(stage) = view.get::<MachineStage>(MachineStage::ID).copied() else {
        return Ok(());
    };
    // Nothing is asked of a machine that waits for its configuration, or goes.
    let rows = if stage.is_judged() { CONDITIONS } else { &[] };
    let unmet = rows.iter().filter_map(|(name, why_not)| {
        Some(UnmetCondition {
            name: (*name).to_owned(),
            reason: why_not(view)?,
        })
    });
    let unmet = unmet.collect();
    desired.put(MachineStatus::ID, MachineStatus { stage, unmet });
    Ok(())
}

/// Whether it is known who keeps the clock. Nothing asks a time server yet, so who waited for the clock
/// to be right would wait for ever. (docs/decisions/0078)
fn time(view: &View<'_>) -> Option<String> {
    let is_unknown = view.get::<TimeStatus>("node").is_none();
    is_unknown.then(|| "it is not known who keeps the clock".to_owned())
}

fn network(view: &View<'_>) -> Option<String> {
    let status = view.get::<NetworkStatus>("status");
    let status = status.cloned().unwrap_or_default();
    let missing: Vec<&str> = [
        ("addresses", status.address_ready),
        ("connectivity", status.connectivity_ready),
        ("hostname", status.hostname_ready),
        ("files of /etc", status.etc_files_ready),
    ]
    .into_iter()
    .filter_map(|(name, ready)| (!ready).then_some(name))
    .collect();
    (!missing.is_empty()).then(|| format!("not ready: {}", missing.join(", ")))
}

fn services_are_well(view: &View<'_>) -> Option<String> {
    let running = view.list::<Service>().map(|found| {
        let id = found.metadata.id.as_str();
        (id, Standing::of(id, State::Running, found.spec.healthy))
    });
    let down = view.list::<DownService>();
    let down = down.map(|found| (found.metadata.id.as_str(), Standing::Down));
    let required = services::required(view.get(TrustdCertificate::ID));
    services::troubles(running.chain(down), &required)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;
    use crate::services::{CORE, TRUSTD};

    fn service(healthy: Option<bool>) -> Service {
        Service { healthy }
    }

    fn unmet(bench: &mut Bench, stage: MachineStage) -> Vec<(String, String)> {
        bench.say(MachineStage::ID, stage);
        bench.run();
        let status = bench.store.get::<MachineStatus>(MachineStatus::ID).unwrap();
        assert_eq!(status.stage, stage);
        let unmet = status.unmet.iter();
        unmet
            .map(|unmet| (unmet.name.clone(), unmet.reason.clone()))
            .collect()
    }

    /// A node on which all is well.
    fn well() -> Bench {
        let mut bench = Bench::of(controller());
        bench.say("node", TimeStatus::default());
        let network = NetworkStatus {
            address_ready: true,
            connectivity_ready: true,
            hostname_ready: true,
            etc_files_ready: true,
        };
        bench.say("status", network);
        for id in CORE {
            bench.say(id, service(Some(true)));
        }
        bench
    }

    #[test]
    fn rsrc_117_nothing_is_said_before_the_stage_is_known() {
        let mut bench = well();

        bench.run();

        assert!(
            bench
                .store
                .get::<MachineStatus>(MachineStatus::ID)
                .is_none()
        );
    }

    #[test]
    fn rsrc_117_a_machine_that_boots_or_runs_is_ready_when_all_conditions_are_met_and_any_other_always()
     {
        let all = ["time", "network", "services"];
        for (stage, expected) in [
            (MachineStage::Booting, &all[..]),
            (MachineStage::Maintenance, &[]),
            (MachineStage::Running, &all),
            (MachineStage::Rebooting, &[]),
            (MachineStage::ShuttingDown, &[]),
        ] {
            let names = unmet(&mut Bench::of(controller()), stage);
            let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, expected, "{stage:?}");
            assert_eq!(unmet(&mut well(), stage), []);
        }
    }

    #[test]
    fn rsrc_117_a_condition_says_what_is_missing() {
        let reason = |bench: &mut Bench| {
            let unmet = unmet(bench, MachineStage::Running);
            let [(name, reason)] = &unmet[..] else {
                panic!("{unmet:?}");
            };
            (name.clone(), reason.clone())
        };
        let is = |name: &str, reason: &str| (name.to_owned(), reason.to_owned());

        let mut bench = well();
        bench.say("status", NetworkStatus::default());
        assert_eq!(
            reason(&mut bench),
            is(
                "network",
                "not ready: addresses, connectivity, hostname, files of /etc"
            )
        );
        let mut bench = well();
        bench.say("apid", service(Some(false)));
        bench.say("imaged", DownService);
        bench.take_away::<Service>("netd");
        assert_eq!(
            reason(&mut bench),
            is(
                "services",
                "apid is not healthy, imaged is not running, netd is not running"
            )
        );
    }

    #[test]
    fn rsrc_117_trustd_is_needed_where_it_has_something_to_sign_with() {
        let mut bench = well();
        let never = pki::UnixTime::from(std::time::SystemTime::UNIX_EPOCH);
        let certificate = TrustdCertificate {
            ca_pem: Vec::new(),
            server_pem: Vec::new(),
            server_key_pem: pki::Secret::new(Vec::new()),
            not_before: never,
            not_after: never,
        };
        bench.say(TrustdCertificate::ID, certificate);
        let missing = unmet(&mut bench, MachineStage::Running);
        bench.say(TRUSTD, service(Some(true)));

        assert_eq!(
            missing,
            [("services".to_owned(), "trustd is not running".to_owned())]
        );
        assert_eq!(unmet(&mut bench, MachineStage::Running), []);
    }

    #[test]
    fn rsrc_117_a_clock_that_nobody_sets_keeps_no_machine_from_being_ready() {
        let mut bench = well();
        let unsynced = TimeStatus {
            synced: false,
            ..TimeStatus::default()
        };
        bench.say("node", unsynced);

        // It will, when there is somebody who sets it.
        assert_eq!(unmet(&mut bench, MachineStage::Running), []);
    }
}
