// SPDX-License-Identifier: MPL-2.0
//! What every message promises: it comes back as it went, and bad bytes are refused.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::{Strategy, any, proptest};
use proto::container::{
    Access, Attributes, Container, Device, DeviceAccess, Kind, Missing, Mount, Network, PATHS_MAX,
    Propagation, Travel, Users,
};
use proto::service::{Exit, Restart, ServiceSpec, ServiceStatus, SpawnFailure, Stage, State};
use proto::{
    DecodeError, Greeting, MAX_MESSAGE, NAME_MAX, Name, door, images, log, net, supervisor, udev,
};

fn spec() -> ServiceSpec<'static> {
    let mut spec = ServiceSpec::new("ext-hello", "/hello");
    spec.args.push("--once").unwrap();
    spec.env.push("A=b").unwrap();
    spec.after.push("netd").unwrap();
    spec.restart = Restart::UntilSuccess;
    spec.capabilities = 1 << 12;
    spec.mounts
        .push(Mount::bind("/run", "/run", Access::ReadOnly))
        .unwrap();
    let shared = Propagation {
        kind: Travel::Shared,
        below: true,
    };
    spec.mounts
        .push(Mount {
            source: "tmpfs",
            target: "/cache",
            kind: Kind::FileSystem {
                name: "tmpfs",
                flags: 16,
                options: "size=1m,mode=700",
            },
            attributes: Attributes {
                set: Attributes::NOEXEC,
                clear: Attributes::ATIME,
            },
            below: Attributes::NONE,
            propagation: Some(shared),
            missing: Missing::IsMade,
        })
        .unwrap();
    spec.container = Some(Container {
        writable_root: true,
        writable_sysfs: false,
        propagation: Some(shared),
        masked: ["/proc/kcore"; PATHS_MAX].into_iter().collect(),
        read_only: ["/proc/sys"].into_iter().collect(),
        groups: [20, 44].into_iter().collect(),
        working_folder: "/srv",
        devices: [Device {
            source: "/dev/ttyUSB0",
            target: "/dev/modem",
            access: DeviceAccess::ReadWrite,
        }]
        .into_iter()
        .collect(),
        network: Network::Alone,
        hostname: "inside",
        open_files_max: 1024,
        ..Container::of_image(Users::FIRST)
    });
    spec
}

fn status(name: &str) -> ServiceStatus {
    ServiceStatus {
        name: Name::try_from(name).unwrap(),
        state: State::BackingOff,
        pid: 0,
        restarts: 3,
        changed_at_ms: 123_456,
        last_exit: Some(Exit::Spawn(SpawnFailure {
            stage: Stage::Mount,
            errno: 2,
            index: 1,
        })),
        retry_at_ms: 124_456,
    }
}

fn requests() -> Vec<supervisor::Request<'static>> {
    use supervisor::{Action, ListFrom, Named, Request, Volume};
    let named = Named { name: "netd" };
    vec![
        Request::Hello(Greeting::OURS),
        Request::List(ListFrom { index: 7 }),
        Request::Start(named),
        Request::Stop(named),
        Request::Restart(named),
        Request::Subscribe(()),
        Request::Define(spec()),
        Request::Remove(named),
        Request::Down(Action::PowerOff),
        Request::Pipes(()),
        Request::Mount(Volume::State),
    ]
}

#[test]
fn every_request_to_init_comes_back_as_it_went() {
    for request in requests() {
        let mut buffer = [0; MAX_MESSAGE];

        let len = request.encode(&mut buffer).unwrap();

        assert_eq!(supervisor::Request::decode(&buffer[..len]), Ok(request));
    }
}

#[test]
fn operation_numbers_stay_what_they_are() {
    let numbers: Vec<u8> = requests()
        .iter()
        .map(|request| {
            let mut buffer = [0; MAX_MESSAGE];
            request.encode(&mut buffer).unwrap();
            buffer[0]
        })
        .collect();

    assert_eq!(numbers, (1..=11).collect::<Vec<u8>>());
}

#[test]
fn a_request_cut_anywhere_is_refused() {
    for request in requests() {
        let mut buffer = [0; MAX_MESSAGE];
        let len = request.encode(&mut buffer).unwrap();

        for cut in 0..len {
            assert!(
                supervisor::Request::decode(&buffer[..cut]).is_err(),
                "{request:?} at {cut}"
            );
        }
    }
}

#[test]
fn bytes_after_a_message_are_refused() {
    let mut buffer = [0; MAX_MESSAGE];
    let len = supervisor::Request::Subscribe(())
        .encode(&mut buffer)
        .unwrap();

    let decoded = supervisor::Request::decode(&buffer[..=len]);

    assert_eq!(decoded, Err(DecodeError::TrailingBytes(6)));
}

