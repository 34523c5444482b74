// SPDX-License-Identifier: MPL-2.0
//! Kernel modules of the configuration, with a stand-in for udevd.
//!
//! Owns: what udevd is asked, when it is asked again, and what clients see of it.
//! Never: loads a module.

use std::sync::Mutex;

use ::api::machine::apply_configuration_request::Mode;
use proto::heapless::String as Short;
use proto::udev::{Fault, Loaded, Reason, Reply, Request};

use super::{STORED, list, yaml};
use crate::api::{apply, run};
use crate::clients::as_admin;
use crate::node::TestNode;
use crate::stand_ins::answer_as_udevd;

const SPECS: &str = "KernelModuleSpecs.runtime.talos.dev";

/// What was asked for, in order.
static ASKED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A udevd that has no module `late` when it is asked for the first time.
fn udevd(bytes: &[u8], out: &mut [u8]) -> usize {
    let Request::Load(module) = Request::decode(bytes).unwrap() else {
        return answer_as_udevd(bytes, out);
    };
    let asked = format!("{} {}", module.name, module.parameters);
    let is_first = {
        let mut all = ASKED.lock().unwrap();
        let is_first = !all.contains(&asked);
        all.push(asked);
        is_first
    };
    let loaded = if module.name == "late" && is_first {
        Loaded::Failed(Fault {
            module: Short::try_from("late").unwrap(),
            reason: Reason::NotFound,
        })
    } else {
        Loaded::Now
    };
    Reply::Loaded(loaded).encode(out).unwrap()
}

/// A configuration with these modules in it.
fn with(stored: &str, modules: &str) -> String {
    stored.replacen(
        "\nmachine:\n",
        &format!("\nmachine:\n    kernel:\n        modules:\n{modules}"),
        1,
    )
}

async fn until_asked(node: &TestNode, expected: &[&str]) {
    node.until(&format!("udevd is asked for {expected:?}"), async || {
        (*ASKED.lock().unwrap() == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn conf_070_rsrc_112_modules_of_the_configuration_are_loaded_and_those_that_fail_again() {
    let (node, mut client) = run(TestNode::with_udevd("", udevd)).await;
    let stored = node.read(STORED);
    let first = with(
        &stored,
        "            - name: late\n            - name: nbd\n              parameters: [nbds_max=2, max_part=4]\n",
    );

    client
        .apply_configuration(apply(&first, Mode::NoReboot))
        .await
        .unwrap();

    // Those that are there are asked for once.
    until_asked(&node, &["late ", "nbd nbds_max=2 max_part=4", "late "]).await;
    let mut state = node.state().await;
    let specs = super::all(&mut state, as_admin(list("runtime", SPECS)))
        .await
        .unwrap();
    let texts: Vec<&str> = specs.iter().map(yaml).collect();
    assert_eq!(
        texts,
        [
            "string: late\nparameters: []\n",
            "string: nbd\nparameters:\n- nbds_max=2\n- max_part=4\n"
        ]
    );

    let second = with(
        &stored,
        "            - name: nbd\n              parameters: [nbds_max=3]\n",
    );
    client
        .apply_configuration(apply(&second, Mode::NoReboot))
        .await
        .unwrap();
    let expected = [
        "late ",
        "nbd nbds_max=2 max_part=4",
        "late ",
        "nbd nbds_max=3",
    ];
    until_asked(&node, &expected).await;
}
