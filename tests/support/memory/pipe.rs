//! The two ends of a connection's pipe: one that reads heads and content, one that writes within a time.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use windhover_contract::{ClientFault, ExchangeLimits, Limits};

use super::clock::Clock;
use super::framing::{Decoded, Framing};
use super::head::{Head, Refusal};

/// The client is gone, or takes nothing any more.
pub(super) struct Broken;

/// What the client sends.
pub(super) struct Reader {
    pipe: ReadHalf<DuplexStream>,
    buffer: BytesMut,
    limits: Arc<Limits>,
    clock: Clock,
}

impl Reader {
    pub(super) fn new(pipe: ReadHalf<DuplexStream>, limits: Arc<Limits>, clock: Clock) -> Self {
        Self { pipe, buffer: BytesMut::new(), limits, clock }
    }

    /// Reads a head in the time that it has, once it has begun. `None`: none has, in the time for that, or the client
    /// has left.
    pub(super) async fn timed_head(&mut self) -> Result<Option<Head>, Refusal> {
        let (idle, head) = (self.limits.keep_alive_timeout, self.limits.request_head_timeout);
        let clock = self.clock.clone();
        if self.buffer.is_empty() && !matches!(clock.timeout(idle, self.fill()).await, Some(Ok(()))) {
            return Ok(None);
        }
        clock.timeout(head, self.head()).await.map_or(Err(Refusal::TooSlow), |head| head.map_err(Refusal::Fault))
    }

    /// Reads a head. `None`: the client has ended the connection.
    async fn head(&mut self) -> Result<Option<Head>, ClientFault> {
        loop {
            if let Some(head) = Head::parse(&mut self.buffer, &self.limits)? {
                return Ok(Some(head));
            }
            if self.fill().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// Reads the next frame of content. `None`: it has ended. Loses nothing when dropped before its end.
    pub(super) async fn frame(&mut self, framing: &mut Framing) -> Result<Option<Frame<Bytes>>, ClientFault> {
        loop {
            match framing.decode(&mut self.buffer, &self.limits)? {
                Decoded::Frame(frame) => return Ok(Some(frame)),
                Decoded::End => return Ok(None),
                Decoded::Partial => self.fill().await.map_err(|Broken| ClientFault::BodyIncomplete)?,
            }
        }
    }

    /// Reads what is left of the content to its end and throws it away, up to that size: whether the next request can be
    /// found.
    pub(super) async fn discard(&mut self, mut framing: Framing, max: Option<u64>) -> bool {
        let mut discarded = 0;
        loop {
            match self.frame(&mut framing).await {
                Ok(Some(frame)) => discarded += frame.data_ref().map_or(0, |data| data.len() as u64),
                Ok(None) => return true,
                Err(_) => return false,
            }
            if max.is_some_and(|max| discarded > max) {
                return false;
            }
        }
    }

    /// Reads whatever comes. `None`: the client sends no more.
    pub(super) async fn some(&mut self) -> Option<Bytes> {
        if self.buffer.is_empty() {
            self.fill().await.ok()?;
        }
        Some(self.buffer.split().freeze())
    }

    async fn fill(&mut self) -> Result<(), Broken> {
        self.buffer.reserve(READ_AHEAD);
        match self.pipe.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => Err(Broken),
            Ok(_) => Ok(()),
        }
    }
}

/// What the client receives.
pub(super) struct Writer {
    pub(super) pipe: WriteHalf<DuplexStream>,
    /// Those of the current exchange, which say how slow the client may be.
    pub(super) limits: Arc<ExchangeLimits>,
    pub(super) clock: Clock,
}

impl Writer {
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let write = self.pipe.write(bytes);
            let written = match self.limits.min_response_data_rate() {
                Some(rate) => {
                    let limit = rate.allows(bytes.len().min(MAX_PIECE) as u64);
                    self.clock.timeout(limit, write).await.ok_or(Broken)?
                }
                None => write.await,
            };
            bytes = &bytes[written.map_err(|_| Broken)?..];
        }
        Ok(())
    }

    /// Lets the client see the end at once, even where the application still holds the reading end.
    pub(super) async fn close(mut self) {
        let _ = self.pipe.shutdown().await;
    }
}

/// What is read in one go, and held beyond the request at hand.
const READ_AHEAD: usize = 64 * 1024;

/// The client's time is counted for so much of a write at most.
const MAX_PIECE: usize = 64 * 1024;
