// SPDX-License-Identifier: MPL-2.0
//! One client that calls any method of the table, with messages that are bytes.
//!
//! Owns: a connection, the metadata that says for whom a call is, and how far an answer is read.
//! Never: knows a type of message.

use anyhow::{Context as _, Result};
use api::methods::{Method, Streams};
use api::wire;
use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use tokio::runtime::Runtime;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::administrator::{Administrator, within};
use crate::node::LIMIT;

/// A connection on which calls are made one after the other.
#[derive(Debug)]
pub struct Caller {
    runtime: Runtime,
    channel: Channel,
}

/// For whom a call is.
#[derive(Debug, Clone, Copy)]
pub enum To<'a> {
    /// The node that is connected to.
    Itself,
    /// One node, which is passed the call.
    One(&'a str),
    /// Each of them; the answers are put together.
    Each(&'a [&'a str]),
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it ended with, or `Ok` when it was left before its end.
    pub code: Code,
    /// What was said with it.
    pub why: String,
    /// Its messages, as far as they were read.
    pub messages: Vec<Bytes>,
}

impl Caller {
    /// Connects.
    ///
    /// # Errors
    /// The node does not let the administrator in.
    pub fn connect(administrator: &Administrator) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let channel = runtime.block_on(administrator.connect())?;
        Ok(Self { runtime, channel })
    }

    /// Calls `method` and reads its answer to the end, or until there are `enough` messages.
    ///
    /// # Errors
    /// The method takes a stream, or nothing comes within [`LIMIT`].
    pub fn call(
        &self,
        method: &Method,
        message: Vec<u8>,
        to: To<'_>,
        enough: impl Fn(&[Bytes]) -> bool,
    ) -> Result<Answer> {
        let mut request = Request::new(Bytes::from(message));
        let metadata = request.metadata_mut();
        match to {
            To::Itself => {}
            To::One(node) => {
                metadata.insert(wire::NODE, node.parse()?);
            }
            To::Each(nodes) => {
                for node in nodes {
                    metadata.append(wire::NODES, node.parse()?);
                }
            }
        }
        let path = PathAndQuery::from_static(method.path);
        let read = async {
            let mut messages = Vec::new();
            let ended = self
                .read(method.streams, path, request, &mut messages, enough)
                .await?;
            let (code, why) = match ended {
                Ok(()) => (Code::Ok, String::new()),
                Err(status) => (status.code(), status.message().to_owned()),
            };
            Ok(Answer {
                code,
                why,
                messages,
            })
        };
        let answer = self.runtime.block_on(within(LIMIT, read));
        answer.with_context(|| format!("{} for {to:?}", method.path))
    }

    async fn read(
        &self,
        streams: Streams,
        path: PathAndQuery,
        request: Request<Bytes>,
        messages: &mut Vec<Bytes>,
        enough: impl Fn(&[Bytes]) -> bool,
    ) -> Result<Result<(), Status>> {
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await?;
        let opened = match streams {
            Streams::Unary | Streams::ServerStream => {
                grpc.server_streaming(request, path, Raw).await
            }
            Streams::ClientStream => {
                let whole = request.map(tokio_stream::once);
                grpc.streaming(whole, path, Raw).await
            }
        };
        let mut stream = match opened {
            Ok(opened) => opened.into_inner(),
            Err(status) => return Ok(Err(status)),
        };
        while !enough(messages) {
            match stream.message().await {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(status) => return Ok(Err(status)),
            }
        }
        Ok(Ok(()))
    }
}

/// Messages as they are on the wire.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let len = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(len)))
    }
}
