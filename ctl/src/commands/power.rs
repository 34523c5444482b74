// SPDX-License-Identifier: MPL-2.0
//! `reboot` and `shutdown`.
//!
//! Owns: waiting until it is done, and how that is noticed from outside.
//! Never: sends the order twice.

use std::time::Duration;

use api::machine::reboot_request::Mode;
use api::machine::{DmesgRequest, EventsRequest, RebootRequest, ShutdownRequest};
use tokio::time::{sleep, timeout};

use crate::args::{RebootMode, Wait};
use crate::screen::Screen;
use crate::session::Session;
use crate::trouble::Trouble;

/// The pause between two looks at a node.
const PAUSE: Duration = Duration::from_secs(1);
/// Looks in a row without an answer until a node counts as off.
const SILENT_LOOKS: u32 = 3;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Back,
    Off,
}

pub(crate) async fn reboot(
    session: &Session,
    mode: RebootMode,
    wait: &Wait,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let mode = match mode {
        RebootMode::Default => Mode::Default,
        RebootMode::Powercycle => Mode::Powercycle,
    };
    let watch = Watch::start(session, wait).await?;
    let request = session.request(RebootRequest { mode: mode.into() })?;
    let reply = session.machine().reboot(request).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let mut nodes = Vec::new();
    for message in reply.messages {
        nodes.extend(session.node(message.metadata.as_ref(), screen));
    }
    finish(session, watch, &nodes, End::Back, wait, screen).await
}

pub(crate) async fn shutdown(
    session: &Session,
    force: bool,
    wait: &Wait,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let watch = Watch::start(session, wait).await?;
    let request = session.request(ShutdownRequest { force })?;
    let reply = session.machine().shutdown(request).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let mut nodes = Vec::new();
    for message in reply.messages {
        nodes.extend(session.node(message.metadata.as_ref(), screen));
    }
    finish(session, watch, &nodes, End::Off, wait, screen).await
}

/// A stream that was open before the order: its end says that the node went down.
pub(super) enum Watch {
    None,
    Events(tonic::Streaming<api::machine::Event>),
    Kernel(tonic::Streaming<api::common::Data>),
}

impl Watch {
    pub(super) async fn start(session: &Session, wait: &Wait) -> Result<Self, Trouble> {
        let mut machine = session.machine();
        if wait.debug {
            let request = session.request(DmesgRequest {
                follow: true,
                tail: true,
            })?;
            let stream = machine.dmesg(request).await;
            return Ok(Self::Kernel(
                stream.map_err(|s| session.failed(&s))?.into_inner(),
            ));
        }
        if wait.wait {
            let request = session.request(EventsRequest::default())?;
            let stream = machine.events(request).await;
            return Ok(Self::Events(
                stream.map_err(|s| session.failed(&s))?.into_inner(),
            ));
        }
        Ok(Self::None)
    }

    /// Follows until the stream ends, however it ends.
    async fn until_down(self, session: &Session, screen: &mut Screen<'_>) {
        match self {
            Self::None => {}
            // What happened does not matter, nor the hello that comes first: the end does.
            Self::Events(mut stream) => while let Ok(Some(_)) = stream.message().await {},
            Self::Kernel(mut stream) => {
                while let Ok(Some(data)) = stream.message().await {
                    if let Some(node) = session.node(data.metadata.as_ref(), screen) {
                        let text = String::from_utf8_lossy(&data.bytes);
                        screen.print(format_args!("{node}: {}\n", text.trim_end()));
                    }
                }
            }
        }
    }
}

pub(super) async fn finish(
    session: &Session,
    watch: Watch,
    nodes: &[String],
    end: End,
    wait: &Wait,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let names = nodes.join(", ");
    if nodes.is_empty() || matches!(watch, Watch::None) {
        if !nodes.is_empty() {
            screen.print(format_args!("{names}: the order is accepted\n"));
        }
        return Ok(());
    }
    screen.warn(format_args!("{names}: the order is accepted; waiting"));
    let late = || {
        Trouble::new(format!(
            "{names}: not done within {}",
            crate::units::span(wait.timeout)
        ))
        .hint("it may still go on; look at the console, or wait longer with --timeout")
    };
    let story = timeout(wait.timeout, async {
        watch.until_down(session, screen).await;
        screen.warn(format_args!("{names}: went down"));
        match end {
            End::Back => until_back(session).await,
            End::Off => until_off(session).await,
        }
    });
    let story = story.await.map_err(|_| late())?;
    screen.print(format_args!("{names}: {story}\n"));
    Ok(())
}

/// Waits until the node answers again.
async fn until_back(session: &Session) -> &'static str {
    loop {
        sleep(PAUSE).await;
        match session.target.open().await {
            Ok(again) => {
                if let Ok(request) = again.request(())
                    && again.machine().version(request).await.is_ok()
                {
                    return "back";
                }
            }
            Err(trouble) if trouble.is_foreign_certificate() => {
                return "back, but without its configuration: it waits in maintenance mode";
            }
            Err(_) => {}
        }
    }
}

/// Waits until the node has not answered for a while.
async fn until_off(session: &Session) -> &'static str {
    let mut silent: u32 = 0;
    while silent < SILENT_LOOKS {
        sleep(PAUSE).await;
        silent = match session.target.open().await {
            Ok(_) => 0,
            Err(_) => silent.saturating_add(1),
        };
    }
    "off"
}
