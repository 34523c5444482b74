// SPDX-License-Identifier: MPL-2.0
//! What machined promises of configurations that are applied.
//!
//! Owns: what is taken, refused or warned about.
//! Never: looks inside machined.

use ::api::machine::apply_configuration_request::Mode;
use tonic::Code;

use crate::api::{apply, running};
use crate::clients::with_role;
use crate::configurations::{cluster, configuration};
use crate::node::TestNode;

#[tokio::test(flavor = "current_thread")]
async fn a_document_without_effect_is_accepted_with_a_warning_that_names_it() {
    let (_node, mut client) = running().await;
    let mut text = configuration("box.lab.example");
    text.push_str("---\napiVersion: v1alpha1\nkind: SideroLinkConfig\n");
    text.push_str("apiUrl: https://192.0.2.1/\n");

    let reply = client
        .apply_configuration(apply(&text, Mode::Auto))
        .await
        .unwrap();

    let warnings = &reply.get_ref().messages[0].warnings;
    assert!(
        warnings
            .iter()
            .any(|line| line.contains("SideroLinkConfig")),
        "{warnings:?}"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn a_wrong_configuration_is_refused_by_key_and_line_and_changes_nothing() {
    let node = TestNode::started("");
    node.until_maintenance().await;
    let mut client = node.client().await;
    let good = configuration("box");
    let ca = good.find("    ca:").unwrap();
    let without_ca = {
        let end = ca + 7 + good[ca + 7..].find("\n    certSANs").unwrap();
        format!("{}{}", &good[..ca], &good[end + 1..])
    };

    for (text, says) in [
        ("{[".to_owned(), ""),
        (String::new(), ""),
        ("just words".to_owned(), ""),
        (good.replace("    token:", "    tokn:"), "machine.tokn"),
        (
            good.replace("hostname: box", "hostname: [a]"),
            "machine.network.hostname",
        ),
        (
            good.replace("type: controlplane", "type: king"),
            "machine.type",
        ),
        (without_ca, "machine.ca"),
        (
            good.replacen("    ca:\n", "    ca:\n        extra: x\n", 1),
            "extra",
        ),
    ] {
        let refused = client
            .apply_configuration(apply(&text, Mode::Auto))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
        assert!(refused.message().contains(says), "{says}: {refused:?}");
    }
    let line = client
        .apply_configuration(apply(&good.replace("    token:", "    tokn:"), Mode::Auto))
        .await
        .unwrap_err();
    assert!(line.message().contains("line "), "{line:?}");
    for mode in [Mode::Staged, Mode::NoReboot] {
        let refused = client.apply_configuration(apply(&good, mode)).await;
        assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
    }
    let mut unknown = apply(&good, Mode::Auto);
    unknown.get_mut().mode = 99;
    let unknown = client.apply_configuration(unknown).await.unwrap_err();
    assert_eq!(unknown.code(), Code::InvalidArgument);
    let mut dry = apply(&good, Mode::Auto);
    dry.get_mut().dry_run = true;
    client.apply_configuration(dry).await.unwrap();

    assert!(!node.path("system/state/config.yaml").exists());
    assert!(!node.path("run/ichor/machined.booted").exists());
    let version = client
        .version(with_role("os:reader", ()))
        .await
        .unwrap_err();
    assert_eq!(version.code(), Code::Unimplemented);
}

#[tokio::test(flavor = "current_thread")]
async fn a_node_whose_api_would_close_for_good_is_refused_with_the_reason() {
    let node = TestNode::started("");
    node.until_maintenance().await;
    let mut client = node.client().await;
    let (_, worker) = cluster("https://10.5.0.2:6443");
    // The first one is the machine's.
    let token = worker
        .lines()
        .find(|line| line.trim_start().starts_with("token:"));
    let token = token.unwrap();
    let (name, _) = token.split_once(':').unwrap();
    let without_token = worker.replacen(token, &format!("{name}: \"\""), 1);
    let control_plane = worker.replace("type: worker", "type: controlplane");

    for (wrong, why) in [
        (without_token, "machine.token"),
        (control_plane, "machine.ca"),
    ] {
        let refused = client
            .apply_configuration(apply(&wrong, Mode::Auto))
            .await
            .unwrap_err();

        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
        assert!(refused.message().contains(why), "{refused:?}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_004_a_running_node_takes_a_new_configuration_and_keeps_the_old_one() {
    let (node, mut client) = running().await;
    let first = node.read("system/state/config.yaml");
    let second = first.replace("box.lab.example", "other");

    let answer = client
        .apply_configuration(apply(&second, Mode::Auto))
        .await
        .unwrap()
        .into_inner();
    node.until("the new host name", async || {
        (node.read("proc/sys/kernel/hostname") == "other").then_some(())
    })
    .await;

    assert_eq!(node.read("system/state/config.previous.yaml"), first);
    assert_eq!(node.read("system/state/config.yaml"), second);
    let warnings = &answer.messages[0].warnings;
    assert!(warnings.iter().any(|w| w.contains("not acted on yet")));
    let staged = client
        .apply_configuration(apply(&first, Mode::Staged))
        .await;
    assert_eq!(staged.unwrap_err().code(), Code::FailedPrecondition);
    assert_eq!(node.read("system/state/config.yaml"), second);
}
