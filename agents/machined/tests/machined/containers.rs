// SPDX-License-Identifier: MPL-2.0
//! What machined promises of containers.
//!
//! Owns: images that are waited for, changes of the configuration, orders of operators.
//! Never: pulls or runs anything; stand-ins take down what they are told.

use std::sync::{Arc, Mutex};

use ::api::machine;
use ::api::machine::apply_configuration_request::Mode;
use ::api::machine::machine_status_event::MachineStage;
use proto::images::{Progress, Stage};
use proto::service::State;

use crate::api::apply;
use crate::clients::{Client, as_admin};
use crate::configurations::configuration;
use crate::node::{TestNode, status};
use crate::stand_ins::ImagedState;
use crate::trials::tried;

/// A node that runs with an imaged whose images have this program, and that has no container; and its
/// configuration.
pub(crate) async fn node_with_imaged(
    program: &'static str,
) -> (TestNode, Client, Arc<Mutex<ImagedState>>, String) {
    let mut node = TestNode::new("");
    let imaged = node.start_imaged();
    imaged.lock().unwrap().end = Some(Ok(program));
    node.start();
    node.until_maintenance().await;
    let mut client = node.client().await;
    let base = configuration("box");
    let first = apply(&base, Mode::Auto);
    client.apply_configuration(first).await.unwrap();
    node.until_stage(MachineStage::Running).await;
    (node, client, imaged, base)
}

struct Lab {
    node: TestNode,
    client: Client,
    imaged: Arc<Mutex<ImagedState>>,
    /// The configuration without containers.
    base: String,
}

impl Lab {
    async fn new() -> Self {
        let (node, client, imaged, base) = node_with_imaged("/bin/web").await;
        Self {
            node,
            client,
            imaged,
            base,
        }
    }

    /// Gives the node these containers, and no others.
    async fn apply(&mut self, containers: &[&str]) {
        let text = with_containers(&self.base, containers);
        let request = apply(&text, Mode::NoReboot);
        self.client.apply_configuration(request).await.unwrap();
    }

    fn orders(&self) -> Vec<String> {
        self.node.init.lock().unwrap().orders.clone()
    }

    async fn until_ordered(&self, expected: &[&str]) {
        let what = format!("the orders {expected:?}");
        self.node
            .until(&what, async || (self.orders() == expected).then_some(()))
            .await;
    }

    /// Waits until a service has a state, and this as the last line of its history.
    async fn until(&mut self, id: &str, state: &str, message: &str) {
        let client = &mut self.client;
        self.node
            .until(message, async || {
                let list = client.service_list(as_admin(())).await.ok()?.into_inner();
                let services = &list.messages.first()?.services;
                let service = services.iter().find(|service| service.id == id)?;
                let last = service.events.as_ref()?.events.last()?;
                (service.state == state && last.msg == message).then_some(())
            })
            .await;
    }

    fn asked(&self) -> Vec<String> {
        self.imaged.lock().unwrap().asked.clone()
    }

    /// Waits until imaged was asked for these images in this order, and told last to keep these. The
    /// two do not wait for each other, and what is to be kept may be said again.
    async fn until_asked(&self, expected: &[&str]) {
        let what = format!("imaged is asked {expected:?}");
        let expected: Vec<String> = expected.iter().map(|one| (*one).to_owned()).collect();
        let expected = asked_and_kept(&expected);
        self.node
            .until(&what, async || {
                (asked_and_kept(&self.asked()) == expected).then_some(())
            })
            .await;
    }
}

fn with_containers(base: &str, containers: &[&str]) -> String {
    let mut text = base.to_owned();
    for container in containers {
        text.push_str("---\napiVersion: v1alpha1\nkind: ContainerConfig\n");
        text.push_str(container);
    }
    text
}

fn asked_and_kept(all: &[String]) -> (Vec<&String>, Option<&String>) {
    let (kept, asked): (Vec<_>, Vec<_>) = all.iter().partition(|one| one.starts_with("keep "));
    (asked, kept.last().copied())
}

const WEB: &str = "name: web\nimage: {ref: busybox}\nargs: [one]\n";
/// What the first container of a node brings about.
const FIRST: [&str; 4] = [
    "define imaged",
    "start imaged",
    "define ctr-web",
    "start ctr-web",
];

