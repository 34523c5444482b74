// SPDX-License-Identifier: MPL-2.0
//! Clients that ask and do not read, and very many that wait for news.
//!
//! Owns: who has to go when too much is not read, and who does not.
//! Never: counts bytes: what is bounded is how many calls may have some.

use api::machine::machine_service_client::MachineServiceClient;
use tokio::time::timeout;
use tonic::Response;
use tonic::transport::Channel;

use crate::house::{House, PATIENCE};
use crate::passing::logs;

async fn is_served(client: &mut MachineServiceClient<Channel>) -> bool {
    let answer = timeout(PATIENCE, client.version(())).await;
    answer.unwrap().is_ok()
}

/// A reader who asked for everything twice made apid hold more than it may have.
#[tokio::test]
async fn who_has_most_unread_is_hung_up_on_when_it_is_too_much_and_the_others_stay() {
    let house = House::running().await;
    let mut honest = house.admitted(&["os:reader"]).await;
    let mut floods = Vec::new();
    for count in [40, 41, 60] {
        let mut client = house.admitted(&["os:reader"]).await;
        let mut unread = Vec::new();
        for _ in 0..count {
            let flood = timeout(PATIENCE, client.logs(logs("flood", &[]))).await;
            // The last of them may be told that it is over.
            unread.extend(flood.unwrap().map(Response::into_inner));
        }
        floods.push(unread);
    }

    // It reads one of sixty now, which is too late.
    let gone = async { while floods[2][0].message().await.is_ok() {} };
    timeout(PATIENCE, gone).await.unwrap();

    for unread in &mut floods[..2] {
        let next = timeout(PATIENCE, unread[0].message()).await;
        assert!(next.unwrap().unwrap().is_some());
    }
    assert!(is_served(&mut honest).await);
    // Who comes back is taken in.
    let mut again = house.admitted(&["os:reader"]).await;
    assert!(is_served(&mut again).await);
}

#[tokio::test]
async fn two_thousand_streams_that_have_nothing_to_say_burden_nobody() {
    let house = House::running().await;
    let identity = house.client_with(&["os:reader"]);
    let mut clients = Vec::new();
    let mut streams = Vec::new();
    for _ in 0..40 {
        let channel = house.channel(Some(&identity)).await.unwrap();
        let mut client = MachineServiceClient::new(channel);
        for _ in 0..50 {
            let stream = timeout(PATIENCE, client.logs(logs("endless", &[]))).await;
            let mut stream = stream.unwrap().unwrap().into_inner();
            let first = timeout(PATIENCE, stream.message()).await;
            assert!(first.unwrap().unwrap().is_some());
            streams.push(stream);
        }
        clients.push(client);
    }

    for client in &mut clients {
        assert!(is_served(client).await);
    }
    assert_eq!(streams.len(), 2000);
}
