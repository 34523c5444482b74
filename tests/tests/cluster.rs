// SPDX-License-Identifier: MPL-2.0
//! Three nodes through one endpoint: what a client asks reaches each, and what fails is one node's.

use anyhow::{Context as _, Result, ensure};
use api::common::Metadata;
use api::methods::{Envelope, METHODS, Method};
use bytes::Bytes;
use ichor_tests::node::LIMIT;
use ichor_tests::requests::{Case, POWER, cases};
use ichor_tests::{Administrator, Answer, Arch, Caller, Cluster, To, on_each_architecture, wait};
use prost::Message;
use tonic::Code;

on_each_architecture! {
    svc_02_svc_03_svc_04_svc_06_three_nodes_answer_through_one_endpoint
}

fn svc_02_svc_03_svc_04_svc_06_three_nodes_answer_through_one_endpoint(arch: Arch) -> Result<()> {
    let mut cluster = Cluster::configured(
        arch,
        &["controlplane.yaml", "controlplane.yaml", "worker.yaml"],
    )?;
    cluster.wait_until_running()?;

    each_answers_under_its_name(&cluster)?;
    names_are_those_of_the_endpoint(&mut cluster)?;
    roles_go_with_the_call(&cluster)?;
    a_worker_serves_itself_alone(&cluster)?;
    streams_come_from_each(&cluster)?;
    every_method_is_passed_on_as_it_is_answered(&mut cluster)?;
    a_node_that_is_gone_is_an_error_of_its_own(&mut cluster)?;
    methods_that_end_a_machine_end_it(&mut cluster)
}

fn all(cluster: &Cluster) -> Result<[&str; 3]> {
    Ok([
        cluster.address(0)?,
        cluster.address(1)?,
        cluster.address(2)?,
    ])
}

/// Whether some line begins with `node` and has each of `words`.
fn has(text: &str, node: &str, words: &[&str]) -> bool {
    text.lines()
        .any(|line| line.starts_with(node) && words.iter().all(|word| line.contains(word)))
}

fn each_answers_under_its_name(cluster: &Cluster) -> Result<()> {
    let nodes = all(cluster)?;
    let services = cluster.ctl(&nodes, &["services"])?.ok()?;
    for node in nodes {
        ensure!(has(&services, node, &["apid", "Running"]), "{services}");
    }
    for node in &nodes[..2] {
        ensure!(has(&services, node, &["trustd", "Running"]), "{services}");
    }
    ensure!(!has(&services, nodes[2], &["trustd"]), "{services}");
    let types = cluster.ctl(&nodes, &["get", "machinetype"])?.ok()?;
    for (node, kind) in nodes.iter().zip(["controlplane", "controlplane", "worker"]) {
        ensure!(has(&types, node, &[kind]), "{types}");
    }
    // The certificate of each is made for its own address.
    let memory = cluster.ctl(&nodes, &["memory"])?.ok()?;
    for node in nodes {
        ensure!(has(&memory, node, &[]), "{memory}");
    }
    Ok(())
}

fn names_are_those_of_the_endpoint(cluster: &mut Cluster) -> Result<()> {
    let worker = cluster.address(2)?.to_owned();
    let name = "kitchen.example";
    let unknown = cluster.ctl(&[name], &["version"])?.refused()?;
    ensure!(unknown.contains(name), "{unknown}");
    // Only the endpoint knows the name; the certificate of the worker says it too.
    let first = cluster.address(0)?.to_owned();
    let patch = |text: String| {
        move |cluster: &Cluster, node: &str| {
            let line = [
                "patch",
                "machineconfig",
                "--mode",
                "no-reboot",
                "--patch",
                &text,
            ];
            cluster.ctl(&[node], &line)?.ok()
        }
    };
    let sans = patch(format!("machine: {{certSANs: [{name}]}}"));
    sans(cluster, &worker)?;
    let hosts = patch(format!(
        "machine: {{network: {{extraHostEntries: [{{ip: {worker}, aliases: [{name}]}}]}}}}"
    ));
    hosts(cluster, &first)?;

    wait::until(LIMIT, || {
        let version = cluster.ctl(&[name], &["version"])?.ok()?;
        ensure!(version.contains(name), "{version}");
        Ok(())
    })
}

fn roles_go_with_the_call(cluster: &Cluster) -> Result<()> {
    let [first, _, worker] = all(cluster)?;
    cluster
        .ctl(
            &[first],
            &["config", "new", "--roles", "os:reader", "reader"],
        )?
        .ok()?;
    let list = cluster.ctl_as("reader", &[worker], &["list", "/etc"])?;
    list.ok()?;
    let read = cluster.ctl_as("reader", &[worker], &["read", "/etc/hosts"])?;
    let refused = read.refused()?;
    ensure!(refused.contains("PermissionDenied"), "{refused}");
    Ok(())
}

fn a_worker_serves_itself_alone(cluster: &Cluster) -> Result<()> {
    let [first, _, worker] = all(cluster)?;
    cluster.through(2, &[worker], &["version"])?.ok()?;
    let refused = cluster.through(2, &[first], &["version"])?.refused()?;
    ensure!(refused.contains(first), "{refused}");
    Ok(())
}

fn streams_come_from_each(cluster: &Cluster) -> Result<()> {
    let nodes = all(cluster)?;
    let logs = cluster.ctl(&nodes, &["dmesg"])?.ok()?;
    for node in nodes {
        ensure!(
            has(&logs, node, &["Linux version"]),
            "no kernel log of {node}"
        );
    }
    // One folder of many entries of each, one message an entry.
    let list = cluster.ctl(&nodes, &["list", "-r", "/usr"])?.ok()?;
    for node in nodes {
        ensure!(has(&list, node, &["."]), "no list of {node}");
    }
    Ok(())
}

