// SPDX-License-Identifier: MPL-2.0
//! Measures what `tests/budgets.toml` promises of the API: the real apid in front of the real machined
//! in one process, and a client in another, with mutual TLS over loopback.
//!
//! Owns: lines `measured NAME VALUE`, as ratios: 1.0 is the promise itself.
//! Never: judges; `./x size` does.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement, whose only output is lines"
)]
// They are the tests' and have more than is needed here.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::wildcard_enum_match_arm,
    reason = "modules of the tests"
)]

#[path = "../../tests/machined/clients.rs"]
mod clients;
#[path = "../../tests/machined/configurations.rs"]
mod configurations;
#[path = "../../tests/machined/front.rs"]
mod front;
mod guests;
#[path = "../../tests/machined/node.rs"]
mod node;
#[path = "../../tests/machined/process.rs"]
mod process;
mod server;
#[path = "../../tests/machined/stand_ins.rs"]
mod stand_ins;

use server::Server;

/// What is measured, in this order: all, or what the arguments name.
const NAMES: &[&str] = &[
    "api-calls",
    "api-latency",
    "api-read",
    "api-watches",
    "api-updates",
];

/// The argument of the process that is the node.
const NODE: &str = "--node";

fn main() {
    if std::env::args().any(|argument| argument == NODE) {
        server::run();
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let asked: Vec<String> = std::env::args().skip(1).collect();
    for name in &asked {
        assert!(
            NAMES.contains(&name.as_str()),
            "{name} is none of {NAMES:?}"
        );
    }
    runtime.block_on(async {
        let mut server = Server::start(NODE);
        for name in NAMES {
            if !asked.is_empty() && !asked.iter().any(|asked| asked == name) {
                continue;
            }
            let value = match *name {
                "api-calls" => guests::calls(&server).await,
                "api-latency" => guests::latency(&server).await,
                "api-read" => guests::read(&server).await,
                "api-watches" => guests::watches(&server).await,
                "api-updates" => guests::updates(&mut server).await,
                other => panic!("no measurement is called {other}"),
            };
            println!("measured {name} {value:.3}");
        }
    });
}
