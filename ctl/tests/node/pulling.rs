// SPDX-License-Identifier: MPL-2.0
//! Extensions from a registry: Debian's, and one that misbehaves.
//!
//! Owns: that a reference is as good as a path, and that nothing stays behind when it is not.
//! Never: needs a network.

use std::process::Command;

use ichor_registry::{Faulty, PASSWORD, Real, Setup, USER};
use pki::{Authority, Leaf, Names};
use serde_json::Value;

use crate::desk::{Desk, now};
use crate::extensions::{archives, bytes, file, names, with_hello, write_initramfs};

/// Packs an extension and pushes what is in the archive, as any tool would.
fn push(desk: &Desk, registry: &Real, extension: &str, repository: &str, tag: &str) -> String {
    desk.run(&format!(
        "extension pack {extension} --arch amd64 -o pushed.tar"
    ))
    .done();
    let layout = desk.folder.with_extension("tmp").join("layout");
    std::fs::create_dir(&layout).unwrap();
    let unpacked = Command::new("tar")
        .arg("-xf")
        .arg(desk.folder.join("pushed.tar"))
        .arg("-C")
        .arg(&layout)
        .status();
    assert!(unpacked.unwrap().success());
    let index: Value =
        serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    let descriptor = index.pointer("/manifests/0").unwrap();
    let digest = descriptor["digest"].as_str().unwrap().to_owned();
    for blob in layout.join("blobs/sha256").read_dir().unwrap() {
        let bytes = std::fs::read(blob.unwrap().path()).unwrap();
        if ichor_registry::digest(&bytes) != digest {
            registry.push_blob(repository, &bytes);
        }
    }
    let manifest = layout.join("blobs").join(digest.replace(':', "/"));
    let media_type = descriptor["mediaType"].as_str().unwrap();
    registry.push_manifest(
        repository,
        tag,
        media_type,
        &std::fs::read(manifest).unwrap(),
    );
    std::fs::remove_dir_all(&layout).unwrap();
    std::fs::remove_file(desk.folder.join("pushed.tar")).unwrap();
    digest
}

#[test]
fn sysx_04_xtn_01_a_reference_is_as_good_as_a_path() {
    let (desk, registry) = (with_hello(), Real::start(&Setup::default()));
    let digest = push(&desk, &registry, "hello", "siderolabs/hello", "v1");
    let reference = format!("{}/siderolabs/hello:v1", registry.address);
    let pinned = format!("{reference}@{digest}");

    let said = desk.run(&format!(
        "extension validate --arch amd64 {reference} hello"
    ));
    assert!(
        said.err.starts_with(&format!("pulled {reference} (")),
        "{said:?}"
    );
    let out = said.done();
    assert!(
        out.starts_with(&format!("{reference} is valid: hello v0.1.0, ")),
        "{out}"
    );
    assert!(
        out.contains("\n  service ext-hello\nhello is valid"),
        "{out}"
    );

    desk.run(&format!(
        "extension pack {pinned} --arch amd64 -o pulled.sqsh"
    ))
    .done();
    desk.run("extension pack hello -o hello.sqsh").done();
    assert!(bytes(&desk, "pulled.sqsh") == bytes(&desk, "hello.sqsh"));
    assert!(names(&desk.folder.with_extension("tmp")).is_empty());

    // A path that is there wins.
    let path = desk.folder.join(&reference);
    std::fs::create_dir_all(&path).unwrap();
    let error = desk
        .run(&format!("extension validate {reference}"))
        .failed();
    assert!(
        error.contains("neither an extension nor an image"),
        "{error}"
    );
}

#[test]
fn sysx_06_sysx_11_xtn_03_an_initramfs_gets_extensions_from_a_registry_by_their_references() {
    let (desk, registry) = (with_hello(), Real::start(&Setup::default()));
    desk.run("extension new other").done();
    push(&desk, &registry, "hello", "siderolabs/hello", "v1");
    let digest = push(&desk, &registry, "other", "other", "latest");
    write_initramfs(&desk, "");
    let at = &registry.address;

    let out = desk
        .run(&format!(
            "image extend initramfs --arch amd64 -o new --extension {at}/siderolabs/hello:v1 \
             --extension ghcr.io/renamed/other:v2={at}/other@{digest} --schematic 0"
        ))
        .done();

    let dashed = at.replace(':', "-");
    let layers = [
        format!("000.{dashed}-siderolabs-hello-v1.sqsh"),
        "001.ghcr.io-renamed-other-v2.sqsh".to_owned(),
        "002.schematic.sqsh".to_owned(),
    ];
    assert_eq!(
        out,
        layers
            .iter()
            .map(|layer| format!("{layer}\n"))
            .collect::<String>()
    );
    let (_, second) = archives(&desk, "new");
    desk.run("extension pack hello -o hello.sqsh").done();
    assert!(file(&second, &format!("layers/{}", layers[0])) == bytes(&desk, "hello.sqsh"));
}

