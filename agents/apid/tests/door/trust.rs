// SPDX-License-Identifier: MPL-2.0
//! The door changes while it is open.
//!
//! Owns: renewal, a change of the CA, the way from maintenance to running.
//! Never: restarts apid.

use std::time::Duration;

use api::machine::LogsRequest;
use api::machine::machine_service_client::MachineServiceClient;
use pki::Authority;
use proto::door::Mode;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::Code;

use crate::house::{House, PATIENCE, now, tell};

/// The server certificate that a new connection sees.
async fn served(house: &House) -> Vec<u8> {
    let identity = house.client_with(&["os:reader"]);
    let config = std::sync::Arc::new(crate::house::client(Some(&identity)));
    let stream = TcpStream::connect(house.address).await.unwrap();
    let name = rustls_pki_types::ServerName::try_from("localhost").unwrap();
    let tls = tokio_rustls::TlsConnector::from(config)
        .connect(name, stream)
        .await
        .unwrap();
    tls.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

async fn until<F: Future<Output = bool>>(mut done: impl FnMut() -> F) {
    timeout(PATIENCE, async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_renewed_certificate_is_served_and_no_connection_is_dropped() {
    let house = House::running().await;
    let mut client = house.admitted(&["os:reader"]).await;
    let request = LogsRequest {
        id: "endless".to_owned(),
        ..Default::default()
    };
    let mut stream = client.logs(request).await.unwrap().into_inner();
    let before = served(&house).await;

    house.tell(&tell(&house.authority, Mode::Running));
    until(|| async { served(&house).await != before }).await;

    for _ in 0..3 {
        assert!(stream.message().await.unwrap().is_some());
    }
    client.version(()).await.unwrap();
}

#[tokio::test]
async fn a_change_of_the_ca_ends_the_old_connections() {
    let mut house = House::running().await;
    let old = house.client_with(&["os:admin"]);
    let channel = house.channel(Some(&old)).await.unwrap();
    MachineServiceClient::new(channel.clone())
        .version(())
        .await
        .unwrap();

    house.authority = Authority::machine(now()).unwrap();
    house.tell(&tell(&house.authority, Mode::Running));

    until(|| async {
        MachineServiceClient::new(channel.clone())
            .version(())
            .await
            .is_err()
    })
    .await;
    house
        .admitted(&["os:admin"])
        .await
        .version(())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_stranger_of_maintenance_is_out_when_the_node_is_configured() {
    let house = House::maintenance().await;
    let channel = house.channel(None).await.unwrap();
    let mut stranger = MachineServiceClient::new(channel);
    let request = api::machine::ApplyConfigurationRequest::default;
    assert_eq!(
        stranger
            .apply_configuration(request())
            .await
            .unwrap_err()
            .message(),
        "Not yet implemented"
    );

    house.tell(&tell(&house.authority, Mode::Running));

    timeout(PATIENCE, async {
        loop {
            let status = stranger.apply_configuration(request()).await.unwrap_err();
            if status.code() != Code::Unimplemented {
                return;
            }
        }
    })
    .await
    .unwrap();
    house
        .admitted(&["os:admin"])
        .await
        .version(())
        .await
        .unwrap();
}

#[tokio::test]
async fn who_comes_before_the_door_opens_waits_for_it() {
    let house = House::dark(Mode::Closed).await;
    let identity = house.client_with(&["os:admin"]);

    let early = house.channel(Some(&identity));
    let open = async { house.tell(&tell(&house.authority, Mode::Running)) };
    let (channel, ()) = timeout(PATIENCE, async { tokio::join!(early, open) })
        .await
        .unwrap();

    channel.unwrap();
}

#[tokio::test]
async fn a_door_that_stays_closed_keeps_nobody_for_ever() {
    let house = House::dark(Mode::Closed).await;
    let identity = house.client_with(&["os:admin"]);

    assert!(
        timeout(PATIENCE, house.channel(Some(&identity)))
            .await
            .unwrap()
            .is_err()
    );
}
