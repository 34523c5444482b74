// SPDX-License-Identifier: MPL-2.0
//! Files of the node over the API: listed and read.
//!
//! Owns: what comes of each kind of file, each refusal, and what a client that does not read costs.
//! Never: looks at files of the machine that the test runs on.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use ::api::machine::list_request::Type;
use ::api::machine::{FileInfo, ListRequest, ReadRequest};
use tonic::{Code, Status, Streaming};

use crate::api::{collect, running};
use crate::clients::{Client, as_admin, with_role};
use crate::node::TestNode;

/// As many files as somebody careless has in a folder. (A million were tried once: 24 s, and less than 8 MiB.)
const VERY_MANY: u32 = 200_000;
/// As many as may look at a time.
const SLOTS_MAX: usize = 16;

fn at(root: &str) -> ListRequest {
    ListRequest {
        root: root.to_owned(),
        ..Default::default()
    }
}

pub(crate) async fn all<T>(mut stream: Streaming<T>) -> Result<Vec<T>, Status> {
    let mut found = Vec::new();
    while let Some(piece) = stream.message().await? {
        found.push(piece);
    }
    Ok(found)
}

async fn list(client: &mut Client, request: ListRequest) -> Result<Vec<FileInfo>, Status> {
    all(client.list(as_admin(request)).await?.into_inner()).await
}

async fn names(client: &mut Client, request: ListRequest) -> Vec<String> {
    let files = list(client, request).await.unwrap();
    files.into_iter().map(|file| file.relative_name).collect()
}

async fn read(client: &mut Client, path: &str) -> Result<Vec<u8>, Status> {
    let request = ReadRequest {
        path: path.to_owned(),
    };
    let pieces = all(client.read(as_admin(request)).await?.into_inner()).await?;
    Ok(pieces.into_iter().flat_map(|piece| piece.bytes).collect())
}

/// A node with a few files to look at.
pub(crate) async fn furnished() -> (TestNode, Client) {
    let (node, client) = running().await;
    std::fs::create_dir_all(node.path("var/log/deep/deeper")).unwrap();
    node.write("var/log/deep/deeper/end", "end");
    node.write("var/log/b", "four");
    std::fs::write(node.path("var/log/a"), vec![b'x'; 1000]).unwrap();
    let mode = std::fs::Permissions::from_mode(0o4750);
    std::fs::set_permissions(node.path("var/log/a"), mode).unwrap();
    symlink("deep/deeper", node.path("var/log/link")).unwrap();
    symlink("circle", node.path("var/log/circle")).unwrap();
    symlink("/etc/passwd", node.path("var/log/out")).unwrap();
    (node, client)
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_026_a_folder_is_listed_with_everything_the_documents_name() {
    let (node, mut client) = furnished().await;

    let files = list(&mut client, at("/var/log/")).await.unwrap();

    let names: Vec<&str> = files.iter().map(|f| f.relative_name.as_str()).collect();
    assert_eq!(names, [".", "a", "b", "circle", "deep", "link", "out"]);
    assert!(files.iter().all(|file| file.metadata.is_none()));
    assert!(files.iter().all(|file| file.error.is_empty()));
    assert_eq!(
        (files[0].name.as_str(), files[0].is_dir),
        ("/var/log", true)
    );
    let a = &files[1];
    assert_eq!((a.name.as_str(), a.size), ("/var/log/a", 1000));
    // The kernel's bits; a client in Go looks at those above.
    assert_eq!(a.mode & 0o177_777, 0o104_750);
    assert_eq!(a.mode & (1 << 23), 1 << 23);
    let owner = std::fs::metadata(node.path("var/log/a")).unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&owner);
    assert_eq!((a.uid, a.is_dir), (owner, false));
    assert!(a.modified > 1_500_000_000);
    assert_eq!(files[3].link, "circle");
    assert!(files[4].is_dir);
    assert_eq!(
        (files[5].link.as_str(), files[5].is_dir),
        ("deep/deeper", false)
    );
    assert_eq!(files[6].link, "/etc/passwd");
}