#[test]
fn an_empty_datagram_and_unknown_operations_are_refused() {
    assert_eq!(supervisor::Request::decode(&[]), Err(DecodeError::Empty));
    for number in [0, 12, 200, 255] {
        assert_eq!(
            supervisor::Request::decode(&[number]),
            Err(DecodeError::UnknownOperation(number))
        );
    }
}

#[test]
fn a_full_page_of_the_longest_statuses_fits_a_message() {
    let mut services = heapless::Vec::new();
    for _ in 0..supervisor::PAGE_MAX {
        services.push(status(&"x".repeat(NAME_MAX))).unwrap();
    }
    let page = supervisor::Reply::Page(supervisor::Page {
        total: 64,
        services,
    });
    let mut buffer = [0; MAX_MESSAGE];

    let len = page.encode(&mut buffer).unwrap();

    assert_eq!(supervisor::Reply::decode(&buffer[..len]), Ok(page));
}

#[test]
fn a_full_chunk_of_log_fits_a_message() {
    let bytes = [b'x'; log::CHUNK_MAX];
    let first = log::Chunk {
        from: u64::MAX,
        next: u64::MAX,
        bytes: &bytes,
    };
    let end = u64::MAX;
    let chunk = log::Reply::Begun(log::Begun { end, first });
    let mut buffer = [0; MAX_MESSAGE];

    let len = chunk.encode(&mut buffer).unwrap();

    assert_eq!(log::Reply::decode(&buffer[..len]), Ok(chunk));
}

#[test]
fn the_longest_lines_that_are_appended_fit_a_message() {
    let bytes = [b'x'; log::APPEND_MAX];
    let append = log::Request::Append(log::Lines { bytes: &bytes });
    let mut buffer = [0; MAX_MESSAGE];

    let len = append.encode(&mut buffer).unwrap();

    assert_eq!(log::Request::decode(&buffer[..len]), Ok(append));
}

#[test]
fn the_longest_list_of_grown_logs_fits_a_message() {
    let name: Name = "x".repeat(NAME_MAX).as_str().try_into().unwrap();
    let length = log::Length {
        name,
        end: u64::MAX,
    };
    let grown = log::Reply::Grown(log::Grown {
        growth: u64::MAX,
        logs: std::iter::repeat_n(length, log::GROWN_MAX).collect(),
    });
    let mut buffer = [0; MAX_MESSAGE];

    let len = grown.encode(&mut buffer).unwrap();

    assert_eq!(log::Reply::decode(&buffer[..len]), Ok(grown));
}

#[test]
fn a_spawn_failure_fits_its_pipe() {
    let failure = SpawnFailure {
        stage: Stage::Exec,
        errno: u16::MAX,
        index: u8::MAX,
    };
    let mut buffer = [0; SpawnFailure::MAX_LEN];

    let len = failure.encode(&mut buffer).unwrap();

    assert_eq!(SpawnFailure::decode(&buffer[..len]), Ok(failure));
}

#[test]
fn a_message_that_does_not_fit_is_an_error_and_not_a_cut_message() {
    let mut buffer = [0; 4];

    assert!(
        supervisor::Request::Define(spec())
            .encode(&mut buffer)
            .is_err()
    );
    assert!(supervisor::Request::Subscribe(()).encode(&mut []).is_err());
}

#[test]
fn a_description_with_too_many_arguments_is_refused() {
    let mut bytes = vec![0; MAX_MESSAGE];
    let len = spec().encode(&mut bytes).unwrap();
    // The count of arguments follows the two strings, each with its length before it.
    let at = 1 + "ext-hello".len() + 1 + "/hello".len();
    bytes.truncate(len);
    bytes[at] = 120;

    assert!(ServiceSpec::decode(&bytes).is_err());
}

#[test]
fn the_door_never_prints_its_key() {
    let door = door::Door {
        mode: door::Mode::Running,
        certificate_pem: "cert",
        key_pem: "very secret",
        client_ca_pem: "ca",
        route_certificate_pem: "route",
        route_key_pem: "very secret too",
        rbac: door::Rbac::Enabled,
        key_usage: door::KeyUsage::Checked,
        names: heapless::Vec::new(),
    };

    assert!(!format!("{door:?}").contains("very secret"));
    let trust = proto::trust::Trust {
        certificate_pem: "cert",
        key_pem: "very secret",
        ca_pem: "ca",
        ca_key_pem: "very secret too",
        token: "very secret as well",
    };
    assert!(!format!("{trust:?}").contains("very secret"));
}

fn datagrams() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..600)
}

