//! A request's content as the HTTP/2 library gives it. The client may send as much again as the application has taken,
//! so no more than the window waits here.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use windhover_contract::{Body, ClientFault, ExchangeLimits, Fault, may_be_trailer};

use super::control::Control;
use super::request::are_trimmed;
use super::sections::Malformed;
use super::socket::SocketState;
use crate::clock::Clock;
use crate::content::Bounded;

/// The content of a request, within the limits of its exchange.
pub(crate) fn received(
    stream: RecvStream,
    length: Option<u64>,
    expects_continue: bool,
    control: &Arc<Control>,
    socket_state: &Arc<SocketState>,
    limits: &Arc<ExchangeLimits>,
    clock: &Clock,
) -> Body {
    let asks = expects_continue && !stream.is_end_stream();
    let (control, socket_state) = (Arc::clone(control), Arc::clone(socket_state));
    let received = Received { stream, left: length, control, socket_state, asks, is_at_trailers: false };
    if received.is_end_stream() {
        return Body::empty();
    }
    Body::stream(Limited(Bounded::new(received, limits, clock)))
}

/// What a client sends after an upgrade. The limits of content do not apply.
pub(crate) fn upgraded(stream: RecvStream, control: &Arc<Control>, socket_state: &Arc<SocketState>) -> Body {
    let (control, socket_state) = (Arc::clone(control), Arc::clone(socket_state));
    Body::stream(Unlimited(Received { stream, left: None, control, socket_state, asks: false, is_at_trailers: false }))
}

/// Content as it arrives.
struct Received {
    stream: RecvStream,
    /// How much is still to arrive, if that is known. The library checks it.
    left: Option<u64>,
    control: Arc<Control>,
    socket_state: Arc<SocketState>,
    /// The client holds back its content (RFC 9110 §10.1.1).
    asks: bool,
    is_at_trailers: bool,
}

impl Received {
    /// Waits for what arrives, unless the client sends no more: then the rest never arrives.
    fn wait<T>(&self, cx: &Context<'_>, received: Poll<T>) -> Result<Poll<T>, h2::Error> {
        match received {
            Poll::Pending if self.socket_state.poll_half_closed(cx).is_ready() => Err(h2::Reason::CANCEL.into()),
            received => Ok(received),
        }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if self.asks {
            self.control.abandon_content();
        }
    }
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if !self.is_at_trailers {
            let data = self.stream.poll_data(cx);
            if data.is_pending() && std::mem::take(&mut self.asks) {
                self.control.ask_for_content();
            }
            match ready!(self.wait(cx, data)?) {
                Some(Ok(data)) => {
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    self.stream.flow_control().release_capacity(data.len())?;
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                // RFC 9113 §8.1: the client needs no more, and nobody misses what it would have sent.
                Some(Err(error)) if error.reason() == Some(h2::Reason::NO_ERROR) => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.is_at_trailers = true,
            }
        }
        let trailers = self.stream.poll_trailers(cx);
        let trailers = ready!(self.wait(cx, trailers)?);
        Poll::Ready(match trailers {
            Ok(Some(trailers)) if !self.are_well_formed(&trailers) => {
                self.control.refuse_malformed();
                Some(Err(h2::Reason::PROTOCOL_ERROR.into()))
            }
            Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            Err(error) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Received {
    /// RFC 9113 §8.1 and §8.2.1, RFC 9110 §6.5.1.
    fn are_well_formed(&self, trailers: &HeaderMap) -> bool {
        are_trimmed(trailers)
            && trailers.keys().all(may_be_trailer)
            && !self.socket_state.take_malformed(self.stream.stream_id().as_u32(), Malformed::PseudoTrailer)
    }
}

struct Limited(Bounded<Received>);

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.0.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Fault::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

struct Unlimited(Received);

impl http_body::Body for Unlimited {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let frame = Pin::new(&mut self.0).poll_frame(cx);
        frame.map(|frame| frame.map(|frame| frame.map_err(|_| ClientFault::BodyIncomplete.into())))
    }
}
