// SPDX-License-Identifier: MPL-2.0
//! Compiles the .proto files without protoc.
//!
//! Owns: what is generated: messages always, stubs by feature.
//! Never: writes outside `OUT_DIR`.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

/// Files that hold a service or that nothing else imports; the rest follows by import.
const ROOTS: &[&str] = &[
    "machine/machine.proto",
    "machine/generate.proto",
    "cluster/cluster.proto",
    "inspect/inspect.proto",
    "storage/storage.proto",
    "time/time.proto",
    "security/security.proto",
    "events/events.proto",
    "cosi/state.proto",
    "cosi/meta.proto",
    "resource/config.proto",
    "resource/definitions/extensions.proto",
    "resource/definitions/network.proto",
    "resource/definitions/runtime.proto",
    "resource/definitions/secrets.proto",
    "resource/definitions/v1alpha1.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let files = protox::compile(ROOTS, ["proto"])?;
    // `DESCRIPTORS`; the tests compare the table of methods with it.
    std::fs::write(out.join("descriptors.bin"), files.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_client(std::env::var_os("CARGO_FEATURE_CLIENT").is_some())
        .build_server(std::env::var_os("CARGO_FEATURE_SERVER").is_some())
        // The transport is the caller's: unix socket, TLS, or a test's pipe.
        .build_transport(false)
        .generate_default_stubs(true)
        .codec_path("crate::codec::Codec")
        // It may hold events that were encoded before.
        .extern_path(
            ".cosi.resource.WatchResponse",
            "crate::watch_response::WatchResponse",
        )
        .out_dir(&out)
        .compile_fds(files)?;
    Ok(())
}
