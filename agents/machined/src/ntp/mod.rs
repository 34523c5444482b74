// SPDX-License-Identifier: MPL-2.0
//! Asking a time server what time it is, once.
//!
//! Owns: one exchange over UDP, its deadlines, and how many go on at a time.
//! Never: sets a clock, or believes an answer that is not to its question.

pub(crate) mod packet;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use tokio::net::UdpSocket;
use tokio::sync::Semaphore;

use self::packet::Problem;
use crate::acquire;
use crate::places::Places;

/// How many servers are asked at a time: more than operators look at together.
const ASKS_MAX: usize = 16;
/// How long one address may take. A server on the other side of the world takes a tenth.
const ANSWER_MAX: Duration = Duration::from_millis(1500);
/// How long a name may take to find, with all name servers.
const NAME_MAX: Duration = Duration::from_secs(5);
/// How many addresses of a server are tried.
const ADDRESSES_MAX: usize = 3;
/// How many packets that are no answer are passed over before it is given up.
const STRANGERS_MAX: usize = 64;
/// Room for an answer; what is longer is cut, and only the beginning counts.
const PACKET_MAX: usize = 128;

/// Places for those who ask.
#[derive(Debug)]
pub(crate) struct Asks(Semaphore);

impl Default for Asks {
    fn default() -> Self {
        Self(Semaphore::new(ASKS_MAX))
    }
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compared {
    /// What our clock says, in nanoseconds since 1970.
    pub local: i128,
    /// What the server's says at that moment.
    pub remote: i128,
}

/// Why there is no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// That is no name or address.
    NoName(String),
    /// As many are asked as may be.
    TooMany,
    /// It could not be asked, or its answer does not count.
    Failed(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName(server) => write!(f, "server: {server:?} is no name and no address"),
            Self::TooMany => write!(
                f,
                "{ASKS_MAX} time servers are asked now; try again when one has answered"
            ),
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}

/// Asks a server, by its name or address.
///
/// # Errors
/// There is no time that counts.
pub(crate) async fn compare(
    asks: &Asks,
    places: &Places,
    server: &str,
) -> Result<Compared, Trouble> {
    let name = server.strip_prefix('[').and_then(|s| s.strip_suffix(']'));
    let name = name.unwrap_or(server);
    if name.contains('*') || pki::Names::parse([name]).is_err() {
        // What a client sent may be long.
        let shown = server.chars().take(64).collect();
        return Err(Trouble::NoName(shown));
    }
    let _place = asks.0.try_acquire().map_err(|_| Trouble::TooMany)?;
    let failed = |reason: String| Trouble::Failed(format!("time server {name}: {reason}"));
    let addresses = tokio::time::timeout(NAME_MAX, acquire::addresses(places, name)).await;
    let addresses = addresses
        .map_err(|_| failed("its name was not found in time".to_owned()))?
        .map_err(|error| failed(error.to_string()))?;
    let mut last = "it has no address".to_owned();
    for address in addresses.into_iter().take(ADDRESSES_MAX) {
        match ask((address, places.ntp_port).into()).await {
            Ok(compared) => return Ok(compared),
            Err(reason) => last = format!("{address}: {reason}"),
        }
    }
    Err(failed(last))
}

async fn ask(server: SocketAddr) -> Result<Compared, String> {
    let cookie = *pki::random_bytes::<8>().map_err(|error| error.to_string())?;
    let any: IpAddr = if server.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let from = |error: std::io::Error| error.to_string();
    let socket = UdpSocket::bind((any, 0)).await.map_err(from)?;
    // From now on the kernel drops what others send.
    socket.connect(server).await.map_err(from)?;
    let asked_at = nanos(SystemTime::now());
    let start = Instant::now();
    socket.send(&packet::question(cookie)).await.map_err(from)?;
    let mut buffer = [0; PACKET_MAX];
    let wait = async {
        for _ in 0..STRANGERS_MAX {
            let len = socket.recv(&mut buffer).await.map_err(from)?;
            // Our clock may be set meanwhile; the other one goes on evenly.
            let took = i128::try_from(start.elapsed().as_nanos()).unwrap_or(i128::MAX);
            let read = buffer.get(..len).unwrap_or_default();
            let offset = match packet::parse(read, cookie) {
                Ok(answer) => packet::offset(asked_at, took, answer),
                Err(Problem::NotOurs) => continue,
                Err(problem) => Err(problem),
            };
            let offset = offset.map_err(|problem| problem.to_string())?;
            let local = asked_at.saturating_add(took);
            return Ok(Compared {
                local,
                remote: local.saturating_add(offset),
            });
        }
        Err(format!(
            "{STRANGERS_MAX} packets came and none is an answer"
        ))
    };
    tokio::time::timeout(ANSWER_MAX, wait)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} ms", ANSWER_MAX.as_millis())))
}

/// Nanoseconds since 1970.
fn nanos(at: SystemTime) -> i128 {
    let whole = |time: Duration| i128::try_from(time.as_nanos()).unwrap_or(i128::MAX);
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => whole(since),
        Err(before) => whole(before.duration()).saturating_neg(),
    }
}
