// SPDX-License-Identifier: MPL-2.0
//! A connection to a receiver.
//!
//! Owns: the sockets, how long anything may take on them, and the pace of packets.
//! Never: uses a byte of what a receiver says.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sys::io::Errno;
use sys::net::{RecvFlags, recv, sockopt};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket};

use super::destination::{Authority, Endpoint, Transport};
use crate::acquire::resolve::addresses;
use crate::places::Places;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a receiver that does not read is waited for (the documents' number).
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one that does not acknowledge is held to be there.
const ACKNOWLEDGE_TIMEOUT_MS: u32 = 30_000;
/// A connection on which nothing is said is probed after this: its end is known before the next
/// line is lost to it.
const PROBE_AFTER: Duration = Duration::from_mins(1);
/// What a receiver may say before it is taken for something else.
const HEARD_MAX: usize = 64 * 1024;
/// Packets have no flow control. This much is sent at once, and then a pause is made, so that the
/// usual buffer of a receiver, 208 KiB, takes what waited for it.
const BURST: usize = 64 * 1024;
const BURST_PAUSE: Duration = Duration::from_millis(20);

/// Why a receiver does not get anything.
#[derive(Debug)]
pub(crate) enum Error {
    /// Its name has no address.
    Name(String),
    /// The socket failed.
    Socket(&'static str, io::Error),
    /// It broke off.
    Closed,
    /// It does not read.
    Slow,
    /// It says so much that it cannot be a receiver.
    Talks,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(why) => f.write_str(why),
            Self::Socket(step, error) => write!(f, "{step}: {error}"),
            Self::Closed => write!(f, "it closed the connection"),
            Self::Slow => {
                let seconds = SEND_TIMEOUT.as_secs();
                write!(f, "it has read nothing for {seconds} seconds")
            }
            Self::Talks => write!(f, "it sends data: it is no receiver of logs"),
        }
    }
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    socket: Socket,
    heard: usize,
    burst: usize,
}

impl Link {
    /// Connects.
    ///
    /// # Errors
    /// Nobody is there, or its name is not known.
    pub(crate) async fn open(places: &Places, endpoint: &Endpoint) -> Result<Self, Error> {
        let socket = match endpoint.transport {
            Transport::Tcp => Socket::Tcp(connect(places, &endpoint.authority).await?),
            Transport::Udp => Socket::Udp(packets(places, &endpoint.authority).await?),
        };
        Ok(Self {
            socket,
            heard: 0,
            burst: 0,
        })
    }

    /// Sends messages; over UDP there may be one.
    ///
    /// # Errors
    /// They, or over UDP those before them, did not get there.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let failed = |error| Error::Socket("cannot send", error);
        match &mut self.socket {
            Socket::Tcp(stream) => {
                still_there(stream)?;
                match tokio::time::timeout(SEND_TIMEOUT, stream.write_all(bytes)).await {
                    Ok(sent) => sent.map_err(failed),
                    Err(_elapsed) => Err(Error::Slow),
                }
            }
            Socket::Udp(socket) => {
                if self.burst >= BURST {
                    self.burst = 0;
                    tokio::time::sleep(BURST_PAUSE).await;
                }
                self.burst = self.burst.saturating_add(bytes.len());
                socket.send(bytes).await.map(|_sent| ()).map_err(failed)
            }
        }
    }

    /// Waits until the receiver is gone.
    pub(crate) async fn gone(&mut self) -> Error {
        loop {
            let mut heard = [0; 512];
            let (ready, received) = match &self.socket {
                Socket::Tcp(stream) => (stream.readable().await, stream.try_read(&mut heard)),
                // Nobody at the port: the kernel hears of it after a packet was sent.
                Socket::Udp(socket) => (socket.readable().await, socket.try_recv(&mut heard)),
            };
            let is_stream = matches!(self.socket, Socket::Tcp(_));
            match ready.and(received) {
                Ok(0) if is_stream => return Error::Closed,
                Ok(len) => self.heard = self.heard.saturating_add(len.max(1)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Error::Socket("the connection ended", error),
            }
            if self.heard > HEARD_MAX {
                return Error::Talks;
            }
        }
    }
}

/// Connects a stream to the first address that takes it.
///
/// # Errors
/// None does.
pub(super) async fn connect(places: &Places, authority: &Authority) -> Result<TcpStream, Error> {
    let mut last = Error::Name("the name has no address".to_owned());
    for address in resolve(places, &authority.host).await? {
        let connect = TcpStream::connect(SocketAddr::new(address, authority.port));
        let error = match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
            Ok(Ok(stream)) => match watched(&stream) {
                Ok(()) => return Ok(stream),
                Err(error) => error,
            },
            Ok(Err(error)) => error,
            Err(_elapsed) => io::ErrorKind::TimedOut.into(),
        };
        last = Error::Socket("cannot connect", error);
    }
    Err(last)
}

/// Looks whether the receiver has closed its side: what is written after that is taken by the
/// kernel and read by nobody.
fn still_there(stream: &TcpStream) -> Result<(), Error> {
    let mut byte = [0; 1];
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    match recv(stream, &mut byte[..], flags) {
        Ok((0, _)) => Err(Error::Closed),
        Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
        Err(errno) => Err(Error::Socket("the connection ended", errno.into())),
    }
}

/// Has the kernel notice that the other side is gone.
fn watched(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, PROBE_AFTER)?;
    sockopt::set_tcp_user_timeout(stream, ACKNOWLEDGE_TIMEOUT_MS)?;
    Ok(())
}

async fn packets(places: &Places, authority: &Authority) -> Result<UdpSocket, Error> {
    let mut last = Error::Name("the name has no address".to_owned());
    for address in resolve(places, &authority.host).await? {
        let any: IpAddr = match address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = async {
            let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
            socket
                .connect(SocketAddr::new(address, authority.port))
                .await?;
            io::Result::Ok(socket)
        };
        match socket.await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = Error::Socket("cannot connect", error),
        }
    }
    Err(last)
}

async fn resolve(places: &Places, host: &str) -> Result<Vec<IpAddr>, Error> {
    let found = addresses(places, host).await;
    found.map_err(|error| Error::Name(error.to_string()))
}
