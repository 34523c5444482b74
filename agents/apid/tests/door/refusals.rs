// SPDX-License-Identifier: MPL-2.0
//! Who is not let in, and how they are told.
//!
//! Owns: one test for each kind of bad client.
//! Never: is satisfied with "some error": the code is part of the promise.

use api::machine::machine_service_client::MachineServiceClient;
use api::machine::{ApplyConfigurationRequest, LogsRequest};
use pki::{Authority, Leaf, UnixTime};
use proto::door::{KeyUsage, Rbac};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::{Code, Request};

use crate::house::{DAY, House, PATIENCE, client, connect, now};

/// Calls Version as `identity`. TLS 1.3 tells a client after its handshake that its certificate
/// was refused, so the refusal shows in the connection or in the first call.
async fn code_for(house: &House, identity: Option<&pki::Identity>) -> (Code, String) {
    let story = match house.channel(identity).await {
        Err(error) => format!("{error:?}"),
        Ok(channel) => {
            match timeout(PATIENCE, MachineServiceClient::new(channel).version(()))
                .await
                .unwrap()
            {
                Ok(_) => return (Code::Ok, String::new()),
                Err(status) if status.code() == Code::PermissionDenied => {
                    return (status.code(), status.message().to_owned());
                }
                Err(status) => format!("{status:?}"),
            }
        }
    };
    (Code::Unavailable, story)
}

#[tokio::test]
async fn a_client_with_the_role_is_let_in() {
    let house = House::running().await;
    let identity = house.client_with(&["os:reader"]);

    assert_eq!(code_for(&house, Some(&identity)).await.0, Code::Ok);
}

#[tokio::test]
async fn a_client_without_a_certificate_is_unavailable_by_tls_alert() {
    let house = House::running().await;

    let (code, story) = code_for(&house, None).await;

    assert_eq!(code, Code::Unavailable);
    assert!(story.contains("CertificateRequired"), "{story}");
}

#[tokio::test]
async fn a_client_of_another_ca_is_unavailable_by_tls_alert() {
    let house = House::running().await;
    let other = Authority::machine(now()).unwrap();
    let identity = other
        .issue(&Leaf::client(&["os:admin"], DAY), now())
        .unwrap();

    let (code, story) = code_for(&house, Some(&identity)).await;

    assert_eq!(code, Code::Unavailable);
    // Which alert depends on the names of the two CAs.
    assert!(
        story.contains("AlertReceived") || story.contains("received fatal alert"),
        "{story}"
    );
}

#[tokio::test]
async fn an_expired_client_is_unavailable_by_tls_alert() {
    let house = House::running().await;
    let then = UnixTime(now().0 - 40 * 86_400);
    let identity = house
        .authority
        .issue(&Leaf::client(&["os:admin"], DAY), then)
        .unwrap();

    let (code, story) = code_for(&house, Some(&identity)).await;

    assert_eq!(code, Code::Unavailable);
    assert!(story.contains("CertificateExpired"), "{story}");
}

#[tokio::test]
async fn a_client_whose_time_has_not_come_is_unavailable_by_tls_alert() {
    let house = House::running().await;
    let then = UnixTime(now().0 + 40 * 86_400);
    let identity = house
        .authority
        .issue(&Leaf::client(&["os:admin"], DAY), then)
        .unwrap();

    assert_eq!(code_for(&house, Some(&identity)).await.0, Code::Unavailable);
}

#[tokio::test]
async fn a_server_certificate_opens_nothing() {
    let house = House::running().await;
    let leaf = Leaf::api_server("node-1", pki::Names::default());
    let identity = house.authority.issue(&leaf, now()).unwrap();

    assert_eq!(code_for(&house, Some(&identity)).await.0, Code::Unavailable);
}

#[tokio::test]
async fn a_certificate_without_a_known_role_is_not_authorized() {
    let house = House::running().await;
    for roles in [
        &[][..],
        &["os:nobody"],
        &["admin"],
        &["os:Admin"],
        &["os:impersonator"],
    ] {
        let identity = house.client_with(roles);

        let (code, message) = code_for(&house, Some(&identity)).await;

        assert_eq!(
            (code, message.as_str()),
            (Code::PermissionDenied, "not authorized")
        );
    }
}

#[tokio::test]
async fn a_reader_may_not_reboot() {
    let house = House::running().await;
    let mut reader = house.admitted(&["os:reader"]).await;

    let status = reader
        .reboot(api::machine::RebootRequest::default())
        .await
        .unwrap_err();

    assert_eq!(
        (status.code(), status.message()),
        (Code::PermissionDenied, "not authorized")
    );
}

#[tokio::test]
async fn without_rbac_every_certificate_of_the_ca_may_do_everything() {
    let mut house = House::running().await;
    house.told.rbac = Rbac::Disabled;
    house.tell(&house.told);
    let identity = house.client_with(&[]);

    let deadline = timeout(PATIENCE, async {
        while code_for(&house, Some(&identity)).await.0 != Code::Ok {
            tokio::task::yield_now().await;
        }
    });

    deadline.await.unwrap();
}