#[tokio::test(flavor = "current_thread")]
async fn miss_05_depth_0_is_no_limit_and_without_recurse_it_is_one_folder() {
    let (_node, mut client) = furnished().await;
    let deep = |recurse, recursion_depth| ListRequest {
        recurse,
        recursion_depth,
        types: vec![Type::Directory.into()],
        ..at("/var/log")
    };

    assert_eq!(names(&mut client, deep(false, 9)).await, [".", "deep"]);
    assert_eq!(names(&mut client, deep(true, 1)).await, [".", "deep"]);
    assert_eq!(
        names(&mut client, deep(true, 2)).await,
        [".", "deep", "deep/deeper"]
    );
    let all = ListRequest {
        recurse: true,
        ..at("/var/log")
    };
    assert_eq!(
        names(&mut client, all).await,
        [
            ".",
            "a",
            "b",
            "circle",
            "deep",
            "deep/deeper",
            "deep/deeper/end",
            "link",
            "out"
        ]
    );
    assert_eq!(
        names(&mut client, deep(true, -1)).await,
        [".", "deep", "deep/deeper"]
    );
    // An empty root is the root.
    let root = names(&mut client, at("")).await;
    assert_eq!(root[0], ".");
    assert!(root.contains(&"var".to_owned()), "{root:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_026_kinds_are_chosen_and_a_file_is_listed_by_its_name() {
    let (_node, mut client) = furnished().await;
    let kinds = |types: &[Type]| ListRequest {
        types: types.iter().map(|kind| i32::from(*kind)).collect(),
        ..at("/var/log")
    };

    let regular = names(&mut client, kinds(&[Type::Regular])).await;
    let others = names(&mut client, kinds(&[Type::Symlink, Type::Directory])).await;
    let file = list(&mut client, at("//var/./log/a")).await.unwrap();
    let link = list(&mut client, at("/var/log/link")).await.unwrap();
    let behind = names(&mut client, at("/var/log/link/")).await;

    assert_eq!(regular, ["a", "b"]);
    assert_eq!(others, [".", "circle", "deep", "link", "out"]);
    assert_eq!((file.len(), file[0].relative_name.as_str()), (1, "a"));
    assert_eq!(file[0].name, "/var/log/a");
    assert_eq!((link.len(), link[0].link.as_str()), (1, "deep/deeper"));
    assert_eq!(behind, [".", "end"]);
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_026_what_cannot_be_looked_into_is_an_error_of_its_entry() {
    let (node, mut client) = furnished().await;
    let deep = format!("very/{}", "d/".repeat(70));
    std::fs::create_dir_all(node.path(&deep)).unwrap();
    node.write("very/zebra", "");
    let request = ListRequest {
        recurse: true,
        ..at("/very")
    };

    let files = list(&mut client, request).await.unwrap();

    let failed: Vec<&FileInfo> = files.iter().filter(|f| !f.error.is_empty()).collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].error.contains("more than 64 folders deep"));
    assert!(failed[0].name.starts_with("/very/d/d/"));
    assert_eq!(files.last().unwrap().relative_name, "zebra");
}

