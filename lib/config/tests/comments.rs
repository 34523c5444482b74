// SPDX-License-Identifier: MPL-2.0
//! Comments in generated configurations.
//!
//! Owns: the promises of `--with-docs` and `--with-examples`.
//! Never: reads a clock.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use config::{
    Circumstances, Comments, Configuration, GenerateOptions, Mode, SecretsBundle, Strictness,
    generate,
};
use pki::UnixTime;

const DOCS: Comments = Comments {
    docs: true,
    examples: false,
};
const EXAMPLES: Comments = Comments {
    docs: false,
    examples: true,
};

fn made() -> [Configuration; 2] {
    let secrets = SecretsBundle::generate(UnixTime(1_790_000_000)).unwrap();
    let made = generate("home", "10.0.0.1", &secrets, &GenerateOptions::default()).unwrap();
    [made.controlplane, made.worker].map(Configuration::from_document)
}

#[test]
fn cmd_041_comments_change_nothing_that_is_read() {
    for configuration in made() {
        for comments in [Comments::default(), DOCS, EXAMPLES, Comments::ALL] {
            let text = configuration.to_commented_yaml(comments);

            let loaded = Configuration::load(text.as_bytes()).unwrap();
            assert_eq!(loaded.document(), configuration.document(), "{text}");
            assert_eq!(loaded.to_yaml(), configuration.to_yaml());
            assert_eq!(text.contains('#'), comments != Comments::default());
        }
    }
}

#[test]
fn cmd_041_each_key_of_the_format_is_explained() {
    for configuration in made() {
        let text = configuration.to_commented_yaml(DOCS);
        let lines: Vec<&str> = text.lines().collect();
        let free = ["configuration:", "auditPolicy:"];
        let mut below = usize::MAX;
        for (number, line) in lines.iter().enumerate() {
            let depth = line.len() - line.trim_start().len();
            if depth <= below {
                below = usize::MAX;
            }
            let content = line.trim_start().trim_start_matches("- ");
            // Comments, items of lists of text, and what is below keys whose content is free.
            if below != usize::MAX || content.starts_with('#') || !content.contains(':') {
                continue;
            }
            if free.iter().any(|key| content.starts_with(key)) {
                below = depth;
            }
            let is_item = line.trim_start().starts_with("- ") && !content.contains(": ");
            let above = number
                .checked_sub(1)
                .map_or("", |at| lines[at].trim_start());
            let explained = content.contains(" # ") || above.starts_with("# ");
            assert!(explained || is_item, "{number}: {line}\n{text}");
        }
    }
}

#[test]
fn cmd_041_all_examples_together_are_a_valid_configuration() {
    let [controlplane, _] = made();
    let text = controlplane.to_commented_yaml(EXAMPLES);
    let uncommented: String = text
        .lines()
        .filter(|line| line.trim() != "#")
        .map(|line| {
            let content = line.trim_start();
            let indent = &line[..line.len() - content.len()];
            match content.strip_prefix("# ") {
                Some(example) => format!("{indent}{example}\n"),
                // What is empty without examples is not with them.
                None => format!("{}\n", line.trim_end_matches(" {}")),
            }
        })
        .collect();

    let loaded = Configuration::load(uncommented.as_bytes())
        .unwrap_or_else(|error| panic!("{error}\n{uncommented}"));
    let circumstances = Circumstances {
        mode: Mode::Metal,
        installed: false,
    };
    let report = loaded.validate(circumstances);
    assert!(
        report.is_usable(Strictness::Strict),
        "{report}\n{uncommented}"
    );
    let count = text.lines().filter(|line| line.trim() == "#").count();
    assert!(count > 40, "{count} examples");
    let machine = loaded.document().unwrap().machine.as_ref().unwrap();
    assert_eq!(machine.network.as_ref().unwrap().hostname, "node-1");
}

#[test]
fn examples_explain_themselves_when_docs_are_wanted_too() {
    let [controlplane, _] = made();

    let text = controlplane.to_commented_yaml(Comments::ALL);

    assert!(
        text.contains(
            "        #\n        # # Addresses of the cluster's name service.\n        \
             # clusterDNS:\n        #     - 10.96.0.10\n"
        ),
        "{text}"
    );
}
