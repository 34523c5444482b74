// SPDX-License-Identifier: MPL-2.0
//! The files and sockets of the double.
//!
//! Owns: what is listed, read, added up and packed, good and bad.
//! Never: says the same to a request that asks for something else.

use std::io::Write as _;

use api::common::{Data, Metadata};
use api::machine as m;
use flate2::write::GzEncoder;
use tonic::Status;

use crate::desk::LATER;

type Pieces<T> = Vec<Result<T, Status>>;

pub(crate) fn list(request: &m::ListRequest, metadata: Option<Metadata>) -> Pieces<m::FileInfo> {
    if request.root == "/asked" {
        // What was asked for comes back as a name.
        let name = format!(
            "{} {} {:?}",
            request.recurse, request.recursion_depth, request.types
        );
        return vec![Ok(m::FileInfo {
            metadata,
            relative_name: name,
            mode: 0o100_644,
            ..Default::default()
        })];
    }
    if let "/rude/" | "/many/" = request.root.as_str() {
        return strange(&request.root, metadata);
    }
    if let "/gone" | "/gone/" = request.root.as_str() {
        return vec![Err(Status::not_found("cannot list /gone"))];
    }
    let file = |relative: &str, mode, size, link: &str, error: &str| m::FileInfo {
        metadata: metadata.clone(),
        name: format!("/etc/{relative}"),
        relative_name: relative.to_owned(),
        size,
        mode,
        modified: LATER.0.saturating_sub(86_400),
        is_dir: mode & 0o170_000 == 0o040_000,
        error: error.to_owned(),
        link: link.to_owned(),
        uid: 0,
        gid: 50,
    };
    let mut files = vec![
        file(".", 0o040_755, 160, "", ""),
        file("hosts", 0o100_644, 1200, "", ""),
        file("resolv.conf", 0o120_777, 27, "/system/etc/resolv.conf", ""),
    ];
    if request.root == "/broken" {
        files.insert(1, file("x", 0, 0, "", "cannot list /broken/x: gone"));
    }
    files.into_iter().map(Ok).collect()
}

/// Folders that are hard on whoever completes a path.
fn strange(root: &str, metadata: Option<Metadata>) -> Pieces<m::FileInfo> {
    let file = |name: &str| {
        Ok(m::FileInfo {
            metadata: metadata.clone(),
            relative_name: name.to_owned(),
            is_dir: name == "folder",
            ..Default::default()
        })
    };
    if root == "/many/" {
        return (0..5000).map(|number| file(&number.to_string())).collect();
    }
    let names = [
        ".",
        "plain",
        "folder",
        "folder/below",
        "a b",
        "$(touch run)",
        "`touch run`",
        "a;touch run",
        "a'b",
        "a\nb",
        "a\x1b[2J",
        "",
    ];
    names.into_iter().map(file).collect()
}

pub(crate) fn usage(
    request: &m::DiskUsageRequest,
    metadata: Option<Metadata>,
) -> Pieces<m::DiskUsageInfo> {
    let row = |name: &str, relative: &str, size, error: &str| {
        Ok(m::DiskUsageInfo {
            metadata: metadata.clone(),
            name: name.to_owned(),
            size,
            error: error.to_owned(),
            relative_name: relative.to_owned(),
        })
    };
    let mut rows = Vec::new();
    for path in &request.paths {
        match path.as_str() {
            "/asked" => {
                let asked = format!(
                    "{} {} {}",
                    request.recursion_depth, request.all, request.threshold
                );
                rows.push(row(path, &asked, 0, ""));
            }
            "/gone" => rows.push(row(path, "gone", 0, "cannot look at /gone: not there")),
            path => {
                rows.push(row(&format!("{path}/log"), "log", 1_500_000, ""));
                rows.push(row(path, ".", 1_504_096, ""));
            }
        }
    }
    rows
}

pub(crate) fn read(path: &str) -> Pieces<Data> {
    let piece = |bytes: &[u8]| {
        Ok(Data {
            metadata: None,
            bytes: bytes.to_vec(),
        })
    };
    match path {
        "/etc/hosts" => vec![piece(b"127.0.0.1 local"), piece(b"host\n\x1b[2J")],
        "/broken" => vec![
            piece(b"half"),
            Err(Status::internal(
                "cannot read /broken: an error of the disk",
            )),
        ],
        _ => vec![Err(Status::not_found(format!("cannot read {path}")))],
    }
}

