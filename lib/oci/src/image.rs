// SPDX-License-Identifier: MPL-2.0
//! An image as a registry has it: what it is, how it is run, and its layers.
//!
//! Owns: the configuration (OCI image specification, config.md), and that it fits the manifest.
//! Never: holds what is in a layer.

use serde::Deserialize;

use crate::digest::Digest;
use crate::documents::{Descriptor, Manifest, Packing};
use crate::platform::{Described, Platform};
use crate::reference::Reference;

/// An image that was found, and whose documents were checked.
#[derive(Clone, Debug)]
pub struct Image {
    /// What was asked for.
    pub reference: Reference,
    /// The digest of what the reference names: of the index, if there is one. A reference that is pinned to
    /// it gives the same image for ever, on every machine.
    pub digest: Digest,
    /// The digest of the image for the machine.
    pub manifest: Digest,
    /// How it is run.
    pub configuration: Configuration,
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
}

impl Image {
    /// The bytes of all layers as they come, for those who look whether there is room.
    #[must_use]
    pub fn size(&self) -> u64 {
        let sizes = self.layers.iter().map(|layer| layer.descriptor.size);
        sizes.fold(0, u64::saturating_add)
    }
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The blob.
    pub descriptor: Descriptor,
    /// How it is packed, as the manifest says; what unpacks it looks itself.
    pub packing: Packing,
    /// The digest of the tar archive in it. Whoever unpacks it checks that.
    pub unpacked: Digest,
}

/// The configuration of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The digest of it: what Docker and the CRI call the id of an image.
    pub digest: Digest,
    /// How its program is run.
    pub run: Run,
}

/// How the program of an image is run when nobody says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// The arguments that follow, or the program when there is no entrypoint.
    pub cmd: Vec<String>,
    /// `NAME=value`, in order.
    pub env: Vec<String>,
    /// `user`, `uid`, `user:group` or `uid:gid`; empty for the first user.
    pub user: String,
    /// The folder that it starts in; empty for `/`.
    pub workdir: String,
    /// The signal that ends it; empty for SIGTERM.
    pub stop_signal: String,
    /// The lowest port that its makers say it listens on.
    pub lowest_port: Option<u16>,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(flatten)]
    platform: Described,
    config: Option<RawRun>,
    rootfs: Option<Rootfs>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct RawRun {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    user: Option<String>,
    working_dir: Option<String>,
    stop_signal: Option<String>,
    /// Keys such as `80/tcp`. Nothing depends on it, so it may be anything.
    exposed_ports: Option<serde_json::Value>,
}

/// The lowest of `ExposedPorts`; of a range the first.
fn lowest_port(exposed: Option<&serde_json::Value>) -> Option<u16> {
    let ports = exposed?.as_object()?.keys();
    let ports = ports.filter_map(|key| key.split(['/', '-']).next()?.parse().ok());
    ports.filter(|port| *port != 0).min()
}

#[derive(Deserialize)]
struct Rootfs {
    #[serde(rename = "type")]
    kind: String,
    diff_ids: Vec<String>,
}

/// Why an image is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Its configuration is not what it should be.
    Malformed(String),
    /// It is for another machine.
    Platform(String),
}

