// SPDX-License-Identifier: MPL-2.0
//! Keys, certificates and secrets that the command line makes, as OpenSSL and a node see them.
//!
//! Owns: the promises of `gen ca`, `crt`, `csr`, `key`, `keypair` and `secrets`.
//! Never: trusts our own reader to judge our own writer.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::{Configuration, SecretsBundle};

use crate::desk::Desk;
use crate::double::Node;

/// What OpenSSL says of files on the desk; it must be content with them.
fn openssl(desk: &Desk, line: &str) -> String {
    let ran = Command::new("openssl")
        .args(line.split_whitespace())
        .current_dir(&desk.folder)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ran.status.success(), "{line}: {}", text(&ran.stderr));
    text(&ran.stdout)
}

fn mode(desk: &Desk, name: &str) -> u32 {
    let metadata = std::fs::metadata(desk.folder.join(name)).unwrap();
    metadata.permissions().mode() & 0o777
}

/// The machine CA of the desk's cluster, as the documents say to get it.
fn machine_ca(desk: &Desk) {
    let loaded = Configuration::load(desk.read("controlplane.yaml").as_bytes()).unwrap();
    let machine = loaded.document().unwrap().machine.as_ref().unwrap();
    let ca = machine.ca.as_ref().unwrap();
    desk.write("ca.crt", &ca.crt.0);
    desk.write("ca.key", ca.key.expose());
}

#[test]
fn cmd_042_cmd_043_pki_04_the_raw_tools_make_a_client_that_openssl_verifies_and_a_node_lets_in() {
    let desk = Desk::with_cluster();
    machine_ca(&desk);

    desk.run("gen key --name admin").done();
    desk.run("gen csr --key admin.key --ip 127.0.0.1").done();
    desk.run("gen crt --ca ca --csr admin.csr --name admin")
        .done();

    for name in ["admin.key", "admin.csr", "admin.crt"] {
        assert_eq!(mode(&desk, name), 0o600, "{name}");
    }
    assert!(openssl(&desk, "verify -purpose sslclient -CAfile ca.crt admin.crt").contains("OK"));
    let text = openssl(&desk, "x509 -noout -text -in admin.crt");
    for part in [
        "Subject: O = os:admin",
        "Issuer: O = talos",
        "ED25519",
        "IP Address:127.0.0.1",
        "TLS Web Client Authentication",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("TLS Web Server Authentication"));
    assert!(openssl(&desk, "x509 -noout -checkend 86000 -in admin.crt").contains("not expire"));
    openssl(&desk, "req -verify -noout -in admin.csr");
    let node = Node::running(&desk.authority());
    desk.run("config add raw --ca ca.crt --crt admin.crt --key admin.key")
        .done();
    desk.run("config context raw").done();
    desk.run(&format!("-e {} version --short", node.address))
        .done();
}

