//! A connection that is spoken on frame by frame.

use std::net::SocketAddr;

use h2::Reason;

use super::frame::{ACK, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, section};
use crate::Wire;

/// A connection that is spoken on frame by frame.
pub struct Frames {
    pub(super) wire: Wire,
    pub(super) scheme: &'static str,
}

impl Frames {
    /// The scheme of the connection.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The client's address.
    pub fn local(&self) -> SocketAddr {
        self.wire.local().expect("HTTP/2 is spoken by TCP here")
    }

    /// Sends bytes as they are.
    pub async fn send_bytes(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.send(bytes).await;
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Frame) {
        self.wire.send(frame.bytes()).await;
    }

    /// Ends what this side sends; the server may still answer.
    pub async fn finish(&mut self) {
        self.wire.finish().await;
    }

    /// As [`Wire::leave`].
    pub fn leave(self) {
        self.wire.leave();
    }

    /// Sends a frame to a server that may close the connection meanwhile.
    pub async fn try_send(&mut self, frame: Frame) {
        let _ = self.wire.try_send(frame.bytes()).await;
    }

    /// Sends the same again and again, up to `max` bytes, until the server closes the connection. What it said is to be
    /// received afterwards.
    pub async fn flood(&mut self, bytes: &[u8], max: usize) {
        self.wire.send_until_closed(bytes, max).await;
    }

    /// The head of a request of its own stream, as it is in HEADERS.
    pub fn head(&self, method: &str, path: &str) -> Vec<u8> {
        section(&[(":method", method), (":scheme", self.scheme), (":authority", "a"), (":path", path)])
    }

    /// Sends a request without content.
    pub async fn get(&mut self, stream: u32, path: &str) {
        let head = self.head("GET", path);
        self.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, stream, head)).await;
    }

    /// The next frame. `None`: the connection has ended.
    pub async fn receive(&mut self) -> Option<Frame> {
        let head = self.wire.take_or_end(9).await?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        let payload = self.wire.take_or_end(number(&head[..3]) as usize).await?;
        Some(Frame { kind: head[3], flags: head[4], stream: number(&head[5..]), payload })
    }

    /// The next frame of this type. Others are passed over.
    pub async fn receive_kind(&mut self, kind: u8) -> Frame {
        let mut passed = Vec::new();
        while let Some(frame) = self.receive().await {
            if frame.kind == kind {
                return frame;
            }
            passed.push(frame.kind);
        }
        panic!("the connection ended without a frame of type {kind}; of types {passed:?} were some");
    }

    /// Expects that the server says good-bye for that reason and closes the connection.
    pub async fn expect_goaway(&mut self, reason: Reason) {
        assert_eq!(self.receive_kind(GOAWAY).await.reason(), reason);
        self.expect_closed().await;
    }

    /// Expects that the server closes the connection. What it says before is passed over.
    pub async fn expect_closed(&mut self) {
        while self.receive().await.is_some() {}
    }

    /// Expects that the server still answers, by its answer to a PING.
    pub async fn expect_alive(&mut self) {
        self.send(Frame::new(PING, 0, 0, *b"are you?")).await;
        while self.receive_kind(PING).await != Frame::new(PING, ACK, 0, *b"are you?") {}
    }
}