#[test]
fn reg_04_reg_06_registries_are_reached_as_the_machine_configuration_says() {
    let (desk, plain) = (with_hello(), Real::start(&Setup::default()));
    push(&desk, &plain, "hello", "siderolabs/hello", "v1");
    let authority = Authority::machine(now()).unwrap();
    let names = Names::parse(["127.0.0.1"]).unwrap();
    let server = authority
        .issue(&Leaf::api_server("registry", names), now())
        .unwrap();
    let key = server.key.to_pem().unwrap();
    let registry = Real::start(&Setup {
        tls: Some((server.certificate.to_pem(), key.expose().to_vec())),
        has_password: true,
        store: Some(plain.store()),
        ..Setup::default()
    });
    let ca = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(authority.certificate().to_pem())
    };
    let at = &registry.address;
    // The registry that the mirror stands for has nothing.
    let empty = Faulty::start(|_, wire| wire.say(404, "", b""));
    let upstream = &empty.address;
    let machine = format!(
        "machine:\n  registries:\n    mirrors:\n      '{upstream}': {{endpoints: ['https://{at}']}}\n    config:\n      \
         '{at}':\n        tls: {{ca: {ca}}}\n        auth: {{username: {USER}, password: '{PASSWORD}'}}\n"
    );
    desk.write("registries.yaml", &machine);
    desk.write("no-password.yaml", machine.replace(PASSWORD, "hidden"));
    let line =
        format!("extension validate {upstream}/siderolabs/hello:v1 --arch amd64 --registries");

    desk.run(&format!("{line} registries.yaml")).done();

    let error = desk.run(&format!("{line} no-password.yaml")).failed();
    let said = format!("cannot pull {upstream}/siderolabs/hello: https://{at} refuses access (401");
    assert!(
        error.contains(&said) && !error.contains("hidden"),
        "{error}"
    );

    // Docker's file has the password, under the name of the mirror.
    let docker = format!(
        r#"{{"auths": {{"{at}": {{"auth": "cmVhZGVyOnBhc3M6d29yZA=="}}}}, "credsStore": "desktop"}}"#
    );
    std::fs::create_dir_all(desk.folder.join("home/.docker")).unwrap();
    desk.write("home/.docker/config.json", &docker);
    let (from, to) = (
        format!("        auth: {{username: {USER}, password: '{PASSWORD}'}}\n"),
        "",
    );
    desk.write("no-auth.yaml", machine.replace(&from, to));
    desk.run(&format!("{line} no-auth.yaml")).done();
    desk.write(
        "home/.docker/config.json",
        docker.replace("cmVhZGVyOnBhc3M6d29yZA==", ""),
    );
    let error = desk.run(&format!("{line} no-auth.yaml")).failed();
    assert!(
        error.contains("config.json names a credential helper, and helpers are not run"),
        "{error}"
    );
}

#[test]
fn sysx_09_what_cannot_be_pulled_leaves_everything_as_it_was() {
    let desk = with_hello();
    write_initramfs(&desk, "");
    desk.write("old.sqsh", "old");
    let before = names(&desk.folder);
    let empty = Faulty::start(|_, wire| wire.say(404, "", b""));
    let layer = b"this is no archive".to_vec();
    let sample = ichor_registry::Sample::new(ichor_registry::Form::Oci, "amd64", &[&layer]);
    let registry = Real::start(&Setup::default());
    registry.push("a/b", "c", &sample);
    for (reference, said) in [
        (
            format!("{}/a/b:c", empty.address),
            "has no such manifest (404); check the name",
        ),
        (
            format!("{}/a/b:c", registry.address),
            "a/b:c: 1 problem\n  sha256:",
        ),
        (
            format!("{}/a/b:none", registry.address),
            "has no such manifest (404, manifest unknown)",
        ),
        ("h.io/A:b".to_owned(), "is not the reference of an image"),
    ] {
        for line in [
            format!("extension pack {reference} --arch amd64 -o old.sqsh"),
            format!("image extend initramfs --arch amd64 --extension {reference} -o old.sqsh"),
        ] {
            let error = desk.run(&line).failed();
            assert!(error.contains(said), "{line}: {error}");
        }
    }
    assert_eq!(names(&desk.folder), before);
    assert_eq!(desk.read("old.sqsh"), "old");
    assert!(names(&desk.folder.with_extension("tmp")).is_empty());
}

#[test]
fn an_image_for_another_processor_is_refused_and_named() {
    let (desk, registry) = (with_hello(), Real::start(&Setup::default()));
    push(&desk, &registry, "hello", "hello", "v1");
    let error = desk
        .run(&format!(
            "extension validate {}/hello:v1 --arch arm64",
            registry.address
        ))
        .failed();
    assert!(
        error.contains("has no image for arm64, only for linux/amd64"),
        "{error}"
    );
}

#[test]
fn services_of_all_extensions_together_are_counted() {
    let desk = with_hello();
    write_initramfs(&desk, "");
    desk.run("extension new twin").done();
    let etc = "rootfs/usr/local/etc/containers";
    let make = |extension: &str, service: &str| {
        let root = format!("{extension}/rootfs/usr/local/lib/containers/{service}");
        std::fs::create_dir_all(desk.folder.join(root)).unwrap();
        std::fs::create_dir_all(desk.folder.join(format!("{extension}/{etc}"))).unwrap();
        let text = format!("name: {service}\ncontainer:\n  entrypoint: ./{service}\n");
        desk.write(&format!("{extension}/{etc}/{service}.yaml"), text);
    };
    for number in 0..47 {
        make("twin", &format!("s{number}"));
    }
    let line = "image extend initramfs --extension hello --extension twin -o new";
    desk.run(line).done();

    make("twin", "s47");
    desk.run("extension validate twin").done();
    let error = desk.run(line).failed();
    assert!(
        error.contains("have 49 services together, and a node takes 48"),
        "{error}"
    );

    std::fs::remove_file(desk.folder.join(format!("twin/{etc}/s47.yaml"))).unwrap();
    std::fs::remove_file(desk.folder.join(format!("twin/{etc}/s46.yaml"))).unwrap();
    make("twin", "hello");
    let error = desk.run(line).failed();
    assert!(
        error.contains("the extensions hello and twin both have a service ext-hello"),
        "{error}"
    );
}
