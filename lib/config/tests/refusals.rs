// SPDX-License-Identifier: MPL-2.0
//! What is refused when a configuration is loaded, in which words, and in bounded time.
//!
//! Owns: the promises about bad input.
//! Never: uses an input that is good.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use config::{
    Circumstances, Configuration, Fault, GenerateOptions, LoadError, SecretsBundle, generate,
};
use pki::{Authority, UnixTime};
use proptest::prelude::*;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const NOW: UnixTime = UnixTime(1_790_000_000);

fn controlplane() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let secrets = SecretsBundle::generate(NOW).unwrap();
        let options = GenerateOptions::default();
        generate("home", "10.0.0.1", &secrets, &options)
            .unwrap()
            .controlplane
            .to_yaml()
    })
}

fn refused(bytes: &[u8]) -> LoadError {
    Configuration::load(bytes).unwrap_err()
}

/// Refuses within a time that a parser which runs away would not keep.
fn refused_soon(bytes: &[u8]) -> Fault {
    let start = Instant::now();
    let error = refused(bytes);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    error.problems.first().unwrap().fault.clone()
}

/// The generated configuration with one line replaced.
fn with(line: &str, replacement: &str) -> String {
    let text = controlplane();
    assert!(text.contains(line), "{line:?}");
    text.replacen(line, replacement, 1)
}

#[test]
fn an_unknown_key_is_named_with_path_line_and_column() {
    let text = "version: v1alpha1\nmachine:\n  network:\n    hostnam: a\n";

    let error = refused(text.as_bytes());
    assert_eq!(
        error.to_string(),
        "machine.network.hostnam: unknown key, line 4 column 5"
    );
}

#[test]
fn unknown_keys_are_found_at_every_depth_and_all_at_once() {
    let text = "version: v1alpha1\nmachin: {}\nmachine:\n  network:\n    interfaces:\n      - interface: a\n      - dhcpOptions: {ipv5: true}\n";

    let error = refused(text.as_bytes());
    let lines: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "machin: unknown key, line 2 column 1",
            "machine.network.interfaces[1].dhcpOptions.ipv5: unknown key, line 7 column 23",
        ]
    );
}

