// SPDX-License-Identifier: MPL-2.0
//! Documents of kind `ContainerConfig`.
//!
//! Owns: what is taken, what is refused and where, and what a patch does to one.
//! Never: runs a container.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use config::{
    Circumstances, Configuration, ContainerNetwork, ContainerRestart, ContainerSpec, DeviceAccess,
    Extra, Profile, Pull, document::ContainerConfig,
};

/// The page for operators; its example is what is tested here.
const PAGE: &str = include_str!("../../../docs/containers.md");

fn load(text: &str) -> Configuration {
    Configuration::load(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn container(configuration: &Configuration) -> &ContainerConfig {
    let [Extra::ContainerConfig(container)] = configuration.extras() else {
        panic!("{:?}", configuration.extras());
    };
    container
}

/// The block of the page that has every key.
fn example() -> &'static str {
    let (_, rest) = PAGE
        .split_once("```yaml\napiVersion: v1alpha1\nkind: ContainerConfig\nname: web\n")
        .unwrap();
    let end = rest.find("```").unwrap();
    let start = PAGE.len() - rest.len();
    let head = PAGE[..start].rfind("```yaml\n").unwrap() + "```yaml\n".len();
    &PAGE[head..start + end]
}

/// What validation says of `text`.
fn said(text: &str) -> String {
    load(text).validate(Circumstances::default()).to_string()
}

#[test]
fn the_example_of_the_page_has_every_key_and_means_what_it_says() {
    let loaded = load(example());

    assert_eq!(loaded.validate(Circumstances::default()).errors, []);
    let written = container(&loaded);
    let spec = ContainerSpec::from_document(written).unwrap();
    assert_eq!(spec.name, "web");
    assert_eq!(spec.image, "docker.io/library/busybox:1.36");
    assert_eq!(spec.pull, Pull::IfNotPresent);
    assert_eq!(spec.entrypoint, ["/bin/busybox", "httpd"]);
    assert_eq!(spec.args, ["-f", "-p", "8080", "-h", "/srv"]);
    assert_eq!(spec.environment, ["LANG=C.UTF-8"]);
    assert_eq!(spec.mounts.len(), 2);
    assert_eq!(
        (spec.user.as_str(), spec.group.as_str()),
        ("nobody", "65534")
    );
    assert_eq!(
        spec.devices,
        [("/dev/ttyUSB0".to_owned(), DeviceAccess::ReadWrite)]
    );
    assert_eq!(
        (spec.profile, spec.writable_root),
        (Profile::Default, false)
    );
    assert_eq!(spec.memory_max, Some(64 << 20));
    assert_eq!((spec.milli_cpus, spec.pids_max), (Some(500), Some(32)));
    assert_eq!(
        (spec.restart, spec.network),
        (ContainerRestart::Always, ContainerNetwork::Host)
    );
    // Nothing that can be written is missing from it.
    let again = load(&loaded.to_yaml());
    assert_eq!(container(&again), written);
    for key in [
        "pull:",
        "entrypoint:",
        "args:",
        "environment:",
        "mounts:",
        "type:",
        "options:",
        "runAs:",
        "group:",
        "devices:",
        "access:",
        "profile:",
        "writableRoot:",
        "cpus:",
        "pids:",
        "restart:",
        "network:",
    ] {
        assert!(example().contains(key), "{key}");
    }
}

#[test]
fn a_name_and_an_image_are_enough() {
    let text = "apiVersion: v1alpha1\nkind: ContainerConfig\nname: a\nimage:\n  ref: busybox\n";
    let loaded = load(text);

    assert_eq!(loaded.validate(Circumstances::default()).errors, []);
    assert_eq!(loaded.unsupported(), [""; 0]);
    let spec = ContainerSpec::from_document(container(&loaded)).unwrap();
    assert_eq!(
        (spec.pull, spec.restart),
        (Pull::IfNotPresent, ContainerRestart::Always)
    );
    assert_eq!(
        (spec.profile, spec.network),
        (Profile::Default, ContainerNetwork::Host)
    );
    assert_eq!(
        (spec.memory_max, spec.milli_cpus, spec.pids_max),
        (None, None, None)
    );
    assert!(!spec.writable_root && spec.mounts.is_empty() && spec.devices.is_empty());
}

#[test]
fn what_is_wrong_is_refused_with_its_place_and_line() {
    let text = example();
    for (from, to, words) in [
        ("name: web", "name: ''", "name: missing"),
        ("name: web", "name: Web", "name: bad value"),
        ("name: web", "name: -web", "name: bad value"),
        (
            "docker.io/library/busybox:1.36",
            "http://a/b",
            "image.ref: bad value",
        ),
        ("docker.io/library/busybox:1.36", "''", "image.ref: missing"),
        (
            "pull: IfNotPresent",
            "pull: Sometimes",
            "image.pull: bad value",
        ),
        ("- LANG=C.UTF-8", "- =x", "environment[0]: bad value"),
        ("- /bin/busybox", "- ''", "entrypoint[0]: bad value"),
        (
            "source: /var/lib/web",
            "source: var",
            "mounts[0].source: bad value",
        ),
        (
            "source: /var/lib/web",
            "source: /a/../b",
            "mounts[0].source: bad value",
        ),
        (
            "destination: /srv",
            "destination: /",
            "mounts[0].destination: bad value",
        ),
        (
            "destination: /tmp",
            "destination: /srv/",
            "mounts[1].destination: another mount",
        ),
        ("type: tmpfs", "type: ext4", "mounts[1].type: bad value"),
        ("size=8m", "size=", "mounts[1].options[0]: bad value"),
        ("- ro\n", "- rshared\n", "mounts[0].options[0]: bad value"),
        ("user: nobody", "user: 70000", "runAs.user: bad value"),
        ("user: nobody", "user: a:b", "runAs.user: bad value"),
        (
            "path: /dev/ttyUSB0",
            "path: /etc/passwd",
            "devices[0].path: bad value",
        ),
        (
            "path: /dev/ttyUSB0",
            "path: /dev/../etc",
            "devices[0].path: bad value",
        ),
        ("access: rw", "access: rwm", "devices[0].access: bad value"),
        (
            "profile: default",
            "profile: root",
            "security.profile: bad value",
        ),
        (
            "memory: 64MiB",
            "memory: 1kB",
            "resources.limits.memory: bad value",
        ),
        ("cpus: 0.5", "cpus: 0", "resources.limits.cpus: bad value"),
        ("pids: 32", "pids: 0", "resources.limits.pids: bad value"),
        (
            "restart: always",
            "restart: on-failure",
            "restart: bad value",
        ),
        ("network: host", "network: bridge", "network: bad value"),
    ] {
        assert!(text.contains(from), "{from}");
        let report = said(&text.replacen(from, to, 1));
        assert!(report.starts_with(words), "{from} -> {to}: {report}");
        assert_eq!(report.lines().count(), 1, "{report}");
        assert!(report.contains(", line "), "{report}");
    }
}

#[test]
fn keys_that_are_not_known_and_second_containers_of_a_name_are_refused() {
    let misspelt = example().replacen("writableRoot", "writeableRoot", 1);
    let error = Configuration::load(misspelt.as_bytes()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("security.writeableRoot: unknown key, line"),
        "{error}"
    );

    let twice = format!("{0}---\n{0}", example());
    let error = Configuration::load(twice.as_bytes()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a second document of this kind and name"),
        "{error}"
    );

    let other = example().replacen("name: web", "name: other", 1);
    assert_eq!(
        load(&format!("{}---\n{other}", example())).extras().len(),
        2
    );
}

#[test]
fn a_patch_changes_one_container_and_takes_the_place_of_its_command() {
    use config::patch::{Patch, apply};
    let other = example().replacen("name: web", "name: other", 1);
    let base = format!(
        "version: v1alpha1\nmachine: {{}}\n---\n{}---\n{other}",
        example()
    );
    let patch = "apiVersion: v1alpha1\nkind: ContainerConfig\nname: web\nargs: [-v]\nmounts:\n  \
                 - destination: /srv\n    options: [rw]\nenvironment: [A=b]\n";

    let patched = apply(&base, &[Patch::parse("patch", patch.as_bytes()).unwrap()]).unwrap();

    let loaded = load(&patched);
    let [Extra::ContainerConfig(web), Extra::ContainerConfig(other)] = loaded.extras() else {
        panic!("{patched}");
    };
    assert_eq!(web.args, ["-v"]);
    assert_eq!(web.environment, ["LANG=C.UTF-8", "A=b"]);
    assert_eq!(web.mounts.len(), 2);
    assert_eq!(web.mounts[0].options, ["rw"]);
    assert_eq!(web.mounts[0].source, "/var/lib/web");
    assert_eq!(other.args, ["-f", "-p", "8080", "-h", "/srv"]);
}
