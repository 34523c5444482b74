// SPDX-License-Identifier: MPL-2.0
//! The dashboard on the node's own screen: the second virtual terminal.
//!
//! It is a container of this program, that terminal, and the socket on which machined lets a reader
//! in; it has no capability, no network and no file.
//!
//! Owns: the terminal, the way to machined, and how it ends.
//! Never: takes an argument or a configuration, or runs on a serial line.
#![forbid(unsafe_code)]

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use dashboard::{Dial, Dialled, Seat, Source};
use proto::paths::{READER_API_SOCKET, READY_FD};
use sys::fs::{Mode, OFlags};
use tokio::signal::unix::{SignalKind, signal};
use tonic::metadata::MetadataMap;
use tonic::transport::Endpoint;

/// The terminal, and its number for the kernel.
const TERMINAL: (&str, u8) = ("/dev/tty2", 2);
/// What the node is called until it has told its name.
const NAME: &str = "this node";
/// As often as `ichorctl dashboard` asks unless it is told otherwise.
const EVERY: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard output is the terminal; a log that cannot be written has nobody to be told to.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// A step that failed.
#[derive(Debug)]
struct Failed {
    step: &'static str,
    why: std::io::Error,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.step, self.why)
    }
}

fn at<E: Into<std::io::Error>>(step: &'static str) -> impl FnOnce(E) -> Failed {
    move |why| Failed {
        step,
        why: why.into(),
    }
}

fn run() -> Result<(), Failed> {
    // Before anything opens a descriptor, as `take` asks.
    let ready = sys::inherited::take(READY_FD).ok();
    take_terminal()?;
    if let Some(ready) = ready {
        sys::io::write(&ready, b"\n").map_err(at("say that it runs"))?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(at("start the event loop"))?;
    runtime.block_on(show())
}

/// Shows the dashboard until a signal comes; what is under way is dropped, and the terminal is as before.
async fn show() -> Result<(), Failed> {
    let hear = |kind| signal(kind).map_err(at("hear signals"));
    let mut terminate = hear(SignalKind::terminate())?;
    let mut interrupt = hear(SignalKind::interrupt())?;
    let mut hang_up = hear(SignalKind::hangup())?;
    let names = [NAME.to_owned()];
    tokio::select! {
        shown = dashboard::run(&names, Seat::AtTheNode, Arc::new(Machined), EVERY) => {
            shown.map_err(at("use the terminal"))
        }
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

/// Makes the terminal standard input and output, and shows it. The first terminal that a session opens
/// becomes its own, so that showing it takes no capability.
fn take_terminal() -> Result<(), Failed> {
    let (path, number) = TERMINAL;
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let terminal =
        sys::fs::open(path, flags, Mode::empty()).map_err(at("open the second terminal"))?;
    sys::stdio::dup2_stdin(&terminal)
        .and_then(|()| sys::stdio::dup2_stdout(&terminal))
        .map_err(at("take the second terminal"))?;
    sys::virtual_terminal::show(&terminal, number).map_err(at("show the second terminal"))
}

/// The way to the one node there is.
#[derive(Debug)]
struct Machined;

impl Dial for Machined {
    fn dial(&self, _node: usize) -> Dialled<'_> {
        Box::pin(async {
            let endpoint = Endpoint::from_shared(format!("unix://{READER_API_SOCKET}"));
            let connected = match endpoint {
                Ok(endpoint) => endpoint.connect().await,
                Err(error) => Err(error),
            };
            let channel = connected.map_err(|error| format!("machined: {error}"))?;
            Ok(Source {
                channel,
                metadata: MetadataMap::new(),
            })
        })
    }
}
