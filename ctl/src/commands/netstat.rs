// SPDX-License-Identifier: MPL-2.0
//! `netstat`.
//!
//! Owns: which protocols and columns flags mean.
//! Never: shows a socket that was not asked for.

use api::machine::connect_record::{State, TimerActive};
use api::machine::netstat_request::{Feature, Filter, L4proto, NetNs};
use api::machine::{ConnectRecord, NetstatRequest};

use crate::args_netstat::Netstat;
use crate::screen::Screen;
use crate::session::Session;
use crate::table::Table;
use crate::trouble::Trouble;

const HEAD: [&str; 7] = [
    "NODE",
    "Proto",
    "Recv-Q",
    "Send-Q",
    "Local Address",
    "Foreign Address",
    "State",
];

pub(crate) async fn run(
    session: &Session,
    asked: &Netstat,
    screen: &mut Screen<'_>,
) -> Result<(), Trouble> {
    let request = session.request(request(asked))?;
    let reply = session.machine().netstat(request).await;
    let reply = reply
        .map_err(|status| session.failed(&status))?
        .into_inner();
    let mut head = HEAD.to_vec();
    if asked.extend {
        head.extend(["Uid", "Inode"]);
    }
    if asked.programs {
        head.push("PID/Program name");
    }
    if asked.pods {
        head.push("Pod");
    }
    if asked.timers {
        head.push("Timer");
    }
    let mut table = Table::new(&head);
    for message in reply.messages {
        let Some(node) = session.node(message.metadata.as_ref(), screen) else {
            continue;
        };
        for socket in message.connectrecord {
            table.row(cells(asked, node.clone(), &socket));
        }
    }
    screen.table(&table);
    Ok(())
}

fn request(asked: &Netstat) -> NetstatRequest {
    let filter = if asked.all {
        Filter::All
    } else if asked.listening {
        Filter::Listening
    } else {
        Filter::Connected
    };
    // Neither family named means both; no protocol named means the two that everybody uses.
    let is_none = !(asked.tcp || asked.udp || asked.udplite || asked.raw);
    let four = asked.ipv4 || !asked.ipv6;
    let six = asked.ipv6 || !asked.ipv4;
    let tcp = asked.verbose || asked.tcp || is_none;
    let udp = asked.verbose || asked.udp || is_none;
    let udplite = asked.verbose || asked.udplite;
    let raw = asked.verbose || asked.raw;
    NetstatRequest {
        filter: filter.into(),
        feature: Some(Feature {
            pid: asked.programs,
        }),
        l4proto: Some(L4proto {
            tcp: tcp && four,
            tcp6: tcp && six,
            udp: udp && four,
            udp6: udp && six,
            udplite: udplite && four,
            udplite6: udplite && six,
            raw: raw && four,
            raw6: raw && six,
        }),
        netns: Some(NetNs {
            hostnetwork: asked.pod.is_none(),
            netns: asked.pod.iter().cloned().collect(),
            allnetns: asked.pods,
        }),
    }
}

fn cells(asked: &Netstat, node: String, socket: &ConnectRecord) -> Vec<String> {
    let mut cells = vec![
        node,
        socket.l4proto.clone(),
        socket.rxqueue.to_string(),
        socket.txqueue.to_string(),
        end(&socket.localip, socket.localport),
        end(&socket.remoteip, socket.remoteport),
        state(socket).to_owned(),
    ];
    if asked.extend {
        cells.extend([socket.uid.to_string(), socket.inode.to_string()]);
    }
    if asked.programs {
        // Number 0 is no process: whose it is was not seen.
        let process = socket.process.as_ref().filter(|process| process.pid != 0);
        cells.push(process.map_or_else(
            || "-".to_owned(),
            |process| format!("{}/{}", process.pid, process.name),
        ));
    }
    if asked.pods {
        cells.push(match socket.netns.as_str() {
            "" => "-".to_owned(),
            name => name.to_owned(),
        });
    }
    if asked.timers {
        cells.push(timer(socket));
    }
    cells
}