/// `talosctl list var` sends the path as it was written.
#[tokio::test(flavor = "current_thread")]
async fn rpc_026_a_path_without_its_first_slash_begins_at_the_root() {
    let (_node, mut client) = furnished().await;

    let files = list(&mut client, at("var/log/a")).await.unwrap();

    assert_eq!(
        (files.len(), files[0].name.as_str(), files[0].size),
        (1, "/var/log/a", 1000)
    );
    let upwards = list(&mut client, at("../etc")).await.unwrap_err();
    assert_eq!(upwards.code(), Code::InvalidArgument, "{upwards:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn requests_that_mean_nothing_are_refused_with_the_reason() {
    let (_node, mut client) = furnished().await;
    let long = format!("/{}", "x".repeat(5000));
    for (request, code, reason) in [
        (
            at("/var/../etc"),
            Code::InvalidArgument,
            "\"..\" is refused",
        ),
        (at("/a\0b"), Code::InvalidArgument, "zero byte"),
        (at(&long), Code::InvalidArgument, "longer than 4095 bytes"),
        (at("/nothing"), Code::NotFound, "cannot list /nothing"),
        (at("/var/log/a/b"), Code::InvalidArgument, "/var/log/a/b"),
        (at("/var/log/circle/"), Code::InvalidArgument, "circle"),
        (
            ListRequest {
                types: vec![7],
                ..at("/")
            },
            Code::InvalidArgument,
            "types",
        ),
    ] {
        let refused = list(&mut client, request).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused:?}");
        assert!(refused.message().contains(reason), "{refused:?}");
        assert!(refused.message().len() < 400, "{refused:?}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_034_a_file_is_read_in_pieces_and_a_link_leads_to_one() {
    let (node, mut client) = furnished().await;
    let long: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    std::fs::write(node.path("var/log/long"), &long).unwrap();
    symlink("long", node.path("var/log/to-long")).unwrap();
    node.write("var/log/empty", "");
    let request = ReadRequest {
        path: "/var/log/to-long".to_owned(),
    };

    let pieces = client.read(as_admin(request)).await.unwrap().into_inner();
    let pieces = all(pieces).await.unwrap();

    assert!(pieces.iter().all(|piece| piece.bytes.len() <= 64 * 1024));
    assert!(pieces.iter().all(|piece| piece.metadata.is_none()));
    let whole: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.bytes).collect();
    assert!(whole == long);
    assert_eq!(read(&mut client, "/var/log/empty").await.unwrap(), b"");
}

#[tokio::test(flavor = "current_thread")]
async fn rpc_034_what_is_no_file_is_refused_and_never_opened() {
    let (node, mut client) = furnished().await;
    let pipe = node.path("var/log/pipe");
    sys::fs::mkfifoat(sys::fs::CWD, &pipe, sys::fs::Mode::from_raw_mode(0o600)).unwrap();
    symlink("/dev/zero", node.path("var/log/endless")).unwrap();
    for (path, code, reason) in [
        ("/var/log/pipe", Code::InvalidArgument, "this is a pipe"),
        (
            "/var/log/endless",
            Code::InvalidArgument,
            "this is a device",
        ),
        (
            "/var/log",
            Code::InvalidArgument,
            "path must be a regular file",
        ),
        (
            "/var/log/circle",
            Code::InvalidArgument,
            "cannot read /var/log/circle",
        ),
        ("/var/log/a/", Code::InvalidArgument, "cannot read"),
        ("/nothing", Code::NotFound, "cannot read /nothing"),
        ("", Code::InvalidArgument, "not absolute"),
        (
            "/var/log/../log/a",
            Code::InvalidArgument,
            "\"..\" is refused",
        ),
    ] {
        let refused = read(&mut client, path).await.unwrap_err();
        assert_eq!(refused.code(), code, "{path}: {refused:?}");
        assert!(refused.message().contains(reason), "{refused:?}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn names_are_for_readers_and_contents_for_admins() {
    let (_node, mut client) = furnished().await;
    let path = "/system/state/config.yaml".to_owned();

    let listed = client.list(with_role("os:reader", at("/system"))).await;
    assert!(listed.is_ok());
    for role in ["os:reader", "os:operator"] {
        let request = ReadRequest { path: path.clone() };
        let refused = client.read(with_role(role, request)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{role}");
    }
    let text = client.read(as_admin(ReadRequest { path })).await.unwrap();
    let text = collect(text.into_inner()).await;
    assert!(String::from_utf8(text).unwrap().contains("box.lab.example"));
}

/// That little of it is remembered is `walk`'s own promise: a test beside others cannot tell whose memory it sees.
#[tokio::test(flavor = "current_thread")]
async fn a_list_of_very_many_files_is_whole_and_others_are_answered_meanwhile() {
    let (node, mut client) = running().await;
    std::fs::create_dir(node.path("many")).unwrap();
    for number in 0..VERY_MANY {
        std::fs::File::create(node.path(&format!("many/{number}"))).unwrap();
    }
    let mut other = node.client().await;

    let mut stream = client
        .list(as_admin(at("/many")))
        .await
        .unwrap()
        .into_inner();
    let mut count = 0;
    while stream.message().await.unwrap().is_some() {
        count += 1;
        if count % (VERY_MANY / 10) == 0 {
            other.version(as_admin(())).await.unwrap();
        }
    }

    // The folder itself is one of them.
    assert_eq!(count, VERY_MANY + 1);
}

/// A file without an end, and a folder that takes long: both cost a place each, and the place is
/// free again when the client is gone.
#[tokio::test(flavor = "current_thread")]
async fn clients_that_do_not_read_hold_up_neither_the_node_nor_others_for_ever() {
    let (node, mut client) = furnished().await;
    let endless = std::fs::File::create(node.path("var/log/endless")).unwrap();
    endless.set_len(1 << 40).unwrap();
    std::fs::create_dir(node.path("many")).unwrap();
    // More than all buffers on the way to a client, which asks for 2 MiB before it reads.
    for number in 0..10_000 {
        node.write(&format!("many/{number:0200}"), "");
    }
    let mut held = Vec::new();
    let mut listed = Vec::new();
    for number in 0..SLOTS_MAX {
        // Connections of their own, as apid has one for each client.
        let mut client = node.client().await;
        // The last places are for contents: those who may read names only cannot take them.
        if number % 2 == 0 || number >= SLOTS_MAX - 4 {
            if number == SLOTS_MAX - 4 {
                let refused = list(&mut client, at("/")).await.unwrap_err();
                assert!(refused.message().contains("12 clients look at files"));
            }
            let request = ReadRequest {
                path: "/var/log/endless".to_owned(),
            };
            held.push(client.read(as_admin(request)).await.unwrap().into_inner());
        } else {
            let stream = client.list(as_admin(at("/many"))).await.unwrap();
            listed.push(stream.into_inner());
        }
    }

    let refused = list(&mut client, at("/")).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let request = ReadRequest {
        path: "/var/log/endless".to_owned(),
    };
    let refused = match client.read(as_admin(request)).await {
        Ok(stream) => stream.into_inner().message().await.unwrap_err(),
        Err(status) => status,
    };
    assert!(refused.message().contains("16 clients look at files"));
    assert!(client.version(as_admin(())).await.is_ok());
    // Some of them go away in the middle of something.
    let first = held[0].message().await.unwrap().unwrap();
    assert!((1..=64 * 1024).contains(&first.bytes.len()));
    held.truncate(3);

    node.until("a place", async || list(&mut client, at("/")).await.ok())
        .await;
    // Those who were slow lose nothing.
    let many = all(listed.remove(0)).await.unwrap();
    assert_eq!(many.len(), 10_001);
}
