// SPDX-License-Identifier: MPL-2.0
//! Targets: the machine configuration and its patches.
//!
//! Owns: what holds for any bytes that somebody sends as a configuration or a patch.
//! Never: expects an input to be taken.
#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a broken promise ends the run"
)]

use crate::Target;
use config::patch::{Patch, apply};
use config::{Circumstances, Configuration};

const WORDS: &[&str] = &[
    "machine:",
    "cluster:",
    "  ",
    "\n",
    "\n  ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "#",
    "'",
    "\"",
    "|\n",
    ">-\n",
    "&a ",
    "*a",
    "<<: *a",
    "? ",
    "---\n",
    "...\n",
    "!!str ",
    "%YAML 1.1\n",
    "~",
    "null",
    "yes",
    "0o7",
    "\t",
    "\r\n",
    "\u{feff}",
    "ä",
    "\u{85}",
    "version: v1alpha1\n",
    "apiVersion: v1alpha1\n",
    "kind: NetworkRuleConfig\n",
    "name: a\n",
    "$patch: delete",
    "interfaces:\n",
    "interface: eth0\n",
    "vlans: [{vlanId: 1}]",
    "op: ",
    "add",
    "remove",
    "replace",
    "move",
    "copy",
    "test",
    "path: ",
    "from: ",
    "value: ",
    "/machine",
    "/-",
    "/0",
    "~1",
];

const DOCUMENT: &str = "# ours\nversion: v1alpha1\nmachine: # the machine\n  type: worker\n  certSANs:\n    - a # first\n    - b\n  network:\n    hostname: a\n    interfaces:\n      - interface: eth0\n        dhcp: yes\n        vlans: [{vlanId: 1}]\n\n      # second\n      - deviceSelector: {driver: a}\n        mtu: 1400\n  files:\n    - content: |\n        text: #\n      permissions: 0644\n      path: /a\n      op: create\n  sysctls: &s {a: b}\n  sysfs: *s\ncluster:\n  network: {podSubnets: [10.0.0.0/8]}\n  apiServer:\n    admissionControl:\n      - name: a\n        configuration: {b: [1, true, c]}\n";

const RULE: &str = "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: a\nportSelector:\n  ports: [1, 2-3]\n  protocol: tcp\ningress:\n  - subnet: 10.0.0.0/8\n";

const MERGE: &str = "machine:\n  network:\n    hostname: {$patch: delete}\n    interfaces:\n      - interface: eth0\n        mtu: 9000\n        vlans:\n          - vlanId: 1\n            $patch: delete\n  certSANs: [c]\n  files:\n    - path: /a\n      $patch: delete\ncluster: {network: {podSubnets: [fd00::/8]}}\n";

const OPERATIONS: &str = "- {op: test, path: /machine/type, value: worker}\n- {op: add, path: /machine/certSANs/0, value: c}\n- {op: remove, path: /machine/network/interfaces/0}\n- {op: replace, path: /machine/network/hostname, value: b}\n- {op: move, from: /machine/files, path: /machine/pods}\n- {op: copy, from: /machine/sysctls, path: /machine/env}\n";

/// Between a configuration and its patch, for the target that takes both.
const CUT: &str = "\n=====\n";

/// Patches that fit many texts.
const PATCHES: &[&str] = &[
    "machine: {network: {hostname: b, nameservers: [1.1.1.1]}, certSANs: [c], sysctls: {a: b}}",
    "machine: {registries: {mirrors: {docker.io: {endpoints: [a]}}}, kubelet: {extraArgs: {a: b}}}",
    "cluster: {network: {cni: {name: none}}, apiServer: {certSANs: [a]}, extraManifests: [b]}",
    "[{op: remove, path: /machine/network}]",
    "[{op: remove, path: /machine/files/0}]",
    "[{op: replace, path: /machine, value: {type: worker}}]",
];

/// Loading: whatever loads can be validated, and prints as something that loads the same.
pub const LOAD: Target = Target {
    name: "config-load",
    seeds: &[DOCUMENT, RULE, MERGE, OPERATIONS],
    words: WORDS,
    run: |input| {
        let Ok(loaded) = Configuration::load(input) else {
            return;
        };
        assert_eq!(loaded.source().as_bytes(), input);
        let _ = loaded.validate(Circumstances::default()).to_string();
        let _ = (loaded.spec(), loaded.unsupported());
        if loaded.document().is_none() && loaded.extras().is_empty() {
            return;
        }
        let printed = loaded.to_yaml();
        let again = Configuration::load(printed.as_bytes());
        let again = again.unwrap_or_else(|error| panic!("{error}\n{printed}"));
        assert_eq!(again.document(), loaded.document());
        assert_eq!(again.extras(), loaded.extras());
    },
};

/// Strategic merge: whatever a patch does to a good configuration, the result loads.
pub const STRATEGIC_MERGE: Target = Target {
    name: "config-strategic-merge",
    seeds: &[MERGE, DOCUMENT, RULE],
    words: WORDS,
    run: |input| patch(DOCUMENT, input),
};

/// JSON patch: the same.
pub const JSON_PATCH: Target = Target {
    name: "config-json-patch",
    seeds: &[OPERATIONS],
    words: WORDS,
    run: |input| patch(DOCUMENT, input),
};

/// Any text with any patch: the text is edited to what was meant, or not at all.
pub const PATCHED_TEXT: Target = Target {
    name: "config-patched-text",
    seeds: &[
        "version: v1alpha1\nmachine:\n  type: worker\n  certSANs: [a]\n  network: # x\n    hostname: a # y\n\n=====\nmachine: {network: {hostname: b}, certSANs: [b]}\n",
        "version: v1alpha1\nmachine:\n  files:\n  - path: /a\n    content: |+\n     a\n\n  - path: /b\n\n=====\n- {op: remove, path: /machine/files/0}\n- {op: add, path: /machine/files/-, value: {path: /c, content: \"x\\ny\\n\"}}\n",
        "version: v1alpha1\nmachine: {sysctls: {a: b}}\n---\napiVersion: v1alpha1\nkind: KmsgLogConfig\nname: a # z\nurl: tcp://a:1\n=====\napiVersion: v1alpha1\nkind: KmsgLogConfig\nname: a\nurl: udp://b:2\n",
    ],
    words: WORDS,
    run: |input| {
        let text = String::from_utf8_lossy(input);
        if let Some((base, text)) = text.split_once(CUT) {
            patch(base, text.as_bytes());
            return;
        }
        // A text alone is one to patch.
        for base in [text.to_string(), format!("{text}\nversion: v1alpha1\n")] {
            for text in PATCHES {
                patch(&base, text.as_bytes());
            }
        }
    },
};

fn patch(base: &str, input: &[u8]) {
    let Ok(patch) = Patch::parse("fuzz", input) else {
        return;
    };
    let patches = core::slice::from_ref(&patch);
    match apply(base, patches) {
        Ok(text) => {
            Configuration::load(text.as_bytes()).expect("what was patched loads");
            let again = apply(base, patches).expect("a patch that applied applies again");
            assert_eq!(text, again, "patching is not the same twice");
        }
        Err(error) => assert!(!error.problems.is_empty() && !error.to_string().is_empty()),
    }
}
