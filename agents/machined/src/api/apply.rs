// SPDX-License-Identifier: MPL-2.0
//! ApplyConfiguration: check, then act or say why not.
//!
//! Owns: the modes, and the answer.
//! Never: changes anything when it refuses.

use api::machine::apply_configuration_request::Mode;
use api::machine::{ApplyConfiguration, ApplyConfigurationRequest, ApplyConfigurationResponse};
use tonic::Status;

use crate::configuration::{self, Loaded};
use crate::lower::Refusal;
use crate::node::Node;
use crate::{acquire, lower};

pub(super) fn apply(
    node: &Node,
    request: ApplyConfigurationRequest,
) -> Result<ApplyConfigurationResponse, Status> {
    let mode = Mode::try_from(request.mode)
        .map_err(|_| Status::invalid_argument(format!("mode {} is not known", request.mode)))?;
    let configured = node.is_configured();
    check_mode(mode, configured)?;
    let loaded = lower::load(&request.data, node.arguments.mode()).map_err(|refusal| {
        let text = refusal.to_string();
        match refusal {
            Refusal::Wrong(_) => Status::invalid_argument(text),
            Refusal::NotYet(_) => Status::unimplemented(text),
        }
    })?;
    let mut warnings = loaded.warnings.clone();
    let unsupported = loaded.unsupported.iter();
    warnings.extend(unsupported.map(|key| format!("{key}: accepted, not acted on yet")));
    let details = details(configured, request.dry_run, &loaded, node);
    if !request.dry_run {
        configuration::store(&node.places, &request.data).map_err(|error| {
            Status::internal(format!("cannot store the configuration: {error}"))
        })?;
        node.journal.console("configuration applied over the API");
        acquire::accept(node, loaded);
        // The certificate and the door follow at once: the answer finds the node as configured.
        node.reconcile();
    }
    Ok(ApplyConfigurationResponse {
        messages: vec![ApplyConfiguration {
            metadata: None,
            warnings,
            mode: Mode::NoReboot.into(),
            mode_details: details,
        }],
    })
}

/// Everything that machined acts on takes effect at once, so no mode needs a reboot; and without
/// a disk a reboot would lose the configuration.
fn check_mode(mode: Mode, configured: bool) -> Result<(), Status> {
    let reason = match (mode, configured) {
        (Mode::Auto, _) | (Mode::NoReboot, true) => return Ok(()),
        (Mode::NoReboot | Mode::Staged, false) => {
            "in maintenance mode a configuration is applied with mode auto"
        }
        (Mode::Reboot, _) => {
            "mode reboot is not supported yet: the configuration is kept in memory and a reboot \
             would lose it; use auto"
        }
        (Mode::Staged, true) => {
            "mode staged is not supported yet: the configuration is kept in memory and would be \
             lost before it is used; use auto"
        }
        (Mode::Try, _) => "mode try is not supported yet; use auto",
    };
    Err(Status::unimplemented(reason))
}

fn details(configured: bool, dry_run: bool, loaded: &Loaded, node: &Node) -> String {
    let present = configuration::stored(&node.places).ok().flatten();
    let same = present.is_some_and(|present| present == loaded.source());
    match (dry_run, same && configured) {
        (true, true) => "Dry run: the configuration is the present one, nothing would change",
        (true, false) => "Dry run: the configuration would be applied without a reboot",
        (false, true) => "The configuration is the present one",
        (false, false) => "Applied configuration without a reboot",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_modes_that_can_be_kept_are_taken() {
        for (mode, configured, taken) in [
            (Mode::Auto, false, true),
            (Mode::Auto, true, true),
            (Mode::NoReboot, true, true),
            (Mode::NoReboot, false, false),
            (Mode::Reboot, true, false),
            (Mode::Reboot, false, false),
            (Mode::Staged, true, false),
            (Mode::Staged, false, false),
            (Mode::Try, true, false),
            (Mode::Try, false, false),
        ] {
            let result = check_mode(mode, configured);
            assert_eq!(result.is_ok(), taken, "{mode:?} {configured}");
            if let Err(status) = result {
                assert_eq!(status.code(), tonic::Code::Unimplemented);
            }
        }
    }
}