/// An archive of members: name, letter of the kind, target of a link, mode, content.
pub(crate) fn packed(members: &[(&str, u8, &str, u32, &[u8])]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for (name, letter, link, mode, content) in members {
        let mut head = vec![0_u8; 512];
        let mut put = |at: usize, text: &[u8]| {
            head.splice(at..at.saturating_add(text.len()), text.iter().copied());
        };
        put(0, name.as_bytes());
        put(
            100,
            format!("{mode:07o}\0{:07o}\0{:07o}\0", 12, 34).as_bytes(),
        );
        put(
            124,
            format!("{:011o}\0{:011o}\0        ", content.len(), 0).as_bytes(),
        );
        put(156, &[*letter]);
        put(157, link.as_bytes());
        put(257, b"ustar\x0000");
        let sum: u64 = head.iter().map(|byte| u64::from(*byte)).sum();
        head.splice(148..155, format!("{sum:06o}\0").bytes());
        out.write_all(&head).unwrap();
        out.write_all(content).unwrap();
        let whole = content.len().next_multiple_of(512);
        out.write_all(&vec![0; whole.saturating_sub(content.len())])
            .unwrap();
    }
    out.write_all(&[0; 1024]).unwrap();
    out.finish().unwrap()
}

pub(crate) fn copy(path: &str) -> Pieces<Data> {
    let good = packed(&[
        ("log/", b'5', "", 0o750, b""),
        ("log/a", b'0', "", 0o644, b"one"),
        ("log/key", b'0', "", 0o4600, b"two"),
        ("link", b'2', "/etc/passwd", 0o777, b""),
        ("null", b'3', "", 0o666, b""),
    ]);
    let archive = match path {
        "/var" | "/torn" | "/short" => good,
        "/upwards" => packed(&[("a/../../out", b'0', "", 0o644, b"x")]),
        "/absolute" => packed(&[("/tmp/out", b'0', "", 0o644, b"x")]),
        "/through" => packed(&[
            ("door", b'2', "..", 0o777, b""),
            ("door/out", b'0', "", 0o644, b"x"),
        ]),
        "/twice" => packed(&[
            ("a", b'0', "", 0o644, b"first"),
            ("a", b'0', "", 0o644, b"second"),
        ]),
        "/half" => {
            // What does not shrink, so that half of it is half of the file.
            let noise = (0..20_000_u32).map(|n| {
                let [_, noise, ..] = n.wrapping_mul(n).wrapping_mul(31).to_le_bytes();
                noise
            });
            let noise: Vec<u8> = noise.collect();
            let whole = packed(&[("a", b'0', "", 0o644, &noise)]);
            let half = whole.len() / 2;
            whole.into_iter().take(half).collect()
        }
        "/nonsense" => b"this is no archive at all".to_vec(),
        path => return vec![Err(Status::not_found(format!("cannot copy {path}")))],
    };
    let piece = |bytes: &[u8]| {
        Ok(Data {
            metadata: None,
            bytes: bytes.to_vec(),
        })
    };
    let mut pieces: Pieces<Data> = archive.chunks(50).map(piece).collect();
    if path == "/torn" {
        pieces.truncate(2);
        pieces.push(Err(Status::internal("cannot read the disk")));
    }
    if path == "/short" {
        pieces.push(Ok(Data {
            metadata: Some(Metadata {
                error: "cannot copy /short/b: gone".to_owned(),
                ..Metadata::default()
            }),
            bytes: Vec::new(),
        }));
    }
    pieces
}

pub(crate) fn sockets(with_processes: bool) -> Vec<m::ConnectRecord> {
    use m::connect_record::{Process, State, TimerActive};
    let process = with_processes.then(|| Process {
        pid: 77,
        name: "apid".to_owned(),
    });
    vec![
        m::ConnectRecord {
            l4proto: "tcp".to_owned(),
            localip: "10.0.2.15".to_owned(),
            localport: 50_000,
            remoteip: "10.0.2.2".to_owned(),
            remoteport: 258,
            state: State::Established.into(),
            txqueue: 10,
            tr: TimerActive::Keepalive.into(),
            timerwhen: 1010,
            inode: 1235,
            uid: 50,
            process,
            ..Default::default()
        },
        m::ConnectRecord {
            l4proto: "udp6".to_owned(),
            localip: "::".to_owned(),
            localport: 68,
            remoteip: "::".to_owned(),
            state: State::Close.into(),
            ..Default::default()
        },
    ]
}