fn a_node_that_is_gone_is_an_error_of_its_own(cluster: &mut Cluster) -> Result<()> {
    cluster.node(1)?.machine.kill();
    let [first, gone, worker] = all(cluster)?;

    let output = cluster.ctl(&[first, gone, worker], &["version"])?;

    ensure!(output.code == 1, "{output:?}");
    for node in [first, worker] {
        ensure!(output.stdout.contains(node), "{output:?}");
    }
    ensure!(
        output.stderr.contains(gone) && output.stderr.contains("Unavailable"),
        "{output:?}"
    );
    Ok(())
}

/// The method whose answer is another one on each node.
const GET: &str = "/cosi.resource.State/Get";

/// A reply, as far as all replies are alike.
#[derive(Clone, PartialEq, Message)]
struct Reply {
    #[prost(message, repeated, tag = "1")]
    messages: Vec<Part>,
}

/// What one node said.
#[derive(Clone, PartialEq, Message)]
struct Part {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
}

/// Whose answers are in some messages.
fn named(method: &Method, messages: &[Bytes]) -> Result<Vec<Metadata>> {
    let mut named = Vec::new();
    for message in messages {
        let parts = match method.envelope() {
            Envelope::InMessages => Reply::decode(message.clone())?.messages,
            Envelope::InEach => vec![Part::decode(message.clone())?],
            Envelope::Nowhere => Vec::new(),
        };
        named.extend(parts.into_iter().filter_map(|part| part.metadata));
    }
    Ok(named)
}

fn every_method_is_passed_on_as_it_is_answered(cluster: &mut Cluster) -> Result<()> {
    let addresses = all(cluster)?.map(str::to_owned);
    let nodes = addresses.each_ref().map(String::as_str);
    let administrator = Administrator::of(cluster.node(0)?)?;
    let endpoint = Caller::connect(&administrator)?;
    let other = Caller::connect(&administrator.at(cluster.node(1)?)?)?;
    // All of them are tried, and all that is wrong is said.
    let mut wrong = Vec::new();
    for case in cases() {
        let tried = is_the_same(&endpoint, &other, &case, nodes[1])
            .and_then(|direct| goes_to_each(&endpoint, &case, &direct, &nodes));
        if let Err(error) = tried {
            wrong.push(format!("{}: {error:#}", case.method.path));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Asks one node, itself and through the endpoint; returns what it said itself.
fn is_the_same(endpoint: &Caller, itself: &Caller, case: &Case, node: &str) -> Result<Answer> {
    let direct = itself.call(case.method, case.request.clone(), To::Itself, is_begun)?;
    ensure!(direct.code == case.code, "{direct:?}");
    let passed = endpoint.call(case.method, case.request.clone(), To::One(node), is_begun)?;
    ensure!(passed.code == direct.code, "{passed:?}");
    ensure!(
        passed.messages.is_empty() == direct.messages.is_empty(),
        "{passed:?} is not {direct:?}"
    );
    // What one node says is passed as it is: nobody is named in it.
    let named = named(case.method, &passed.messages)?;
    ensure!(named.iter().all(|one| one.hostname.is_empty()), "{named:?}");
    if case.method.path == GET {
        // The times of a resource are those of its node.
        ensure!(passed.messages == direct.messages, "{passed:?}");
    }
    Ok(direct)
}

fn is_begun(messages: &[Bytes]) -> bool {
    !messages.is_empty()
}

/// Asks all nodes at once: each is named, with what it said or with why it did not.
fn goes_to_each(endpoint: &Caller, case: &Case, direct: &Answer, nodes: &[&str; 3]) -> Result<()> {
    let method = case.method;
    let is_missing = |messages: &[Bytes], node: &str| {
        let named = named(method, messages).unwrap_or_default();
        !named.iter().any(|metadata| metadata.hostname == node)
    };
    let all = |messages: &[Bytes]| !nodes.iter().any(|node| is_missing(messages, node));
    let answer: Answer = endpoint.call(method, case.request.clone(), To::Each(nodes), all)?;
    if method.envelope() == Envelope::Nowhere {
        ensure!(answer.code == Code::InvalidArgument, "{answer:?}");
        return Ok(());
    }
    // A stream of nothing is nothing from each.
    let is_silent = direct.code == Code::Ok && direct.messages.is_empty();
    for node in nodes {
        let is_there = !is_missing(&answer.messages, node);
        ensure!(is_there != is_silent, "{node}: {answer:?}");
    }
    let parts = named(method, &answer.messages)?;
    let refused = parts.iter().find(|part| part.hostname == nodes[1]);
    let has_error = refused.is_some_and(|part| !part.error.is_empty());
    ensure!(has_error == (case.code != Code::Ok), "{parts:?}");
    Ok(())
}

/// One is passed on; the other one ends the endpoint.
fn methods_that_end_a_machine_end_it(cluster: &mut Cluster) -> Result<()> {
    let worker = cluster.address(2)?.to_owned();
    let administrator = Administrator::of(cluster.node(0)?)?;
    let endpoint = Caller::connect(&administrator)?;
    for (path, (to, number)) in POWER.iter().zip([(To::One(&worker), 2), (To::Itself, 0)]) {
        let method = METHODS.iter().find(|method| method.path == *path);
        let method = method.context("no such method")?;
        let answer = endpoint.call(method, Vec::new(), to, is_begun)?;
        ensure!(answer.code == Code::Ok, "{path}: {answer:?}");
        cluster.node(number)?.machine.wait_exit(LIMIT)?;
    }
    Ok(())
}
