// SPDX-License-Identifier: MPL-2.0
//! System extensions: what the image lists, less what is not in the root.
//!
//! Owns: lists as image tools write them, and what init says of layers.
//! Never: mounts a layer.

use ::api::cosi::resource::Resource;
use ::api::cosi::resource::meta::ResourceDefinitionSpec;
use ::api::talos::resource::definitions::extensions::Layer;
use prost::Message as _;

use super::{RD, all, id, list, read, yaml};
use crate::api::run;
use crate::clients::{as_admin, with_role};
use crate::node::TestNode;

const ES: &str = "ExtensionStatuses.runtime.talos.dev";
const SCHEMATIC: &str = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba";
const GVISOR: &str = "000.ghcr.io-talos-systems-gvisor-54b831d";
const UCODE: &str = "001.ghcr.io-talos-systems-intel-ucode-54b831d";

/// The two extensions of the documents.
const TWO: &str = "\
layers:
    - image: 000.ghcr.io-talos-systems-gvisor-54b831d.sqsh
      metadata:
          name: gvisor
          version: 20220117.0-v1.0.0
          author: Andrew Rynhard
    - image: 001.ghcr.io-talos-systems-intel-ucode-54b831d.sqsh
      metadata:
          name: intel-ucode
          version: microcode-20210608-v1.0.0
          author: Spencer Smith
          description: |
            This system extension provides Intel microcode binaries.
          compatibility:
              talos:
                  version: '>= v1.0.0'
";

/// A node, not started, whose image has this list.
fn with_list(text: &str) -> TestNode {
    let node = TestNode::new("");
    std::fs::create_dir_all(node.path("etc")).unwrap();
    node.write("etc/extensions.yaml", text);
    node
}

/// What readers are shown on a node with this list, when it runs.
async fn shown(node: TestNode) -> (TestNode, Vec<Resource>) {
    let (node, _client) = run(node).await;
    let mut state = node.state().await;
    let request = with_role("os:reader", list("runtime", ES));
    let found = all(&mut state, request).await.unwrap();
    (node, found)
}

fn layer(resource: &Resource) -> Layer {
    Layer::decode(&resource.spec.as_ref().unwrap().proto_spec[..]).unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn xtn_04_extensions_are_listed_in_their_order_with_the_columns_of_the_documents() {
    let (node, found) = shown(with_list(TWO)).await;

    let ids: Vec<&str> = found.iter().map(id).collect();
    assert_eq!(ids, [GVISOR, UCODE]);
    let mut state = node.state().await;
    let definition = read(&mut state, "meta", RD, &ES.to_lowercase())
        .await
        .unwrap();
    let spec = &definition.spec.unwrap().proto_spec[..];
    let spec = ResourceDefinitionSpec::decode(spec).unwrap();
    assert_eq!(spec.display_type, "ExtensionStatus");
    assert_eq!(
        spec.all_aliases,
        [
            "extensionstatuses",
            "extensionstatuses.runtime",
            "extensionstatuses.runtime.talos",
            "extensions",
            "extensionstatus",
            "es"
        ]
    );
    let columns = spec.print_columns.iter();
    let columns: Vec<(&str, &str)> = columns
        .map(|column| (column.name.as_str(), column.json_path.as_str()))
        .collect();
    assert_eq!(
        columns,
        [
            ("Name", "{.metadata.name}"),
            ("Version", "{.metadata.version}")
        ]
    );
}

#[tokio::test(flavor = "current_thread")]
async fn xtn_05_an_extension_is_shown_with_all_that_its_makers_say() {
    let (_node, found) = shown(with_list(TWO)).await;

    assert_eq!(
        yaml(&found[1]),
        "image: 001.ghcr.io-talos-systems-intel-ucode-54b831d.sqsh\n\
         metadata:\n\
         \x20 name: intel-ucode\n\
         \x20 version: microcode-20210608-v1.0.0\n\
         \x20 author: Spencer Smith\n\
         \x20 description: |\n\
         \x20   This system extension provides Intel microcode binaries.\n\
         \x20 compatibility:\n\
         \x20   talos:\n\
         \x20     version: '>= v1.0.0'\n"
    );
    let metadata = found[1].metadata.as_ref().unwrap();
    assert_eq!(metadata.owner, "runtime.ExtensionStatusController");
    assert_eq!(metadata.namespace, "runtime");
    assert_eq!(
        (metadata.version.as_str(), metadata.phase.as_str()),
        ("1", "running")
    );
    let said = layer(&found[1]);
    assert_eq!(said.image, format!("{UCODE}.sqsh"));
    assert_eq!(said.metadata.unwrap().version, "microcode-20210608-v1.0.0");
}

#[tokio::test(flavor = "current_thread")]
async fn sysx_13_the_schematic_of_an_image_is_an_extension_without_a_layer() {
    let list = format!("layers:\n- metadata:\n    name: schematic\n    version: {SCHEMATIC}\n");
    let node = with_list(&list);
    // It is no layer, so init says nothing of it.
    node.write("run/ichor/layers", "other.sqsh ok\n");

    let (_node, found) = shown(node).await;

    let ids: Vec<&str> = found.iter().map(id).collect();
    assert_eq!(ids, ["0"]);
    let metadata = layer(&found[0]).metadata.unwrap();
    assert_eq!(
        (metadata.name.as_str(), metadata.version.as_str()),
        ("schematic", SCHEMATIC)
    );
}

#[tokio::test(flavor = "current_thread")]
async fn sysx_12_an_extension_that_init_could_not_mount_is_not_shown() {
    let node = with_list(TWO);
    node.write(
        "run/ichor/layers",
        &format!("{UCODE}.sqsh ok\n{GVISOR}.sqsh EINVAL\n"),
    );

    let (mut node, found) = shown(node).await;

    let ids: Vec<&str> = found.iter().map(id).collect();
    assert_eq!(ids, [UCODE]);
    // Also to a machined that was started again.
    node.restart();
    let mut state = node.state().await;
    let shown = all(&mut state, as_admin(list("runtime", ES))).await;
    let shown = shown.unwrap();
    let ids: Vec<&str> = shown.iter().map(id).collect();
    assert_eq!(ids, [UCODE]);
}

#[tokio::test(flavor = "current_thread")]
async fn sysx_12_a_node_with_a_wrong_list_runs_and_shows_no_extension() {
    let long = format!("{TWO}# {}\n", "x".repeat(256 * 1024));
    for text in ["layers: nonsense\n", long.as_str()] {
        let (_node, found) = shown(with_list(text)).await;

        assert!(found.is_empty(), "{found:?}");
    }
}