#[tokio::test(flavor = "current_thread")]
async fn a_container_is_started_changed_and_removed_without_a_reboot() {
    let mut lab = Lab::new().await;
    // A node without containers pays nothing.
    assert_eq!(lab.orders(), [""; 0]);

    lab.apply(&[WEB]).await;
    lab.until_ordered(&FIRST).await;
    let described = lab.node.init.lock().unwrap().described.clone();
    let told = described.get("ctr-web").unwrap();
    assert!(told.contains(&"A=image".to_owned()), "{told:?}");
    assert!(told.contains(&"/etc/resolv.conf".to_owned()), "{told:?}");
    lab.until_asked(&["busybox one", "keep busybox"]).await;

    lab.apply(&[&WEB.replace("one", "two")]).await;
    let again = ["stop ctr-web", "define ctr-web", "start ctr-web"];
    lab.until_ordered(&[&FIRST[..], &again].concat()).await;
    assert!(lab.asked().contains(&"busybox two".to_owned()));

    lab.apply(&[]).await;
    let gone = ["stop ctr-web", "remove ctr-web", "stop imaged"];
    lab.node
        .until("the container is gone, and imaged with it", async || {
            let orders = lab.orders();
            gone.iter()
                .all(|order| orders.iter().filter(|known| known == order).count() >= 1)
                .then_some(())
        })
        .await;
    assert_eq!(lab.asked().last().unwrap(), "keep ");
    let list = lab
        .client
        .service_list(as_admin(()))
        .await
        .unwrap()
        .into_inner();
    assert!(
        list.messages[0]
            .services
            .iter()
            .all(|service| service.id != "ctr-web")
    );
}

/// Its program said "permission denied", and nothing said why.
#[tokio::test(flavor = "current_thread")]
async fn a_container_that_cannot_have_the_port_of_its_image_is_told_so() {
    let mut lab = Lab::new().await;
    lab.apply(&[WEB]).await;
    lab.until_ordered(&FIRST).await;

    let said = "Its image is for port 80, and below 1024";
    let client = &mut lab.client;
    lab.node
        .until(said, async || {
            let list = client.service_list(as_admin(())).await.ok()?.into_inner();
            let services = &list.messages.first()?.services;
            let web = services.iter().find(|service| service.id == "ctr-web")?;
            let mut history = web.events.as_ref()?.events.iter();
            history.find(|line| line.msg.starts_with(said)).map(drop)
        })
        .await;
}

