// SPDX-License-Identifier: MPL-2.0
//! Files of the node over the API, added up and packed, and the counters and sockets of the kernel.
//!
//! Owns: every member of an archive, every sum, and which of them are told.
//! Never: trusts the writer of archives with reading them.

use std::io::Read as _;
use std::os::unix::fs::symlink;

use ::api::machine::netstat_request::{Feature, Filter, L4proto, NetNs};
use ::api::machine::{CopyRequest, DiskUsageInfo, DiskUsageRequest, NetstatRequest};
use extension::tar::{Archive, Kind};
use tonic::{Code, Status};

use crate::api::running;
use crate::clients::{Client, as_admin, with_role};
use crate::looking::{all, furnished};

async fn usage(client: &mut Client, request: DiskUsageRequest) -> Vec<DiskUsageInfo> {
    let stream = client.disk_usage(as_admin(request)).await.unwrap();
    all(stream.into_inner()).await.unwrap()
}

fn of(paths: &[&str]) -> DiskUsageRequest {
    DiskUsageRequest {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        ..Default::default()
    }
}

fn rows(told: &[DiskUsageInfo]) -> Vec<(&str, i64)> {
    told.iter()
        .map(|row| (row.relative_name.as_str(), row.size))
        .collect()
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_027_a_folder_is_the_sum_of_what_is_in_it_and_comes_after_it() {
    let (node, mut client) = furnished().await;
    let folder = |path: &str| {
        let metadata = std::fs::metadata(node.path(path)).unwrap();
        i64::try_from(metadata.len()).unwrap()
    };
    let deeper = folder("var/log/deep/deeper") + 3;
    let deep = folder("var/log/deep") + deeper;
    // Links are as long as their targets.
    let links = 11 + 6 + 11;
    let log = folder("var/log") + deep + 1004 + links;

    let folders = usage(&mut client, of(&["/var/log"])).await;
    let files = DiskUsageRequest {
        all: true,
        ..of(&["/var/log/"])
    };
    let files = usage(&mut client, files).await;

    assert_eq!(
        rows(&folders),
        [("deep/deeper", deeper), ("deep", deep), (".", log)]
    );
    assert!(folders.iter().all(|row| row.metadata.is_none()));
    assert_eq!(folders[0].name, "/var/log/deep/deeper");
    assert_eq!(files.len(), 9);
    assert!(rows(&files).contains(&("a", 1000)));
    assert_eq!(rows(&files).last(), Some(&(".", log)));
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_027_depth_and_threshold_leave_rows_out_and_count_them_all_the_same() {
    let (_node, mut client) = furnished().await;
    let whole = usage(&mut client, of(&["/var/log"])).await;
    let near = DiskUsageRequest {
        recursion_depth: 1,
        ..of(&["/var/log"])
    };
    let large = DiskUsageRequest {
        all: true,
        threshold: 1000,
        ..of(&["/var/log"])
    };
    let small = DiskUsageRequest {
        threshold: -12,
        ..large.clone()
    };

    let near = usage(&mut client, near).await;
    let large = usage(&mut client, large).await;
    let small = usage(&mut client, small).await;

    assert_eq!(rows(&near), rows(&whole)[1..]);
    assert!(large.iter().all(|row| row.size >= 1000));
    assert!(rows(&large).contains(&("a", 1000)));
    let small: Vec<&str> = rows(&small).iter().map(|row| row.0).collect();
    let small_files: Vec<&str> = small
        .into_iter()
        .filter(|name| !name.starts_with('.'))
        .collect();
    assert!(small_files.starts_with(&["b", "circle"]), "{small_files:?}");
    assert!(!small_files.contains(&"a"));
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_027_one_path_that_is_not_there_does_not_hide_the_others() {
    let (_node, mut client) = furnished().await;

    let told = usage(&mut client, of(&["/nothing", "/var/log/a"])).await;

    assert_eq!(told.len(), 2);
    assert!(told[0].error.contains("cannot look at /nothing"));
    assert_eq!((told[1].name.as_str(), told[1].size), ("/var/log/a", 1000));
    // Talos puts the slash before it, and takes a depth below zero for none.
    let relative = DiskUsageRequest {
        recursion_depth: -1,
        ..of(&["var/log/a"])
    };
    assert_eq!(usage(&mut client, relative).await, told[1..]);
    for (request, reason) in [
        (of(&["/a", "../b"]), "\"..\" is refused"),
        (of(&vec!["/a"; 257]), "more than 256"),
    ] {
        let refused = client.disk_usage(as_admin(request)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(reason), "{refused:?}");
    }
}

/// The bytes of an archive, and what the node said at its end.
async fn copy(client: &mut Client, path: &str) -> Result<(Vec<u8>, String), Status> {
    let request = CopyRequest {
        root_path: path.to_owned(),
    };
    let pieces = all(client.copy(as_admin(request)).await?.into_inner()).await?;
    assert!(pieces.iter().all(|piece| piece.bytes.len() <= 64 * 1024));
    let error = pieces
        .last()
        .and_then(|piece| piece.metadata.clone())
        .map(|metadata| metadata.error)
        .unwrap_or_default();
    Ok((
        pieces.into_iter().flat_map(|piece| piece.bytes).collect(),
        error,
    ))
}

/// Each member with its kind, mode, owner and content.
fn members(archive: &[u8]) -> Vec<(String, Kind, u32, u32, Vec<u8>)> {
    let mut archive = Archive::new(flate2::read::GzDecoder::new(archive));
    let mut members = Vec::new();
    while let Some(member) = archive.next().unwrap() {
        let mut content = Vec::new();
        if member.kind == Kind::File {
            archive
                .content(member.len)
                .read_to_end(&mut content)
                .unwrap();
        }
        let name = String::from_utf8_lossy(&member.name).into_owned();
        members.push((name, member.kind, member.mode, member.uid, content));
    }
    // What checks the whole stands at its end.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).unwrap();
    members
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_007_a_folder_is_packed_with_owners_modes_and_links() {
    let (node, mut client) = furnished().await;
    let name = "n".repeat(120);
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(node.path(&format!("var/log/{name}")), &content).unwrap();
    let target = format!("/{}", "t".repeat(150));
    symlink(&target, node.path("var/log/long-link")).unwrap();
    let pipe = node.path("var/log/pipe");
    sys::fs::mkfifoat(sys::fs::CWD, &pipe, sys::fs::Mode::from_raw_mode(0o600)).unwrap();
    let socket = node.path("var/log/socket");
    let _socket = std::os::unix::net::UnixListener::bind(socket).unwrap();

    let (archive, error) = copy(&mut client, "/var/log").await.unwrap();

    let members = members(&archive);
    let names: Vec<&str> = members.iter().map(|member| member.0.as_str()).collect();
    assert_eq!(
        names,
        [
            "a",
            "b",
            "circle",
            "deep/",
            "deep/deeper/",
            "deep/deeper/end",
            "link",
            "long-link",
            &name,
            "out",
            "pipe"
        ]
    );
    let owner = std::fs::metadata(node.path("var/log/a")).unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&owner);
    assert_eq!(members[0].1, Kind::File);
    assert_eq!((members[0].2, members[0].3), (0o4750, owner));
    assert_eq!(members[0].4, vec![b'x'; 1000]);
    assert_eq!(members[3].1, Kind::Directory);
    assert_eq!(members[5].4, b"end");
    assert_eq!(members[6].1, Kind::Symlink(b"deep/deeper".to_vec()));
    assert_eq!(members[7].1, Kind::Symlink(target.into_bytes()));
    assert!(members[8].4 == content);
    assert_eq!(members[10].1, Kind::Special("a fifo"));
    assert_eq!(error, "");
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_007_one_file_is_packed_by_its_name_and_what_is_not_there_is_an_error() {
    let (_node, mut client) = furnished().await;

    let (archive, _) = copy(&mut client, "/var/log/b").await.unwrap();
    let missing = copy(&mut client, "/nothing").await.unwrap_err();
    let upwards = copy(&mut client, "/var/../etc").await.unwrap_err();
    let request = CopyRequest {
        root_path: "/var".to_owned(),
    };
    let reader = client.copy(with_role("os:operator", request)).await;

    let members = members(&archive);
    assert_eq!(members.len(), 1);
    assert_eq!(
        (members[0].0.as_str(), &members[0].4[..]),
        ("b", &b"four"[..])
    );
    assert_eq!(missing.code(), Code::NotFound);
    assert_eq!(upwards.code(), Code::InvalidArgument);
    assert_eq!(reader.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_007_what_could_not_be_packed_is_said_after_a_whole_archive() {
    let (node, mut client) = furnished().await;
    let deep = format!("var/log/deep/{}", "d/".repeat(70));
    std::fs::create_dir_all(node.path(&deep)).unwrap();

    let (archive, error) = copy(&mut client, "/var/log").await.unwrap();

    assert!(members(&archive).iter().any(|member| member.0 == "out"));
    assert!(
        error.starts_with("cannot copy /var/log/deep/d/d/"),
        "{error}"
    );
    assert!(error.ends_with("more than 64 folders deep"), "{error}");
}

/// An archive of something endless ends with its client.
#[tokio::test(flavor = "current_thread")]
async fn a_client_that_breaks_off_an_archive_frees_its_place() {
    let (node, mut client) = furnished().await;
    let endless = std::fs::File::create(node.path("var/log/endless")).unwrap();
    endless.set_len(1 << 43).unwrap();
    let request = CopyRequest {
        root_path: "/var/log/endless".to_owned(),
    };
    let mut held = Vec::new();
    while let Ok(stream) = client.copy(as_admin(request.clone())).await {
        held.push(stream.into_inner());
    }
    assert_eq!(held.len(), 16);
    drop(held);

    node.until("a place", async || {
        copy(&mut client, "/var/log/b").await.ok()
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_009_rpc_032_counters_are_those_of_the_kernel_with_their_total() {
    let (node, mut client) = running().await;
    std::fs::create_dir_all(node.path("proc/net")).unwrap();
    node.write(
        "proc/net/dev",
        "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
    );
    node.write("proc/diskstats", " 8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n");

    let network = client.network_device_stats(as_admin(())).await.unwrap();
    let network = &network.into_inner().messages[0];
    let disks = client.disk_stats(as_admin(())).await.unwrap();
    let disks = &disks.into_inner().messages[0];

    assert!(network.metadata.is_none() && disks.metadata.is_none());
    assert_eq!(network.devices[0].name, "eth0");
    assert_eq!(network.total.as_ref().unwrap().tx_bytes, 9);
    assert_eq!(disks.devices[0].name, "sda");
    assert_eq!(disks.total.as_ref().unwrap().write_sectors, 7);
    std::fs::remove_file(node.path("proc/diskstats")).unwrap();
    let gone = client.disk_stats(as_admin(())).await.unwrap_err();
    assert!(gone.message().contains("/proc/diskstats"), "{gone:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_050_sockets_are_told_by_protocol_and_state_with_their_processes() {
    let (node, mut client) = running().await;
    std::fs::create_dir_all(node.path("proc/net")).unwrap();
    std::fs::create_dir_all(node.path("proc/77/fd")).unwrap();
    symlink("socket:[1234]", node.path("proc/77/fd/5")).unwrap();
    node.write("proc/77/comm", "apid\n");
    let line = "0: 0100007F:C350 00000000:0000 0A 0:0 00:0 0 50 0 1234 1 0\n";
    node.write("proc/net/tcp", line);
    node.write("proc/net/udp", line);
    let wanted = NetstatRequest {
        filter: Filter::Listening.into(),
        feature: Some(Feature { pid: true }),
        l4proto: Some(L4proto {
            tcp: true,
            tcp6: true,
            ..Default::default()
        }),
        netns: None,
    };

    let reply = client.netstat(as_admin(wanted.clone())).await.unwrap();
    let reply = reply.into_inner();
    assert_eq!(reply.messages.len(), 1);
    assert!(reply.messages[0].metadata.is_none());
    let sockets = &reply.messages[0].connectrecord;
    assert_eq!(sockets.len(), 1);
    assert_eq!(
        (sockets[0].l4proto.as_str(), sockets[0].localport),
        ("tcp", 50_000)
    );
    assert_eq!(sockets[0].process.as_ref().unwrap().name, "apid");
    let connected = NetstatRequest {
        filter: Filter::Connected.into(),
        ..wanted.clone()
    };
    let connected = client.netstat(as_admin(connected)).await.unwrap();
    assert_eq!(connected.into_inner().messages[0].connectrecord, []);
    let of_nobody = NetstatRequest {
        netns: Some(NetNs::default()),
        ..wanted.clone()
    };
    let of_nobody = client.netstat(as_admin(of_nobody)).await.unwrap();
    assert_eq!(of_nobody.into_inner().messages[0].connectrecord, []);
    for (request, code) in [
        (
            NetstatRequest {
                l4proto: None,
                ..wanted.clone()
            },
            Code::InvalidArgument,
        ),
        (
            NetstatRequest {
                filter: 9,
                ..wanted.clone()
            },
            Code::InvalidArgument,
        ),
        (
            NetstatRequest {
                netns: Some(NetNs {
                    netns: vec!["pod".to_owned()],
                    ..Default::default()
                }),
                ..wanted
            },
            Code::Unimplemented,
        ),
    ] {
        let refused = client.netstat(as_admin(request)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused:?}");
    }
}
