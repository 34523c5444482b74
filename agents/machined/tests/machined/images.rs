// SPDX-License-Identifier: MPL-2.0
//! What machined promises of images that operators ask for themselves.
//!
//! Owns: `ImageList` and `ImagePull`, their namespaces and roles, and how long imaged runs for them.
//! Never: pulls anything; a stand-in takes down what it is told.

use std::sync::{Arc, Mutex};

use ::api::common::ContainerdNamespace as Namespace;
use ::api::machine;
use ::api::machine::{ImageListRequest, ImagePullRequest};
use proto::images::{Known, Progress, Stage};
use tonic::{Code, Status};

use crate::clients::{Client, as_admin, with_role};
use crate::containers::node_with_imaged;
use crate::node::TestNode;
use crate::stand_ins::ImagedState;

struct Lab {
    node: TestNode,
    client: Client,
    imaged: Arc<Mutex<ImagedState>>,
}

impl Lab {
    async fn new() -> Self {
        let (node, client, imaged, _) = node_with_imaged("").await;
        Self {
            node,
            client,
            imaged,
        }
    }

    async fn list(&mut self, namespace: i32) -> Result<Vec<machine::ImageListResponse>, Status> {
        let request = as_admin(ImageListRequest { namespace });
        let mut stream = self.client.image_list(request).await?.into_inner();
        let mut found = Vec::new();
        while let Some(image) = stream.message().await? {
            found.push(image);
        }
        Ok(found)
    }

    async fn pull(&mut self, namespace: i32, reference: &str) -> Result<usize, Status> {
        let reference = reference.to_owned();
        let request = as_admin(ImagePullRequest {
            namespace,
            reference,
        });
        let pulled = self.client.image_pull(request).await?;
        Ok(pulled.into_inner().messages.len())
    }

    async fn until_ordered(&self, expected: &[&str]) {
        let what = format!("the orders {expected:?}");
        self.node
            .until(&what, async || {
                (self.node.init.lock().unwrap().orders == expected).then_some(())
            })
            .await;
    }
}

const SYSTEM: i32 = Namespace::NsSystem as i32;
const CRI: i32 = Namespace::NsCri as i32;

fn known(reference: &'static str, created_at: u64) -> Known<'static> {
    Known {
        reference,
        digest: "sha256:0",
        size: 4096,
        created_at,
    }
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_053_images_are_listed_one_by_one_and_imaged_runs_for_no_longer() {
    let mut lab = Lab::new().await;
    lab.imaged.lock().unwrap().held = vec![known("a:1", 1), known("b:1", 2), known("c:1", 3)];

    let listed = lab.list(SYSTEM).await.unwrap();

    let names: Vec<&str> = listed.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["a:1", "b:1", "c:1"]);
    let last = listed.last().unwrap();
    assert_eq!((last.digest.as_str(), last.size), ("sha256:0", 4096));
    assert_eq!(last.created_at.as_ref().unwrap().seconds, 3);
    assert!(last.metadata.is_none());
    lab.until_ordered(&["define imaged", "start imaged", "stop imaged"])
        .await;
    // It was told how registries are reached.
    assert!(lab.node.path("run/ichor/imaged/registries.json").exists());
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_054_an_image_is_pulled_or_the_answer_says_why_not() {
    let mut lab = Lab::new().await;

    assert_eq!(lab.pull(SYSTEM, "busybox:1").await.unwrap(), 1);
    let asked = lab.imaged.lock().unwrap().asked.clone();
    assert_eq!(asked[0], "fetch busybox:1");

    lab.imaged.lock().unwrap().end = Some(Err("has no such manifest (404)"));
    let error = lab.pull(SYSTEM, "busybox:2").await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert_eq!(error.message(), "has no such manifest (404)");

    {
        let mut imaged = lab.imaged.lock().unwrap();
        imaged.end = None;
        imaged.progress = vec![Progress {
            stage: Stage::Waiting,
            percent: 0,
            trouble: "cannot be reached",
        }];
    }
    let error = lab.pull(SYSTEM, "busybox:3").await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(error.message(), "cannot be reached");

    for reference in [String::new(), "a".repeat(513)] {
        let error = lab.pull(SYSTEM, &reference).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.message().starts_with("reference: "), "{error}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn miss_14_a_namespace_is_named_and_none_stands_for_another() {
    let mut lab = Lab::new().await;
    for (namespace, code) in [
        (CRI, Code::Unimplemented),
        (0, Code::InvalidArgument),
        (3, Code::InvalidArgument),
        (-1, Code::InvalidArgument),
    ] {
        let listed = lab.list(namespace).await.unwrap_err();
        let pulled = lab.pull(namespace, "a").await.unwrap_err();
        for error in [listed, pulled] {
            assert_eq!(error.code(), code, "{namespace}");
            assert!(error.message().contains("\"system\""), "{error}");
        }
    }
    assert_eq!(lab.node.init.lock().unwrap().orders, [""; 0]);
}

#[tokio::test(flavor = "current_thread")]
async fn readers_list_images_and_only_operators_pull_them() {
    let mut lab = Lab::new().await;
    let namespace = SYSTEM;
    let list = || ImageListRequest { namespace };
    let pull = || ImagePullRequest {
        namespace,
        reference: "a".to_owned(),
    };

    let client = &mut lab.client;
    assert!(
        client
            .image_list(with_role("os:reader", list()))
            .await
            .is_ok()
    );
    let refused = client.image_pull(with_role("os:reader", pull())).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    assert!(
        client
            .image_pull(with_role("os:operator", pull()))
            .await
            .is_ok()
    );
    let refused = client.image_list(with_role("os:none", list())).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
}
