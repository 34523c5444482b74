// SPDX-License-Identifier: MPL-2.0
//! What machined promises of the containers that operators list, count and restart.
//!
//! Owns: `Containers`, `Stats` and `Restart`, their namespaces and roles.
//! Never: runs anything; stand-ins take down what they are told.

use ::api::common::ContainerDriver;
use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::{ContainerInfo, ContainersRequest, RestartRequest, StatsRequest};
use proto::service::State;
use tonic::{Code, Status};

use crate::api::apply;
use crate::clients::{Client, as_admin, with_role};
use crate::containers::node_with_imaged;
use crate::node::{TestNode, status};

const CONTAINERD: i32 = ContainerDriver::Containerd as i32;
const CRI: i32 = ContainerDriver::Cri as i32;

async fn list(client: &mut Client) -> Vec<ContainerInfo> {
    let request = as_admin(ContainersRequest::default());
    let answer = client.containers(request).await.unwrap().into_inner();
    answer.messages.into_iter().next().unwrap().containers
}

/// A node with the container `web`, which runs.
async fn with_web() -> (TestNode, Client) {
    let (node, mut client, _imaged, base) = node_with_imaged("/bin/web").await;
    let text = format!(
        "{base}---\napiVersion: v1alpha1\nkind: ContainerConfig\nname: web\nimage: {{ref: busybox:1}}\n"
    );
    let applied = apply(&text, Mode::NoReboot);
    client.apply_configuration(applied).await.unwrap();
    node.until("the container runs", async || {
        let all = list(&mut client).await;
        all.iter().any(|c| c.status == "RUNNING").then_some(())
    })
    .await;
    (node, client)
}

async fn restart(client: &mut Client, namespace: &str, id: &str) -> Result<usize, Status> {
    let request = as_admin(RestartRequest {
        namespace: namespace.to_owned(),
        id: id.to_owned(),
        driver: CONTAINERD,
    });
    let answer = client.restart(request).await?;
    Ok(answer.into_inner().messages.len())
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_006_diag_18_containers_and_extension_services_are_listed_and_core_services_are_not() {
    let (node, mut client) = with_web().await;
    node.set_service(status("ext-hello", State::BackingOff, 0));
    node.until("the extension service is listed", async || {
        (list(&mut client).await.len() == 2).then_some(())
    })
    .await;

    let all = list(&mut client).await;

    let rows: Vec<_> = all
        .iter()
        .map(|c| (c.id.as_str(), c.image.as_str(), c.status.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            ("ctr-web", "busybox:1", "RUNNING"),
            ("ext-hello", "", "STOPPED")
        ]
    );
    assert!(
        all.iter()
            .all(|c| c.namespace == "system" && c.pod_id == c.id)
    );
    assert!(all[0].pid != 0 && all[1].pid == 0);
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_044_what_runs_is_counted_by_its_control_group() {
    let (node, mut client) = with_web().await;
    let group = node.path("sys/fs/cgroup/system/ctr-web");
    let mut ask = async || {
        let request = as_admin(StatsRequest::default());
        let answer = client.stats(request).await.unwrap().into_inner();
        answer.messages.into_iter().next().unwrap().stats
    };
    // Its group went before anybody said that it ended.
    assert_eq!(ask().await, []);

    std::fs::create_dir_all(&group).unwrap();
    std::fs::write(group.join("cpu.stat"), "usage_usec 1500\nuser_usec 7\n").unwrap();
    let without_memory = ask().await;
    std::fs::write(group.join("memory.current"), "4096\n").unwrap();
    let stats = ask().await;

    assert_eq!(without_memory[0].memory_usage, 0);
    assert_eq!(stats.len(), 1);
    assert_eq!(
        (stats[0].id.as_str(), stats[0].namespace.as_str()),
        ("ctr-web", "system")
    );
    assert_eq!(
        (stats[0].memory_usage, stats[0].cpu_usage),
        (4096, 1_500_000)
    );
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_036_a_container_is_restarted_and_nothing_else_is() {
    let (node, mut client) = with_web().await;

    assert_eq!(restart(&mut client, "system", "ctr-web").await.unwrap(), 1);
    assert_eq!(restart(&mut client, "", "ctr-web").await.unwrap(), 1);

    for (id, code) in [
        ("machined", Code::FailedPrecondition),
        ("nobody", Code::NotFound),
        ("", Code::NotFound),
        ("../../etc", Code::NotFound),
    ] {
        let refused = restart(&mut client, "system", id).await.unwrap_err();
        assert_eq!(refused.code(), code, "{id}");
    }
    let orders = node.init.lock().unwrap().orders.clone();
    let restarts = orders.iter().filter(|order| order.starts_with("restart "));
    assert!(
        restarts.into_iter().all(|order| order == "restart ctr-web"),
        "{orders:?}"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn containers_of_kubernetes_are_refused_by_name_and_nothing_stands_for_another() {
    let (_node, mut client) = with_web().await;
    for (namespace, driver, code) in [
        ("k8s.io", CRI, Code::Unimplemented),
        ("k8s.io", CONTAINERD, Code::Unimplemented),
        ("system", CRI, Code::Unimplemented),
        ("moby", CONTAINERD, Code::InvalidArgument),
        ("system", 7, Code::InvalidArgument),
        ("system", -1, Code::InvalidArgument),
    ] {
        let namespace = || namespace.to_owned();
        let listed = as_admin(ContainersRequest {
            namespace: namespace(),
            driver,
        });
        let counted = as_admin(StatsRequest {
            namespace: namespace(),
            driver,
        });
        let restarted = as_admin(RestartRequest {
            namespace: namespace(),
            id: "ctr-web".to_owned(),
            driver,
        });
        for refused in [
            client.containers(listed).await.unwrap_err(),
            client.stats(counted).await.unwrap_err(),
            client.restart(restarted).await.unwrap_err(),
        ] {
            assert_eq!(refused.code(), code, "{} {driver}", namespace());
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn readers_list_containers_and_only_operators_restart_them() {
    let (_node, mut client) = with_web().await;
    let request = || RestartRequest {
        id: "ctr-web".to_owned(),
        ..Default::default()
    };

    let listed = client.containers(with_role("os:reader", ContainersRequest::default()));
    assert!(listed.await.is_ok());
    let counted = client.stats(with_role("os:reader", StatsRequest::default()));
    assert!(counted.await.is_ok());
    let refused = client.restart(with_role("os:reader", request())).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    assert!(
        client
            .restart(with_role("os:operator", request()))
            .await
            .is_ok()
    );
}