impl Configuration {
    /// Reads the configuration that belongs to a manifest.
    ///
    /// # Errors
    /// What is wrong with it, or that it is for another machine than it was asked for.
    pub(crate) fn parse(
        bytes: &[u8],
        manifest: &Manifest,
        platform: &Platform,
    ) -> Result<(Self, Vec<Layer>), Misfit> {
        let malformed = |what: &str| Misfit::Malformed(crate::error::line(what));
        let raw: Raw =
            serde_json::from_slice(bytes).map_err(|error| malformed(&error.to_string()))?;
        // An image that says nothing of a machine is one of files alone.
        if !raw.platform.architecture.is_empty() && platform.fit(&raw.platform).is_none() {
            return Err(Misfit::Platform(crate::error::line(
                &raw.platform.to_string(),
            )));
        }
        let rootfs = raw
            .rootfs
            .ok_or_else(|| malformed("there is no rootfs in it"))?;
        if rootfs.kind != "layers" || rootfs.diff_ids.len() != manifest.layers.len() {
            return Err(malformed("it has other layers than the manifest"));
        }
        let mut layers = Vec::new();
        for ((descriptor, packing), id) in manifest.layers.iter().zip(&rootfs.diff_ids) {
            let unpacked = Digest::parse(id)
                .ok_or_else(|| malformed("a diff_id is not a digest that is known"))?;
            layers.push(Layer {
                descriptor: descriptor.clone(),
                packing: *packing,
                unpacked,
            });
        }
        let run = raw.config.unwrap_or_default();
        let configuration = Self {
            digest: manifest.configuration.digest,
            run: Run {
                entrypoint: run.entrypoint.unwrap_or_default(),
                cmd: run.cmd.unwrap_or_default(),
                env: run.env.unwrap_or_default(),
                user: run.user.unwrap_or_default(),
                workdir: run.working_dir.unwrap_or_default(),
                stop_signal: run.stop_signal.unwrap_or_default(),
                lowest_port: lowest_port(run.exposed_ports.as_ref()),
            },
        };
        Ok((configuration, layers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn manifest() -> Manifest {
        let of = |text: &str| Descriptor {
            digest: Digest::of(text.as_bytes()),
            size: 1,
        };
        Manifest {
            configuration: of("c"),
            layers: vec![(of("l"), Packing::Gzip)],
        }
    }

    fn parse(value: &Value) -> Result<(Configuration, Vec<Layer>), Misfit> {
        Configuration::parse(
            value.to_string().as_bytes(),
            &manifest(),
            &Platform::amd64(),
        )
    }

    fn rootfs() -> Value {
        json!({ "type": "layers", "diff_ids": [Digest::of(b"u").to_string()] })
    }

    #[test]
    fn a_configuration_says_how_its_program_is_run() {
        let (configuration, layers) = parse(&json!({
            "architecture": "amd64", "os": "linux", "rootfs": rootfs(),
            "config": {
                "Entrypoint": ["/a"], "Cmd": ["b"], "Env": ["C=d"], "User": "1:2", "WorkingDir": "/e",
                "StopSignal": "SIGQUIT", "Labels": null,
            },
        }))
        .unwrap();

        assert_eq!(configuration.run.entrypoint, ["/a"]);
        assert_eq!(configuration.run.cmd, ["b"]);
        assert_eq!(configuration.run.env, ["C=d"]);
        assert_eq!(configuration.run.user, "1:2");
        assert_eq!(configuration.run.workdir, "/e");
        assert_eq!(configuration.run.stop_signal, "SIGQUIT");
        assert_eq!(layers[0].unpacked, Digest::of(b"u"));
    }

    #[test]
    fn the_lowest_port_is_told_and_nonsense_is_none() {
        for (exposed, lowest) in [
            (
                json!({ "8080/tcp": {}, "443/tcp": {}, "1053/udp": null }),
                Some(443),
            ),
            (json!({ "8000-8010/tcp": {}, "9000": {} }), Some(8000)),
            (
                json!({ "http/tcp": {}, "0/tcp": {}, "70000/tcp": {}, "": {} }),
                None,
            ),
            (json!(["80/tcp"]), None),
            (json!(null), None),
        ] {
            let (configuration, _) = parse(&json!({
                "architecture": "amd64", "os": "linux", "rootfs": rootfs(),
                "config": { "ExposedPorts": exposed },
            }))
            .unwrap();
            assert_eq!(configuration.run.lowest_port, lowest, "{exposed}");
        }
    }

    #[test]
    fn what_is_null_or_missing_is_empty() {
        for config in [
            json!(null),
            json!({}),
            json!({ "Cmd": null, "User": null, "Entrypoint": null }),
        ] {
            let (configuration, _) =
                parse(&json!({ "config": config, "rootfs": rootfs() })).unwrap();
            assert_eq!(configuration.run, Run::default());
        }
    }

    #[test]
    fn a_configuration_that_does_not_fit_is_refused() {
        for value in [
            json!({}),
            json!([]),
            json!({ "rootfs": { "type": "layers", "diff_ids": [] } }),
            json!({ "rootfs": { "type": "other", "diff_ids": rootfs()["diff_ids"] } }),
            json!({ "rootfs": { "type": "layers", "diff_ids": ["sha256:0"] } }),
            json!({ "rootfs": rootfs(), "config": { "Cmd": "a b" } }),
        ] {
            assert!(
                matches!(parse(&value), Err(Misfit::Malformed(_))),
                "{value}"
            );
        }
        let other = json!({ "architecture": "arm64", "os": "linux", "rootfs": rootfs() });
        assert_eq!(
            parse(&other).unwrap_err(),
            Misfit::Platform("linux/arm64".to_owned())
        );
    }
}