#[tokio::test]
async fn a_checked_key_usage_must_be_client_authentication_alone() {
    let mut house = House::running().await;
    house.told.key_usage = KeyUsage::Checked;
    house.tell(&house.told);
    let mut leaf = Leaf::client(&["os:admin"], DAY);
    leaf.usage = pki::Usage::ServerAndClient;
    let both = house.authority.issue(&leaf, now()).unwrap();

    timeout(PATIENCE, async {
        while code_for(&house, Some(&both)).await.0 == Code::Ok {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();

    let proper = house.client_with(&["os:admin"]);
    assert_eq!(code_for(&house, Some(&proper)).await.0, Code::Ok);
}

#[tokio::test]
async fn plaintext_is_closed() {
    for house in [House::running().await, House::maintenance().await] {
        for hello in [
            &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
            b"GET / HTTP/1.1\r\nhost: node\r\n\r\n",
            b"\0\0\0\0\0\0\0\0\0\0\0\0",
            b"\x16\x03\x01\x00\x07rubbish",
        ] {
            let mut stream = TcpStream::connect(house.address).await.unwrap();
            stream.write_all(hello).await.unwrap();
            let mut answer = Vec::new();

            // Closed or reset, but within the deadline, and never with a word of HTTP.
            let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
                .await
                .unwrap();

            assert!(
                answer.len() < 32 && !answer.starts_with(b"HTTP"),
                "{answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_client_that_offers_only_http_1_is_refused() {
    let house = House::running().await;
    let mut config = client(Some(&house.client_with(&["os:admin"])));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];

    assert!(connect(house.address, config).await.is_err());
}

#[tokio::test]
async fn an_unknown_service_or_method_is_exactly_unimplemented() {
    let house = House::running().await;
    for roles in [&["os:admin"][..], &["os:reader"], &[]] {
        let channel = house
            .channel(Some(&house.client_with(roles)))
            .await
            .unwrap();
        for path in [
            "/machine.MachineService/Nothing",
            "/machine.NoService/Version",
            "/grpc.health.v1.Health/Check",
            "/securityapi.SecurityService/Certificate",
        ] {
            let mut grpc = tonic::client::Grpc::new(channel.clone());
            grpc.ready().await.unwrap();
            let codec = tonic_prost::ProstCodec::<(), ()>::default();

            let status = grpc
                .unary(Request::new(()), path.parse().unwrap(), codec)
                .await;

            assert_eq!(status.unwrap_err().code(), Code::Unimplemented, "{path}");
        }
    }
}

#[tokio::test]
async fn a_method_that_machined_has_not_built_is_unimplemented() {
    let house = House::running().await;
    let mut admin = house.admitted(&["os:admin"]).await;

    let status = admin
        .rollback(api::machine::RollbackRequest {})
        .await
        .unwrap_err();

    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn maintenance_serves_anybody_but_only_its_methods() {
    let house = House::maintenance().await;
    let mut stranger = MachineServiceClient::new(house.channel(None).await.unwrap());

    // The double has not built it, so an answer of its own proves that the call went through.
    let applied = stranger
        .apply_configuration(ApplyConfigurationRequest::default())
        .await;
    assert_eq!(applied.unwrap_err().message(), "Not yet implemented");
    for status in [
        stranger.version(()).await.unwrap_err(),
        stranger
            .reboot(api::machine::RebootRequest::default())
            .await
            .unwrap_err(),
        stranger.logs(LogsRequest::default()).await.unwrap_err(),
        stranger.service_list(()).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains("maintenance mode"), "{status}");
    }
}

#[tokio::test]
async fn a_stranger_in_maintenance_cannot_claim_a_role() {
    let house = House::maintenance().await;
    let mut stranger = MachineServiceClient::new(house.channel(None).await.unwrap());
    let mut request = Request::new(());
    request
        .metadata_mut()
        .insert("talos-role", "os:admin".parse().unwrap());

    let status = stranger.version(request).await.unwrap_err();

    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn headers_beyond_the_limit_are_refused_and_the_next_call_works() {
    let house = House::running().await;
    let mut admin = house.admitted(&["os:admin"]).await;
    let mut request = Request::new(());
    request
        .metadata_mut()
        .insert("x-big", "a".repeat(64 * 1024).parse().unwrap());

    assert!(
        timeout(PATIENCE, admin.version(request))
            .await
            .unwrap()
            .is_err()
    );

    let mut admin = house.admitted(&["os:admin"]).await;
    admin.version(()).await.unwrap();
}

#[tokio::test]
async fn callers_who_never_shake_hands_do_not_keep_others_out() {
    let house = House::running().await;
    let mut silent = Vec::new();
    for _ in 0..31 {
        silent.push(TcpStream::connect(house.address).await.unwrap());
    }

    let mut admin = house.admitted(&["os:admin"]).await;
    admin.version(()).await.unwrap();
}
