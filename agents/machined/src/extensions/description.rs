// SPDX-License-Identifier: MPL-2.0
//! The description of an extension service, of both generations of its documents.
//!
//! Owns: its keys and what they may hold (rows EXT-01 to EXT-17).
//! Never: guesses: a key it does not know refuses the whole service.

use proto::service::Restart;
use serde_yaml_ng::Value;

use super::mount::Described;
use super::read::{Refused, Section, alias, is_plain, refused};
use super::security::Security;

/// The most conditions: all kinds, and some services and files.
const DEPENDS_MAX: usize = 32;

/// A description, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    /// Its name, without prefix.
    pub name: String,
    /// The program, an absolute path inside of the container.
    pub entrypoint: String,
    pub args: Vec<String>,
    /// A file of the node with more of its environment. The service waits until it is there.
    pub environment_file: Option<String>,
    /// `NAME=value` each; what it says counts more than the file.
    pub environment: Vec<String>,
    pub mounts: Vec<Described>,
    pub security: Security,
    /// What must hold before it starts.
    pub depends: Vec<Condition>,
    pub restart: Restart,
    /// Whether its output is shown on the console too.
    pub log_to_console: bool,
}

/// What must hold before a service starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The service runs and is healthy.
    Service(String),
    /// Something is at this path of the node.
    Path(String),
    /// The network is as ready as these say, all of them.
    Network(Vec<Network>),
    /// The clock is set.
    Time,
    /// There is an `ExtensionServiceConfig` of its name.
    Configuration,
}

/// In what the network can be ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// It has an address.
    Addresses,
    /// It reaches what it should.
    Connectivity,
    /// The node has its name.
    Hostname,
    /// `/etc/hosts` and `/etc/resolv.conf` are written.
    EtcFiles,
}

impl Network {
    /// Its word in descriptions and in the text of conditions.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Addresses => "addresses",
            Self::Connectivity => "connectivity",
            Self::Hostname => "hostname",
            Self::EtcFiles => "etcfiles",
        }
    }

    const ALL: [Self; 4] = [
        Self::Addresses,
        Self::Connectivity,
        Self::Hostname,
        Self::EtcFiles,
    ];
}

impl Extension {
    /// Reads a description.
    ///
    /// # Errors
    /// It is not YAML, lacks something, or has a key or a value that there is not.
    pub(crate) fn parse(text: &str) -> Result<Self, Refused> {
        if let Some(name) = alias(text) {
            return refused("", format!("the alias *{name} is not supported"));
        }
        let value: Value = match serde_yaml_ng::from_str(text) {
            Ok(value) => value,
            Err(error) => return refused("", format!("not YAML: {error}")),
        };
        let keys = ["name", "container", "depends", "restart", "logToConsole"];
        let root = Section::open("", Some(&value), &keys)?;
        if root.get("container").is_none() {
            return refused("container", "missing");
        }
        let keys = [
            "entrypoint",
            "environmentFile",
            "environment",
            "args",
            "mounts",
            "security",
        ];
        let container = Section::open("container", root.get("container"), &keys)?;
        Ok(Self {
            name: name(&root)?,
            entrypoint: entrypoint(&container)?,
            args: container.texts("args")?,
            environment_file: container.path_if_any("environmentFile")?.map(str::to_owned),
            environment: environment(&container)?,
            mounts: mounts(&container)?,
            security: Security::read(container.get("security"))?,
            depends: depends(&root)?,
            restart: restart(&root)?,
            log_to_console: root.flag("logToConsole")?,
        })
    }
}

fn name(root: &Section<'_>) -> Result<String, Refused> {
    let name = root.text("name")?;
    let fits = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    if !name.bytes().all(fits) {
        return refused("name", "only a-z, 0-9, - and _ are possible");
    }
    if super::PREFIX.len().saturating_add(name.len()) > proto::NAME_MAX {
        let max = proto::NAME_MAX.saturating_sub(super::PREFIX.len());
        return refused("name", format!("longer than {max} characters"));
    }
    Ok(name.to_owned())
}

/// The entrypoint is relative to the root of the container; init wants it absolute.
fn entrypoint(container: &Section<'_>) -> Result<String, Refused> {
    let written = container.text("entrypoint")?;
    let path = written.trim_start_matches("./").trim_start_matches('/');
    if path.is_empty() || path.split('/').any(|part| part == ".." || part.is_empty()) {
        return refused("container.entrypoint", "not a path inside of the container");
    }
    Ok(format!("/{path}"))
}

/// Whether a text is `NAME=value`.
pub(crate) fn is_variable(text: &str) -> bool {
    text.contains('=') && !text.starts_with('=')
}

