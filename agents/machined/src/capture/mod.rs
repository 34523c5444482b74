// SPDX-License-Identifier: MPL-2.0
//! Captures: the frames of a link, as they come, for a client.
//!
//! netd makes the packet socket, because it has the right to and machined has not. The client's
//! filter stands before the socket hears anything. A client that does not read holds up nobody: the
//! kernel keeps some frames and counts those that it had no room for.
//!
//! Owns: how many there are at a time, how much each may hold, and when one ends.
//! Never: sends a frame.

mod pcap;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use api::common::Data;
use sys::io::Errno;
use sys::net::{RecvFlags, recv, sockopt};
use sys::packet::{self, Instruction};
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::codegen::BoxStream;

use self::pcap::{At, FRAME_HEAD, LinkType};
use crate::news::{Error, Line};
use crate::node::Node;
use crate::resources::LinkStatus;

/// How many captures there are at a time: each may hold a few megabytes.
const CAPTURES_MAX: usize = 4;
/// The most of a frame that is kept, in bytes: what tcpdump takes. The kernel joins frames to 64 KiB.
pub(crate) const SNAP_MAX: u32 = 256 * 1024;
/// Room for frames that the client did not take yet, in bytes of the kernel's counting.
const WAITING_MAX: usize = 2 * 1024 * 1024;
/// A piece is handed over when it has this many bytes, or when no frame waits.
const PIECE: usize = 64 * 1024;
/// `ARPHRD_LOOPBACK`: what goes out there comes in again, and is shown once.
const LOOPBACK: u16 = 772;
/// Pieces between the socket and the client.
const AHEAD: usize = 1;

/// What a client wants to see.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) interface: String,
    pub(crate) promiscuous: bool,
    /// Bytes of each frame.
    pub(crate) snap_len: u32,
    /// Which frames; every one when it is empty.
    pub(crate) filter: Vec<Instruction>,
}

/// Places for captures.
#[derive(Debug)]
pub(crate) struct Captures(Arc<Semaphore>);

impl Default for Captures {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(CAPTURES_MAX)))
    }
}

/// Begins a capture.
///
/// # Errors
/// There is no such link, the kernel does not take the filter, or all places are taken.
pub(crate) async fn begin(node: &Arc<Node>, asked: Asked) -> Result<BoxStream<Data>, Status> {
    let place = Arc::clone(&node.captures.0).try_acquire_owned();
    let place = place.map_err(|_| {
        Status::resource_exhausted(format!(
            "{CAPTURES_MAX} captures go on; try again when one has ended"
        ))
    })?;
    let (link, link_type) = link(node, &asked.interface)?;
    let socket = socket(node)
        .await
        .map_err(|error| Status::unavailable(format!("netd: {error}")))?;
    listen(&socket, &link, &asked)?;
    // tokio has no type for it; its type for datagrams holds any socket, and only its readiness is
    // used.
    let socket = UnixDatagram::from_std(socket.into())
        .map_err(|error| Status::internal(format!("packet socket: {error}")))?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    let capture = Capture {
        node: Arc::clone(node),
        snap_len: asked.snap_len,
        interface: asked.interface,
        socket,
        sender,
        frames: 0,
        _place: place,
    };
    tokio::spawn(capture.run(link_type));
    Ok(Box::pin(ReceiverStream::new(receiver)))
}

fn link(node: &Node, interface: &str) -> Result<(LinkStatus, LinkType), Status> {
    let state = node.state();
    // What a client sent may be long.
    let link = state.store.get::<LinkStatus>(interface).ok_or_else(|| {
        let shown: String = interface.chars().take(64).collect();
        Status::not_found(format!("interface {shown:?}: there is none of that name"))
    })?;
    let link_type = LinkType::of(link.arp_type).ok_or_else(|| {
        Status::failed_precondition(format!(
            "interface {interface}: its frames are neither Ethernet's nor IP's (type {})",
            link.arp_type
        ))
    })?;
    Ok((link.clone(), link_type))
}

/// Has netd make a packet socket.
async fn socket(node: &Node) -> Result<OwnedFd, Error> {
    let mut line = Line::open(&node.places.at(proto::paths::NETD_SOCKET)).await?;
    line.send(|buffer| proto::net::Request::PacketSocket(()).encode(buffer))
        .await?;
    let (reply, socket) = line.receive_with().await?;
    match (proto::net::Reply::decode(reply), socket) {
        (Ok(proto::net::Reply::PacketSocket(())), Some(socket)) => Ok(socket),
        (Ok(proto::net::Reply::Refused(refusal)), _) => Err(Error::Refused(refusal)),
        _other => Err(Error::Unexpected),
    }
}

