// SPDX-License-Identifier: MPL-2.0
//! Resources of the running machine on the wire.
//!
//! Owns: their two forms.
//! Never: computes a state.

use api::talos::resource::definitions::{runtime as proto, v1alpha1};
use proto::machine_status_spec::Stage;
use resource::Encoded;
use serde::Serialize;

use super::both;
use super::words::{self, word_of};
use crate::resources::{
    EventSinkConfig, KernelModuleSpec, KernelParamSpec, KernelParamStatus, KmsgLogConfig,
    LoadedKernelModule, MachineStage, MachineStatus, MetaKey, MetaLoaded, Service,
    UniqueMachineToken, UnmetCondition,
};

/// A service is a resource only while it runs.
const RUNNING: bool = true;

#[derive(Serialize)]
struct ServiceYaml {
    running: bool,
    healthy: bool,
    unknown: bool,
}

pub(crate) fn service(spec: &Service) -> Option<Encoded> {
    let yaml = ServiceYaml {
        running: RUNNING,
        healthy: spec.healthy == Some(true),
        unknown: spec.healthy.is_none(),
    };
    let message = v1alpha1::ServiceSpec {
        running: RUNNING,
        healthy: spec.healthy == Some(true),
        unknown: spec.healthy.is_none(),
    };
    both(&yaml, &message)
}

#[derive(Serialize)]
struct ModuleSpec<'a> {
    // The documents' own name of this key.
    #[serde(rename = "string")]
    name: &'a str,
    parameters: &'a [String],
}

pub(crate) fn kernel_module_spec(spec: &KernelModuleSpec) -> Option<Encoded> {
    let yaml = ModuleSpec {
        name: &spec.name,
        parameters: &spec.parameters,
    };
    let message = proto::KernelModuleSpecSpec {
        name: spec.name.clone(),
        parameters: spec.parameters.clone(),
    };
    both(&yaml, &message)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LoadedModule<'a> {
    size: i64,
    reference_count: i64,
    dependencies: &'a [String],
    state: &'a str,
    address: &'a str,
}

pub(crate) fn loaded_kernel_module(spec: &LoadedKernelModule) -> Option<Encoded> {
    let yaml = LoadedModule {
        size: spec.size,
        reference_count: spec.reference_count,
        dependencies: &spec.dependencies,
        state: &spec.state,
        address: &spec.address,
    };
    let message = proto::LoadedKernelModuleSpec {
        size: spec.size,
        reference_count: spec.reference_count,
        dependencies: spec.dependencies.clone(),
        state: spec.state.clone(),
        address: spec.address.clone(),
    };
    both(&yaml, &message)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ParamSpec<'a> {
    value: &'a str,
    ignore_errors: bool,
}

pub(crate) fn kernel_param_spec(spec: &KernelParamSpec) -> Option<Encoded> {
    let yaml = ParamSpec {
        value: &spec.value,
        ignore_errors: spec.ignore_errors,
    };
    let message = proto::KernelParamSpecSpec {
        value: spec.value.clone(),
        ignore_errors: spec.ignore_errors,
    };
    both(&yaml, &message)
}

#[derive(Serialize)]
struct ParamStatus<'a> {
    current: &'a str,
    default: &'a str,
    unsupported: bool,
}

pub(crate) fn kernel_param_status(spec: &KernelParamStatus) -> Option<Encoded> {
    let yaml = ParamStatus {
        current: &spec.current,
        default: &spec.default,
        unsupported: spec.unsupported,
    };
    let message = proto::KernelParamStatusSpec {
        current: spec.current.clone(),
        default: spec.default.clone(),
        unsupported: spec.unsupported,
    };
    both(&yaml, &message)
}

#[derive(Serialize)]
struct Status<'a> {
    stage: &'a str,
    status: Readiness<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Readiness<'a> {
    ready: bool,
    unmet_conditions: Vec<Unmet<'a>>,
}

#[derive(Serialize)]
struct Unmet<'a> {
    name: &'a str,
    reason: &'a str,
}

pub(crate) fn machine_status(spec: &MachineStatus) -> Option<Encoded> {
    let number = match spec.stage {
        MachineStage::Booting => Stage::Booting,
        MachineStage::Maintenance => Stage::Maintenance,
        MachineStage::Running => Stage::Running,
        MachineStage::Rebooting => Stage::Rebooting,
        MachineStage::ShuttingDown => Stage::ShuttingDown,
    };
    let unmet = spec.unmet.iter();
    let yaml = Status {
        stage: &word_of(words::STAGES, number),
        status: Readiness {
            ready: spec.unmet.is_empty(),
            unmet_conditions: unmet
                .clone()
                .map(|UnmetCondition { name, reason }| Unmet { name, reason })
                .collect(),
        },
    };
    let message = proto::MachineStatusSpec {
        stage: number.into(),
        status: Some(proto::MachineStatusStatus {
            ready: spec.unmet.is_empty(),
            unmet_conditions: unmet
                .map(|condition| proto::UnmetCondition {
                    name: condition.name.clone(),
                    reason: condition.reason.clone(),
                })
                .collect(),
        }),
    };
    both(&yaml, &message)
}

