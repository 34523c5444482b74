// SPDX-License-Identifier: MPL-2.0
//! Containers that the node runs by itself from images of a registry.
//!
//! Owns: the keys of `ContainerConfig`.
//! Never: says what a missing key means; [`crate::ContainerSpec`] does.

use crate::quantity::DiskSize;
use crate::schema::document;

document! {
    /// A container from an image.
    pub struct ContainerConfig {
        "apiVersion" api_version: String, omit, "`v1alpha1`.";
        "kind" kind: String, keep, "`ContainerConfig`.";
        "name" name: String, keep, "Its name; the service is `ctr-<name>`.";
        "image" image: ContainerImage, keep, "What it is made of.";
        "entrypoint" entrypoint: Vec<String>, omit, "The program and its first arguments, in place of the image's.";
        "args" args: Vec<String>, omit, "More arguments, in place of the image's.";
        "environment" environment: Vec<String>, omit, "Environment variables, `NAME=value`; they count more than the image's.";
        "mounts" mounts: Vec<ContainerMount>, omit, "What it sees besides its image.";
        "runAs" run_as: ContainerUser, omit, "Who it is, in place of the image's user.";
        "devices" devices: Vec<ContainerDevice>, omit, "Devices of the node that it may use.";
        "security" security: ContainerSecurity, omit, "What it may do.";
        "resources" resources: ContainerResources, omit, "How much of the node it may use.";
        "restart" restart: String, omit, "`always`, `untilSuccess` or `never`.";
        "network" network: String, omit, "`host` or `none`.";
    }

    /// The image of a container.
    pub struct ContainerImage {
        "ref" reference: String, keep, "Its reference, with a tag, a digest or both.";
        "pull" pull: String, omit, "`IfNotPresent`, `Always` or `Never`.";
    }

    /// A mount of a container.
    pub struct ContainerMount {
        "source" source: String, omit, "A path of the node, for a bind mount.";
        "destination" destination: String, keep, "Where it is in the container.";
        "type" kind: String, omit, "`bind` or `tmpfs`.";
        "options" options: Vec<String>, omit, "`ro`, `noexec` and the like.";
    }

    /// The user of a container.
    pub struct ContainerUser {
        "user" user: String, omit, "A number, or a name of the image's `/etc/passwd`.";
        "group" group: String, omit, "A number, or a name of the image's `/etc/group`.";
    }

    /// A device of a container.
    pub struct ContainerDevice {
        "path" path: String, keep, "Its path, on the node and in the container.";
        "access" access: String, omit, "`rw` or `r`.";
    }

    /// What a container may do.
    pub struct ContainerSecurity {
        "profile" profile: String, omit, "`default` or `privileged`.";
        "writableRoot" writable_root: Option<bool>, omit, "Whether it may write to its root; what it writes goes with it.";
    }

    /// How much of the node a container may use.
    pub struct ContainerResources {
        "limits" limits: ContainerLimits, omit, "Where it ends.";
    }

    /// Where it ends.
    pub struct ContainerLimits {
        "memory" memory: DiskSize, omit, "Memory, with what it writes to its root.";
        "cpus" cpus: String, omit, "Processors, also parts of one: `0.5`.";
        "pids" pids: String, omit, "Processes and threads.";
    }
}
