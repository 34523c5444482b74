// SPDX-License-Identifier: MPL-2.0
//! The etcd of the double, and the orders that it takes.
//!
//! Owns: the members of the documents' examples.
//! Never: does what it is told.

use std::fmt::Debug;
use std::sync::Mutex;

use api::common::Data;
use api::machine as m;
use tokio_stream::StreamExt as _;
use tonic::{Request, Response, Status, Streaming};

use crate::double::{Boxed, nodes};
use crate::shelf::Held;

const FIRST: u64 = 0xa49c_021e_76e7_07db;
const LEADER: u64 = 0xeceb_b05b_59a7_76f1;

fn keep<T: Debug>(request: &Request<T>, held: &Mutex<Held>) {
    let order = format!("{:?}", request.get_ref());
    let mut held = held.lock().unwrap();
    held.orders.push(order);
    held.is_ordered = true;
}

macro_rules! accept {
    ($name:ident, $request:ident, $response:ident, $message:ident) => {
        pub(crate) fn $name(
            request: &Request<m::$request>,
            held: &Mutex<Held>,
        ) -> Result<Response<m::$response>, Status> {
            keep(request, held);
            if held.lock().unwrap().refuses {
                return Err(Status::failed_precondition("not now"));
            }
            let messages = nodes(request).into_iter().map(|metadata| m::$message {
                metadata,
                ..Default::default()
            });
            Ok(Response::new(m::$response {
                messages: messages.collect(),
            }))
        }
    };
}

accept!(bootstrap, BootstrapRequest, BootstrapResponse, Bootstrap);
accept!(reset, ResetRequest, ResetResponse, Reset);
accept!(upgrade, UpgradeRequest, UpgradeResponse, Upgrade);
accept!(
    etcd_remove_member_by_id,
    EtcdRemoveMemberByIdRequest,
    EtcdRemoveMemberByIdResponse,
    EtcdRemoveMemberById
);

pub(crate) fn etcd_status(
    request: &Request<()>,
    _: &Mutex<Held>,
) -> Result<Response<m::EtcdStatusResponse>, Status> {
    let status = m::EtcdMemberStatus {
        member_id: FIRST,
        db_size: 17_000_000,
        db_size_in_use: 4_437_000,
        leader: LEADER,
        raft_index: 53_391,
        raft_term: 4,
        raft_applied_index: 53_391,
        ..Default::default()
    };
    let messages = nodes(request).into_iter().map(|metadata| m::EtcdStatus {
        metadata,
        member_status: Some(status.clone()),
    });
    Ok(Response::new(m::EtcdStatusResponse {
        messages: messages.collect(),
    }))
}

pub(crate) fn etcd_member_list(
    request: &Request<m::EtcdMemberListRequest>,
    _: &Mutex<Held>,
) -> Result<Response<m::EtcdMemberListResponse>, Status> {
    let member = m::EtcdMember {
        id: FIRST,
        hostname: "node-1".to_owned(),
        peer_urls: vec!["https://172.20.0.2:2380".to_owned()],
        client_urls: vec!["https://172.20.0.2:2379".to_owned()],
        ..Default::default()
    };
    let messages = nodes(request).into_iter().map(|metadata| m::EtcdMembers {
        metadata,
        members: vec![member.clone()],
        ..Default::default()
    });
    Ok(Response::new(m::EtcdMemberListResponse {
        messages: messages.collect(),
    }))
}

pub(crate) fn etcd_alarm_list(
    request: &Request<()>,
    _: &Mutex<Held>,
) -> Result<Response<m::EtcdAlarmListResponse>, Status> {
    let alarm = m::EtcdMemberAlarm {
        member_id: FIRST,
        alarm: m::etcd_member_alarm::AlarmType::Nospace.into(),
    };
    let messages = nodes(request).into_iter().map(|metadata| m::EtcdAlarm {
        metadata,
        member_alarms: vec![alarm],
    });
    Ok(Response::new(m::EtcdAlarmListResponse {
        messages: messages.collect(),
    }))
}

pub(crate) fn etcd_snapshot(held: &Mutex<Held>) -> Boxed<Data> {
    let piece = |text: &str| {
        Ok(Data {
            bytes: text.as_bytes().to_vec(),
            ..Default::default()
        })
    };
    let pieces = tokio_stream::iter([piece("snap"), piece("shot")]);
    if held.lock().unwrap().snapshot_hangs {
        return Box::pin(pieces.chain(tokio_stream::pending()));
    }
    Box::pin(pieces)
}

pub(crate) async fn etcd_recover(
    request: Request<Streaming<Data>>,
    held: &Mutex<Held>,
) -> Result<Response<m::EtcdRecoverResponse>, Status> {
    let mut stream = request.into_inner();
    let mut count = 0_usize;
    while let Some(data) = stream.message().await? {
        count = count.saturating_add(data.bytes.len());
    }
    let order = format!("a snapshot of {count} bytes");
    held.lock().unwrap().orders.push(order);
    Ok(Response::new(m::EtcdRecoverResponse {
        messages: vec![m::EtcdRecover::default()],
    }))
}
