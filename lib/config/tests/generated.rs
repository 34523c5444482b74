// SPDX-License-Identifier: MPL-2.0
//! What the generators make: loadable, complete, in Talos's shape.
//!
//! Owns: the promises of `gen config`, `gen secrets` and the client configuration.
//! Never: reads a clock.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use config::{
    ClientConfig, Configuration, GenerateError, GenerateOptions, Generated, SecretsBundle, generate,
};
use pki::UnixTime;
use std::time::Duration;

const NOW: UnixTime = UnixTime(1_790_000_000);

fn made(options: &GenerateOptions) -> (SecretsBundle, Generated) {
    let secrets = SecretsBundle::generate(NOW).unwrap();
    let generated = generate("home", "10.0.0.1", &secrets, options).unwrap();
    (secrets, generated)
}

#[test]
fn generated_configurations_load_and_print_the_same() {
    let (_, generated) = made(&GenerateOptions::default());
    for document in [&generated.controlplane, &generated.worker] {
        let text = document.to_yaml();
        let loaded = Configuration::load(text.as_bytes()).unwrap();

        assert_eq!(loaded.document(), Some(document));
        assert_eq!(loaded.source(), text);
        assert_eq!(loaded.to_yaml(), text);
    }
}