#[test]
fn wrong_types_are_named_with_what_was_expected() {
    for (text, expected) in [
        ("machine:\n  type: [a]\n", "machine.type: wrong type, expected text, line 2 column 3"),
        ("machine: text\n", "machine: wrong type, expected a mapping, line 1 column 1"),
        ("machine: [a]\n", "machine: wrong type, expected a mapping, line 1 column 1"),
        (
            "machine:\n  certSANs: a\n",
            "machine.certSANs: wrong type, expected a list, line 2 column 3",
        ),
        ("debug: maybe\n", "debug: wrong type, expected true or false, line 1 column 1"),
        ("debug: [true]\n", "debug: wrong type, expected true or false, line 1 column 1"),
        (
            "machine:\n  network:\n    interfaces:\n      - mtu: many\n",
            "machine.network.interfaces[0].mtu: wrong type, expected a whole number, line 4 column 9",
        ),
        (
            "machine:\n  sysctls:\n    a.b: {}\n",
            "machine.sysctls.a.b: wrong type, expected text, line 3 column 5",
        ),

    ]
    .into_iter()

    {
        let error = refused(format!("{text}version: v1alpha1\n").as_bytes());
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_wrong_type_does_not_hide_the_other_problems() {
    let text = "version: v1alpha1\nmachine:\n  typo: a\n  certSANs: a\n  network: {mtu: 1}\n";

    assert_eq!(refused(text.as_bytes()).problems.len(), 3);
}

#[test]
fn numbers_out_of_range_and_malformed_values_are_refused() {
    for (inside, path) in [
        (
            "network: {interfaces: [{vlans: [{vlanId: 70000}]}]}",
            "machine.network.interfaces[0].vlans[0].vlanId",
        ),
        (
            "network: {interfaces: [{vlans: [{mtu: -1}]}]}",
            "machine.network.interfaces[0].vlans[0].mtu",
        ),
        ("time: {bootTimeout: 1 minute}", "machine.time.bootTimeout"),
        ("time: {bootTimeout: 5}", "machine.time.bootTimeout"),
        ("time: {bootTimeout: ''}", "machine.time.bootTimeout"),
        (
            "disks: [{partitions: [{size: ''}]}]",
            "machine.disks[0].partitions[0].size",
        ),
        (
            "network: {interfaces: [{mtu: 1400.5}]}",
            "machine.network.interfaces[0].mtu",
        ),
        (
            "disks: [{partitions: [{size: large}]}]",
            "machine.disks[0].partitions[0].size",
        ),
        (
            "files: [{permissions: rw-r--r--}]",
            "machine.files[0].permissions",
        ),
        (
            "files: [{permissions: 0o999}]",
            "machine.files[0].permissions",
        ),
    ] {
        let error = refused(format!("version: v1alpha1\nmachine: {{{inside}}}\n").as_bytes());
        assert_eq!(
            error.problems.first().unwrap().path.to_string(),
            path,
            "{error}"
        );
    }
}

#[test]
fn duplicate_keys_are_refused_where_the_second_one_is() {
    let text = "version: v1alpha1\nmachine:\n  type: worker\n  token: a\n  type: worker\n";

    let error = refused(text.as_bytes());
    assert_eq!(
        error.to_string(),
        "machine.type: the key is there twice, line 5 column 3"
    );
    let free = "version: v1alpha1\nmachine:\n  kubelet:\n    extraConfig: {a: {b: 1, b: 2}}\n";
    assert_eq!(
        refused(free.as_bytes()).to_string(),
        "machine.kubelet.extraConfig.a.b: the key is there twice, line 4 column 29"
    );
}

#[test]
fn text_that_is_not_yaml_is_refused_with_a_line() {
    for text in [
        "version: v1alpha1\nmachine: [\n",
        "version: v1alpha1\n\tmachine: {}\n",
        "version: v1alpha1\nmachine:\n  type: \"worker\n",
        "version: v1alpha1\nmachine: *nowhere\n",
        "version: v1alpha1\n  machine: a: b\n",
        "version: v1alpha1\n%directive\n---\n: :\n }",
    ] {
        let error = refused(text.as_bytes());
        let problem = error.problems.first().unwrap();
        assert!(
            matches!(problem.fault, Fault::NotYaml(_)),
            "{text:?}: {error}"
        );
        assert!(problem.position.is_some(), "{text:?}: {error}");
        assert!(error.to_string().starts_with("not YAML: "), "{error}");
    }
}

#[test]
fn a_document_that_is_no_mapping_is_refused() {
    for text in ["just text\n", "[a, b]\n", "42\n", "- a\n"] {
        assert_eq!(
            refused_soon(text.as_bytes()),
            Fault::WrongType {
                expected: "a mapping"
            },
            "{text:?}"
        );
    }
}

#[test]
fn a_file_without_documents_is_refused() {
    for text in ["", "\n\n", "# comment\n", "---\n", "---\n---\n", "null\n"] {
        assert_eq!(refused_soon(text.as_bytes()), Fault::Empty, "{text:?}");
    }
}

#[test]
fn versions_and_kinds_that_we_do_not_know_are_refused_by_name() {
    for (text, expected) in [
        (
            "version: v2\nmachine: {}\n",
            "version: unknown version \"v2\", expected v1alpha1, line 1 column 1",
        ),
        ("machine: {}\n", "version: missing, line 1 column 1"),
        (
            "kind: Pod\napiVersion: v1\n",
            "kind: unknown kind of document \"Pod\", line 1 column 1",
        ),
        ("a: b\n", "kind: missing, line 1 column 1"),
        (
            "apiVersion: v1beta1\nkind: KmsgLogConfig\n",
            "apiVersion: unknown version \"v1beta1\", expected v1alpha1, line 1 column 1",
        ),
    ] {
        assert_eq!(refused(text.as_bytes()).to_string(), expected);
    }
}

#[test]
fn two_main_documents_or_two_of_one_name_are_refused() {
    let two = format!("{0}---\n{0}", controlplane());
    assert_eq!(refused_soon(two.as_bytes()), Fault::DuplicateDocument);
    let log = "apiVersion: v1alpha1\nkind: KmsgLogConfig\nname: a\nurl: tcp://a:1\n";
    let logs = format!("{log}---\n{log}");
    assert_eq!(refused_soon(logs.as_bytes()), Fault::DuplicateDocument);
}

#[test]
fn base64_that_is_none_is_refused_where_it_is() {
    let line = controlplane()
        .lines()
        .find(|line| line.trim().starts_with("crt: "))
        .unwrap();
    let text = with(line, "        crt: '%%%'");

    assert!(
        refused(text.as_bytes())
            .to_string()
            .starts_with("machine.ca.crt: not base64, line 8 column 9")
    );
}

/// Loads, and returns what validation says.
fn invalid(text: &str) -> Vec<String> {
    let loaded = Configuration::load(text.as_bytes()).unwrap();
    loaded
        .validate(Circumstances::default())
        .errors
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_missing_machine_authority_is_refused_with_the_line_of_its_section() {
    let start = controlplane().find("    ca:\n").unwrap();
    let end = controlplane().find("    certSANs:").unwrap();
    let text = format!("{}{}", &controlplane()[..start], &controlplane()[end..]);

    assert_eq!(invalid(&text), ["machine.ca: missing, line 4 column 1"]);
}

#[test]
fn base64_of_something_else_than_pem_is_refused() {
    let line = controlplane()
        .lines()
        .find(|line| line.trim().starts_with("crt: "))
        .unwrap();

    assert_eq!(
        invalid(&with(line, "        crt: aGVsbG8=")),
        ["machine.ca.crt: not PEM, line 8 column 9"]
    );
    assert_eq!(
        invalid(&with(line, "        crt: ''")),
        ["machine.ca.crt: missing, line 8 column 9"]
    );
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    use base64::Engine as _;
    let (_, key) = Authority::machine(NOW).unwrap().to_pem().unwrap();
    let key = base64::engine::general_purpose::STANDARD.encode(key.expose());
    let line = controlplane()
        .lines()
        .find(|line| line.trim().starts_with("key: "))
        .unwrap();

    assert_eq!(
        invalid(&with(line, &format!("        key: {key}"))),
        ["machine.ca.key: the key does not belong to the certificate, line 9 column 9"]
    );
    assert_eq!(
        invalid(&with(line, "        key: ''")),
        ["machine.ca.key: missing, line 9 column 9"]
    );
    assert!(
        invalid(&with(line, "        key: '******'"))[0].starts_with("machine.ca.key: bad value")
    );
}

#[test]
fn no_message_repeats_a_secret() {
    let line = controlplane()
        .lines()
        .find(|line| line.trim().starts_with("key: "))
        .unwrap();
    let secret = "c2VjcmV0IHNlY3JldA==";

    let errors = invalid(&with(line, &format!("        key: {secret}"))).join("\n");
    assert!(!errors.contains(secret) && !errors.contains("secret secret"));
    let error = refused(with(line, "        key: [very secret]").as_bytes()).to_string();
    assert!(!error.contains("very secret"), "{error}");
    let error = refused(with(line, "        key: '%%very secret%%'").as_bytes()).to_string();
    assert!(!error.contains("very secret"), "{error}");
}

#[test]
fn bytes_that_are_no_text_are_refused_before_they_are_parsed() {
    assert_eq!(refused_soon(b"version: v1alpha1\n\xff\n"), Fault::NotUtf8);
    assert_eq!(
        refused(b"a: b\nc: \xff").to_string(),
        "not UTF-8 text, line 2 column 4"
    );
    assert_eq!(
        refused_soon(b"\xef\xbb\xbfversion: v1alpha1\n"),
        Fault::ByteOrderMark
    );
    assert_eq!(refused_soon(b"\xff\xfev\0e\0"), Fault::ByteOrderMark);
    assert_eq!(
        refused(b"a: b\nc: \0\n").to_string(),
        "has the control character U+0000, line 2 column 4"
    );
    assert_eq!(
        refused_soon(b"a: \x1b[31m\n"),
        Fault::ControlCharacter('\x1b')
    );
}

#[test]
fn files_that_are_too_large_are_refused_at_once() {
    let large = vec![b'a'; 50 * 1024 * 1024];

    assert_eq!(refused_soon(&large), Fault::TooLarge);
    assert_eq!(refused_soon(&large[..=config::MAX_BYTES]), Fault::TooLarge);
}

#[test]
fn nesting_of_ten_thousand_is_refused_in_every_style() {
    let flow = format!("machine: {}", "[".repeat(10_000));
    let maps = format!("machine: {}", "{a: ".repeat(10_000));
    let lines = format!("machine: {}", "[\n".repeat(10_000));
    let dashes = format!("machine:\n  {}a\n", "- ".repeat(10_000));
    let questions = "? ".repeat(10_000);
    let block: String = (1..1_000)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    let block = format!("machine:\n{block}");
    for text in [flow, maps, lines, dashes, block] {
        let fault = refused_soon(text.as_bytes());
        assert_eq!(fault, Fault::TooDeep, "{}", &text[..30]);
    }
    // A mapping as a key is wrong before it is deep.
    assert_eq!(
        refused_soon(questions.as_bytes()),
        Fault::WrongType { expected: "text" }
    );
}

#[test]
fn nesting_that_hides_from_counting_is_refused_in_bounded_time() {
    let room = config::MAX_BYTES - 100;
    for unit in [
        "[\"]\",",
        "[\"\n]\n\",",
        "[a,\nb ",
        "{\"}\": ",
        "[#]\n",
        "- [\n",
        "? [",
        "[? ",
    ] {
        let text = format!("machine: {}", unit.repeat(room / unit.len()));
        let start = Instant::now();

        assert!(Configuration::load(text.as_bytes()).is_err());
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{unit:?}: {:?}",
            start.elapsed()
        );
    }
}

#[test]
fn nesting_in_quotes_and_comments_is_found_by_asking_the_parser() {
    for unit in ["[\"]\",", "[#]\n"] {
        let text = format!("machine: {}", unit.repeat(40_000));
        assert_eq!(refused_soon(text.as_bytes()), Fault::TooDeep, "{unit:?}");
    }
}

#[test]
fn more_items_than_anybody_needs_are_refused() {
    let room = config::MAX_BYTES - 100;
    let commas = format!("machine: [{}]", "a,".repeat(room / 2));
    assert_eq!(refused_soon(commas.as_bytes()), Fault::TooManyItems);
    let documents = "---\n".repeat(room / 4);
    assert_eq!(refused_soon(documents.as_bytes()), Fault::TooManyItems);
}

#[test]
fn too_many_documents_were_called_too_many_items() {
    let text = |count| format!("version: v1alpha1\n{}", "---\n".repeat(count));

    assert!(Configuration::load(text(config::MAX_DOCUMENTS - 1).as_bytes()).is_ok());
    let error = refused(text(config::MAX_DOCUMENTS).as_bytes());
    assert_eq!(error.to_string(), "has more than 1000 documents");
    let keys: String = (0..70_000).map(|n| format!("k{n}: 1\n")).collect();
    assert!(refused(keys.as_bytes()).problems.len() <= config::MAX_PROBLEMS);
}

#[test]
fn aliases_that_explode_are_refused() {
    let mut text =
        "version: v1alpha1\nmachine:\n  pods:\n    - &a0 {b: [x, x, x, x, x, x, x, x, x]}\n"
            .to_owned();
    for n in 1..12 {
        let refs = vec![format!("*a{}", n - 1); 9].join(", ");
        text.push_str(&format!("    - &a{n} {{b: [{refs}]}}\n"));
    }

    assert_eq!(refused_soon(text.as_bytes()), Fault::AliasGrowth);
}

#[test]
fn an_alias_inside_of_what_it_stands_for_is_refused() {
    let text = "version: v1alpha1\nmachine:\n  pods:\n    - &a {b: *a}\n";

    assert!(Configuration::load(text.as_bytes()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_the_loader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Configuration::load(&bytes);
    }

    #[test]
    fn no_yaml_like_text_makes_the_loader_panic(text in "([a-z]{1,3}|[-:?,{}&*!|>'\"%@` #<\n\t]|\\[|\\]|machine|version: v1alpha1\n|kind: |  ){0,60}") {
        let _ = Configuration::load(text.as_bytes());
    }

    #[test]
    fn no_damage_to_a_good_file_makes_the_loader_or_a_rule_panic(
        at in any::<proptest::sample::Index>(),
        length in 0usize..40,
        patch in "[a-z:{}&*'\" \n\\[\\]-]{0,6}",
    ) {
        let text = controlplane();
        let start = at.index(text.len());
        let end = start.saturating_add(length).min(text.len());
        let damaged = format!("{}{patch}{}", &text[..start], &text[end..]);
        if let Ok(loaded) = Configuration::load(damaged.as_bytes()) {
            let _ = loaded.validate(Circumstances::default()).to_string();
            let _ = loaded.spec();
            let again = Configuration::load(loaded.to_yaml().as_bytes()).unwrap();
            prop_assert_eq!(again.document(), loaded.document());
        }
    }
}

#[test]
fn an_authority_that_has_expired_is_refused_where_it_stands() {
    let loaded = Configuration::load(controlplane().as_bytes()).unwrap();
    let later = UnixTime(NOW.0 + 11 * 365 * 86_400);
    let check = |now| loaded.validate_at(Circumstances::default(), now);

    assert_eq!(check(NOW).errors, []);
    // A node without a battery wakes up in 1970.
    assert_eq!(check(UnixTime(0)).errors, []);
    let errors: Vec<String> = check(later)
        .errors
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert_eq!(
        errors[0],
        "machine.ca.crt: the certificate has expired, line 8 column 9"
    );
}
