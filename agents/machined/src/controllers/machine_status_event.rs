// SPDX-License-Identifier: MPL-2.0
//! What followers of events are told about the machine as a whole.
//!
//! Owns: stage and conditions as one message.
//! Never: publishes it; `announce` does.

use api::machine::MachineStatusEvent;
use api::machine::machine_status_event::machine_status::UnmetCondition;
use api::machine::machine_status_event::{MachineStage as WireStage, MachineStatus as WireStatus};
use resource::{Body, Controller, Input};
use tokio::sync::watch;

use crate::resources::{MachineStage, MachineStatus};

pub(super) fn controller(told: watch::Sender<Option<MachineStatusEvent>>) -> Controller {
    Controller {
        name: "runtime.MachineStatusPublisherController",
        inputs: vec![Input::of::<MachineStatus>().only(MachineStatus::ID)],
        outputs: Vec::new(),
        body: Body::Acting(Box::new(move |view, _| {
            let status = view.get::<MachineStatus>(MachineStatus::ID);
            let event = status.map(event);
            told.send_if_modified(|present| {
                let differs = *present != event;
                *present = event;
                differs
            });
            Ok(())
        })),
    }
}

/// What is told of a stage that was over before anybody looked at what was missing.
pub(crate) fn passed(stage: MachineStage) -> MachineStatusEvent {
    MachineStatusEvent {
        stage: wire(stage).into(),
        status: Some(WireStatus {
            ready: !stage.is_judged(),
            unmet_conditions: Vec::new(),
        }),
    }
}

fn event(status: &MachineStatus) -> MachineStatusEvent {
    let unmet = status.unmet.iter().map(|unmet| UnmetCondition {
        name: unmet.name.clone(),
        reason: unmet.reason.clone(),
    });
    MachineStatusEvent {
        stage: wire(status.stage).into(),
        status: Some(WireStatus {
            ready: status.unmet.is_empty(),
            unmet_conditions: unmet.collect(),
        }),
    }
}

pub(crate) fn wire(stage: MachineStage) -> WireStage {
    match stage {
        MachineStage::Booting => WireStage::Booting,
        MachineStage::Maintenance => WireStage::Maintenance,
        MachineStage::Running => WireStage::Running,
        MachineStage::Rebooting => WireStage::Rebooting,
        MachineStage::ShuttingDown => WireStage::ShuttingDown,
    }
}