proptest! {
    #[test]
    fn no_bytes_can_make_a_decoder_panic(bytes in datagrams()) {
        let _ = supervisor::Request::decode(&bytes);
        let _ = supervisor::Reply::decode(&bytes);
        let _ = log::Request::decode(&bytes);
        let _ = log::Reply::decode(&bytes);
        let _ = net::Request::decode(&bytes);
        let _ = net::Reply::decode(&bytes);
        let _ = udev::Request::decode(&bytes);
        let _ = udev::Reply::decode(&bytes);
        let _ = proto::trust::Request::decode(&bytes);
        let _ = proto::trust::Reply::decode(&bytes);
        let _ = images::Request::decode(&bytes);
        let _ = images::Reply::decode(&bytes);
        let _ = door::Request::decode(&bytes);
        let _ = door::Reply::decode(&bytes);
        let _ = ServiceSpec::decode(&bytes);
        let _ = SpawnFailure::decode(&bytes);
    }

    #[test]
    fn what_decodes_encodes_to_a_message_that_decodes_to_the_same(bytes in datagrams()) {
        if let Ok(request) = supervisor::Request::decode(&bytes) {
            let mut buffer = [0; MAX_MESSAGE];
            let len = request.encode(&mut buffer).unwrap();
            assert_eq!(supervisor::Request::decode(&buffer[..len]), Ok(request));
        }
    }
}

#[test]
fn users_of_a_container_are_whole_ranges_and_none_of_the_nodes() {
    let own = |first| Users::Own { first };
    for (users, expected) in [
        (Users::Node, true),
        (own(Users::COUNT), true),
        (own(Users::FIRST), true),
        (own(0), false),
        (own(1), false),
        (own(Users::FIRST + 1), false),
        (own(Users::LAST), true),
        // Above it numbers are negative to some.
        (own(Users::LAST + Users::COUNT), false),
    ] {
        assert_eq!(users.is_good(), expected, "{users:?}");
    }
    for (users, id, expected) in [
        (Users::Node, 0, true),
        (Users::Node, u32::MAX, false),
        (own(Users::FIRST), Users::COUNT - 1, true),
        (own(Users::FIRST), Users::COUNT, false),
    ] {
        assert_eq!(users.has(id), expected, "{users:?} {id}");
    }
}

/// As long as one may be.
const REFERENCE: &str = match core::str::from_utf8(&[b'a'; images::REFERENCE_MAX]) {
    Ok(text) => text,
    Err(_) => panic!("letters"),
};

#[test]
fn everything_between_machined_and_imaged_comes_back_as_it_went() {
    use images::{
        Ensure, Failed, Fetch, Fetched, Keep, Kept, Known, Page, PageFrom, Progress, Pull, Ready,
        Stage,
    };
    let requests = [
        images::Request::Hello(Greeting::OURS),
        images::Request::Ensure(Ensure {
            reference: "docker.io/library/busybox:1.36",
            pull: Pull::Always,
            user: "nobody",
            group: "",
            entrypoint: ["sh"].into_iter().collect(),
            args: ["-c", ""].into_iter().collect(),
        }),
        images::Request::Keep(Keep {
            references: ["a", "b"].into_iter().collect(),
            roots: Some(["/a.sqsh"].into_iter().collect()),
        }),
        images::Request::Keep(Keep {
            references: core::iter::repeat_n(REFERENCE, images::WANTED_MAX).collect(),
            roots: None,
        }),
        images::Request::List(PageFrom { index: 3 }),
        images::Request::Fetch(Fetch { reference: "a" }),
    ];
    for request in requests {
        let mut buffer = [0; images::MAX_MESSAGE];
        let len = request.encode(&mut buffer).unwrap();
        assert_eq!(images::Request::decode(&buffer[..len]), Ok(request));
    }
    let replies = [
        images::Reply::Welcome(Greeting::OURS),
        images::Reply::Progress(Progress {
            stage: Stage::Pulling,
            percent: 43,
            trouble: "",
        }),
        images::Reply::Ready(Ready {
            path: "/var/lib/ichor/images/sha256-0.sqsh",
            digest: "sha256:0",
            size: 1 << 30,
            program: "/bin/a",
            args: ["-b", ""].into_iter().collect(),
            environment: ["A=b"].into_iter().collect(),
            working_folder: "/srv",
            lowest_port: 80,
            uid: 65_534,
            gid: 0,
            groups: [4, 20].into_iter().collect(),
        }),
        images::Reply::Failed(Failed { reason: "no room" }),
        images::Reply::Fetched(Fetched {
            digest: "sha256:0",
            size: 1 << 40,
        }),
        images::Reply::Kept(Kept {
            removed: 2,
            bytes: 1 << 20,
        }),
        images::Reply::Page(Page {
            total: 1,
            images: [Known {
                reference: "a",
                digest: "sha256:0",
                size: 1,
                created_at: 2,
            }]
            .into_iter()
            .collect(),
        }),
    ];
    for reply in replies {
        let mut buffer = [0; images::MAX_MESSAGE];
        let len = reply.encode(&mut buffer).unwrap();
        assert_eq!(images::Reply::decode(&buffer[..len]), Ok(reply));
    }
}