fn environment(container: &Section<'_>) -> Result<Vec<String>, Refused> {
    let variables = container.texts("environment")?;
    match variables.iter().position(|text| !is_variable(text)) {
        Some(index) => refused(
            format!("container.environment[{index}]"),
            "NAME=value is needed",
        ),
        None => Ok(variables),
    }
}

fn mounts(container: &Section<'_>) -> Result<Vec<Described>, Refused> {
    let mut mounts = Vec::new();
    for (index, item) in container.items("mounts")?.iter().enumerate() {
        let at = format!("container.mounts[{index}]");
        let keys = ["source", "destination", "type", "options"];
        mounts.push(mount(&Section::open(&at, Some(item), &keys)?)?);
    }
    Ok(mounts)
}

fn mount(mount: &Section<'_>) -> Result<Described, Refused> {
    let Some(target) = mount.path_if_any("destination")? else {
        return refused(mount.path("destination"), "missing");
    };
    let source = mount.text_if_any("source")?;
    let kind = mount.text_if_any("type")?;
    let options = mount.texts("options")?;
    let described = Described::new(
        source.or(kind).unwrap_or_default().to_owned(),
        target.to_owned(),
        kind.unwrap_or_default(),
        &options,
    )
    .or_else(|(index, reason)| refused(format!("{}[{index}]", mount.path("options")), reason))?;
    match source {
        _ if !described.is_bind() => Ok(described),
        None => refused(mount.path("source"), "missing"),
        Some(source) if is_plain(source) => Ok(described),
        Some(_) => refused(
            mount.path("source"),
            "an absolute path without .. is needed",
        ),
    }
}

fn depends(root: &Section<'_>) -> Result<Vec<Condition>, Refused> {
    if root.items("depends")?.len() > DEPENDS_MAX {
        return refused("depends", format!("at most {DEPENDS_MAX} are possible"));
    }
    let mut conditions = Vec::new();
    for (index, item) in root.items("depends")?.iter().enumerate() {
        let at = format!("depends[{index}]");
        let keys = ["service", "path", "network", "time", "configuration"];
        let section = Section::open(&at, Some(item), &keys)?;
        let present: Vec<&str> = section.present().collect();
        match present.as_slice() {
            ["service"] => {
                conditions.push(Condition::Service(section.text("service")?.to_owned()));
            }
            ["path"] => conditions.extend(
                section
                    .path_if_any("path")?
                    .map(|path| Condition::Path(path.to_owned())),
            ),
            ["network"] => conditions.push(Condition::Network(network(&section)?)),
            ["time"] => conditions.extend(section.flag("time")?.then_some(Condition::Time)),
            ["configuration"] => {
                let wanted = section.flag("configuration")?;
                conditions.extend(wanted.then_some(Condition::Configuration));
            }
            _ => {
                let needed = format!("exactly one of {} is needed", keys.join(", "));
                return refused(at, needed);
            }
        }
    }
    Ok(conditions)
}

fn network(section: &Section<'_>) -> Result<Vec<Network>, Refused> {
    let words = section.texts("network")?;
    if words.is_empty() {
        return refused(section.path("network"), "empty");
    }
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        match Network::ALL.iter().find(|network| network.word() == word) {
            Some(network) => found.push(*network),
            None => {
                return refused(
                    format!("{}[{index}]", section.path("network")),
                    "addresses, connectivity, hostname and etcfiles are possible",
                );
            }
        }
    }
    Ok(found)
}

