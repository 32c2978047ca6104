//! WebSocket (RFC 6455) over an accepted upgrade: tungstenite knows the protocol, this file moves the octets. It is the
//! same on every server, because an upgrade is a body in each direction.

mod handshake;
mod pipe;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use tokio::time::{Instant, Sleep, sleep_until};
use tungstenite::error::ProtocolError;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};
use windhover_contract::Body;

use crate::answer::Answer;
use crate::leaving::{Leave, Leaving};
use crate::limits::WebSocketLimits;

pub(crate) use handshake::{Handshake, is_own, offered, other_version};
use pipe::Pipe;

/// A connection on which messages go both ways.
pub(crate) struct WebSocket {
    context: WebSocketContext,
    pipe: Pipe,
    incoming: Body,
    /// How it was closed, once it was.
    closed: Option<Closed>,
    keep_alive: Duration,
    /// When the client's silence is too long.
    silence: Option<Pin<Box<Sleep>>>,
    /// Whether it was asked to break it.
    was_pinged: bool,
    /// Ready when the server leaves, with what clients are told. `None`: that was done.
    leaving: Option<Pin<Box<dyn Future<Output = Leave> + Send>>>,
}

/// How a connection was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

/// What came.
pub(crate) enum Event {
    Text(String),
    Binary(Bytes),
    Closed(Closed),
    TimedOut,
}

/// The connection is closed, so nothing is sent.
pub(crate) struct NotOpen;