/// Has a socket hear what is asked for.
fn listen(socket: &OwnedFd, link: &LinkStatus, asked: &Asked) -> Result<(), Status> {
    let refused = |what: &str, errno: Errno| {
        let errno = sys::errno::name(errno);
        Status::internal(format!(
            "interface {}: cannot {what}: {errno}",
            asked.interface
        ))
    };
    if !asked.filter.is_empty() {
        packet::attach(socket, &asked.filter).map_err(|errno| match errno {
            Errno::INVAL => Status::invalid_argument(
                "bpf_filter: the kernel does not take it: a jump leads out of it, or its last \
                 instruction does not answer",
            ),
            errno => refused("set the filter", errno),
        })?;
    }
    // Above the limit for everyone, which machined may pass; the default still works.
    let _room = sockopt::set_socket_recv_buffer_size_force(socket, WAITING_MAX);
    if link.arp_type == LOOPBACK {
        packet::ignore_outgoing(socket)
            .map_err(|errno| refused("leave out what goes out", errno))?;
    }
    if asked.promiscuous {
        packet::set_promiscuous(socket, link.index)
            .map_err(|errno| refused("make it promiscuous", errno))?;
    }
    // From now on the kernel takes down when a frame came.
    let _none = packet::received_at(socket);
    packet::bind(socket, link.index, packet::EVERY_PROTOCOL)
        .map_err(|errno| refused("listen on it", errno))
}

/// A capture that goes on.
struct Capture {
    node: Arc<Node>,
    interface: String,
    snap_len: u32,
    socket: UnixDatagram,
    sender: mpsc::Sender<Result<Data, Status>>,
    frames: u64,
    _place: OwnedSemaphorePermit,
}

impl Capture {
    async fn run(mut self, link_type: LinkType) {
        let mut piece = pcap::head(link_type, self.snap_len).to_vec();
        let mut frame = vec![0; usize::try_from(self.snap_len).unwrap_or(0)];
        loop {
            let read = self.fill(&mut piece, &mut frame);
            if !piece.is_empty() {
                let bytes = std::mem::take(&mut piece);
                let data = Data {
                    metadata: None,
                    bytes,
                };
                if self.sender.send(Ok(data)).await.is_err() {
                    break;
                }
            }
            let ready = match read {
                Ok(Read::Full) => continue,
                Ok(Read::Empty) => tokio::select! {
                    ready = self.socket.readable() => ready,
                    // Nobody listens any more: a quiet link must not keep this task for ever.
                    () = self.sender.closed() => break,
                },
                Err(error) => Err(error),
            };
            if let Err(error) = ready {
                let ended = format!("interface {}: {error}", self.interface);
                // Without a client there is nobody to tell.
                let _gone = self.sender.send(Err(Status::unavailable(ended))).await;
                break;
            }
        }
        let dropped = packet::take_dropped(&self.socket).unwrap_or(0);
        self.node.journal.log(format_args!(
            "capture on {}: {} frames were sent, {dropped} dropped: the client read too slowly",
            self.interface, self.frames
        ));
    }

    /// Adds frames that wait to a piece, until it is full or none waits.
    fn fill(&mut self, piece: &mut Vec<u8>, frame: &mut [u8]) -> io::Result<Read> {
        while piece.len() < PIECE {
            // What says that none waits makes the socket wait for the next.
            let received = self.socket.try_io(Interest::READABLE, || {
                let (_, whole) = recv(&self.socket, &mut *frame, RecvFlags::TRUNC)?;
                Ok(whole)
            });
            let whole = match received {
                Ok(whole) => whole,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Read::Empty),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let kept = frame.get(..whole).unwrap_or(frame);
            piece.reserve(FRAME_HEAD.saturating_add(kept.len()));
            piece.extend(pcap::frame_head(self.at(), kept.len(), whole));
            piece.extend(kept);
            self.frames = self.frames.saturating_add(1);
        }
        Ok(Read::Full)
    }

    /// When the last frame came.
    fn at(&self) -> At {
        let (seconds, nanos) = packet::received_at(&self.socket).unwrap_or_default();
        At {
            // The format has no later times than those of 2106.
            seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
            micros: u32::try_from(nanos).unwrap_or(0).wrapping_div(1000),
        }
    }
}

/// Whether more frames wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    /// None does.
    Empty,
    /// Some may.
    Full,
}