#[tokio::test(flavor = "current_thread")]
async fn how_far_an_image_is_and_why_it_does_not_come_is_seen_in_services() {
    let mut lab = Lab::new().await;
    let progress = |stage, percent, trouble| Progress {
        stage,
        percent,
        trouble,
    };
    {
        let mut imaged = lab.imaged.lock().unwrap();
        imaged.end = None;
        imaged.progress = vec![progress(Stage::Pulling, 43, "")];
    }
    lab.apply(&[WEB]).await;
    let words = "Waiting for image busybox: pulling 40%";
    lab.until("ctr-web", "Waiting", words).await;

    {
        let mut imaged = lab.imaged.lock().unwrap();
        imaged.progress = vec![progress(Stage::Waiting, 0, "cannot be reached")];
    }
    lab.apply(&[&WEB.replace("one", "two")]).await;
    let words = "Waiting for image busybox: cannot be reached; it is tried again";
    lab.until("ctr-web", "Waiting", words).await;

    lab.imaged.lock().unwrap().end = Some(Err("has no such manifest (404)"));
    lab.apply(&[&WEB.replace("one", "three")]).await;
    lab.until("ctr-web", "Failed", "has no such manifest (404)")
        .await;
    assert_eq!(lab.orders(), ["define imaged", "start imaged"]);

    // Another configuration is another try.
    lab.imaged.lock().unwrap().end = Some(Ok("/bin/web"));
    lab.apply(&[&WEB.replace("busybox", "other")]).await;
    lab.until_ordered(&FIRST).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_boot_does_not_wait_for_a_container() {
    let mut node = TestNode::new("");
    // init knows it from before, and starts it again and again.
    node.set_service(status("ctr-web", State::BackingOff, 0));
    node.start();
    node.until_maintenance().await;
    let mut client = node.client().await;

    let text = with_containers(&configuration("box"), &[WEB]);
    let request = apply(&text, Mode::Auto);
    client.apply_configuration(request).await.unwrap();

    node.until_stage(MachineStage::Running).await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_operator_stops_and_starts_a_container_also_while_its_image_comes() {
    let mut lab = Lab::new().await;
    lab.imaged.lock().unwrap().end = None;
    lab.apply(&[WEB]).await;
    lab.until_asked(&["busybox one", "keep busybox"]).await;

    let id = "ctr-web".to_owned();
    let stop = machine::ServiceStopRequest { id: id.clone() };
    lab.client.service_stop(as_admin(stop)).await.unwrap();
    lab.imaged.lock().unwrap().end = Some(Ok("/bin/web"));
    assert_eq!(lab.orders(), ["define imaged", "start imaged"]);
    let start = machine::ServiceStartRequest { id };
    lab.client.service_start(as_admin(start)).await.unwrap();

    lab.until_ordered(&FIRST).await;
}

#[tokio::test(flavor = "current_thread")]
async fn imaged_hears_with_which_roots_containers_run_when_all_are_known() {
    let mut lab = Lab::new().await;
    lab.apply(&[WEB]).await;
    lab.until_ordered(&FIRST).await;
    let imaged = Arc::clone(&lab.imaged);
    let roots = || imaged.lock().unwrap().roots.clone();
    let root = "/var/lib/ichor/images/sha256-0.sqsh".to_owned();

    lab.node
        .until("the root is in use", async || {
            (roots() == Some(vec![root.clone()])).then_some(())
        })
        .await;
    // Another machined did not start it, and cannot know.
    lab.node.restart();
    lab.node
        .until("nobody knows", async || roots().is_none().then_some(()))
        .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_restarted_machined_leaves_a_container_as_it_is() {
    let mut lab = Lab::new().await;
    lab.apply(&[WEB]).await;
    lab.until_ordered(&FIRST).await;

    lab.node.restart();
    lab.client = lab.node.client().await;
    lab.node
        .until("imaged is told anew what to keep", async || {
            let asked = lab.asked();
            let kept = asked.iter().filter(|one| *one == "keep busybox");
            (kept.count() >= 2).then_some(())
        })
        .await;
    assert_eq!(lab.orders(), FIRST);
}

/// A container kept what was on trial until its next start.
#[tokio::test(flavor = "current_thread")]
async fn settings_on_trial_leave_a_container_when_machined_dies() {
    let mut lab = Lab::new().await;
    lab.apply(&[WEB]).await;
    lab.until_ordered(&FIRST).await;
    let text = lab
        .node
        .read("system/state/config.yaml")
        .replace("one", "two");
    let on_trial = tried(&text, 3600);
    lab.client.apply_configuration(on_trial).await.unwrap();
    let again = ["stop ctr-web", "define ctr-web", "start ctr-web"];
    lab.until_ordered(&[&FIRST[..], &again].concat()).await;

    lab.node.restart();
    lab.client = lab.node.client().await;

    let all = [&FIRST[..], &again, &again].concat();
    lab.until_ordered(&all).await;
    let asked = lab.asked();
    let mut images = asked.iter().filter(|one| !one.starts_with("keep "));
    assert_eq!(images.next_back().unwrap(), "busybox one");
}

/// A trial ends with machined, and the configuration before it has no such container.
#[tokio::test(flavor = "current_thread")]
async fn a_container_whose_configuration_went_with_machined_is_removed() {
    let mut lab = Lab::new().await;
    lab.node.set_service(status("ctr-old", State::Running, 90));
    lab.apply(&[WEB]).await;

    lab.node
        .until("the old one is gone", async || {
            let orders = lab.orders();
            let gone = ["stop ctr-old", "remove ctr-old"];
            gone.iter()
                .all(|order| orders.iter().any(|known| known == order))
                .then_some(())
        })
        .await;
}

#[tokio::test(flavor = "current_thread")]
async fn only_the_container_that_changed_is_touched() {
    let mut lab = Lab::new().await;
    let other = "name: other\nimage: {ref: busybox}\n";
    lab.apply(&[WEB, other]).await;
    lab.node
        .until("both run", async || (lab.orders().len() == 6).then_some(()))
        .await;

    lab.apply(&[&WEB.replace("one", "two"), other]).await;
    lab.node
        .until("the changed one runs again", async || {
            (lab.orders().len() == 9).then_some(())
        })
        .await;

    let orders = lab.orders();
    assert_eq!(
        orders[6..],
        ["stop ctr-web", "define ctr-web", "start ctr-web"]
    );
}