/// An end of a connection; nobody's port is `*`, as netstat(8) has it. The colons of an address of
/// IPv6 stand in brackets.
fn end(ip: &str, port: u32) -> String {
    let ip = if ip.contains(':') {
        format!("[{ip}]")
    } else {
        ip.to_owned()
    };
    match port {
        0 => format!("{ip}:*"),
        port => format!("{ip}:{port}"),
    }
}

fn state(socket: &ConnectRecord) -> &'static str {
    match socket.state() {
        State::Reserved => "-",
        State::Established => "ESTABLISHED",
        State::SynSent => "SYN_SENT",
        State::SynRecv => "SYN_RECV",
        State::FinWait1 => "FIN_WAIT1",
        State::FinWait2 => "FIN_WAIT2",
        State::TimeWait => "TIME_WAIT",
        // The kernel's word for a socket of UDP that is not connected.
        State::Close if !socket.l4proto.starts_with("tcp") => "",
        State::Close => "CLOSE",
        State::Closewait => "CLOSE_WAIT",
        State::Lastack => "LAST_ACK",
        State::Listen => "LISTEN",
        State::Closing => "CLOSING",
    }
}

/// What the timer waits for, how long in hundredths of a second, and how often it ran.
fn timer(socket: &ConnectRecord) -> String {
    let what = match socket.tr() {
        TimerActive::Off => "off",
        TimerActive::On => "on",
        TimerActive::Keepalive => "keepalive",
        TimerActive::Timewait => "timewait",
        TimerActive::Probe => "probe",
    };
    let (seconds, rest) = (socket.timerwhen / 100, socket.timerwhen % 100);
    format!(
        "{what} ({seconds}.{rest:02}/{}/{})",
        socket.retrnsmt, socket.timeout
    )
}

#[cfg(test)]
mod tests {
    use api::machine::connect_record::Process;

    use super::*;
    use crate::args::Command;
    use crate::tree;

    fn asked(flags: &str) -> Netstat {
        let words = ["ichorctl", "netstat"].into_iter();
        let line = tree::parse(words.chain(flags.split_whitespace())).unwrap();
        let Command::Netstat(asked) = line.command else {
            unreachable!("the line says netstat");
        };
        asked
    }

    fn protocols(flags: &str) -> String {
        let request = request(&asked(flags));
        let wanted = request.l4proto.unwrap();
        let all = [
            ("t4", wanted.tcp),
            ("t6", wanted.tcp6),
            ("u4", wanted.udp),
            ("u6", wanted.udp6),
            ("l4", wanted.udplite),
            ("l6", wanted.udplite6),
            ("w4", wanted.raw),
            ("w6", wanted.raw6),
        ];
        let names = all.iter().filter(|(_, is)| *is).map(|(name, _)| *name);
        format!("{} {}", request.filter, names.collect::<Vec<_>>().join(","))
    }

    #[test]
    fn cmd_072_flags_choose_protocols_families_and_states() {
        for (flags, wanted) in [
            ("", "1 t4,t6,u4,u6"),
            ("-a", "0 t4,t6,u4,u6"),
            ("-l -t", "2 t4,t6"),
            ("-al", "0 t4,t6,u4,u6"),
            ("-t -4", "1 t4"),
            ("-4 -6 -u", "1 u4,u6"),
            ("-6", "1 t6,u6"),
            ("-w -U", "1 l4,l6,w4,w6"),
            ("-v", "1 t4,t6,u4,u6,l4,l6,w4,w6"),
        ] {
            assert_eq!(protocols(flags), wanted, "{flags}");
        }
    }

    #[test]
    fn cmd_072_a_process_that_was_not_seen_is_a_dash() {
        let asked = asked("-p");
        let shown = |process| {
            let socket = ConnectRecord {
                process,
                ..Default::default()
            };
            cells(&asked, "n".to_owned(), &socket).pop()
        };

        let apid = Process {
            pid: 7,
            name: "apid".to_owned(),
        };
        assert_eq!(shown(Some(apid)).as_deref(), Some("7/apid"));
        assert_eq!(shown(Some(Process::default())).as_deref(), Some("-"));
        assert_eq!(shown(None).as_deref(), Some("-"));
    }
}
