// SPDX-License-Identifier: MPL-2.0
//! A container as a document of a configuration: made of a command line, added and taken out.
//!
//! Owns: what the flags of `run` mean.
//! Never: asks a node.

use config::document::{
    ContainerConfig, ContainerImage, ContainerLimits, ContainerMount, ContainerResources,
    ContainerUser,
};
use config::{Circumstances, Configuration, DiskSize, Extra};

use crate::args_run::{Run, RunNetwork, RunPull, RunRestart};
use crate::trouble::Trouble;

/// The name of the container that a line asks for.
pub(crate) fn name(asked: &Run) -> String {
    if let Some(name) = &asked.name {
        return name.clone();
    }
    let image = asked.image.split('@').next().unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    let last = last.split(':').next().unwrap_or_default();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    last.chars()
        .map(|c| if fits(c) { c } else { '-' })
        .collect()
}

/// The document that a line asks for.
pub(crate) fn document(asked: &Run) -> Result<String, Trouble> {
    let (user, group) = match &asked.user {
        None => ("", ""),
        Some(who) => who.split_once(':').unwrap_or((who, "")),
    };
    let memory = match &asked.memory {
        None => DiskSize::default(),
        Some(text) => DiskSize::parse(text).ok_or_else(|| {
            Trouble::new(format!("--memory: {text:?} is not a size such as 64MiB"))
        })?,
    };
    let mounts = asked.volume.iter().map(|text| mount(text));
    let written = ContainerConfig {
        api_version: "v1alpha1".to_owned(),
        kind: "ContainerConfig".to_owned(),
        name: name(asked),
        image: ContainerImage {
            reference: asked.image.clone(),
            pull: match asked.pull {
                RunPull::IfNotPresent => "",
                RunPull::Always => "Always",
                RunPull::Never => "Never",
            }
            .to_owned(),
        },
        entrypoint: asked.entrypoint.iter().cloned().collect(),
        args: asked.args.clone(),
        environment: asked.env.clone(),
        mounts: mounts.collect::<Result<_, _>>()?,
        run_as: ContainerUser {
            user: user.to_owned(),
            group: group.to_owned(),
        },
        resources: ContainerResources {
            limits: ContainerLimits {
                memory,
                cpus: asked.cpus.clone().unwrap_or_default(),
                pids: String::new(),
            },
        },
        restart: match asked.restart {
            RunRestart::Always => "always",
            RunRestart::UntilSuccess => "untilSuccess",
            RunRestart::Never => "never",
        }
        .to_owned(),
        network: match asked.network {
            RunNetwork::Host => "",
            RunNetwork::None => "none",
        }
        .to_owned(),
        ..ContainerConfig::default()
    };
    let text = Extra::ContainerConfig(written).to_yaml();
    let loaded = Configuration::load(text.as_bytes());
    let loaded = loaded.map_err(|error| Trouble::new(error.to_string()))?;
    let report = loaded.validate(Circumstances::default());
    if report.errors.is_empty() {
        return Ok(text);
    }
    // The document is ours: its lines say nothing to who wrote the flags.
    let problems = report.errors.iter().map(|problem| {
        let mut problem = problem.clone();
        problem.position = None;
        problem.to_string()
    });
    let problems: Vec<String> = problems.collect();
    Err(Trouble::new(problems.join("\n")))
}

fn mount(text: &str) -> Result<ContainerMount, Trouble> {
    let mut parts = text.split(':');
    let (Some(source), Some(destination), access, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Trouble::new(format!(
            "--volume: {text:?} is not SOURCE:DESTINATION[:ro]"
        )));
    };
    let options = match access {
        None => Vec::new(),
        Some(access @ ("ro" | "rw")) => vec![access.to_owned()],
        Some(access) => {
            return Err(Trouble::new(format!(
                "--volume: {access:?} is neither ro nor rw"
            )));
        }
    };
    Ok(ContainerMount {
        source: source.to_owned(),
        destination: destination.to_owned(),
        kind: String::new(),
        options,
    })
}