#[derive(Serialize)]
struct Value<'a> {
    value: &'a str,
}

pub(crate) fn meta_key(spec: &MetaKey) -> Option<Encoded> {
    let message = proto::MetaKeySpec {
        value: spec.0.clone(),
    };
    both(&Value { value: &spec.0 }, &message)
}

#[derive(Serialize)]
struct Done {
    done: bool,
}

pub(crate) fn meta_loaded(_: &MetaLoaded) -> Option<Encoded> {
    both(&Done { done: true }, &proto::MetaLoadedSpec { done: true })
}

#[derive(Serialize)]
struct Token<'a> {
    token: &'a str,
}

pub(crate) fn unique_machine_token(spec: &UniqueMachineToken) -> Option<Encoded> {
    let message = proto::UniqueMachineTokenSpec {
        token: spec.0.clone(),
    };
    both(&Token { token: &spec.0 }, &message)
}

/// A URL with its parts apart, as the documents' library prints one.
#[derive(Serialize)]
struct UrlYaml<'a> {
    scheme: &'a str,
    opaque: &'a str,
    user: Option<&'a str>,
    host: String,
    path: &'a str,
    #[serde(rename = "rawpath")]
    raw_path: &'a str,
    #[serde(rename = "omithost")]
    omit_host: bool,
    #[serde(rename = "forcequery")]
    force_query: bool,
    #[serde(rename = "rawquery")]
    raw_query: &'a str,
    fragment: &'a str,
    #[serde(rename = "rawfragment")]
    raw_fragment: &'a str,
}

fn url(url: &config::Url) -> UrlYaml<'_> {
    let (rest, fragment) = url.path.split_once('#').unwrap_or((&url.path, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let host = if url.host.contains(':') {
        format!("[{}]", url.host)
    } else {
        url.host.clone()
    };
    UrlYaml {
        scheme: &url.scheme,
        opaque: "",
        // Nobody who reads a resource needs a password.
        user: None,
        host: match url.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        },
        path,
        raw_path: "",
        omit_host: false,
        force_query: rest.ends_with('?'),
        raw_query: query,
        fragment,
        raw_fragment: "",
    }
}

/// The URL without user and password.
fn public(written: &config::Url) -> String {
    let mut shown = written.clone();
    shown.user = None;
    shown.to_string()
}

#[derive(Serialize)]
struct KmsgLogYaml<'a> {
    destinations: Vec<UrlYaml<'a>>,
}

pub(crate) fn kmsg_log_config(spec: &KmsgLogConfig) -> Option<Encoded> {
    let yaml = KmsgLogYaml {
        destinations: spec.0.iter().map(url).collect(),
    };
    let full = spec.0.iter().map(|url| api::common::Url {
        full_path: public(url),
    });
    let message = proto::KmsgLogConfigSpec {
        destinations: full.collect(),
    };
    both(&yaml, &message)
}

#[derive(Serialize)]
struct EventSinkYaml<'a> {
    endpoint: &'a str,
}

pub(crate) fn event_sink_config(spec: &EventSinkConfig) -> Option<Encoded> {
    let yaml = EventSinkYaml { endpoint: &spec.0 };
    let message = proto::EventSinkConfigSpec {
        endpoint: spec.0.clone(),
    };
    both(&yaml, &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsrc_111_rsrc_115_receivers_are_shown_in_both_forms_without_their_passwords() {
        let urls = ["tcp://host:5044/", "udp://me:word@[fd00::1]:1?a#b"];
        let urls = urls.map(|text| config::Url::parse(text).unwrap());
        let encoded = kmsg_log_config(&KmsgLogConfig(urls.to_vec())).unwrap();

        let expected = "destinations:\n- scheme: tcp\n  opaque: ''\n  user: null\n  host: \
            host:5044\n  path: /\n  rawpath: ''\n  omithost: false\n  forcequery: false\n  \
            rawquery: ''\n  fragment: ''\n  rawfragment: ''\n- scheme: udp\n";
        assert!(encoded.yaml.starts_with(expected), "{}", encoded.yaml);
        assert!(
            encoded.yaml.contains("host: '[fd00::1]:1'\n"),
            "{}",
            encoded.yaml
        );
        assert!(encoded.yaml.contains("rawquery: a\n  fragment: b\n"));
        assert!(!encoded.yaml.contains("word"));
        let message = <proto::KmsgLogConfigSpec as prost::Message>::decode(&encoded.proto[..]);
        let paths = message.unwrap().destinations.into_iter();
        let paths: Vec<String> = paths.map(|url| url.full_path).collect();
        assert_eq!(paths, ["tcp://host:5044/", "udp://[fd00::1]:1?a#b"]);
        let sink = event_sink_config(&EventSinkConfig("a:1".to_owned())).unwrap();
        assert_eq!(sink.yaml, "endpoint: a:1\n");
    }
}