#[test]
fn cmd_040_an_authority_is_one_for_openssl_too() {
    let desk = Desk::empty();

    desk.run("gen ca --organization home --hours 48").done();

    let text = openssl(&desk, "x509 -noout -text -in home.crt");
    for part in ["O = home", "CA:TRUE", "Certificate Sign", "ED25519"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(openssl(&desk, "verify -CAfile home.crt home.crt").contains("OK"));
    assert!(openssl(&desk, "x509 -noout -checkend 172000 -in home.crt").contains("not expire"));
    assert!(openssl(&desk, "x509 -noout -pubkey -in home.crt -out home.pub").is_empty());
    openssl(&desk, "pkey -pubin -in home.pub -outform DER -out home.der");
    let digest = openssl(&desk, "dgst -sha256 -r home.der");
    let digest = digest.split_whitespace().next().unwrap();
    assert_eq!(desk.read("home.sha256"), format!("sha256:{digest}\n"));
    let decades = desk.run("gen ca --organization long").done();
    assert!(decades.is_empty());
    assert!(openssl(&desk, "x509 -noout -checkend 315000000 -in long.crt").contains("not expire"));
}

#[test]
fn cmd_040_an_rsa_authority_has_4096_bits_and_signs() {
    let desk = Desk::empty();
    desk.run("gen ca --organization old --rsa").done();

    let text = openssl(&desk, "x509 -noout -text -in old.crt");
    assert!(
        text.contains("(4096 bit)") && text.contains("sha512WithRSA"),
        "{text}"
    );
    assert!(
        desk.read("old.key")
            .starts_with("-----BEGIN RSA PRIVATE KEY-----")
    );
    assert!(openssl(&desk, "rsa -check -noout -in old.key").contains("ok"));
    desk.run("gen key --name me").done();
    desk.run("gen csr --key me.key --roles os:reader,os:operator")
        .done();
    desk.run("gen crt --ca old.crt --csr me.csr --name me")
        .done();
    assert!(openssl(&desk, "verify -CAfile old.crt me.crt").contains("OK"));
    // What was made is read again.
    desk.run("gen csr --key old.key").done();
    openssl(&desk, "req -verify -noout -in old.csr");
}

#[test]
fn cmd_044_a_key_is_one_for_openssl_too() {
    let desk = Desk::empty();
    desk.run("gen key --name a.b").done();

    let pem = desk.read("a.b.key");
    assert!(pem.starts_with("-----BEGIN ED25519 PRIVATE KEY-----"));
    // The block's name is that of the documents; what is in it is PKCS #8.
    desk.write("plain.key", pem.replace("ED25519 ", ""));
    assert!(openssl(&desk, "pkey -check -noout -text -in plain.key").contains("ED25519"));
}

#[test]
fn cmd_045_a_key_pair_is_for_one_address_and_a_day() {
    let desk = Desk::empty();
    desk.run("gen keypair --organization me --ip fd00::1")
        .done();

    let text = openssl(&desk, "x509 -noout -text -in me.crt");
    assert!(
        text.contains("O = me") && text.contains("IP Address:FD00:"),
        "{text}"
    );
    openssl(&desk, "verify -CAfile me.crt me.crt");
    assert_eq!(mode(&desk, "me.key"), 0o600);
}

#[test]
fn cmd_039_no_key_is_overwritten_without_force() {
    let desk = Desk::empty();
    for (line, file) in [
        ("gen ca --organization x", "x.key"),
        ("gen keypair --organization y", "y.crt"),
        ("gen key --name z", "z.key"),
        ("gen csr --key z.key", "z.csr"),
        ("gen crt --ca x --csr z.csr --name w", "w.crt"),
        ("gen secrets", "secrets.yaml"),
    ] {
        desk.run(line).done();
        let before = desk.read(file);

        let error = desk.run(line).failed();

        assert!(error.contains("exists already"), "{line}: {error}");
        assert_eq!(desk.read(file), before, "{line}");
        assert_eq!(mode(&desk, file), 0o600, "{line}");
    }
    // One of three files is enough to write none.
    desk.write("new.sha256", "");
    desk.run("gen ca --organization new").failed();
    assert!(!desk.folder.join("new.key").exists());
    let before = desk.read("z.key");
    desk.run("gen key --name z --force").done();
    assert_ne!(desk.read("z.key"), before);
    assert_eq!(mode(&desk, "z.key"), 0o600);
}

#[test]
fn what_the_raw_tools_cannot_use_is_refused_by_its_file() {
    let desk = Desk::empty();
    desk.run("gen key --name me").done();
    desk.run("gen csr --key me.key").done();
    desk.run("gen ca --organization ca").done();
    desk.run("gen ca --organization other").done();
    desk.write("mixed.crt", desk.read("ca.crt"));
    desk.write("mixed.key", desk.read("other.key"));
    desk.run("gen crt --ca ca --csr me.csr --name leaf").done();
    desk.write("leaf.key", desk.read("me.key"));
    desk.write("rubbish", "rubbish");
    let count = || std::fs::read_dir(&desk.folder).unwrap().count();
    let before = count();
    for (line, reason) in [
        ("gen csr --key nowhere.key", "cannot read"),
        ("gen csr --key rubbish", "not a usable key: not PEM"),
        ("gen csr --key ca.crt", "unexpected PEM block"),
        ("gen csr --key me.key --ip 10.0.0", "invalid value"),
        (
            "gen csr --key other.key --roles a,,b",
            "cannot stand in a certificate",
        ),
        (
            "gen crt --ca mixed --csr me.csr --name n",
            "does not belong to the certificate",
        ),
        (
            "gen crt --ca leaf --csr me.csr --name n",
            "is not a certificate authority",
        ),
        (
            "gen crt --ca ca --csr me.key --name n",
            "not a usable certificate request",
        ),
        ("gen crt --ca ca --csr rubbish --name n", "not PEM"),
        ("gen crt --ca nowhere --csr me.csr --name n", "nowhere.crt"),
        (
            "gen crt --ca ca --csr me.csr --name n --hours 0",
            "invalid value",
        ),
        ("gen crt --ca ca --csr me.csr", "--name"),
        ("gen ca --organization x --hours -1", "unexpected argument"),
        ("gen ca --organization x --hours 4294967295", "out of range"),
        ("gen ca --organization ../x", "a name that a file can have"),
        ("gen ca --hours 1", "--organization"),
        ("gen key", "--name"),
        ("gen keypair --organization x --ip home", "invalid value"),
    ] {
        let error = desk.run(line).failed();
        assert!(error.contains(reason), "{line}: {error}");
        assert_eq!(count(), before, "{line}");
    }
}

#[test]
fn cmd_046_secrets_hold_the_authorities_that_openssl_knows() {
    let desk = Desk::empty();
    desk.run("gen secrets --talos-version v1.2 -o old.yaml")
        .done();
    desk.run("gen secrets").done();

    let bundle = SecretsBundle::load(desk.read("secrets.yaml").as_bytes()).unwrap();
    let certs = &bundle.certs;
    for (name, pair, subject, algorithm) in [
        ("os", &certs.os, "O = talos", "ED25519"),
        ("k8s", &certs.k8s, "O = kubernetes", "prime256v1"),
        ("etcd", &certs.etcd, "O = etcd", "prime256v1"),
        (
            "k8saggregator",
            &certs.k8saggregator,
            "Subject:",
            "prime256v1",
        ),
    ] {
        desk.write(&format!("{name}.crt"), &pair.crt.0);
        let text = openssl(&desk, &format!("x509 -noout -text -in {name}.crt"));
        assert!(text.contains(subject) && text.contains(algorithm), "{text}");
        openssl(&desk, &format!("verify -CAfile {name}.crt {name}.crt"));
    }
    desk.write("sa.key", certs.k8sserviceaccount.key.expose());
    openssl(&desk, "ec -check -noout -in sa.key");
    assert!(desk.read("old.yaml").contains("aescbcencryptionsecret: "));
}

#[test]
fn cmd_046_for_newer_releases_secrets_are_those_of_the_newest_that_is_known() {
    let desk = Desk::empty();

    let said = desk.run("gen secrets --talos-version v1.10");

    assert!(
        said.err.contains("v1.10 is newer than v1.6"),
        "{}",
        said.err
    );
    said.done();
    let text = desk.read("secrets.yaml");
    assert!(SecretsBundle::load(text.as_bytes()).is_ok());
    assert!(text.contains("secretboxencryptionsecret: "));
}

#[test]
fn cmd_046_secrets_of_the_oldest_release_are_rsa() {
    let desk = Desk::empty();
    desk.run("gen secrets --talos-version v0.8").done();

    let bundle = SecretsBundle::load(desk.read("secrets.yaml").as_bytes()).unwrap();
    for (name, pair) in [("k8s", &bundle.certs.k8s), ("etcd", &bundle.certs.etcd)] {
        desk.write(&format!("{name}.crt"), &pair.crt.0);
        let text = openssl(&desk, &format!("x509 -noout -text -in {name}.crt"));
        assert!(text.contains("(4096 bit)"), "{text}");
    }
    let line = "gen config home 10.0.0.2 --with-secrets secrets.yaml -t controlplane -o";
    desk.run(&format!("{line} old.yaml --talos-version v0.8"))
        .done();
    assert!(!desk.read("old.yaml").contains("aggregatorCA"));
    let error = desk.run(&format!("{line} new.yaml")).failed();
    assert!(error.contains("certs.k8saggregator"), "{error}");
}

#[test]
fn pki_03_secrets_can_be_had_back_from_a_control_plane_configuration() {
    let desk = Desk::with_cluster();

    desk.run("gen secrets --from-controlplane-config controlplane.yaml -o back.yaml")
        .done();

    assert_eq!(desk.read("back.yaml"), desk.read("secrets.yaml"));
    for (line, reason) in [
        (
            "--from-controlplane-config worker.yaml",
            "not a control plane node",
        ),
        ("--from-controlplane-config nowhere.yaml", "cannot read"),
        ("--from-controlplane-config talosconfig", "talosconfig: "),
        (
            "--from-controlplane-config controlplane.yaml -p x",
            "cannot be used with",
        ),
        (
            "--from-controlplane-config controlplane.yaml --talos-version v1.2",
            "cannot be used",
        ),
        ("--talos-version v0.7", "not a version from v0.8 on"),
        ("--talos-version newest", "not a version from v0.8 on"),
        (
            "--kubernetes-bootstrap-token abcdef.0123456789abcdef",
            "--from-kubernetes-pki",
        ),
        ("-p home", "cannot read"),
    ] {
        let error = desk
            .run(&format!("gen secrets -o new.yaml {line}"))
            .failed();
        assert!(error.contains(reason), "{line}: {error}");
        assert!(!desk.folder.join("new.yaml").exists());
    }
}

/// The folder of a cluster whose keys OpenSSL makes with `genkey`, in the forms that kubeadm writes.
fn foreign_cluster(desk: &Desk, genkey: &str) {
    std::fs::create_dir_all(desk.folder.join("pki/etcd")).unwrap();
    for name in ["ca", "front-proxy-ca", "etcd/ca", "sa"] {
        openssl(desk, &format!("{genkey} -out pki/new.key"));
        openssl(
            desk,
            &format!("pkey -traditional -in pki/new.key -out pki/{name}.key"),
        );
        openssl(
            desk,
            &format!(
                "req -x509 -key pki/{name}.key -subj /CN=kubernetes -days 30 -out pki/{name}.crt"
            ),
        );
    }
}

#[test]
fn cmd_046_the_folder_of_another_cluster_becomes_a_secrets_file() {
    let desk = Desk::empty();
    foreign_cluster(&desk, "genpkey -algorithm RSA");
    assert!(
        desk.read("pki/ca.key")
            .starts_with("-----BEGIN RSA PRIVATE KEY-----")
    );

    desk.run("gen secrets -p pki -t abcdef.0123456789abcdef")
        .done();

    let text = desk.read("secrets.yaml");
    let bundle = SecretsBundle::load(text.as_bytes()).unwrap();
    assert_eq!(bundle.certs.k8s.crt.0, desk.read("pki/ca.crt").as_bytes());
    assert!(text.contains("bootstraptoken: abcdef.0123456789abcdef\n"));
    assert!(text.contains(&STANDARD.encode(desk.read("pki/sa.key"))));
    desk.run("gen config home 10.0.0.2 --with-secrets secrets.yaml")
        .done();
    desk.write("pki/etcd/ca.key", desk.read("pki/ca.key"));
    let error = desk.run("gen secrets -p pki -o bad.yaml").failed();
    assert!(
        error.contains("certs.etcd: the key does not belong"),
        "{error}"
    );
}

#[test]
fn pki_04_authorities_of_other_clusters_issue_what_openssl_verifies() {
    for (genkey, signature) in [
        ("genpkey -algorithm RSA", "sha512WithRSAEncryption"),
        ("ecparam -name prime256v1 -genkey", "ecdsa-with-SHA256"),
        ("ecparam -name secp384r1 -genkey", "ecdsa-with-SHA384"),
    ] {
        let desk = Desk::empty();
        foreign_cluster(&desk, genkey);
        desk.run("gen key --name admin").done();
        desk.run("gen csr --key admin.key").done();

        for name in ["ca", "front-proxy-ca", "etcd/ca"] {
            desk.run(&format!(
                "gen crt --ca pki/{name} --csr admin.csr --name admin --force"
            ))
            .done();

            openssl(&desk, &format!("verify -CAfile pki/{name}.crt admin.crt"));
            let text = openssl(&desk, "x509 -noout -text -in admin.crt");
            assert!(text.contains(signature), "{text}");
        }
    }
}

#[test]
fn pki_03_authorities_on_p384_are_taken_wherever_one_is_read() {
    let desk = Desk::empty();
    foreign_cluster(&desk, "ecparam -name secp384r1 -genkey");
    desk.run("gen secrets -p pki -o theirs.yaml").done();
    let mut bundle = SecretsBundle::load(desk.read("theirs.yaml").as_bytes()).unwrap();
    bundle.certs.os = bundle.certs.k8s.clone();
    desk.write("secrets.yaml", bundle.to_yaml());

    desk.run("gen config home 10.0.0.2 --with-secrets secrets.yaml")
        .done();

    desk.run("validate -m cloud -c controlplane.yaml").done();
    desk.run("gen secrets --from-controlplane-config controlplane.yaml -o back.yaml")
        .done();
    assert_eq!(desk.read("back.yaml"), desk.read("secrets.yaml"));
    let node = Node::running(&desk.authority());
    desk.run("config merge talosconfig").done();
    desk.run(&format!("-e {0} -n {0} version --short", node.address))
        .done();
}

#[test]
fn pki_03_authorities_on_p521_are_refused_by_name() {
    let desk = Desk::empty();
    foreign_cluster(&desk, "ecparam -name secp521r1 -genkey");

    let error = desk.run("gen secrets -p pki").failed();

    assert!(
        error.contains("certs.k8s: keys on P-521 cannot be used"),
        "{error}"
    );
}

#[test]
fn pki_05_a_client_lives_a_year_and_authorities_ten() {
    let desk = Desk::with_cluster();
    machine_ca(&desk);
    let client = config::ClientConfig::load(desk.read("talosconfig").as_bytes()).unwrap();
    desk.write("me.crt", &client.current().unwrap().crt.0);

    let year = 365 * 86_400;
    for (file, seconds) in [("me.crt", year), ("ca.crt", 10 * year)] {
        let left = seconds - 3600;
        openssl(&desk, &format!("x509 -noout -checkend {left} -in {file}"));
        let past = Command::new("openssl")
            .args(["x509", "-noout", "-checkend", &(seconds + 3600).to_string()])
            .args(["-in", file])
            .current_dir(&desk.folder)
            .output()
            .unwrap();
        assert!(!past.status.success(), "{file}");
    }
}