/// A configuration with one document more.
pub(crate) fn added(before: &str, document: &str, name: &str) -> Result<String, Trouble> {
    let loaded = Configuration::load(before.as_bytes());
    let loaded = loaded.map_err(|error| Trouble::new(error.to_string()))?;
    let has = loaded
        .extras()
        .iter()
        .any(|extra| extra.identity() == ("ContainerConfig", name));
    if has {
        return Err(
            Trouble::new(format!("there is a container {name:?} already")).hint(
                "give another --name, or change that one with `ichorctl patch machineconfig`",
            ),
        );
    }
    let end = if before.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{before}{end}---\n{document}"))
}

/// The patch that takes a container out.
pub(crate) fn removal(name: &str) -> String {
    format!("apiVersion: v1alpha1\nkind: ContainerConfig\nname: {name}\n$patch: delete\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Command;
    use crate::tree;

    fn asked(line: &str) -> Run {
        let words = ["ichorctl", "run"].into_iter().chain(line.split(' '));
        let command = tree::parse(words).unwrap().command;
        let Command::Run(asked) = command else {
            panic!("{command:?}");
        };
        *asked
    }

    #[test]
    fn a_line_becomes_the_document_that_it_says() {
        let asked = asked(
            "--name web -E A=b -v /var/a:/srv:ro -u web:44 --memory 64MiB --cpus 0.5 --network none \
             --entrypoint /bin/httpd busybox:1.36 -f -p 8080",
        );

        let text = document(&asked).unwrap();

        assert_eq!(
            text,
            "apiVersion: v1alpha1\nkind: ContainerConfig\nname: web\nimage:\n    ref: busybox:1.36\n\
             entrypoint:\n    - /bin/httpd\nargs:\n    - \"-f\"\n    - \"-p\"\n    - \"8080\"\nenvironment:\n    - A=b\n\
             mounts:\n    - source: /var/a\n      destination: /srv\n      options:\n        - ro\nrunAs:\n    \
             user: web\n    group: \"44\"\nresources:\n    limits:\n        memory: 67108864\n        cpus: \"0.5\"\n\
             restart: never\nnetwork: none\n"
        );
    }

    #[test]
    fn a_name_is_that_of_the_image_unless_it_is_said() {
        for (line, expected) in [
            ("busybox", "busybox"),
            ("ghcr.io/a/My_App:v1", "-y--pp"),
            ("host:5000/a/b:c@sha256:0", "b"),
            ("--name x busybox", "x"),
        ] {
            assert_eq!(name(&asked(line)), expected, "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_flag_or_key() {
        for (line, words) in [
            ("--memory lots busybox", "--memory: \"lots\""),
            ("-v /a busybox", "--volume: \"/a\""),
            ("-v /a:/b:rx busybox", "--volume: \"rx\""),
            ("-v /a:/b:ro:x busybox", "--volume:"),
            ("-v a:/b busybox", "mounts[0].source: bad value"),
            ("-E =b busybox", "environment[0]: bad value"),
            ("--cpus none busybox", "resources.limits.cpus: bad value"),
            ("http://busybox", "image.ref: bad value"),
            ("--name A busybox", "name: bad value"),
        ] {
            let trouble = document(&asked(line)).unwrap_err().to_string();
            assert!(trouble.contains(words), "{line}: {trouble}");
        }
    }

    #[test]
    fn a_container_is_added_once_and_taken_out_again() {
        let before = "version: v1alpha1 # ours\nmachine: {}";
        let document = document(&asked("busybox")).unwrap();

        let added = added(before, &document, "busybox").unwrap();

        assert!(added.starts_with("version: v1alpha1 # ours\nmachine: {}\n---\n"));
        assert!(super::added(&added, &document, "busybox").is_err());
        let patch = config::patch::Patch::parse("removal", removal("busybox").as_bytes()).unwrap();
        let removed = config::patch::apply(&added, &[patch]).unwrap();
        assert_eq!(
            Configuration::load(removed.as_bytes()).unwrap().extras(),
            []
        );
    }
}