impl WebSocket {
    /// The client's octets come in `incoming`; what is sent to it goes to the exchange's answer.
    pub(crate) fn new(incoming: Body, limits: &WebSocketLimits, leaving: &Leaving) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0) // each message leaves at once
            .max_message_size(Some(limits.max_message))
            .max_frame_size(Some(limits.max_message));
        Self {
            context: WebSocketContext::new(Role::Server, Some(config)),
            pipe: Pipe::default(),
            incoming,
            closed: None,
            keep_alive: limits.keep_alive,
            silence: None,
            was_pinged: false,
            leaving: Some(Box::pin(leaving.begun())),
        }
    }

    /// The next message, or the close; waits until `deadline` at most.
    pub(crate) async fn receive(&mut self, answer: &Answer, deadline: Option<Instant>) -> Event {
        let mut timeout = deadline.map(|deadline| Box::pin(sleep_until(deadline)));
        poll_fn(|cx| match self.poll_receive(cx, answer) {
            Poll::Ready(event) => Poll::Ready(event),
            Poll::Pending => match timeout.as_mut().map(|timeout| timeout.as_mut().poll(cx)) {
                Some(Poll::Ready(())) => Poll::Ready(Event::TimedOut),
                Some(Poll::Pending) | None => Poll::Pending,
            },
        })
        .await
    }

    /// Sends a message. Waits while the client is slow.
    pub(crate) async fn send(&mut self, answer: &Answer, message: Message) -> Result<(), NotOpen> {
        poll_fn(|cx| {
            self.leave_if_asked(cx);
            Poll::Ready(())
        })
        .await;
        if self.closed.is_some() || !self.context.can_write() {
            self.flush(answer).await;
            return Err(NotOpen);
        }
        // An error would be the pipe's, which takes everything, or that of a message after a close, which was excluded.
        self.context.write(&mut self.pipe, message).map_err(|_| NotOpen)?;
        self.flush(answer).await;
        Ok(())
    }

    /// Sends a close frame. Messages may still come until the client's own.
    pub(crate) async fn close(&mut self, answer: &Answer, code: u16, reason: &str) -> Result<(), NotOpen> {
        if self.closed.is_some() || !self.context.can_write() {
            return Err(NotOpen);
        }
        self.write_close(code.into(), reason);
        self.flush(answer).await;
        Ok(())
    }

    /// Ends the connection politely: closes it if nobody has, and waits for the client's close, but not long.
    pub(crate) async fn finish(mut self, answer: &Answer, code: u16) {
        let closing = async {
            let _ = self.close(answer, code, "").await;
            while self.closed.is_none() {
                self.receive(answer, None).await;
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, closing).await;
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, answer: &Answer) -> Poll<Event> {
        loop {
            self.leave_if_asked(cx);
            if let Some(closed) = self.closed.clone() {
                ready!(self.poll_flush(cx, answer));
                return Poll::Ready(Event::Closed(closed));
            }
            match self.context.read(&mut self.pipe) {
                Ok(Message::Text(text)) => return Poll::Ready(Event::Text(text.as_str().to_owned())),
                Ok(Message::Binary(data)) => return Poll::Ready(Event::Binary(data)),
                Ok(Message::Close(frame)) => self.end_by_client(frame),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(Error::Io(_)) => {
                    // What it has to say by itself (a pong) goes out beside the wait, and does not hold it up, unless
                    // the client takes none of it: then nothing is taken from the client either.
                    let flushed = self.poll_flush(cx, answer);
                    if self.pipe.is_full() {
                        ready!(flushed);
                    }
                    ready!(self.poll_more(cx));
                }
                Err(error) => self.end_by_error(&error),
            }
        }
    }

    /// Ready when something has come, or has not come for too long.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.pipe.push(&data);
                    (self.silence, self.was_pinged) = (None, false);
                    return Poll::Ready(());
                }
                Poll::Ready(Some(Err(_)) | None) => {
                    self.pipe.end();
                    return Poll::Ready(());
                }
                Poll::Pending => {}
            }
            let keep_alive = self.keep_alive;
            let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(keep_alive)));
            ready!(silence.as_mut().poll(cx));
            if self.was_pinged {
                self.closed = Some(Closed { code: BROKEN, reason: String::new() });
                return Poll::Ready(());
            }
            let _ = self.context.write(&mut self.pipe, Message::Ping(Bytes::new())); // a closed one need not be asked
            (self.silence, self.was_pinged) = (None, true);
            return Poll::Ready(());
        }
    }

    /// Closes the connection when the server leaves. The client has a moment to close it too (RFC 6455 §7.1.1); the guest
    /// hears of it then.
    fn leave_if_asked(&mut self, cx: &mut Context<'_>) {
        let Some(leaving) = &mut self.leaving else { return };
        let Poll::Ready(why) = leaving.as_mut().poll(cx) else { return };
        self.leaving = None;
        if self.closed.is_none() && self.context.can_write() {
            self.write_close(why.code().into(), "");
            // As one who does not answer a ping.
            (self.silence, self.was_pinged) = (Some(Box::pin(tokio::time::sleep(LAST_WORDS))), true);
        }
    }

    fn end_by_client(&mut self, frame: Option<CloseFrame>) {
        // Its reply, if there is none yet, waits inside; the last octets leave by the flush that follows.
        let _ = self.context.flush(&mut self.pipe);
        self.closed = Some(match frame {
            Some(frame) => Closed { code: frame.code.into(), reason: frame.reason.as_str().to_owned() },
            None => Closed { code: NO_STATUS, reason: String::new() },
        });
    }

    /// RFC 6455 §7.1.7 and §7.4.1: a client that breaks the rules is told which, and nothing more is taken from it.
    fn end_by_error(&mut self, error: &Error) {
        let code = match error {
            Error::Capacity(_) => CloseCode::Size,
            Error::Utf8(_) => CloseCode::Invalid,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
            | Error::ConnectionClosed
            | Error::AlreadyClosed => return self.closed = Some(Closed { code: BROKEN, reason: String::new() }),
            _ => CloseCode::Protocol,
        };
        self.write_close(code, "");
        self.closed = Some(Closed { code: code.into(), reason: String::new() });
    }

    fn write_close(&mut self, code: CloseCode, reason: &str) {
        let frame = CloseFrame { code, reason: reason.into() };
        let _ = self.context.close(&mut self.pipe, Some(frame)); // the pipe takes everything
    }

    async fn flush(&mut self, answer: &Answer) {
        poll_fn(|cx| self.poll_flush(cx, answer)).await;
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, answer: &Answer) -> Poll<()> {
        let mut piece = self.pipe.take();
        if piece.is_none() {
            return Poll::Ready(());
        }
        let offered = answer.poll_offer(&mut piece, cx);
        if let Some(piece) = piece {
            self.pipe.put_back(&piece);
        }
        offered
    }
}

/// RFC 6455 §7.4.1: the two codes that are never sent.
const NO_STATUS: u16 = 1005;
const BROKEN: u16 = 1006;

/// Held for each connection; larger frames grow it while they come.
const READ_BUFFER: usize = 4 << 10;

/// How long a client may take to close after it was told to.
const LAST_WORDS: Duration = Duration::from_secs(5);