fn restart(root: &Section<'_>) -> Result<Restart, Refused> {
    match root.text("restart")? {
        "always" => Ok(Restart::Always),
        "never" => Ok(Restart::Never),
        "untilSuccess" => Ok(Restart::UntilSuccess),
        _ => refused("restart", "always, never and untilSuccess are possible"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With every key of both generations.
    const WHOLE: &str = "name: hello-world
container:
  entrypoint: ./hello-world
  environmentFile: /var/etc/hello-world/env
  environment:
    - XDG_RUNTIME_DIR=/run
  args:
     - -f
     - ''
  mounts:
     - source: /var/log/audit
       destination: /var/log/audit
       type: bind
       options:
         - rshared
         - bind
         - ro
     - destination: /scratch
       type: tmpfs
  security:
    maskedPaths:
      - /should/be/masked
    readonlyPaths: []
    writeableRootfs: true
    writeableSysfs: yes
    rootfsPropagation: shared
depends:
   - service: cri
   - path: /run/machined/machined.sock
   - network:
       - addresses
       - connectivity
       - hostname
       - etcfiles
   - time: true
   - configuration: true
restart: untilSuccess
logToConsole: true
";

    #[test]
    fn ext_03_04_05_09_10_15_every_key_of_both_generations_is_read() {
        let extension = Extension::parse(WHOLE).unwrap();

        assert_eq!(extension.entrypoint, "/hello-world");
        assert_eq!(extension.args, ["-f", ""]);
        assert_eq!(
            extension.environment_file.as_deref(),
            Some("/var/etc/hello-world/env")
        );
        assert_eq!(extension.environment, ["XDG_RUNTIME_DIR=/run"]);
        assert_eq!(extension.mounts.len(), 2);
        assert_eq!(extension.restart, Restart::UntilSuccess);
        assert!(extension.log_to_console);
        assert_eq!(
            extension.depends,
            [
                Condition::Service("cri".to_owned()),
                Condition::Path("/run/machined/machined.sock".to_owned()),
                Condition::Network(Network::ALL.to_vec()),
                Condition::Time,
                Condition::Configuration,
            ]
        );
    }

    /// The sample of the older page: name, entrypoint, args, depends, restart.
    #[test]
    fn ext_17_a_description_of_the_older_page_is_read_unchanged() {
        let text = "name: hello-world\ncontainer:\n  entrypoint: ./hello\n  args:\n    - --config\n    \
            - config.ini\ndepends:\n  - network:\n    - addresses\nrestart: always\n";

        let extension = Extension::parse(text).unwrap();

        assert_eq!(extension.args, ["--config", "config.ini"]);
        assert_eq!(extension.restart, Restart::Always);
        assert_eq!(extension.security, Security::default());
    }

    #[test]
    fn ext_01_what_is_wrong_is_refused_by_key() {
        for (from, to, message) in [
            ("name: hello-world\nc", "name: Hello\nc", "name: only a-z"),
            ("name: hello-world\nc", "c", "name: missing"),
            (
                "name: hello-world\nc",
                "name: [a]\nc",
                "name: a text is needed",
            ),
            (
                "./hello-world",
                "../hello",
                "container.entrypoint: not a path",
            ),
            (
                "XDG_RUNTIME_DIR=/run",
                "A",
                "container.environment[0]: NAME=value",
            ),
            ("type: tmpfs", "type: 5", "container.mounts[1].type: a text"),
            (
                "type: tmpfs",
                "kind: x",
                "container.mounts[1].kind: unknown; possible are source,",
            ),
            (
                "       type: tmpfs\n",
                "",
                "container.mounts[1].source: missing",
            ),
            (
                "- ro\n",
                "- remount\n",
                "container.mounts[0].options[2]: nothing is mounted",
            ),
            (
                "source: /var",
                "source: var",
                "container.mounts[0].source: an absolute",
            ),
            (
                "source: /var",
                "source: /a/../b",
                "container.mounts[0].source: an absolute",
            ),
            (
                "/scratch",
                "/a/..",
                "container.mounts[1].destination: an absolute",
            ),
            (
                "env\n",
                "../env\n",
                "container.environmentFile: an absolute",
            ),
            ("time: true", "time: 1", "depends[3].time: true or false"),
            (
                "time: true",
                "time: true\n     path: /a",
                "depends[3]: exactly one of service",
            ),
            ("- time: true", "- {}", "depends[3]: exactly one of service"),
            (
                "- addresses",
                "- everything",
                "depends[2].network[0]: addresses, conn",
            ),
            ("untilSuccess", "sometimes", "restart: always, never"),
            ("restart: untilSuccess\n", "", "restart: missing"),
            (
                "logToConsole: true",
                "logToConsole: maybe",
                "logToConsole: true or false",
            ),
            (
                "rootfsPropagation: shared",
                "rootfsPropagation: x",
                "container.security.rootfsProp",
            ),
            (
                "- /should",
                "- should",
                "container.security.maskedPaths[0]: an absolute",
            ),
            ("restart: untilSuccess", "restart: never\n- x", "not YAML"),
            (
                "restart: u",
                "\"a\\n[talos] b\": &x 1\nrestart: u",
                "a\\n[talos] b: unknown",
            ),
            ("- -f\n     - ''", "&x [a]\n     - *x", "the alias *x"),
        ] {
            let text = WHOLE.replacen(from, to, 1);
            assert_ne!(text, WHOLE, "{from}");
            let refusal = Extension::parse(&text).unwrap_err().to_string();
            assert!(refusal.starts_with(message), "{refusal} for {to}");
        }
        for text in [
            "",
            "[]",
            "5",
            "name: a",
            "\u{0}",
            "container: {}\nname: a\nrestart: never",
        ] {
            assert!(Extension::parse(text).is_err(), "{text}");
        }
        let long = WHOLE.replacen("hello-world", &"a".repeat(64), 1);
        let refusal = Extension::parse(&long).unwrap_err().to_string();
        assert!(refusal.starts_with("name: longer than"), "{refusal}");
    }
}
