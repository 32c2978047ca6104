//! Sends a response: its head, its content as the client takes it, and its trailers.

use std::future::poll_fn;
use std::pin::pin;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::header::{CONTENT_LENGTH, DATE};
use http::{HeaderValue, Version};
use http_body::Body as _;
use tracing::debug;
use windhover_contract::{ClientFault, Delivery, ExchangeLimits, Response, keep_trailers};

use super::control::Control;
use crate::connection_limit::UpgradedStream;
use crate::date::date;
use crate::min_data_rate::MinDataRate;

/// The stream has ended before its response was complete: either side has reset it.
pub(super) struct StreamReset;

/// A response that is being sent.
pub(super) struct Sending<'a> {
    pub(super) control: &'a Control,
    pub(super) limits: &'a ExchangeLimits,
    /// Set if another protocol follows the head.
    pub(super) upgraded: Option<UpgradedStream>,
    pub(super) min_data_rate: MinDataRate,
    /// How many bytes of content the client's window had room for.
    pub(super) sent: u64,
}

impl Sending<'_> {
    /// Sends a complete response. An error of its content resets the stream.
    pub(super) async fn send(
        &mut self,
        mut response: Response,
        only_head: bool,
        mut respond: SendResponse<Bytes>,
    ) -> Result<(), StreamReset> {
        if let Some(reason) = self.control.reset_already() {
            respond.send_reset(reason);
            return Err(StreamReset);
        }
        let is_upgrade = self.upgraded.is_some();
        let delivery = Delivery { version: Version::HTTP_2, only_head, is_upgrade, closes: false };
        let framing = response.prepare(delivery);
        let Response { status, mut fields, mut body } = response;
        if let Some(length) = framing.length {
            fields.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
        }
        fields.entry(DATE).or_insert_with(date);
        let mut head = http::Response::new(());
        *head.status_mut() = status;
        *head.headers_mut() = fields;
        let is_all = !framing.has_content || (body.is_end_stream() && !is_upgrade);
        let mut stream = respond.send_response(head, is_all).map_err(|failure| {
            debug!(%failure, "could not send a response");
            respond.send_reset(Reason::INTERNAL_ERROR);
            StreamReset
        })?;
        if is_all {
            return Ok(());
        }
        loop {
            let frame = tokio::select! {
                biased;
                reason = self.control.reset_wanted() => return reset(&mut stream, reason).await,
                _ = poll_fn(|cx| stream.poll_reset(cx)) => return Err(StreamReset), // the client has left
                frame = poll_fn(|cx| pin!(&mut body).poll_frame(cx)) => frame,
            };
            match frame.map(|frame| frame.map(http_body::Frame::into_data)) {
                Some(Ok(Ok(data))) => {
                    let is_last = body.is_end_stream();
                    self.send_data(&mut stream, data, is_last).await?;
                    if is_last {
                        return Ok(());
                    }
                }
                Some(Ok(Err(frame))) => {
                    let mut trailers = frame.into_trailers().unwrap_or_default();
                    keep_trailers(&mut trailers);
                    return stream.send_trailers(trailers).map_err(|_| StreamReset);
                }
                Some(Err(fault)) => {
                    debug!(%fault, "reset a stream: the content of its response failed");
                    return reset(&mut stream, Reason::INTERNAL_ERROR).await;
                }
                None => return stream.send_data(Bytes::new(), true).map_err(|_| StreamReset),
            }
        }
    }

    /// Sends a piece of content as the client takes it.
    async fn send_data(
        &mut self,
        stream: &mut SendStream<Bytes>,
        mut data: Bytes,
        is_last: bool,
    ) -> Result<(), StreamReset> {
        while !data.is_empty() {
            stream.reserve_capacity(data.len());
            let size = match stream.capacity() {
                0 => self.wait_for_window(stream).await?,
                size => size,
            };
            let piece = data.split_to(size.min(data.len()));
            self.sent += piece.len() as u64;
            let ends = is_last && data.is_empty();
            stream.send_data(piece, ends).map_err(|_| StreamReset)?;
            if ends {
                return Ok(());
            }
        }
        if is_last { stream.send_data(data, true).map_err(|_| StreamReset) } else { Ok(()) }
    }

    /// Waits until the client takes more, within a limit.
    async fn wait_for_window(&mut self, stream: &mut SendStream<Bytes>) -> Result<usize, StreamReset> {
        let Self { control, limits, upgraded, min_data_rate, sent } = self;
        let rate = || limits.min_response_data_rate().filter(|_| upgraded.is_none());
        let reason = tokio::select! {
            biased;
            capacity = poll_fn(|cx| stream.poll_capacity(cx)) => match capacity {
                Some(Ok(size)) => {
                    min_data_rate.goes_on(|| *sent);
                    return Ok(size);
                }
                Some(Err(_)) | None => {
                    // Else a client that has all of the content would get no sign that the response was broken off.
                    control.end(ClientFault::Gone);
                    return Err(StreamReset);
                }
            },
            reason = control.reset_wanted() => reason,
            () = poll_fn(|cx| min_data_rate.poll_waiting(cx, rate, || *sent)) => {
                debug!("reset a stream: its client takes the response too slowly");
                control.end(ClientFault::AnswerTooSlow);
                Reason::ENHANCE_YOUR_CALM
            }
        };
        stream.send_reset(reason);
        Err(StreamReset)
    }
}

/// Resets a stream before its response is complete.
async fn reset(stream: &mut SendStream<Bytes>, reason: Reason) -> Result<(), StreamReset> {
    // The library drops what it has not sent yet, even the head of the response. But that head is what was answered and
    // what the log records. So the connection is polled first.
    tokio::task::yield_now().await;
    stream.send_reset(reason);
    Err(StreamReset)
}
