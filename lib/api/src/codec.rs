// SPDX-License-Identifier: MPL-2.0
//! How messages become bytes in a call.
//!
//! Owns: how much memory a call sets aside before it has anything to say.
//! Never: changes what is on the wire; that is prost's.

use std::fmt;
use std::marker::PhantomData;

use prost::Message;
use tonic::codec::BufferSettings;
use tonic_prost::{ProstDecoder, ProstEncoder};

/// Bytes that each direction of a call begins with. Most messages fit, a longer one makes room for
/// itself, and a thousand watches that wait hold half a megabyte instead of eight.
const FIRST_LEN: usize = 512;
/// From here on what is encoded goes to the network before more is.
const YIELD_LEN: usize = 32 * 1024;

/// Protocol buffers with small buffers.
pub(crate) struct Codec<T, U> {
    messages: PhantomData<fn() -> (T, U)>,
}

impl<T, U> fmt::Debug for Codec<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Codec")
    }
}

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self {
            messages: PhantomData,
        }
    }
}

fn settings() -> BufferSettings {
    BufferSettings::new(FIRST_LEN, YIELD_LEN)
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(settings())
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(settings())
    }
}
